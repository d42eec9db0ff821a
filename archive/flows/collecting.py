"""Collecting records into a case by a query, in slices that commit with their place: any crash is gone on from.

What was sent after it was asked for is not collected: a case is a set, and supervision is what keeps looking. Each slice
takes the guard, then the case's row: items are numbered densely, and no record is disposed of between being chosen and
being in (C1, C2 of `case`).
"""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from archive.flows import guard
from archive.ledger import entry
from archive.models import Case, CaseItem, Collection, Entry, Record
from archive.queries import predicate, takenin
from archive.rules import query as language
from portal.kernel import bulk, errors, ids, jobs, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal

SLICE = 2000
TABLE = "archive_caseitem"
COLUMNS = (
    "case_id", "message_id", "number", "entry_index", "kind", "direction", "category", "sent_at", "added_at", "matched",
    "decision", "decided_by", "is_sampled",
)  # fmt: skip
SHOWN = ("message_id", "entry_id", "kind", "direction", "category", "sent_at")
JOB = "archive.jobs.collect"

State = Collection.State
Codes = dict[str, str | int | bool]


@dataclass(frozen=True, slots=True)
class Collected:
    """`count` records came in by now; while `state` is running the rest follows."""

    id: UUID
    count: int
    state: str


def collect(*, actor: Actor, now: datetime, case_id: UUID, query: str, slice_rows: int = SLICE) -> Collected:
    """Everything that a metadata query selects and that was sent until now. The first slice at once, the rest by a job."""
    actor.require("case.manage")
    asked = predicate.resolve(actor, understood(query))
    if asked.needs_key:
        raise Refusal(
            "collect_needs_key",
            "Only an officer who has opened the archive collects by words.",
            Kind.FORBIDDEN,
            field="query",
        )
    predicate.where(asked)
    row = Collection(id=ids.uuid7(), case_id=case_id, query=asked.to_text(), asked_by=actor.label, asked_at=now)
    with unit.work() as u:
        guard.lock()
        case = lock_open(case_id)
        row.save(force_insert=True)
        _slice(u, case, row, now, slice_rows, label=actor.label, is_first=True)
        if row.state == State.RUNNING:
            jobs.enqueue(JOB, row.id, queue="bulk")
    return Collected(row.id, row.count, row.state)


def go_on(*, collection_id: UUID, now: datetime, slice_rows: int = SLICE) -> bool:
    """The next slice of a walk. True while there is more. Twice at once: the second waits and goes on after the first."""
    case_id = Collection.objects.filter(id=collection_id, state=State.RUNNING).values_list("case_id", flat=True).first()
    if case_id is None:
        return False
    with unit.work() as u:
        guard.lock()
        case = Case.objects.select_for_update().get(id=case_id)  # before the walk's own row, as whoever closes it does
        row = Collection.objects.select_for_update().filter(id=collection_id, state=State.RUNNING).first()
        if row is None:
            return False
        _slice(u, case, row, now, slice_rows, label=row.asked_by)
    return bool(row.state == State.RUNNING)


def sweep(*, now: datetime) -> int:
    """For the clock: a slice of every walk, in case its worker died."""
    running = list(Collection.objects.filter(state=State.RUNNING).values_list("id", flat=True))
    return sum(go_on(collection_id=pk, now=now) for pk in running)


def stop(*, case_id: UUID) -> None:
    """Its case is closed. Runs in the caller's unit."""
    Collection.objects.filter(case_id=case_id, state=State.RUNNING).update(state=State.STOPPED)


def lock_open(case_id: UUID) -> Case:
    """The case's row, locked, if work may go on in it. Runs in the caller's unit."""
    case = Case.objects.select_for_update().filter(id=case_id).first()
    if case is None:
        raise errors.not_found("case")
    if case.state != Case.State.OPEN:
        raise closed()
    return case


def closed() -> Refusal:
    return Refusal("case_closed", "This case is closed: it can be read, and nothing in it changes.", Kind.CONFLICT)


def understood(text: str) -> language.Query:
    """Refuses an empty query: a case of everything is no case."""
    asked = language.parse(text)
    if not asked.terms:
        raise Refusal("query_missing", "Say which records: who, when, what kind.", field="query")
    return asked


def add(
    case: Case, rows: Iterable[Record], now: datetime, *, matched: Mapping[UUID, Sequence[str]] | None = None
) -> list[UUID]:
    """Put these records into a case, in this order; those in it already stay as they are. Returns the new ones. Runs in the
    caller's unit, which holds the guard and the case's row."""
    listed = list(rows)
    known = set(_inside(case.id, [row.message_id for row in listed]))
    new = [row for row in listed if row.message_id not in known]
    entries = Entry.objects.filter(message_id__in=[row.message_id for row in new], kind__in=takenin.SENT)
    places = dict(entries.values_list("id", "index"))
    why = matched or {}
    values = [
        (case.id, row.message_id, case.size + n, places[row.entry_id], row.kind, row.direction, row.category, row.sent_at,
         now, _array(why.get(row.message_id, ())), "", "", False)
        for n, row in enumerate(new, 1)
    ]  # fmt: skip
    bulk.insert(TABLE, COLUMNS, values)
    if new:
        case.size += len(new)
        case.save(update_fields=["size"])
    return [row.message_id for row in new]


def draft(label: str, new: Sequence[UUID], codes: Codes, detail: Mapping[str, object] | None = None) -> unit.Draft:
    """The entry of a slice: what came in, as count and hash, the list as its detail."""
    count, digest = entry.digest_ids(new)
    words: dict[str, object] = {**(detail or {}), "ids": listed(new)}
    return unit.Draft("case.collected", label, codes=codes, detail=words, count=count, ids_sha256=digest)


def listed(some: Iterable[UUID]) -> str:
    """Ids as details list them: 16 bytes each, sorted, base64, so that they hash to what the leaf says."""
    return b64encode(b"".join(sorted(one.bytes for one in some))).decode()


def _slice(
    u: unit.Unit, case: Case, row: Collection, now: datetime, size: int, *, label: str, is_first: bool = False
) -> None:  # fmt: skip
    """The first one always has its entry, so that a query that found nothing is told as well."""
    chosen = list(_rest(row).only(*SHOWN).order_by("sent_at", "message_id")[:size])
    new = add(case, chosen, now)
    row.count += len(new)
    if chosen:
        row.after_at, row.after_message = chosen[-1].sent_at, chosen[-1].message_id
    if len(chosen) < size:
        row.state = State.DONE
    row.save(update_fields=["count", "after_at", "after_message", "state"])
    if new or is_first:
        codes: Codes = {"case": str(case.id), "collection": str(row.id), "by": "query", "upto": case.size}
        u.entry(draft(label, new, codes, {"query": row.query}))


def _rest(row: Collection) -> "QuerySet[Record]":
    """What the walk has not passed yet and the case does not hold."""
    mine = CaseItem.objects.filter(case_id=row.case_id, message_id=OuterRef("message_id"))
    rows = predicate.select(language.parse(row.query)).filter(~Exists(mine), sent_at__lte=row.asked_at)
    if row.after_at is None:
        return rows
    beyond = Q(sent_at__gt=row.after_at) | Q(sent_at=row.after_at, message_id__gt=row.after_message)
    return rows.filter(beyond, sent_at__gte=row.after_at)


def _inside(case_id: UUID, messages: Sequence[UUID]) -> Iterable[UUID]:
    return CaseItem.objects.filter(case_id=case_id, message_id__in=messages).values_list("message_id", flat=True)


def _array(codes: Sequence[str]) -> str:
    """An array literal of codes, which hold nothing that it would read otherwise."""
    return "{" + ",".join(codes) + "}"
