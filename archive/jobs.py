"""Jobs of the archive: ids in, state looked at again, one act. What a mail server says is told by its type only."""

from datetime import timedelta
from uuid import UUID

from archive.flows import collecting, disposal, drawing, keeper
from archive.models import Approval, Keeper
from archive.queries import colleagues, keepers, proofs
from portal.kernel import clock, jobs, mail

COLLECT_FOR = timedelta(minutes=2)
DISPOSE_FOR = timedelta(minutes=5)  # far from the queue's own limit


class MailTrouble(Exception):
    """The mail server did not take it. The queue tries again."""


def tell_of_cooling(approval_id: UUID) -> None:
    """The owners: an act happens by itself in three days unless somebody takes it back."""
    row = Approval.objects.filter(id=approval_id, state=Approval.State.COOLING).first()
    if row is None:
        return
    try:
        mail.send(
            colleagues.people.owner_addresses(), "archive/mail/cooling", "Something waits for you at {business}",
            acts_at=row.acts_at,
        )  # fmt: skip
    except OSError as error:  # smtplib's exceptions are OSErrors too
        raise MailTrouble(type(error).__name__) from None


def dispose(run_id: UUID) -> None:
    """A disposal's slices, for some minutes; then the rest as a new job, so that other work of the queue has its turn."""
    if disposal.work(run_id=run_id, until=clock.now() + DISPOSE_FOR):
        jobs.enqueue("archive.jobs.dispose", run_id, queue="bulk")


def collect(collection_id: UUID) -> None:
    """The slices of a walk into a case, for some minutes; then the rest as a new job."""
    until = clock.now() + COLLECT_FOR
    while collecting.go_on(collection_id=collection_id, now=clock.now()):
        if clock.now() >= until:
            jobs.enqueue(collecting.JOB, collection_id, queue="bulk")
            return


def build_export(export_id: UUID) -> None:
    """Draw a sealed bundle. One that another process draws already, or that was given up, is left alone."""
    drawing.build(export_id=export_id)


def send_checkpoint(keeper_id: UUID) -> None:
    """The newest checkpoint to somebody outside; a second job of the same hour finds that it went."""
    row, now = Keeper.objects.filter(id=keeper_id).first(), clock.now()
    if row is None or (row.sent_at and now - row.sent_at < timedelta(hours=1)):
        return
    newest = proofs.newest()
    try:
        mail.send(
            [keepers.address_of(row)], "archive/mail/checkpoint", "Checkpoint of the archive of {business}",
            note=newest.note, size=newest.size, page=f"{mail.base_url()}/log",
        )  # fmt: skip
    except OSError as error:
        raise MailTrouble(type(error).__name__) from None
    keeper.mark_sent(now=now, keeper_id=keeper_id, epoch=newest.epoch, size=newest.size)
