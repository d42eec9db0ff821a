"""Checkpoints leave the house: once a day by e-mail to the addresses that a business names. The e-mail is the signed note
itself, which holds no content; whoever keeps it can show later that the log is still the same.

The sweep queues one job an address and day; the job that dies is tried again by the queue, so an address may get a checkpoint
twice, and never silently none: a day without one shows on the page by its date.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import Q

from archive.models import Keeper
from archive.queries import keepers, proofs
from archive.rules import address
from portal.kernel import ids, jobs, keys, unit
from portal.kernel.actors import CLOCK, Actor
from portal.kernel.errors import Kind, Refusal, not_found

MOST = 10
JOB = "archive.jobs.send_checkpoint"


def add(*, actor: Actor, now: datetime, to: str) -> UUID:
    """Name an address. The first checkpoint goes to it at the next round of the clock."""
    actor.require("archive.export")
    plain = address.email(to)
    known = keepers.addresses()
    if plain in known.values():
        raise Refusal("keeper_known", "That address gets them already.", Kind.CONFLICT, field="address")
    if len(known) >= MOST:
        raise Refusal(
            "too_many_keepers", f"At most {MOST} addresses. Remove one first.", Kind.CONFLICT, field="address"
        )
    with unit.work() as u:
        keeper_id = ids.uuid7()
        sealed = keys.seal_field(keepers.CONTEXT, keeper_id, plain.encode())
        Keeper.objects.create(id=keeper_id, sealed_address=sealed, created_at=now)
        u.entry(_draft("keeper.added", actor, keeper_id, plain))
    return keeper_id


def remove(*, actor: Actor, now: datetime, keeper_id: UUID) -> None:
    actor.require("archive.export")
    row = Keeper.objects.filter(id=keeper_id).first()
    if row is None:
        raise not_found("address")
    with unit.work() as u:
        plain = keepers.address_of(row)
        if Keeper.objects.filter(id=keeper_id).delete()[0]:
            u.entry(_draft("keeper.removed", actor, keeper_id, plain))


def sweep(*, now: datetime) -> int:
    """Queue today's e-mails, each once. How many were queued."""
    today = now.astimezone(UTC).date()
    waiting = Keeper.objects.filter(Q(queued_on=None) | Q(queued_on__lt=today)).values_list("id", flat=True)
    if not waiting or not proofs.published_size():
        return 0
    queued = 0
    for keeper_id in list(waiting):
        with unit.work():
            rows = Keeper.objects.filter(Q(queued_on=None) | Q(queued_on__lt=today), id=keeper_id)
            if rows.update(queued_on=today):
                jobs.enqueue(JOB, keeper_id, queue="bulk")
                queued += 1
    return queued


def mark_sent(*, now: datetime, keeper_id: UUID, epoch: int, size: int) -> bool:
    """It went out: `checkpoint.sent`, once for a day. False where it is on record already."""
    with unit.work() as u:
        rows = Keeper.objects.filter(Q(sent_at=None) | Q(sent_at__lt=now - timedelta(hours=1)), id=keeper_id)
        if not rows.update(sent_at=now, sent_size=size):
            return False
        codes: dict[str, str | int | bool] = {"by": "mail", "keeper": str(keeper_id), "epoch": epoch, "size": size}
        u.entry(unit.Draft("checkpoint.sent", CLOCK.label, codes=codes))
    return True


def tell_download(*, actor: Actor, now: datetime) -> None:
    """Somebody takes the newest checkpoint along."""
    newest = proofs.newest()
    codes: dict[str, str | int | bool] = {"by": "download", "epoch": newest.epoch, "size": newest.size}
    with unit.work() as u:
        u.entry(unit.Draft("checkpoint.sent", actor.label, codes=codes))


def _draft(kind: str, actor: Actor, keeper_id: UUID, plain: str) -> unit.Draft:
    return unit.Draft(kind, actor.label, codes={"keeper": str(keeper_id)}, detail={"address": plain})
