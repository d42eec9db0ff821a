"""What a frame asks for, done in a thread inside the business. Each looks first whether the device may still act."""

import json
from collections.abc import Callable
from uuid import UUID

from messaging.flows import applock, device, message, receipt, refusal, wipe
from messaging.queries import covers, devices, inbox
from messaging.rules import place, proof
from messaging.sockets.protocol import Frame
from portal.kernel import clock
from portal.kernel.actors import Actor
from portal.kernel.errors import Refusal

Answer = tuple[str, float] | None  # text of a frame, and when its content is over


def find(cookie: str) -> devices.Standing | None:
    return devices.get_by_cookie(cookie, clock.now())


def prove(host: str, device_id: UUID, nonce: str, frame: Frame, address: str) -> devices.Standing:
    """The device as it stands now, once its key has signed the challenge; or a refusal."""
    now = clock.now()
    standing = devices.get_standing(device_id, now)
    if standing is None:
        raise proof.not_proved()
    try:
        proof.verify(standing.public_key, proof.socket(host, device_id, nonce), frame.signature)
    except Refusal:
        refusal.of_device(now=now, device_id=device_id)
        raise
    if standing.is_active:
        device.use(now=now, standing=standing, where=place.of(frame.zone, address))
    return standing


def state(device_id: UUID, secret: str) -> tuple[devices.Standing, covers.Cover | None, str, float]:
    """The device as it stands once its socket is subscribed: a lock or wipe before that was heard by nobody here. With the
    first frame, and the first end among what it tells."""
    standing = devices.get_standing(device_id, clock.now())
    if standing is None:
        raise devices.unknown()
    cover = covers.of(standing, secret, clock.now())
    if not standing.is_active or cover is not None:
        return standing, cover, _covered(cover), float("inf")
    found = inbox.state(standing.actor, clock.now())
    return standing, None, _dump("state", **found), _first_end(found["messages"])


def acknowledge(host: str, device_id: UUID, wipe_id: UUID, signature: str) -> None:
    wipe.acknowledge(device_id=device_id, now=clock.now(), host=host, wipe_id=wipe_id, signature=signature)


def sent(wipe_id: UUID) -> None:
    wipe.mark_sent(now=clock.now(), wipe_id=wipe_id)


def act(device_id: UUID, frame: Frame, secret: str) -> Answer:
    """One of reveal, read, extend, write, active: a person did it."""
    now = clock.now()
    standing = devices.get_standing(device_id, now)
    if standing is None:
        raise devices.unknown()
    standing.require_active()
    if (cover := covers.of(standing, secret, now)) is not None:
        raise covers.covered(cover)
    if secret:
        applock.touch(device_id=device_id, now=now, secret=secret)
    if frame.kind == "active":
        return None
    return _ACTS[frame.kind](standing.actor, frame)


def _covered(cover: covers.Cover | None) -> str:
    return _dump("covered", **covers.told(cover)) if cover else ""


def _reveal(actor: Actor, frame: Frame) -> Answer:
    assert frame.id is not None
    receipt.reveal(actor=actor, now=clock.now(), message_id=frame.id)
    shown = inbox.get_message_for(actor, frame.id, clock.now())
    return _dump("revealed", message=shown), _first_end([shown])


def _read(actor: Actor, frame: Frame) -> Answer:
    assert frame.id is not None
    receipt.read(actor=actor, now=clock.now(), message_id=frame.id)
    return None


def _extend(actor: Actor, frame: Frame) -> Answer:
    assert frame.id is not None
    receipt.extend(actor=actor, now=clock.now(), message_id=frame.id)
    return None  # the longer life reaches every device of the customer as `message`


def _write(actor: Actor, frame: Frame) -> Answer:
    assert frame.id is not None
    written = message.receive(
        actor=actor, now=clock.now(), customer_id=frame.id, text=frame.text, in_reply_to=frame.reply, attachments=frame.files
    )  # fmt: skip
    return _dump("accepted", id=str(written)), float("inf")


_ACTS: dict[str, Callable[[Actor, Frame], Answer]] = {
    "reveal": _reveal, "read": _read, "extend": _extend, "write": _write,
}  # fmt: skip


def _first_end(messages: object) -> float:
    assert isinstance(messages, list)
    ends = [inbox.instant(m["gone_at"]) for m in messages if m["gone_at"] and m["body"] is not None]
    return min(ends, default=float("inf"))


def _dump(kind: str, **fields: object) -> str:
    return json.dumps({"type": kind, **fields}, ensure_ascii=False, separators=(",", ":"))
