"""A file of customers, from the upload to its last row.

    uploaded ─ begin_check ─ checking ─ checked ─ apply ─ applying ─ done ─ invite
                   ▲             │ stop     ▲        stop │  ▲ apply
                   └─────────────┴──────────┘             ▼  │
                                                          stopped

The file is sealed as it arrives, in slices of a thousand rows. Trying it changes nothing. Applying goes slice by slice, each in one
transaction that marks the slice, so a crash costs the slice at hand and nothing is done twice; what a row means for its customer is
looked at again in that transaction. Nobody is invited until somebody asks for that.

State rows are the truth, the job in the *bulk* queue is a hint: the clock puts it back when nobody has worked for a minute.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q

from messaging.flows import importrows
from messaging.models import ImportJob, ImportSlice
from messaging.queries import imports
from messaging.rules import columns, compose, table
from portal.kernel import clock, ids, jobs, tenancy, unit, wake
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal, not_found

SLICE = 1000  # rows: some tenths of a second, which is what a sender of the same business may wait
PREVIEW = 5
WORK_FOR = timedelta(minutes=2)  # far from the queue's own limit
SILENT_FOR = timedelta(minutes=1)
JOB = "messaging.jobs.work_on_import"
State, Inviting = ImportJob.State, ImportJob.Inviting


def upload(*, actor: Actor, now: datetime, name: str, raw: bytes, delimiter: str = "") -> UUID:
    """Read the file's form, guess what its columns mean, keep its rows sealed. Refuses what is no table."""
    actor.require("customer.manage")
    if delimiter and delimiter not in table.DELIMITERS:
        raise Refusal("bad_delimiter", "Cells are parted by a comma, semicolon, tab or bar.", field="delimiter")
    read = table.read(raw, delimiter)
    row = ImportJob(id=ids.uuid7(), asked_by=actor.label, rows=0, created_at=now, began_at=now)
    with unit.work():
        row.sealed = b""
        row.save(force_insert=True)
        preview = _keep(row, read)
        row.sealed = imports.seal(row.id, _opened(name, read, preview))
        row.save()
    return row.id


def begin_check(*, actor: Actor, now: datetime, import_id: UUID, meaning: columns.Meaning) -> None:
    """Say what the columns mean (`header` is the file's own), and have it tried: what would be new, changed, wrong."""
    row = imports.get_import_for(actor, import_id)
    opened = imports.open_(row)
    checked = columns.check(replace(meaning, header=opened.meaning.header))
    with unit.work():
        _move(import_id, (State.UPLOADED, State.CHECKED), State.CHECKING, now, asked_by=actor.label, sealed_found=None,
              sealed=imports.seal(import_id, replace(opened, meaning=checked)))  # fmt: skip
        ImportSlice.objects.filter(job_id=import_id).update(checked_at=None, sealed_wrong=None)
        jobs.enqueue(JOB, import_id, queue="bulk")


def apply(*, actor: Actor, now: datetime, import_id: UUID) -> None:
    """Write what the check found, or go on after a stop."""
    actor.require("customer.manage")
    with unit.work():
        _move(import_id, (State.CHECKED, State.STOPPED), State.APPLYING, now, asked_by=actor.label)
        jobs.enqueue(JOB, import_id, queue="bulk")


def stop(*, actor: Actor, now: datetime, import_id: UUID) -> None:
    """After the slice at hand. What was applied stays; a check that is stopped can only begin anew."""
    actor.require("customer.manage")
    with unit.work():
        row = _locked(import_id)
        if row.inviting == Inviting.RUNNING:
            row.inviting = Inviting.STOPPED
        elif row.state in (State.CHECKING, State.APPLYING):
            row.state = State.UPLOADED if row.state == State.CHECKING else State.STOPPED
        else:
            raise _not_now()
        row.save(update_fields=["state", "inviting"])


def invite(*, actor: Actor, now: datetime, import_id: UUID) -> None:
    """Send a link to those of the file who have no device and none on its way, or go on after a stop."""
    actor.require("customer.manage")
    actor.require("customer.invite")
    with unit.work():
        row = _locked(import_id)
        if row.state != State.DONE or row.inviting not in (Inviting.NOT_ASKED, Inviting.STOPPED):
            raise _not_now()
        row.inviting, row.began_at, row.asked_by = Inviting.RUNNING, now, actor.label
        row.save(update_fields=["inviting", "began_at", "asked_by"])
        jobs.enqueue(JOB, import_id, queue="bulk")


def discard(*, actor: Actor, now: datetime, import_id: UUID) -> None:
    """Throw the file away. What was applied stays."""
    actor.require("customer.manage")
    with unit.work():
        row = _locked(import_id)
        if row.state in (State.CHECKING, State.APPLYING) or row.inviting == Inviting.RUNNING:
            raise _not_now()
        row.delete()


def work(*, import_id: UUID, until: datetime) -> bool:
    """For the job: slices until it is done, stopped or late. True while there is more."""
    seen = began_at = None
    while clock.now() < until:
        row = ImportJob.objects.filter(id=import_id).first()
        if row is None:
            return False
        if seen is None or row.began_at != began_at:  # begun anew: whatever was met before is forgotten
            seen, began_at = importrows.Seen(), row.began_at
        has_more = _step(row, seen)
        wake.publish(tenancy.here().schema, wake.PROGRESS)
        if not has_more:
            return False
    return True


def sweep(*, now: datetime) -> None:
    """For the clock: what nobody works on gets its job back; what is a week old goes."""
    ImportJob.objects.filter(created_at__lte=now - imports.LIVES_FOR).delete()
    at_work = Q(state__in=(State.CHECKING, State.APPLYING)) | Q(inviting=Inviting.RUNNING)
    for row in ImportJob.objects.filter(at_work, began_at__lte=now - SILENT_FOR):
        last = imports.figures_of(row).last_at
        if last is None or last <= now - SILENT_FOR:
            with unit.work():
                ImportJob.objects.filter(id=row.id, began_at=row.began_at).update(began_at=now)
                jobs.enqueue(JOB, row.id, queue="bulk")


def _step(row: ImportJob, seen: importrows.Seen) -> bool:
    now = clock.now()
    if row.state == State.CHECKING:
        return importrows.check(row=row, now=now, seen=seen)
    if row.state == State.APPLYING:
        return importrows.apply(row=row, now=now)
    return row.inviting == Inviting.RUNNING and importrows.invite(row=row, now=now)


def _keep(row: ImportJob, read: table.Table) -> list[list[str]]:
    """Seal the rows in slices while they are read; → the first few."""
    preview: list[list[str]] = []
    held: list[imports.Cells] = []
    number = 0
    for one in read.rows:
        if len(preview) < PREVIEW:
            preview.append(one[1])
        held.append(one)
        if len(held) == SLICE:
            _seal_slice(row, number, held)
            held, number = [], number + 1
    if held:
        _seal_slice(row, number, held)
    if not row.rows:
        raise Refusal("empty_file", "The file has no rows below the names of its columns.", field="file")
    return preview


def _seal_slice(row: ImportJob, number: int, held: list[imports.Cells]) -> None:
    pk = ids.uuid7()
    sealed = imports.seal_json(imports.ROWS, pk, held)
    ImportSlice.objects.create(id=pk, job=row, number=number, rows=len(held), sealed_rows=sealed)
    row.rows += len(held)


def _opened(name: str, read: table.Table, preview: list[list[str]]) -> imports.Opened:
    targets = columns.guessed(read.header)
    meaning = columns.Meaning(read.header, targets, match=columns.key_of(targets))
    shown = compose.FORBIDDEN.sub("", name).replace("\n", " ")[:100]
    return imports.Opened(shown, read.encoding, read.delimiter, preview, meaning)


def _locked(import_id: UUID) -> ImportJob:
    row = ImportJob.objects.select_for_update().filter(id=import_id).first()
    if row is None:
        raise not_found("import")
    return row


def _move(import_id: UUID, before: tuple[str, ...], after: str, now: datetime, **more: object) -> None:
    """Compare and set: only from a state that leads there."""
    row = _locked(import_id)
    if row.state not in before:
        raise _not_now()
    ImportJob.objects.filter(id=import_id).update(state=after, began_at=now, **more)


def _not_now() -> Refusal:
    return Refusal("import_not_now", "This import is not where that can be done. Look at it again.", Kind.CONFLICT)
