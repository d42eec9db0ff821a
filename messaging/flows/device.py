"""What is done to a device from afar: locked, unlocked, signed out, its key revoked. A wipe has a house of its own (`flows.wipe`).

A locked, wiping or revoked device gets no content from the moment of the commit; its sockets close within a second. A
revocation is final: whoever held the key comes in again by a new enrolment.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from archive.flows import approval
from archive.queries import approvals
from archive.rules import acts
from messaging import push
from messaging.flows import many, notice
from messaging.models import AppLock, Customer, Device, DeviceCustomer, Nonce, Notice, Pass, Wipe
from messaging.queries import devices, reach
from messaging.rules import place
from portal.kernel import ids, keys, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal, not_found

REVOKE = "device.revoke"
NEWS_FOR = timedelta(days=2)


@dataclass(frozen=True)
class Ended:
    """`approval`: many were ended within an hour, so a second person has to agree; it is locked meanwhile."""

    approval: UUID | None = None


def wrong_state(state: str) -> Refusal:
    return Refusal("wrong_state", "That cannot be done with this device now.", Kind.CONFLICT, state=state)


def wipe_waits() -> Refusal:
    return Refusal(
        "wipe_waits", "A wipe of this device waits for a second person. Take that request back first.", Kind.CONFLICT
    )


def lock(*, actor: Actor, now: datetime, device_id: UUID) -> None:
    """Nothing is shown until it is unlocked. A device may lock itself or another of the same customers (\"I lost this
    one\")."""
    with unit.work() as u:
        if _change(actor, now, device_id, {"active"}, Device.State.LOCKED, "device.locked", "lock"):
            tell_ended(u, actor=actor, now=now, device_id=device_id)


def unlock(*, actor: Actor, now: datetime, device_id: UUID) -> None:
    """For staff only: whoever holds a lost device must not unlock it. Its PIN may be tried again."""
    actor.require("device.manage")
    if Wipe.objects.filter(device_id=device_id, state=Wipe.State.HELD).exists():
        raise wipe_waits()
    with unit.work():
        _change(actor, now, device_id, {"locked"}, Device.State.ACTIVE, "device.unlocked", "refresh")
        AppLock.objects.filter(device_id=device_id).update(tries=0)


def revoke(*, actor: Actor, now: datetime, device_id: UUID) -> Ended:
    """Its key opens nothing any more. Final."""
    with unit.work() as u:
        row = locked_for(actor, device_id, now)
        if row.state == Device.State.REVOKED:
            return Ended()
        if waiting := approvals.get_waiting_id(REVOKE, row.id):
            return Ended(waiting)
        if many.is_too_many(actor=actor, now=now):
            lock_within(u, actor=actor, row=row)
            return Ended(approval.ask(actor=actor, now=now, kind=REVOKE, target=row.id, reason=many.WHY).id)
        end_within(u, actor=actor, now=now, row=row, reason="revoked")
    return Ended()


def carry_out(*, actor: Actor, now: datetime, target_id: UUID, codes: acts.Codes) -> None:
    """A second person said yes to revoking one of many. Runs in the approval's unit."""
    with unit.work() as u:
        row = locked_for(actor, target_id, now)
        if row.state == Device.State.REVOKED:
            raise wrong_state(row.state)
        end_within(u, actor=actor, now=now, row=row, reason="revoked")


def sign_out(*, actor: Actor, now: datetime, device_id: UUID | None = None) -> None:
    """A device ends itself, or another of the same customers; a link one of its customers'."""
    if not actor.is_customer or actor.id is None:
        raise not_found("device")
    with unit.work() as u:
        row = locked_for(actor, device_id or actor.id, now)
        if row.state != Device.State.REVOKED:
            end_within(u, actor=actor, now=now, row=row, reason="signed_out", kind="device.signed_out")
            tell_ended(u, actor=actor, now=now, device_id=row.id)


def use(*, now: datetime, standing: devices.Standing, where: place.Place) -> None:
    """It proved its key just now: when and from where, for the list of devices. Not an entry."""
    sealed = keys.seal_field(devices.PLACE, standing.id, where.encode())
    Device.objects.filter(id=standing.id).update(seen_at=now, sealed_place=sealed)


def see(*, now: datetime, device_ids: list[UUID]) -> None:
    """These devices were heard of just now. Not an entry: it happens every minute."""
    Device.objects.filter(id__in=device_ids).update(seen_at=now)


def describe(target_id: UUID, codes: acts.Codes) -> str:
    row = Device.objects.filter(id=target_id).first()
    return f"Sign out the device “{devices.name_of(row)}”" if row else ""


def register() -> None:
    approval.register(REVOKE, acts.Act("device.manage", "Sign out a device", carry_out, describe, "console:device"))


# ── parts of other flows, in the caller's unit ────────────────────────────────────────────────────────────────────
def locked_for(actor: Actor, device_id: UUID, now: datetime) -> Device:
    """The device's row, locked, for staff who may manage it or for a device of the same customers. Absent and forbidden look
    the same."""
    row = Device.objects.select_for_update().filter(id=device_id).first()
    if actor.is_customer:
        row = row if device_id == actor.id or devices.is_within(device_id, actor.customers, now) else None
    else:
        actor.require("device.manage")
    if row is None:
        raise not_found("device")
    return row


def tell_ended(u: unit.Unit, *, actor: Actor, now: datetime, device_id: UUID) -> None:
    """A customer's device was ended from afar, by what only the customer should have: said by every way to whom it served, each
    time. What it did to itself, and what staff did, is known to who did it."""
    if not actor.is_customer or actor.id == device_id:
        return
    served = DeviceCustomer.objects.filter(device_id=device_id).values_list("customer_id", flat=True)
    offered, until, news = reach.offered(), now + NEWS_FOR, ids.uuid7()
    notice.queue(u, now=now, new=[
        notice.New(pk, news, Notice.Purpose.ENDED, way, now, until)
        for pk, person in reach.of(list(served)).items()
        for way in person.ways(offered)
    ])  # fmt: skip


def lock_within(u: unit.Unit, *, actor: Actor, row: Device) -> None:
    """An active device shows nothing from here on; one that is not active stays as it is."""
    if row.state == Device.State.ACTIVE:
        row.state = Device.State.LOCKED
        row.save(update_fields=["state"])
        note(u, actor, row, "device.locked")
        push.device(u, row.id, "lock")


def end_within(
    u: unit.Unit, *, actor: Actor, now: datetime, row: Device, reason: str, kind: str = "device.revoked"
) -> None:  # fmt: skip
    retire(row, now, reason)
    note(u, actor, row, kind, reason=reason)
    push.device(u, row.id, "revoke")


def end_unserved(
    u: unit.Unit, *, actor: Actor, now: datetime, device_id: UUID, subject_id: UUID, reason: str = "erased"
) -> None:  # fmt: skip
    """A device whose last customer was erased, or whose last grant ended. One that waits for a wipe keeps its order."""
    row = Device.objects.select_for_update().filter(id=device_id, state__in=["active", "locked"]).first()
    if row is None or DeviceCustomer.objects.filter(device_id=device_id).exists():
        return
    retire(row, now, reason)
    codes: dict[str, str | int | bool] = {"device": str(row.id), "reason": reason}
    u.entry(unit.Draft("device.revoked", actor.label, subject=subject_id, codes=codes))
    push.device(u, row.id, "revoke")


def retire(row: Device, now: datetime, reason: str) -> None:
    """Its key is worth nothing from here on. A device that ended before keeps its first end."""
    if row.state == Device.State.REVOKED:
        return
    row.state, row.revoked_reason, row.revoked_at = Device.State.REVOKED, reason, now
    row.save(update_fields=["state", "revoked_reason", "revoked_at"])
    Nonce.objects.filter(device_id=row.id).delete()
    Pass.objects.filter(device_id=row.id).delete()
    AppLock.objects.filter(device_id=row.id).delete()
    Device.objects.filter(id=row.id).update(**Device.NO_PUSH)


def note(u: unit.Unit, actor: Actor, row: Device, kind: str, words: str = "", **codes: str | int) -> None:
    """One entry for each customer it serves, so that each one's history is whole; one without a customer if it serves
    none."""
    detail: dict[str, object] | None = {"reason": words.strip()} if words.strip() else None
    served = Customer.objects.filter(devices__device_id=row.id).values_list("id", "subject_id")
    for customer_id, subject_id in list(served) or [(None, None)]:
        u.entry(unit.Draft(
            kind, actor.label, subject=subject_id, customer=customer_id, codes={"device": str(row.id), **codes},
            detail=detail,
        ))  # fmt: skip


def _change(
    actor: Actor, now: datetime, device_id: UUID, before: set[str], after: str, kind: str, act: push.Act
) -> bool:  # fmt: skip
    """Whether it was not so already."""
    with unit.work() as u:
        row = locked_for(actor, device_id, now)
        if row.state == after:
            return False
        if row.state not in before:
            raise wrong_state(row.state)
        row.state = after
        row.save(update_fields=["state"])
        note(u, actor, row, kind)
        push.device(u, row.id, act)
    return True
