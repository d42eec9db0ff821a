"""Finding records, fast at a million: which way is taken depends on how common the words are.

Few records hold the words: they are taken from the index of words, and what is not yet in it from the records themselves.
Many do: walking back from the newest meets them soon, and the record holds its own words. Figures are exact where days are
counted by everything that is asked for, and up to `MOST_COUNTED` for words; beyond, they count the newest `BOUND` that were
found and say so. The numbers were measured at a million records: docs/decisions/0010-word-index.md.
"""

import base64
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import reduce
from itertools import groupby
from operator import and_, itemgetter, or_
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import TruncDate

from archive.models import Entry, Record, SearchDay, SearchRow
from archive.queries import predicate, takenin
from archive.rules.query import Query
from archive.rules.retention import GRACE
from portal.kernel.errors import Refusal

BOUND = 10_000
# Records that a page of words walks before it asks the index: the most common words fill it from few, and whoever plans the
# statement cannot know that (it was seen to read and sort all of the second number: 113 ms at the median).
PROBES = (1_000, 10_000)
RARE = 5_000  # a page: up to here the index beats the walk
RARE_DAYS = 1000  # a page: up to here the days of what has no words are looked through
RARE_FOR_FIGURES = 20_000
MOST_COUNTED = 30_000  # taken from the index of words alone
COUNTED = ("kind", "direction", "category")
NOTHING = Q(message_id__in=[])
_HIT = ("message_id", "customer_id", "kind", "category", "direction", "sent_at", "gone_at", "archived_until")
_SHOWN = ("entry_id", *_HIT)
_ENTRY = {"message_id": OuterRef("message_id"), "id": OuterRef("entry_id")}
_INDEX = Subquery(Entry.objects.filter(**_ENTRY).values("index")[:1])

_GROUPED = """
    SELECT day, kind, direction, category, count(*) FROM ({}) AS newest GROUP BY day, kind, direction, category
"""
_SEALED = ("sealed", "mirrored_at", "outer_wrap", "batch_id", "disposal_bucket")


@dataclass(frozen=True, slots=True)
class Word:
    """A record has it if, of each part, it holds any of the hashes under its month's key; a denied one lacks a part."""

    by_month: Mapping[str, Sequence[Sequence[int]]]
    negated: bool = False

    def of(self, months: Iterable[str]) -> "Word":
        """The same word, of these months only."""
        return Word({month: self.by_month[month] for month in months if month in self.by_month}, self.negated)

    @property
    def here(self) -> Q:
        """For looking at rows: only the hashes of a row's own month. Comparing arrays costs the product of their lengths."""
        return reduce(or_, (Q(index_month=month) & _all(parts) for month, parts in self.by_month.items()), NOTHING)

    @property
    def anywhere(self) -> Q:
        """For the index, which takes the hashes of all months at once: a hash of one month is none of another's."""
        if not self.by_month:
            return NOTHING
        return _all([[one for part in same for one in part] for same in zip(*self.by_month.values(), strict=True)])


def _all(parts: Iterable[Sequence[int]]) -> Q:
    return reduce(and_, (Q(words__overlap=list(hashes)) for hashes in parts))


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


def page(
    query: Query, words: Sequence[Word], cursor: str, size: int, *, sealed: bool = False
) -> tuple[list[Record], str]:
    """One page, newest first, and the cursor of the next, "" at the end; without what is sealed, unless it is to be opened.

    With words, the newest records are walked first: whatever is common fills a page there."""
    rows = (
        predicate.select(query).filter(_from(cursor)).only(*_SHOWN, *(_SEALED if sealed else ())).annotate(index=_INDEX)
    )
    if any(not word.negated for word in words):
        found = _walked(query, words, cursor, rows, size) or _beyond(query, words, cursor, rows, size)
    else:
        few = None if words else _of_rare(query, cursor, rows, size)
        found = _newest(_by_words(rows, words), size) if few is None else few
    return found[:size], encode(found[size - 1]) if len(found) > size else ""


def _of_rare(query: Query, cursor: str, rows: "QuerySet[Record]", size: int) -> list[Record] | None:
    """A page of what is rare: days were counted by kind, direction and category, so only days that hold any are looked through.
    None, where nothing of that is asked for, or so many are that the walk from the newest meets them soon."""
    if not _is_counted(query) or not query.metadata.of(*COUNTED):
        return None
    last = _decode(cursor)[0].date() if cursor else date.max
    counted = SearchDay.objects.filter(_by_day(query), day__lte=last).values("day").annotate(number=Sum("count"))
    upto, newest = takenin.with_rows(counted.filter(number__gt=0).order_by("-day")[: size + 2], "day", "number")
    days, is_full = _filling(newest, last, size)
    if sum(number for _, number in days) > RARE_DAYS:
        return None
    ranges = (Q(sent_at__gte=_midnight(day), sent_at__lt=_midnight(day) + timedelta(days=1)) for day, _ in days)
    here = rows.filter(reduce(or_, ranges, NOTHING))  # in no order: for one the newest of everything would be walked
    late = rows.filter(takenin.late(upto)).order_by("-sent_at", "-message_id")[: size + 1]
    found = {row.message_id: row for row in here.union(late, all=True)}
    if is_full and sum(row.sent_at >= _midnight(days[-1][0]) for row in found.values()) <= size:
        return None  # some were disposed of since they were counted: what is older comes first
    return sorted(found.values(), key=lambda row: (row.sent_at, row.message_id), reverse=True)[: size + 1]


def _filling(newest: Sequence[tuple[str, int]], last: date, size: int) -> tuple[list[tuple[date, int]], bool]:
    """The newest days that fill a page, or all; and whether they fill it without `last`, of which some were on the page before."""
    days: list[tuple[date, int]] = []
    for day, number in newest:
        days.append((date.fromisoformat(day), number))
        if sum(count for one, count in days if one < last) > size:
            return days, True
    return days, False


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _walked(query: Query, words: Sequence[Word], cursor: str, rows: "QuerySet[Record]", size: int) -> list[Record]:
    """A full page of the newest records, or nothing."""
    for number in PROBES:
        since = _probed(query, _from(cursor), number)
        found = _newest(_by_words(rows.filter(sent_at__gte=since), words), size)
        if len(found) > size:
            return found
    return []


def _beyond(query: Query, words: Sequence[Word], cursor: str, rows: "QuerySet[Record]", size: int) -> list[Record]:
    """By the index of words where few have them; else the walk goes on, and meets them soon."""
    late = rows.filter(takenin.late(takenin.upto()))  # asked before the index: taken in meanwhile, it is in both
    wanted, denied = [word for word in words if not word.negated], [word for word in words if word.negated]
    found = {row.message_id: row for row in _newest(_by_words(late, words), size)}
    kept, count = _by_words(rows, denied).exclude(words=[]), 0  # the record has the last word
    for ids in _candidates(wanted, *_days_around(query, cursor), least=4 * size):
        if ids is None:
            return _newest(_by_words(rows, words), size)
        some = _newest(kept.filter(message_id__in=ids), size)
        found |= {row.message_id: row for row in some}
        count += len(some)
        if count > size:
            break
    return sorted(found.values(), key=lambda row: (row.sent_at, row.message_id), reverse=True)[: size + 1]


def _days_around(query: Query, cursor: str) -> tuple[date, date]:
    """The first and the last day that a page can be of; wider than it needs, never narrower."""
    first, last = date.min, _decode(cursor)[0].date() if cursor else date.max
    for term in query.of("after", "before"):
        day = term.at.astimezone(UTC).date()
        if (term.name == "after") != term.negated:
            first = max(first, day)
        else:
            last = min(last, day)
    return first, last


def _candidates(wanted: Sequence[Word], first: date, last: date, *, least: int) -> Iterator[list[UUID] | None]:
    """Who has the words by the index: whole days from the newest on, together until they are `least`. None: they are too many.

    The index holds each month's words under hashes of its own, so the newest month is asked first, then the two before it, the
    four before those: a page that is full by then spares the rest. A record may be of the last days before its month."""
    held: list[tuple[date, UUID]] = []
    for months in _from_newest(wanted[0].by_month, first, last):
        rows = _indexed([word.of(months) for word in wanted]).filter(day__range=(first, last))
        held += rows.values_list("day", "message_id")[: RARE + 1]
        if len(held) > RARE:
            yield None
            return
        whole = date.fromisoformat(f"{months[-1]}-01")
        yield from _by_days([one for one in held if one[0] >= whole], least)
        held = [one for one in held if one[0] < whole]
    yield from _by_days(held, least)


def _from_newest(months: Iterable[str], first: date, last: date) -> Iterator[list[str]]:
    """Those that can hold records of these days: one, two, four at a time."""
    latest = (last + GRACE).isoformat()[:7] if last < date.max - GRACE else "9999-12"
    left = sorted((month for month in months if first.isoformat()[:7] <= month <= latest), reverse=True)
    size = 1
    while left:
        yield left[:size]
        left, size = left[size:], 2 * size


def _by_days(few: Sequence[tuple[date, UUID]], least: int) -> Iterator[list[UUID]]:
    """Whole days, newest first, together until they are at least so many."""
    held: list[UUID] = []
    for _, same in groupby(sorted(few, reverse=True), key=itemgetter(0)):
        held += [message_id for _, message_id in same]
        if len(held) >= least:
            yield held
            held = []
    if held:
        yield held


def _newest(rows: "QuerySet[Record]", size: int) -> list[Record]:
    return list(rows.order_by("-sent_at", "-message_id")[: size + 1])


def _from(cursor: str) -> Q:
    if not cursor:
        return Q()
    at, last = _decode(cursor)
    return (Q(sent_at__lt=at) | Q(sent_at=at, message_id__lt=last)) & Q(sent_at__lte=at)


def _probed(query: Query, place: Q, number: int) -> datetime:
    """When the record was sent that stands so many back from where the page begins."""
    bounds = predicate.select(Query(query.of("before"))).filter(place)
    found = bounds.order_by("-sent_at", "-message_id").values_list("sent_at", flat=True)[number : number + 1]
    return next(iter(found), datetime.min.replace(tzinfo=UTC))


def hits(found: Sequence[Record]) -> list[Hit]:
    """Of a page."""
    return [Hit(row.index, *(getattr(row, name) for name in _HIT)) for row in found]  # type: ignore[attr-defined] # annotated


def figures(query: Query, words: Sequence[Word] = ()) -> Figures:
    """Total, facets and days."""
    if _is_counted(query) and not query.needs_key:
        return _figures(_from_days(query), bound=None)
    if _is_counted(query) and any(not word.negated for word in words):
        taken = _indexed(words).filter(_by_day(query))
        late = _grouped(_dated(_by_words(_late(query), words)))
        if _are_at_most(MOST_COUNTED, taken):
            return _figures([*_grouped(taken), *late], bound=None)
        walked = _by_words(SearchRow.objects.filter(_by_day(query)), words)
        return _figures([*late, *_grouped_newest(walked.values_list("day", *COUNTED).order_by("-index"))], bound=BOUND)
    rows = _matching(query, words).order_by("-sent_at", "-message_id")
    dated = rows.annotate(day=TruncDate("sent_at", tzinfo=UTC))
    return _figures(_grouped_newest(dated.values_list("day", *COUNTED)), bound=BOUND)


def encode(row: Record) -> str:
    plain = json.dumps([row.sent_at.isoformat(), str(row.message_id)])
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


# ── words ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _are_at_most(most: int, rows: "QuerySet[Any]") -> bool:
    return rows.values("message_id")[: most + 1].count() <= most


def _by_index(wanted: Sequence[Word]) -> "QuerySet[Any]":
    return _indexed(wanted).values("message_id").union(_by_words(_late(Query()), wanted).values("message_id"), all=True)


def _late(query: Query) -> "QuerySet[Record]":
    """Records that were not taken in when this was asked."""
    return predicate.select(query).filter(takenin.late(takenin.upto()))


def _indexed(words: Sequence[Word]) -> "QuerySet[SearchRow]":
    rows = SearchRow.objects.all()
    for word in words:
        rows = rows.exclude(word.here) if word.negated else rows.filter(word.anywhere)
    return rows


def _by_words(rows: "QuerySet[Any]", words: Sequence[Word]) -> "QuerySet[Any]":
    for word in words:
        rows = rows.exclude(word.here) if word.negated else rows.filter(word.here)
    return rows


def _matching(query: Query, words: Sequence[Word]) -> "QuerySet[Record]":
    """The records of a resolved query and its hashed words, in no order; few come by the index of words."""
    wanted, denied = [word for word in words if not word.negated], [word for word in words if word.negated]
    rows = _by_words(predicate.select(query), denied)
    if wanted and _are_at_most(RARE_FOR_FIGURES, _indexed(wanted)):
        return rows.filter(message_id__in=_by_index(wanted)).exclude(words=[])  # the record has the last word
    return _by_words(rows, wanted)


# ── figures ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def _is_counted(query: Query) -> bool:
    """Whether days were counted by everything that is asked for beside words."""
    at_midnight = all(term.at.time() == time() for term in query.of("after", "before"))
    return at_midnight and not query.metadata.without(*COUNTED, "after", "before").terms


def _from_days(query: Query) -> list[tuple[Any, ...]]:
    """From the counts of days, and what is not yet in them from the records."""
    days = SearchDay.objects.filter(_by_day(query)).values("day", *COUNTED).annotate(number=Sum("count")).order_by()
    upto, groups = takenin.with_rows(days, "day", *COUNTED, "number")
    counted = [(date.fromisoformat(day), *codes) for day, *codes in groups]
    return [*counted, *_grouped(_dated(predicate.select(query).filter(takenin.late(upto))))]


def _by_day(query: Query) -> Q:
    """The same predicate over days: an instant at midnight is the beginning of its day."""
    moved = predicate.where(query.without("after", "before"))
    for term in query.of("after", "before"):
        is_start = (term.name == "after") != term.negated
        moved &= Q(day__gte=term.at.date()) if is_start else Q(day__lt=term.at.date())
    return moved


def _dated(late: "QuerySet[Record]") -> "QuerySet[Record]":
    """With their day; without those that were taken in since."""
    taken = SearchRow.objects.filter(message_id=OuterRef("message_id"))
    return late.exclude(Exists(taken)).annotate(day=TruncDate("sent_at", tzinfo=UTC))


def _grouped(rows: "QuerySet[Any]") -> list[tuple[Any, ...]]:
    return list(rows.values_list("day", *COUNTED).annotate(number=Count("*")).order_by())


def _grouped_newest(rows: "QuerySet[Any]") -> list[tuple[Any, ...]]:
    """One more than `BOUND`, which tells that there are more."""
    inner, values = rows[: BOUND + 1].query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(_GROUPED.format(inner), values)
        return cursor.fetchall()


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
        total if is_exact else bound or 0, is_exact,
        {name: [pair for pair in counts.most_common() if pair[1]] for name, counts in facets.items()},
        sorted((day, number) for day, number in days.items() if number),
    )  # fmt: skip


def _decode(cursor: str) -> tuple[datetime, UUID]:
    try:
        at, last = json.loads(base64.urlsafe_b64decode(cursor.encode() + b"=="))
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ValueError("a cursor without its zone")
        return moment.astimezone(UTC), UUID(last)
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError):
        raise Refusal("bad_cursor", "That cursor is not one of ours.", field="cursor") from None
