"""A wipe, from the wish to the evidence.

    requested ── sent ── acknowledged, signed by the device's key
        │          └──── dark: thirty days without a word, its key is revoked
        │
    held ── a second person agrees ── requested
        └── refused, withdrawn, run out ── refused: the device stays locked until somebody unlocks it

From `requested` on the device gets no content, whether it ever hears of the order or not; a held one is locked meanwhile. The
words are *acknowledged*, never *erased*: what a browser did nobody can see. Every step is an entry; the signature stands in the
last one, so that it can be checked by whoever has the device's public key.
"""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from archive.flows import approval
from archive.rules import acts
from messaging import push
from messaging.flows import device, many, telling
from messaging.models import Device, Wipe
from messaging.queries import devices
from messaging.rules import proof
from portal.kernel import unit
from portal.kernel.actors import CLOCK, SYSTEM, Actor
from portal.kernel.errors import Refusal, not_found

WIPE = "device.wipe"
DARK_AFTER = timedelta(days=30)
State = Wipe.State


@dataclass(frozen=True)
class Wiping:
    """A wipe that was asked for; asking twice gives the same one. `approval`: a second person has to agree first."""

    id: UUID
    state: str
    requested_at: datetime
    approval: UUID | None = None


def request(*, actor: Actor, now: datetime, device_id: UUID, reason: str = "") -> Wiping:
    """Ask a device to empty itself. The reason is sealed with the entry. A customer's own wish is never held."""
    if len(reason) > approval.LONGEST_REASON:
        raise Refusal("reason_too_long", f"Say it in {approval.LONGEST_REASON} characters.", field="reason")
    with unit.work() as u:
        row = device.locked_for(actor, device_id, now)
        if row.state == Device.State.REVOKED:
            raise device.wrong_state(row.state)
        wipe = Wipe.objects.filter(device=row, state__in=Wipe.OPEN).first()
        if wipe is not None and (wipe.state != State.HELD or not actor.is_customer):
            return Wiping(wipe.id, wipe.state, wipe.requested_at)
        if wipe is None:
            wipe = Wipe(device=row, requested_by=actor.label, requested_at=now)
            if many.is_too_many(actor=actor, now=now):
                return _hold(u, actor, now, row, wipe, reason)
        _order(u, actor, now, row, wipe, reason)
        return Wiping(wipe.id, wipe.state, wipe.requested_at)


def carry_out(*, actor: Actor, now: datetime, target_id: UUID, codes: acts.Codes) -> None:
    """The second person said yes. Runs in the approval's unit."""
    with unit.work() as u:
        row, wipe = _held(target_id, codes)
        if wipe is None or row.state == Device.State.REVOKED:
            raise device.wrong_state(row.state)
        _order(u, actor, now, row, wipe, "")


def let_go(*, actor: Actor, now: datetime, target_id: UUID, codes: acts.Codes) -> None:
    """Nobody agreed. Runs in the approval's unit."""
    with unit.work() as u:
        row, wipe = _held(target_id, codes)
        if wipe is not None:
            wipe.state = State.REFUSED
            wipe.save(update_fields=["state"])
            device.note(u, actor, row, "device.wipe_refused", wipe=str(wipe.id))


def mark_sent(*, now: datetime, wipe_id: UUID) -> None:
    """The order was written to an open socket, or answered over HTTP. Only the first time counts."""
    with unit.work() as u:
        if Wipe.objects.filter(id=wipe_id, state=State.REQUESTED).update(state=State.SENT, sent_at=now):
            row = Device.objects.get(wipes=wipe_id)
            device.note(u, SYSTEM, row, "device.wipe_sent", wipe=str(wipe_id))


def acknowledge(*, device_id: UUID, now: datetime, host: str, wipe_id: UUID, signature: str) -> None:
    """The device says that it emptied itself, signed with its key: kept as evidence. Its key ends with it."""
    with unit.work() as u:
        row = Device.objects.select_for_update().filter(id=device_id).first()
        ordered = (
            Wipe.objects.select_for_update().filter(id=wipe_id, device_id=device_id, state__in=Wipe.ORDERED).first()
        )
        if row is None or ordered is None:
            raise not_found("wipe")
        proof.verify(bytes(row.public_key), proof.wiped(host, row.id, ordered.id), signature)
        signed = proof.signature_bytes(signature)
        ordered.state, ordered.acknowledged_at, ordered.sent_at = State.ACKNOWLEDGED, now, ordered.sent_at or now
        ordered.signature = signed
        ordered.save()
        device.retire(row, now, "wiped")
        evidence = {
            "host": host,
            "key": devices.thumbprint(row),
            "signature": urlsafe_b64encode(signed).decode().rstrip("="),
        }
        actor = Actor("device", device_id)
        device.note(u, actor, row, "device.wiped", wipe=str(ordered.id), **evidence)
        telling.happened(
            "device.wiped", now, lambda: [{"device": str(row.id), "wipe": str(ordered.id), "state": str(ordered.state)}]
        )


def mark_dark(*, now: datetime, limit: int = 100) -> int:
    """For the clock: wipes whose device never came back. Its key is revoked. → how many."""
    with unit.work() as u:
        overdue = Wipe.objects.select_for_update(skip_locked=True, of=("self",)).select_related("device").filter(
            state__in=Wipe.ORDERED, ordered_at__lte=now - DARK_AFTER
        )  # fmt: skip
        wipes = list(overdue.order_by("id")[:limit])
        for wipe in wipes:
            wipe.state, wipe.dark_at = State.DARK, now
            wipe.save(update_fields=["state", "dark_at"])
            device.retire(wipe.device, now, "dark")
            device.note(u, CLOCK, wipe.device, "device.dark", wipe=str(wipe.id))
            push.device(u, wipe.device_id, "revoke")
    return len(wipes)


def describe(target_id: UUID, codes: acts.Codes) -> str:
    row = Device.objects.filter(id=target_id).first()
    return f"Wipe the device “{devices.name_of(row)}”" if row else ""


def register() -> None:
    act = acts.Act("device.manage", "Wipe a device", carry_out, describe, "console:device", let_go)
    approval.register(WIPE, act)


def _order(u: unit.Unit, actor: Actor, now: datetime, row: Device, wipe: Wipe, reason: str) -> None:
    wipe.state, wipe.ordered_at = State.REQUESTED, now
    wipe.save()
    row.state = Device.State.WIPING
    row.save(update_fields=["state"])
    device.note(u, actor, row, "device.wipe_requested", reason, wipe=str(wipe.id))
    device.tell_ended(u, actor=actor, now=now, device_id=row.id)
    push.device(u, row.id, "wipe")


def _hold(u: unit.Unit, actor: Actor, now: datetime, row: Device, wipe: Wipe, reason: str) -> Wiping:
    """Locked until a second person agrees: what was asked for in earnest loses nothing by the wait."""
    wipe.state = State.HELD
    wipe.save()
    device.note(u, actor, row, "device.wipe_held", reason, wipe=str(wipe.id))
    device.lock_within(u, actor=actor, row=row)
    asked = approval.ask(
        actor=actor, now=now, kind=WIPE, target=row.id, codes={"wipe": str(wipe.id)}, reason=reason or many.WHY
    )
    return Wiping(wipe.id, wipe.state, wipe.requested_at, asked.id)


def _held(device_id: UUID, codes: acts.Codes) -> tuple[Device, Wipe | None]:
    row = Device.objects.select_for_update().filter(id=device_id).first()
    if row is None:
        raise not_found("device")
    return row, Wipe.objects.filter(id=str(codes["wipe"]), device=row, state=State.HELD).first()
