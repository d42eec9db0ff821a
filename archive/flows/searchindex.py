"""What search needs beside the records: words under an index, and counts by day. Derived from records, never their truth.

Senders write a record's hashed words and nothing else: an index on them would cost a sender a third of its rate (measured,
docs/decisions/0010-word-index.md). The clock takes records in afterwards, in order of the ledger, which is dense and in order of
commit: `upto` says exactly what is in, and search reads what is not yet in from the records themselves.

Whoever deletes records or empties their words does the same here in the same transaction (`forget`, `blank`). All take the
guard first, so that nothing is taken in from a row that is being emptied.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from archive.flows import guard
from archive.models import Record, SearchRow, SearchState
from portal.kernel import unit

SLICE = 5000

_LAST = "SELECT max(index) FROM archive_entry"
_TAKE = """
    INSERT INTO archive_searchrow (message_id, index, day, kind, direction, category, index_month, words)
    SELECT r.message_id, e.index, (r.sent_at AT TIME ZONE 'UTC')::date, r.kind, r.direction, r.category, r.index_month, r.words
    FROM archive_entry e JOIN archive_record r ON r.message_id = e.message_id AND r.entry_id = e.id
    WHERE e.index >= %s AND e.index < %s ON CONFLICT DO NOTHING
"""
_COUNT = """
    INSERT INTO archive_searchday (day, kind, direction, category, count)
    SELECT s.day, s.kind, s.direction, s.category, count(*)
    FROM archive_entry e JOIN archive_searchrow s ON s.message_id = e.message_id
    WHERE e.index >= %s AND e.index < %s AND e.kind IN ('message.sent', 'message.received')
    GROUP BY s.day, s.kind, s.direction, s.category
    ON CONFLICT (day, kind, direction, category) DO UPDATE SET count = archive_searchday.count + excluded.count
"""
_UNCOUNT = """
    WITH gone AS (DELETE FROM archive_searchrow WHERE message_id = ANY(%s) RETURNING day, kind, direction, category),
    fewer AS (SELECT day, kind, direction, category, count(*) AS n FROM gone GROUP BY day, kind, direction, category)
    UPDATE archive_searchday d SET count = d.count - f.n FROM fewer f
    WHERE (d.day, d.kind, d.direction, d.category) = (f.day, f.kind, f.direction, f.category)
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """`entries` were looked at; `is_behind` while there are more."""

    entries: int
    is_behind: bool


def take_in(*, slice_entries: int = SLICE) -> Taken:
    """For the clock: the next slice of the ledger. Again, or twice at once, is fine."""
    with unit.work():
        guard.lock()
        start = _upto()
        end = min(start + slice_entries, _size())
        if end > start:
            _run(_TAKE, [start, end])
            _run(_COUNT, [start, end])
            SearchState.objects.filter(id=1).update(upto=end)
        return Taken(end - start, end - start == slice_entries)


def forget(message_ids: Sequence[UUID]) -> None:
    """Their records are being deleted. Runs in the caller's unit, which holds the guard."""
    _run(_UNCOUNT, [list(message_ids)])


def blank(records: "QuerySet[Record]") -> None:
    """Their words are being emptied. Runs in the caller's unit, which holds the guard, before the records change."""
    SearchRow.objects.filter(message_id__in=records.values("message_id")).update(words=[])


def _upto() -> int:
    state, _ = SearchState.objects.get_or_create(id=1)
    return int(state.upto)


def _size() -> int:
    with connection.cursor() as cursor:
        cursor.execute(_LAST)
        last = cursor.fetchone()[0]
    return 0 if last is None else last + 1


def _run(sql: str, values: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
