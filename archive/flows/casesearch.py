"""Collecting into a case by words: an officer's search, page after page, and what each page finds goes in.

Words need the officer's key, which no job has, so this runs while the officer waits and stops after some pages: it says so,
and the same again goes on, since what is in the case already stays where it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from archive.flows import collecting, guard, search
from archive.models import Record
from archive.queries import cases
from portal.kernel import unit
from portal.kernel.actors import Actor

SLICE = 500
MOST_PAGES = 20


@dataclass(frozen=True, slots=True)
class Collected:
    """`goes_on`: a job takes in the rest. `is_cut`: there is more, ask again. `unsearched`: months nobody can search."""

    count: int
    goes_on: bool = False
    is_cut: bool = False
    unsearched: list[str] = field(default_factory=list)


def collect(
    *, actor: Actor, now: datetime, case_id: UUID, query: str, browser: search.Browser | None = None
) -> Collected:  # fmt: skip
    """Any query of the archive's language. Refuses `archive_locked` for words without an unlocked browser."""
    actor.require("case.manage")
    if not collecting.understood(query).needs_key:
        done = collecting.collect(actor=actor, now=now, case_id=case_id, query=query)
        return Collected(done.count, goes_on=done.state == collecting.State.RUNNING)
    reason = f"To collect into the case {cases.name_of(cases.get_case_for(actor, case_id))}"
    count, cursor = 0, ""
    for _ in range(MOST_PAGES):
        page = search.search(
            actor=actor, now=now, query=query, reason=reason, browser=browser, cursor=cursor, size=SLICE
        )  # fmt: skip
        count += _put(actor, now, case_id, query, [one.hit.message_id for one in page.shown])
        cursor = page.next
        if not cursor:
            break
    return Collected(count, is_cut=bool(cursor), unsearched=page.unsearched)


def _put(actor: Actor, now: datetime, case_id: UUID, query: str, messages: Sequence[UUID]) -> int:
    with unit.work() as u:
        guard.lock()
        case = collecting.lock_open(case_id)
        rows = Record.objects.filter(message_id__in=messages).only(*collecting.SHOWN).order_by("sent_at", "message_id")
        new = collecting.add(case, rows, now)
        codes: collecting.Codes = {"case": str(case_id), "by": "words", "upto": case.size}
        u.entry(collecting.draft(actor.label, new, codes, {"query": query}))
    return len(new)
