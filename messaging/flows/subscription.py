"""A device asks to be told by its browser's push service, and to be told no more. One for each device; a device that is locked,
wiped, signed out or revoked is pushed nothing from that commit on (`queries.subscriptions` looks at it again at each push)."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.conf import settings

from messaging.flows import device
from messaging.models import Device
from messaging.queries import subscriptions
from messaging.rules import pushing
from portal.kernel import unit
from portal.kernel.actors import SYSTEM, Actor
from portal.kernel.errors import Kind, Refusal, not_found

KIND = "device.notices"


def not_set_up() -> Refusal:
    return Refusal("push_not_set_up", "This installation does not push.", Kind.CONFLICT)


def not_your_own() -> Refusal:
    return Refusal(
        "device_not_your_own",
        "A device that is not the customer's own is told nothing after it is closed.",
        Kind.CONFLICT,
    )


def begin(*, actor: Actor, now: datetime, given: dict[str, object]) -> None:
    """Tell this device from now on. What it has told already changes nothing; an address of another device in the same browser
    becomes this one's."""
    if not subscriptions.made_for():
        raise not_set_up()
    wanted = pushing.check(given, settings.EBB_PUSH_SERVICES)
    with unit.work() as u:
        row = _locked(actor)
        if row.ends_at is not None:
            raise not_your_own()
        if subscriptions.of_device(row.id) == wanted:
            return
        digest = subscriptions.find_by(wanted.endpoint)
        Device.objects.filter(push_hash=digest).exclude(id=row.id).update(**Device.NO_PUSH)
        Device.objects.filter(id=row.id).update(
            sealed_push=subscriptions.seal(row.id, wanted), push_hash=digest, push_for=subscriptions.made_for(),
            push_since=now,
        )  # fmt: skip
        device.note(u, actor, row, KIND, push="on")


def end(*, actor: Actor) -> None:
    with unit.work() as u:
        row = _locked(actor)
        if Device.objects.filter(id=row.id, sealed_push__isnull=False).update(**Device.NO_PUSH):
            device.note(u, actor, row, KIND, push="off")


def forget(u: unit.Unit, *, tried: Mapping[UUID, datetime]) -> None:
    """In the caller's unit: the push service does not know these devices any more. One that subscribed anew since it was tried
    stays."""
    for device_id, tried_at in sorted(tried.items()):
        if Device.objects.filter(id=device_id, push_since__lte=tried_at).update(**Device.NO_PUSH):
            device.note(u, SYSTEM, Device.objects.get(id=device_id), KIND, push="gone")


def _locked(actor: Actor) -> Device:
    row = Device.objects.select_for_update().filter(id=actor.id, state=Device.State.ACTIVE).first()
    if actor.kind != "device" or row is None:
        raise not_found("device")
    return row
