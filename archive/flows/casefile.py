"""Reading a record as part of a case: its words and the notes on it, by an officer who has unlocked the archive. Each of
them is opened by `reading`, so each has its entry, under the case's id."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from archive.flows import opening, reading
from archive.ledger import entry
from archive.models import CaseItem, Entry
from archive.queries import cases
from portal.kernel.actors import Actor
from portal.kernel.errors import Refusal


@dataclass(frozen=True, slots=True)
class Note:
    """`text` is None while it is sealed."""

    index: int
    at: datetime
    actor: str
    text: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class File:
    """`opened` is None where the record does not open here any more, and `closed` is the code that says why: its notes
    stay."""

    opened: reading.Opened | None
    notes: list[Note]
    closed: str = ""


def open_item(
    *, actor: Actor, now: datetime, case_id: UUID, number: int, session_key: str, half: str
) -> File:  # fmt: skip
    """The record and its notes. Refuses `archive_locked`."""
    actor.require("archive.open")
    item = cases.get_item_for(actor, case_id, number)

    def open_(index: int) -> reading.Opened:
        return reading.open_record(
            actor=actor, now=now, index=index, session_key=session_key, half=half, case=case_id
        )  # fmt: skip

    opened, closed = None, ""
    try:
        opened = open_(item.entry_index)
    except Refusal as refusal:
        if refusal.code not in opening.CLOSED:
            raise
        closed = refusal.code
    notes = [Note(one.index, one.at, one.actor, _words(open_(one.index))) for one in list_notes(actor, item)]
    return File(opened, notes, closed)


def list_notes(actor: Actor, item: CaseItem) -> list[Note]:
    """That there are notes, of whom and when; sealed."""
    actor.require("archive.review")
    rows = Entry.objects.filter(message_id=item.message_id, kind="case.noted").order_by("index")
    mine = [row for row in rows if _case_of(row) == str(item.case_id)]
    return [Note(row.index, row.time, row.actor) for row in mine]


def _case_of(row: Entry) -> object:
    return (entry.decode(bytes(row.leaf)).codes or {}).get("case")


def _words(opened: reading.Opened) -> str:
    return str((opened.detail or {}).get("note", ""))
