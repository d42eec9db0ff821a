"""What is done to a device from afar, and the evidence of it.

A wipe is requested → sent → acknowledged (signed by the device's key) or dark (it never came back: its key is revoked,
and without the server it shows nothing). The words are *acknowledged*, never *erased*: what a browser did nobody can
see. A locked, wiping or revoked device gets no content from the moment of the commit; its sockets close within a
second.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from messaging import push
from messaging.models import Customer, Device, DeviceCustomer, Nonce, Wipe
from messaging.rules import proof
from portal.kernel import unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal, not_found

DARK_AFTER = timedelta(days=30)


@dataclass(frozen=True)
class Wiping:
    """A wipe that was asked for; asking twice gives the same one."""

    id: UUID
    state: str
    requested_at: datetime


def wrong_state(state: str) -> Refusal:
    return Refusal("wrong_state", "That cannot be done with this device now.", Kind.CONFLICT, state=state)


def lock(*, actor: Actor, now: datetime, device_id: UUID) -> None:
    """Nothing is shown until it is unlocked. A device may lock itself or another of the same customers (\"I lost this
    one\")."""
    _change(actor, device_id, {"active"}, Device.State.LOCKED, "device.locked", "lock")


def unlock(*, actor: Actor, now: datetime, device_id: UUID) -> None:
    """For staff only: whoever holds a lost device must not unlock it."""
    actor.require("device.manage")
    _change(actor, device_id, {"locked"}, Device.State.ACTIVE, "device.unlocked", "refresh")


def revoke(*, actor: Actor, now: datetime, device_id: UUID, reason: str = "revoked") -> None:
    """Its key opens nothing any more. Final."""
    _end(actor, now, device_id, reason, "device.revoked")


def sign_out(*, actor: Actor, now: datetime) -> None:
    """A device ends itself."""
    if actor.kind != "device" or actor.id is None:
        raise not_found("device")
    _end(actor, now, actor.id, "signed_out", "device.signed_out")


def request_wipe(*, actor: Actor, now: datetime, device_id: UUID, reason: str = "") -> Wiping:
    """Ask a device to empty itself. It gets no content from here on, whether it ever hears of it or not. The reason is
    sealed with the entry."""
    with unit.work() as u:
        row = _locked(actor, device_id)
        if row.state == Device.State.WIPING:
            return _wiping(_open_wipe(row.id))
        if row.state == Device.State.REVOKED:
            raise wrong_state(row.state)
        wipe = Wipe.objects.create(device=row, requested_by=actor.label, requested_at=now)
        row.state = Device.State.WIPING
        row.save(update_fields=["state"])
        _note(u, actor, row, "device.wipe_requested", reason, wipe=str(wipe.id))
        push.device(u, row.id, "wipe")
        return _wiping(wipe)


def mark_wipe_sent(*, now: datetime, wipe_id: UUID) -> None:
    """The order was written to an open socket (or answered over HTTP). Only the first time counts."""
    Wipe.objects.filter(id=wipe_id, state=Wipe.State.REQUESTED).update(state=Wipe.State.SENT, sent_at=now)


def acknowledge_wipe(*, actor: Actor, now: datetime, host: str, wipe_id: UUID, signature: str) -> None:
    """The device says that it emptied itself, signed with its key: kept as evidence. Its key ends with it."""
    with unit.work() as u:
        row = _own(actor)
        wipe = Wipe.objects.select_for_update().filter(id=wipe_id, device=row, state__in=["requested", "sent"]).first()
        if wipe is None:
            raise not_found("wipe")
        proof.verify(bytes(row.public_key), proof.wiped(host, row.id, wipe.id), signature)
        wipe.state, wipe.acknowledged_at, wipe.sent_at = Wipe.State.ACKNOWLEDGED, now, wipe.sent_at or now
        wipe.signature = proof.signature_bytes(signature)
        wipe.save()
        _retire(row, now, "wiped")
        _note(u, actor, row, "device.wiped", wipe=str(wipe.id))


def mark_dark(*, now: datetime, limit: int = 100) -> int:
    """For the clock: wipes whose device never came back. Its key is revoked. → how many."""
    with unit.work() as u:
        overdue = Wipe.objects.select_for_update(skip_locked=True, of=("self",)).select_related("device").filter(
            state__in=["requested", "sent"], requested_at__lte=now - DARK_AFTER
        )  # fmt: skip
        wipes = list(overdue.order_by("id")[:limit])
        for wipe in wipes:
            wipe.state, wipe.dark_at = Wipe.State.DARK, now
            wipe.save(update_fields=["state", "dark_at"])
            _retire(wipe.device, now, "dark")
            _note(u, Actor("clock"), wipe.device, "device.dark", wipe=str(wipe.id))
            push.device(u, wipe.device_id, "revoke")
    return len(wipes)


def see(*, now: datetime, device_ids: list[UUID]) -> None:
    """These devices were heard of just now. Not an entry: it happens every minute."""
    Device.objects.filter(id__in=device_ids).update(seen_at=now)


def _change(actor: Actor, device_id: UUID, before: set[str], after: str, kind: str, act: push.Act) -> None:
    with unit.work() as u:
        row = _locked(actor, device_id)
        if row.state == after:
            return
        if row.state not in before:
            raise wrong_state(row.state)
        row.state = after
        row.save(update_fields=["state"])
        _note(u, actor, row, kind)
        push.device(u, row.id, act)


def _end(actor: Actor, now: datetime, device_id: UUID, reason: str, kind: str) -> None:
    with unit.work() as u:
        row = _locked(actor, device_id)
        if row.state == Device.State.REVOKED:
            return
        _retire(row, now, reason)
        _note(u, actor, row, kind, reason=reason)
        push.device(u, row.id, "revoke")


def end_unserved(u: unit.Unit, *, actor: Actor, now: datetime, device_id: UUID, subject_id: UUID) -> None:
    """In the caller's unit: a device whose last customer was erased. One that waits for a wipe keeps its order."""
    row = Device.objects.select_for_update().filter(id=device_id, state__in=["active", "locked"]).first()
    if row is None or DeviceCustomer.objects.filter(device_id=device_id).exists():
        return
    _retire(row, now, "erased")
    codes: dict[str, str | int | bool] = {"device": str(row.id), "reason": "erased"}
    u.entry(unit.Draft("device.revoked", actor.label, subject=subject_id, codes=codes))
    push.device(u, row.id, "revoke")


def _retire(row: Device, now: datetime, reason: str) -> None:
    row.state, row.revoked_reason, row.revoked_at = Device.State.REVOKED, reason, now
    row.save(update_fields=["state", "revoked_reason", "revoked_at"])
    Nonce.objects.filter(device_id=row.id).delete()


def _locked(actor: Actor, device_id: UUID) -> Device:
    """The device, for staff who may manage it or for a device of the same customers. Absent and forbidden look the
    same."""
    row = Device.objects.select_for_update().filter(id=device_id).first()
    if actor.kind == "device":
        served = DeviceCustomer.objects.filter(device_id=device_id).values_list("customer_id", flat=True)
        allowed = device_id == actor.id or (bool(served) and set(served) <= actor.customers)
        row = row if allowed else None
    else:
        actor.require("device.manage")
    if row is None:
        raise not_found("device")
    return row


def _own(actor: Actor) -> Device:
    row = Device.objects.select_for_update().filter(id=actor.id).first() if actor.kind == "device" else None
    if row is None:
        raise not_found("device")
    return row


def _open_wipe(device_id: UUID) -> Wipe:
    return Wipe.objects.get(device_id=device_id, state__in=["requested", "sent"])


def _wiping(wipe: Wipe) -> Wiping:
    return Wiping(wipe.id, wipe.state, wipe.requested_at)


def _note(u: unit.Unit, actor: Actor, row: Device, kind: str, words: str = "", **codes: str) -> None:
    """One entry for each customer it serves, so that each one's history is whole; one without a customer if it serves
    none."""
    detail: dict[str, object] | None = {"reason": words.strip()} if words.strip() else None
    served = Customer.objects.filter(devices__device_id=row.id).values_list("id", "subject_id")
    for customer_id, subject_id in list(served) or [(None, None)]:
        u.entry(unit.Draft(
            kind, actor.label, subject=subject_id, customer=customer_id, codes={"device": str(row.id), **codes},
            detail=detail,
        ))  # fmt: skip
