"""Exports: asked for with a reason, drawn, fetched; each step an entry (I9).

sealed   a job draws the bundle into a file that nobody here can open; it is fetched as often as one likes for a week
open     drawn in its officer's own request, with the key that only that request has; nothing of it is ever stored

Archived records leave only after `archive.exported` is committed: of a sealed bundle with its digest, before its first byte
can be fetched; of an open one before its first byte is drawn. A job that died is taken up by the clock and begins anew; what
changes in the archive while a bundle is drawn makes it begin anew too, so no bundle mixes two states.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.db.models import Q

from archive.export import bundle
from archive.flows import drawing, unlock
from archive.models import Export
from archive.queries import bundle as reading
from archive.queries import exports, predicate
from archive.rules import query as language
from portal.kernel import clock, ids, jobs, keys, tenancy, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal
from portal.sealing import errors as sealing_errors
from portal.sealing import record as sealing

LONGEST_REASON = 1000


@dataclass(frozen=True, slots=True)
class Selection:
    """One of: a query of metadata, indexes (both included, `last` None for the newest), or times (`before` excluded)."""

    query: str | None = None
    first: int | None = None
    last: int | None = None
    after: datetime | None = None
    before: datetime | None = None

    @property
    def by(self) -> str:
        if self.query is not None:
            return Export.By.QUERY
        return Export.By.TIME if self.after or self.before else Export.By.INDEXES


@dataclass(frozen=True, slots=True)
class File:
    """A sealed bundle that is ready."""

    path: Path
    name: str
    size: int


def ask(*, actor: Actor, now: datetime, selection: Selection, reason: str) -> UUID:
    """Have a sealed bundle drawn by a job."""
    actor.require("archive.export")
    row = _row(actor, now, selection, reason, is_sealed=True)
    with unit.work() as u:
        draft = u.entry(_asked(actor, row, selection, reason))
        row.save(force_insert=True)
        jobs.enqueue("archive.jobs.build_export", row.id, queue="bulk")
    Export.objects.filter(id=row.id).update(asked_index=draft.index)
    return row.id


def stream(
    *, actor: Actor, now: datetime, selection: Selection, reason: str, session_key: str, half: str
) -> tuple[UUID, Iterator[bytes]]:
    """An open bundle, to be sent as it is drawn. Its entries are committed when this returns. Refuses `archive_locked`; so
    does the iterator once the archive is locked again, which breaks it off."""
    actor.require("archive.export")
    if not reason.strip():
        raise Refusal(
            "reason_missing",
            "Say why the records are to leave the archive. The reason is sealed into it.",
            field="reason",
        )
    row = _row(actor, now, selection, reason, is_sealed=False)
    with unit.work():
        session = unlock.use(actor=actor, now=now, session_key=session_key, half=half)
    with unit.work() as u:
        draft = u.entry(_asked(actor, row, selection, reason))
        row.save(force_insert=True)
    row.asked_index = draft.index
    made = drawing.Drawing(row, _opener(session), lambda: _still_open(actor, session_key, half))
    with unit.work() as u:
        Export.objects.filter(id=row.id).update(asked_index=draft.index, started_at=now, beat_at=now, total=made.total)
        u.entry(unit.Draft("archive.exported", actor.label, codes=made.codes()))
    return row.id, _sent(actor, row, made)


def fetch(*, actor: Actor, now: datetime, export_id: UUID) -> File:
    """The file of a sealed bundle, after the entry that it was fetched."""
    row = exports.get_export_for(actor, export_id)
    if row.state == Export.State.BUILDING:
        raise Refusal("export_building", "This bundle is still being drawn.", Kind.CONFLICT, retry_after=5)
    path = drawing.path_of(row.id)
    if row.state != Export.State.READY or (row.ends_at and row.ends_at <= now) or not path.is_file():
        raise Refusal("export_gone", "The file of this export is not here any more. Ask for a new one.", Kind.GONE)
    with unit.work() as u:
        u.entry(unit.Draft("export.fetched", actor.label, codes={"export": str(row.id), "sha256": row.sha256}))
    return File(path, file_name(row), row.size)


def sweep(*, now: datetime) -> None:
    """For the clock: files whose week is over go; what a dead process left is drawn anew, or given up."""
    for row in Export.objects.filter(state=Export.State.READY, ends_at__lte=now):
        drawing.remove(row.id)
        Export.objects.filter(id=row.id).update(state=Export.State.ENDED)
    silent = Q(beat_at__lt=now - drawing.SILENT_FOR) | Q(beat_at=None, asked_at__lt=now - drawing.SILENT_FOR)
    for row in Export.objects.filter(silent, state=Export.State.BUILDING):
        if row.is_sealed:
            drawing.again(row, "interrupted")
        else:
            drawing.fail(export_id=row.id, code="interrupted")


def file_name(row: Export) -> str:
    return f"{tenancy.here().slug}-archive-{row.asked_at:%Y-%m-%d}-{'sealed' if row.is_sealed else 'open'}-{row.id.hex[-6:]}.zip"


# ── asking ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _row(actor: Actor, now: datetime, selection: Selection, reason: str, *, is_sealed: bool) -> Export:
    if len(reason) > LONGEST_REASON:
        raise Refusal("reason_too_long", f"Say it in {LONGEST_REASON} characters.", field="reason")
    after, before = selection.after, selection.before
    if selection.by == Export.By.TIME:
        after, before = after or datetime(2000, 1, 1, tzinfo=now.tzinfo), before or now
        if after >= before:
            raise _upside_down("before")
    elif selection.by == Export.By.INDEXES and selection.last is not None and selection.last < (selection.first or 0):
        raise _upside_down("to")
    row = Export(
        id=ids.uuid7(), is_sealed=is_sealed, by=selection.by, first=selection.first or 0, last=selection.last, after=after,
        before=before, asked_by=actor.label, asked_at=now,
    )  # fmt: skip
    if selection.query is not None:
        row.sealed_query = keys.seal_field(exports.QUERY, row.id, _resolved(actor, selection.query).encode())
    if reason.strip():
        row.sealed_reason = keys.seal_field(exports.REASON, row.id, reason.strip().encode())
    return row


def _resolved(actor: Actor, text: str) -> str:
    """The query with ids in place of addresses. Words need a key that no job has."""
    asked = predicate.resolve(actor, language.parse(text))
    if asked.needs_key:
        raise Refusal(
            "query_needs_key", "An export selects by who, when and what kind, not by words. Collect what you found by words in "
            "a case, and export the case.", field="query",
        )  # fmt: skip
    predicate.where(asked)  # what nobody can select is refused now, not by the job
    return asked.to_text()


def _upside_down(field: str) -> Refusal:
    return Refusal("range_upside_down", "The range ends before it begins. Change its first or its last.", field=field)


def _asked(actor: Actor, row: Export, selection: Selection, reason: str) -> unit.Draft:
    words: dict[str, object] = {"reason": reason.strip(), "query": selection.query or ""}
    codes: dict[str, str | int | bool] = {"export": str(row.id), "sealed": row.is_sealed, "by": row.by}
    if row.by == Export.By.INDEXES:
        codes["first"] = row.first
    if row.by == Export.By.INDEXES and row.last is not None:
        codes["last"] = row.last
    if row.by == Export.By.TIME:
        codes |= {"after": clock.text(row.after), "before": clock.text(row.before)}
    return unit.Draft("export.asked", actor.label, codes=codes, detail=words)


# ── an open one ───────────────────────────────────────────────────────────────────────────────────────────────────────
def _opener(session: unlock.Session) -> reading.Opener:
    """Batch keys, each opened once; they live as long as the answer does."""
    business, known = tenancy.here().id, dict[UUID, bytes]()

    def open_batch(batch_id: UUID, envelope: bytes) -> bytes:
        if batch_id not in known:
            key_id, private = session.for_envelope(envelope)
            known[batch_id] = sealing.open_batch_key(envelope, key_id, private, business=business, batch=batch_id)
        return known[batch_id]

    return open_batch


def _still_open(actor: Actor, session_key: str, half: str) -> None:
    """Between pieces: an archive that was locked meanwhile gives no more. Each piece begins the idle time anew."""
    with unit.work():
        unlock.use(actor=actor, now=clock.now(), session_key=session_key, half=half)


def _sent(actor: Actor, row: Export, drawn: drawing.Drawing) -> Iterator[bytes]:
    """The bytes; when all of them went, what they came to."""
    try:
        for part in drawn.parts():
            yield part
            drawing.beat(row, drawn)
    except (Refusal, bundle.SourceChanged, sealing_errors.SealingError) as error:
        drawing.fail(export_id=row.id, code=error.code if isinstance(error, Refusal) else "archive_changed")
        raise
    except GeneratorExit:
        drawing.fail(export_id=row.id, code="broken_off")
        raise
    now = clock.now()
    with unit.work() as u:
        Export.objects.filter(id=row.id).update(
            state=Export.State.STREAMED, ready_at=now, done=drawn.total, **drawing.figures(drawn)
        )
        codes: dict[str, str | int | bool] = {
            "export": str(row.id), "sha256": drawn.made.sha256, "records": drawn.made.records,
            "missing": sum(drawn.made.missing.values()),
        }  # fmt: skip
        u.entry(unit.Draft("export.fetched", actor.label, codes=codes))
