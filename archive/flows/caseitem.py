"""One record of a case: who holds it, what they decided, their notes and tags. Each step is an entry.

    free ── claim, next, assign ──> held by one reviewer ── decide ──> decided (and held; decided again is another entry)
     └───────────── release ─────────────┘

R1  One reviewer holds a record, never two: whoever takes one changes the row only where it is still free, and goes on only
    if exactly that row changed.
R2  Nothing here opens a record: a reviewer needs no key. Notes are sealed as they are written, and whoever cannot open the
    archive cannot read them again, their author included.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from archive.flows import collecting
from archive.ledger import entry
from archive.models import Case, CaseItem, Record, RecordTag
from archive.queries import cases, colleagues, sealed
from archive.rules import casework
from portal.kernel import ids, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal

MOST_AT_ONCE = 5000
Codes = dict[str, str | int | bool]


@dataclass(frozen=True, slots=True)
class Taken:
    """The item that this reviewer holds now."""

    number: int
    message_id: UUID


def claim(*, actor: Actor, now: datetime, case_id: UUID, number: int) -> Taken:
    """Take a free record. Refuses `item_taken` if a colleague was quicker; again by its holder is fine."""
    with unit.work() as u:
        item = _item(actor, case_id, number)
        _take(u, actor, now, item)
    return Taken(number, item.message_id)


def claim_next(
    *, actor: Actor, now: datetime, case_id: UUID, after: int = 0, sampled: bool = False
) -> Taken | None:  # fmt: skip
    """Take the next record to review behind `after`, or from the start again; None when nothing is left for this reviewer.
    What a colleague is taking at this moment is passed over, so two who ask at once get two records."""
    _require_open(actor, case_id)
    with unit.work() as u:
        item = _next(actor, case_id, after, sampled) or (_next(actor, case_id, 0, sampled) if after else None)
        if item is None:
            return None
        _take(u, actor, now, item)
    return Taken(item.number, item.message_id)


def release(*, actor: Actor, now: datetime, case_id: UUID, number: int) -> None:
    """Give a record back: whoever holds it, or who manages cases."""
    with unit.work() as u:
        item = _item(actor, case_id, number)
        holder = item.assignee_id
        if holder is None:
            return
        if holder != actor.id and not actor.may("case.manage"):
            raise _taken()
        _compare_and_set(item, holder, assignee_id=None, assigned_at=None)
        u.entry(_draft("case.assigned", actor, item, act="released", staff=str(holder)))


def assign(
    *, actor: Actor, now: datetime, case_id: UUID, staff_id: UUID, most: int = MOST_AT_ONCE, sampled: bool = False
) -> int:  # fmt: skip
    """Give a colleague the next free records that nobody decided on, at most `most`. How many they got."""
    actor.require("case.manage")
    if staff_id not in colleagues.people.reviewers():
        raise Refusal("unknown_reviewer", "Choose somebody who may review.", field="staff")
    _require_open(actor, case_id)
    with unit.work() as u:
        free = cases.get_items_for(actor, case_id, show="open").filter(assignee_id=None)
        free = free.filter(is_sampled=True) if sampled else free
        chosen = list(free.select_for_update(skip_locked=True).order_by("number")[: max(0, min(most, MOST_AT_ONCE))])
        messages = [item.message_id for item in chosen]
        if messages:
            CaseItem.objects.filter(case_id=case_id, message_id__in=messages).update(
                assignee_id=staff_id, assigned_at=now
            )
            count, digest = entry.digest_ids(messages)
            codes: Codes = {"case": str(case_id), "act": "assigned", "staff": str(staff_id)}
            detail: dict[str, object] = {"ids": collecting.listed(messages)}
            u.entry(
                unit.Draft("case.assigned", actor.label, codes=codes, detail=detail, count=count, ids_sha256=digest)
            )
    return len(messages)


def decide(*, actor: Actor, now: datetime, case_id: UUID, number: int, decision: str) -> None:
    """Say what it is. A free record is taken by deciding on it; a colleague's is not to be decided on."""
    code = casework.decision(decision)
    with unit.work() as u:
        item = _item(actor, case_id, number, there=True)
        _take(u, actor, now, item)
        _compare_and_set(item, actor.id, decision=code, decided_by=actor.label, decided_at=now)
        u.entry(_draft("case.decided", actor, item, decision=code))


def note(*, actor: Actor, now: datetime, case_id: UUID, number: int, text: str) -> None:
    """A note for whoever opens the archive. It stands in its entry's sealed detail and nowhere else."""
    words = casework.note(text)
    with unit.work() as u:
        item = _item(actor, case_id, number)
        draft = _draft("case.noted", actor, item)
        draft.detail = {"note": words}
        u.entry(draft)


def tag(*, actor: Actor, now: datetime, case_id: UUID, number: int, tag: str) -> str:
    """Put a tag on the record, in every case that it is in. Again is fine."""
    code = casework.tag(tag)
    with unit.work() as u:
        item = _item(actor, case_id, number, there=True)
        row = {"id": ids.uuid7(), "added_by": actor.label, "added_at": now}
        _, is_new = RecordTag.objects.get_or_create(message_id=item.message_id, tag=code, defaults=row)
        if is_new:
            u.entry(_tagged(actor, item, "added", code))
    return code


def untag(*, actor: Actor, now: datetime, case_id: UUID, number: int, tag: str) -> None:
    with unit.work() as u:
        item = _item(actor, case_id, number)
        gone, _ = RecordTag.objects.filter(message_id=item.message_id, tag=tag).delete()
        if gone:
            u.entry(_tagged(actor, item, "removed", tag))


def _item(actor: Actor, case_id: UUID, number: int, *, there: bool = False) -> CaseItem:
    """An item of an open case; `there`: its record must still be kept."""
    _require_open(actor, case_id)
    item = cases.get_item_for(actor, case_id, number)
    if there and not Record.objects.filter(message_id=item.message_id).exists():
        raise sealed.disposed()
    return item


def _require_open(actor: Actor, case_id: UUID) -> None:
    if actor.kind != "staff":
        raise Refusal("not_allowed", "Only a person reviews, in the console.", Kind.FORBIDDEN)
    if cases.get_case_for(actor, case_id).state != Case.State.OPEN:
        raise collecting.closed()


def _next(actor: Actor, case_id: UUID, after: int, sampled: bool) -> CaseItem | None:
    waiting = cases.next_for(actor, case_id, after=after, sampled=sampled)
    return waiting.select_for_update(skip_locked=True).first()


def _take(u: unit.Unit, actor: Actor, now: datetime, item: CaseItem) -> None:
    """Nothing to do for its holder. Refuses `item_taken`."""
    if item.assignee_id == actor.id:
        return
    if item.assignee_id is not None:
        raise _taken()
    _compare_and_set(item, None, assignee_id=actor.id, assigned_at=now)
    u.entry(_draft("case.assigned", actor, item, act="claimed", staff=str(actor.id)))


def _compare_and_set(item: CaseItem, holder: UUID | None, **values: object) -> None:
    """Change the row if it is still held by whom we read (None: by nobody)."""
    rows = CaseItem.objects.filter(case_id=item.case_id, message_id=item.message_id, assignee_id=holder)
    if rows.update(**values) != 1:
        raise _taken()


def _draft(kind: str, actor: Actor, item: CaseItem, **codes: str) -> unit.Draft:
    told: Codes = {"case": str(item.case_id), "number": item.number, **codes}
    return unit.Draft(kind, actor.label, message=item.message_id, codes=told)


def _tagged(actor: Actor, item: CaseItem, act: str, code: str) -> unit.Draft:
    """The tag itself is sealed: people put names into tags, and a leaf cannot forget."""
    draft = _draft("record.tagged", actor, item, act=act)
    draft.detail = {"tag": code}
    return draft


def _taken() -> Refusal:
    return Refusal("item_taken", "A colleague holds this record. Take another one.", Kind.CONFLICT)
