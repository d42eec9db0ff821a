"""Finding records, fast at a million: which way is taken depends on how common the words are.

Few records hold the words (up to `BOUND`): they are taken from the index of words, and what is not yet in it from the
records themselves. Many do: walking back from the newest meets them soon, and the record holds its own words. Figures count
the newest `BOUND` that were found and say so when there are more; where a query names only what days are counted by, they
are exact however many.
"""

import base64
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import reduce
from operator import and_
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from archive.models import Entry, Record, SearchDay, SearchRow, SearchState
from archive.queries import predicate
from archive.rules.query import Query
from portal.kernel.errors import Refusal

BOUND = 10_000
COUNTED = ("kind", "direction", "category")
SENT = ("message.sent", "message.received")
_SHOWN = (
    "message_id",
    "entry_id",
    "customer_id",
    "kind",
    "category",
    "direction",
    "sent_at",
    "gone_at",
    "archived_until",
)

_SEALED = ("sealed", "outer_wrap", "batch_id", "disposal_bucket")


@dataclass(frozen=True, slots=True)
class Word:
    """A record has it if, of each part, it holds any of the hashes; a denied one lacks a part at least."""

    parts: tuple[tuple[int, ...], ...]
    negated: bool = False

    @property
    def condition(self) -> Q:
        return reduce(and_, (Q(words__overlap=list(hashes)) for hashes in self.parts))


@dataclass(frozen=True, slots=True)
class Hit:
    """A record as a list shows it. `index` is its entry's."""

    index: int
    message_id: UUID
    customer_id: UUID | None
    kind: str
    category: str
    direction: str
    sent_at: datetime
    gone_at: datetime | None
    archived_until: datetime | None


@dataclass(frozen=True, slots=True)
class Figures:
    """`total` is exact, or a least number: then facets and days are of the newest `total`."""

    total: int
    is_exact: bool
    facets: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    days: list[tuple[date, int]] = field(default_factory=list)


def matching(query: Query, words: Sequence[Word] = ()) -> "QuerySet[Record]":
    """The records of a resolved query and its hashed words, in no order."""
    rows = predicate.select(query)
    wanted = [word for word in words if not word.negated]
    for word in words:
        if word.negated:
            rows = rows.exclude(word.condition)
    if wanted and _is_rare(wanted):
        rows = rows.filter(message_id__in=_by_index(wanted))
    return _holding(rows, wanted)  # the record has the last word: one that was erased holds none


def newest(rows: "QuerySet[Record]", cursor: str, size: int, *, sealed: bool = False) -> tuple[list[Record], str]:
    """One page, newest first, and the cursor of the next, "" at the end; without what is sealed, unless it is to be opened."""
    if cursor:
        at, last = _decode(cursor)
        rows = rows.filter(Q(sent_at__lt=at) | Q(sent_at=at, message_id__lt=last)).filter(sent_at__lte=at)
    shown = (*_SHOWN, *_SEALED) if sealed else _SHOWN
    found = list(rows.only(*shown).order_by("-sent_at", "-message_id")[: size + 1])
    return found[:size], encode(found[size - 1]) if len(found) > size else ""


def hits(found: Sequence[Record]) -> list[Hit]:
    """With the index of each record's entry."""
    entries = Entry.objects.filter(message_id__in=[row.message_id for row in found], kind__in=SENT)
    places = dict(entries.values_list("id", "index"))
    return [
        Hit(places[row.entry_id], row.message_id, row.customer_id, row.kind, row.category, row.direction, row.sent_at,
            row.gone_at, row.archived_until)
        for row in found if row.entry_id in places
    ]  # fmt: skip


def figures(query: Query, words: Sequence[Word] = ()) -> Figures:
    """Total, facets and days."""
    if not words and _is_counted(query):
        return _figures(_counted(query), bound=None)
    rows = matching(query, words).order_by("-sent_at", "-message_id")
    some = Record.objects.filter(message_id__in=rows.values("message_id")[: BOUND + 1])
    return _figures(_grouped(some), bound=BOUND)


def encode(row: Record) -> str:
    plain = json.dumps([row.sent_at.isoformat(), str(row.message_id)])
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


# ── words ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _is_rare(wanted: Sequence[Word]) -> bool:
    return len(_holding(SearchRow.objects.all(), wanted).values_list("day")[: BOUND + 1]) <= BOUND


def _by_index(wanted: Sequence[Word]) -> "QuerySet[Any]":
    """Read `upto` first: what is taken in meanwhile is then found twice, never missed."""
    upto = SearchState.objects.filter(id=1).values_list("upto", flat=True).first() or 0
    late = Entry.objects.filter(index__gte=upto, kind__in=SENT, message_id__isnull=False).values("message_id")
    fresh = _holding(Record.objects.filter(message_id__in=late), wanted).values("message_id")
    return _holding(SearchRow.objects.all(), wanted).values("message_id").union(fresh, all=True)


def _holding(rows: "QuerySet[Any]", wanted: Sequence[Word]) -> "QuerySet[Any]":
    for word in wanted:
        rows = rows.filter(word.condition)
    return rows


# ── figures ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def _is_counted(query: Query) -> bool:
    """Whether days were counted by everything that is asked for."""
    at_midnight = all(term.at.time() == time() for term in query.of("after", "before"))
    return at_midnight and not query.without(*COUNTED, "after", "before").terms


def _counted(query: Query) -> list[tuple[Any, ...]]:
    """From the counts of days, and what is not yet in them from the records."""
    upto = SearchState.objects.filter(id=1).values_list("upto", flat=True).first() or 0
    days = SearchDay.objects.filter(_by_day(query)).values_list("day", *COUNTED).annotate(Sum("count"))
    late = Entry.objects.filter(index__gte=upto, kind__in=SENT, message_id__isnull=False).values("message_id")
    fresh = (
        predicate.select(query)
        .filter(message_id__in=late)
        .exclude(message_id__in=SearchRow.objects.values("message_id"))
    )
    return [*days.order_by(), *_grouped(fresh)]


def _by_day(query: Query) -> Q:
    """The same predicate over days: an instant at midnight is the beginning of its day."""
    moved = predicate.where(query.without("after", "before"))
    for term in query.of("after", "before"):
        is_start = (term.name == "after") != term.negated
        moved &= Q(day__gte=term.at.date()) if is_start else Q(day__lt=term.at.date())
    return moved


def _grouped(rows: "QuerySet[Record]") -> list[tuple[Any, ...]]:
    grouped = rows.annotate(day=TruncDate("sent_at", tzinfo=UTC)).values_list("day", *COUNTED)
    return list(grouped.annotate(number=Count("*")).order_by())


def _figures(groups: Sequence[tuple[Any, ...]], *, bound: int | None) -> Figures:
    total = sum(group[-1] for group in groups)
    days: Counter[date] = Counter()
    facets: dict[str, Counter[str]] = {name: Counter() for name in COUNTED}
    for day, *codes, number in groups:
        days[day] += number
        for name, code in zip(COUNTED, codes, strict=True):
            facets[name][code] += number
    is_exact = bound is None or total <= bound
    return Figures(
        total if is_exact else total - 1, is_exact,
        {name: [pair for pair in counts.most_common() if pair[1]] for name, counts in facets.items()},
        sorted((day, number) for day, number in days.items() if number),
    )  # fmt: skip


def _decode(cursor: str) -> tuple[datetime, UUID]:
    try:
        at, last = json.loads(base64.urlsafe_b64decode(cursor.encode() + b"=="))
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ValueError("a cursor without its zone")
        return moment, UUID(last)
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise Refusal("bad_cursor", "That cursor is not one of ours.", field="cursor") from None
