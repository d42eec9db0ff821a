"""Wiping every device of the business: asked for by an owner, agreed to by a second person, always. Each device then goes its own
way (`flows.wipe`), with its own evidence."""

from datetime import datetime
from uuid import UUID

from archive.flows import approval
from archive.rules import acts
from messaging.flows import wipe
from messaging.models import Device, Wipe
from messaging.rules import typed
from portal.kernel import jobs, tenancy
from portal.kernel.actors import SYSTEM, Actor

ALL = "device.wipe_all"
JOB = "messaging.jobs.wipe_all"


def ask(*, actor: Actor, now: datetime, name: str, reason: str) -> approval.Asked:
    """`name`: the business's, typed."""
    actor.require("business.govern")
    typed.check_name(name, tenancy.here().name, field="wipe_name")
    return approval.ask(actor=actor, now=now, kind=ALL, target=tenancy.here().id, reason=reason)


def carry_out(*, actor: Actor, now: datetime, target_id: UUID, codes: acts.Codes) -> None:
    """The second person said yes. Runs in the approval's unit."""
    jobs.enqueue(JOB, target_id, queue="bulk")


def work(*, now: datetime) -> int:
    """Orders a wipe from every device that has none, each in its own transaction. → how many"""
    open_ones = Wipe.objects.filter(state__in=Wipe.ORDERED).values("device_id")
    found = Device.objects.exclude(state=Device.State.REVOKED).exclude(id__in=open_ones)
    pks = list(found.order_by("id").values_list("id", flat=True))
    for pk in pks:
        wipe.request(actor=SYSTEM, now=now, device_id=pk)
    return len(pks)


def describe(target_id: UUID, codes: acts.Codes) -> str:
    return f"Wipe every device of every customer of {tenancy.here().name}"


def register() -> None:
    approval.register(ALL, acts.Act("device.manage", "Wipe all devices", carry_out, describe))
