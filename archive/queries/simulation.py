"""A retention rule tried on the real records: what it covers, what would go sooner or later, and which rule would decide.

It asks the same question that disposal asks (`queries.ends`), once with the rules as they are and once as they would be, so
that what is foretold is what happens. Up to `EXACT` records it looks at each; above that at a sample of about as many,
drawn by the random end of their ids, and says so: counts of the whole are exact, ends are estimates.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Count, Max, Min, Q, QuerySet, Sum, TextField
from django.db.models.functions import Cast, Length, Right

from archive.models import Record
from archive.queries import ends, holds, weakening
from archive.queries.ends import Book, Ending
from archive.rules import retention
from archive.rules.terms import Terms

EXACT = 20_000
CHUNK = 4_000
SAMPLES = 5
CLASSES = 16**3
UNKNOWN = retention.KEEP


class Row(NamedTuple):
    """`ends.COLUMNS` of a record."""

    message_id: UUID
    kind: str
    category: str
    purpose: str
    sent_at: datetime
    gone_at: datetime | None
    archived_until: datetime | None
    rule: str


@dataclass(frozen=True, slots=True)
class Sample:
    """A record and its ends: as things are, with the rule for what is sent from then on, and with it for what is there."""

    message_id: UUID
    kind: str
    category: str
    sent_at: datetime
    now: datetime | None
    after: datetime | None
    retroactive: datetime | None


@dataclass(slots=True)
class Result:
    """`sooner` and `later` count records whose end would move without touching promises, `freed` those that would go sooner
    if the rule is made retroactive. `months` maps YYYY-MM (or keep: unknown) to how many end then: now, after, retroactive.
    `decided` counts by the code of the rule that would decide."""

    matched: int = 0
    held: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None
    size: int = 0
    looked_at: int = 0
    sooner: int = 0
    later: int = 0
    freed: int = 0
    overdue: int = 0  # their end would have passed already, if it is made retroactive
    months: dict[str, list[int]] = field(default_factory=dict)
    decided: dict[str, int] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    needs_second: bool = False

    @property
    def is_estimate(self) -> bool:
        return self.looked_at < self.matched


def run(rule: Terms, replaced: str, now: datetime) -> Result:
    """Reads only. Some seconds at a million records."""
    before = ends.read_book()
    after = ends.with_rule(before, rule, replaced)
    rows = Record.objects.filter(weakening.in_scope(rule))
    found = _measured(rows)
    found.needs_second = weakening.frees(before, after)
    tally = _Tally(now)
    chosen = _chosen(rows, found.matched)
    for start in range(0, len(chosen), CHUNK):
        tally.look(chosen[start : start + CHUNK], before, after)
    tally.fill(found)
    return found


def _measured(rows: "QuerySet[Record]") -> Result:
    sums = rows.aggregate(n=Count("pk"), size=Sum(Length("sealed")), first=Min("sent_at"), last=Max("sent_at"))
    held = rows.filter(holds.held()).count() if sums["n"] else 0
    return Result(sums["n"], held, sums["first"], sums["last"], sums["size"] or 0)


def _chosen(rows: "QuerySet[Record]", count: int) -> list[Row]:
    if count > EXACT:
        wanted = [f"{n:03x}" for n in range(max(1, CLASSES * EXACT // count))]
        rows = rows.annotate(tail=Right(Cast("message_id", TextField()), 3)).filter(tail__in=wanted)
    return [Row(*values) for values in rows.order_by("message_id").values_list(*ends.COLUMNS)]


class _Tally:
    """Counts what is looked at, then blows it up to the whole."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.counts: Counter[str] = Counter()
        self.months: dict[str, list[int]] = {}
        self.decided: Counter[str] = Counter()
        self.samples: list[Sample] = []

    def look(self, chunk: Sequence[Row], before: Book, after: Book) -> None:
        is_, plain = ends.ends_of(chunk, self.now, before), ends.ends_of(chunk, self.now, after)
        anew = ends.by_rules_of(chunk, self.now, after)
        held = self._held(chunk)
        for row in chunk:
            pk = row.message_id
            retro = plain[pk] if pk in held else anew[pk]
            self._count(row, is_[pk], plain[pk], retro)

    def _held(self, chunk: Sequence[Row]) -> set[UUID]:
        asked = Q(message_id__in=[row.message_id for row in chunk])
        return set(Record.objects.filter(asked, holds.held()).values_list("message_id", flat=True))

    def _count(self, row: Row, is_: Ending, plain: Ending, retro: Ending) -> None:
        self.counts["all"] += 1
        self.counts["sooner"] += _is_sooner(plain.end, is_.end)
        self.counts["later"] += _is_sooner(is_.end, plain.end)
        self.counts["freed"] += _is_sooner(retro.end, is_.end)
        self.counts["overdue"] += retro.end is not None and retro.end <= self.now
        self.decided[plain.rule] += 1
        for place, end in enumerate((is_.end, plain.end, retro.end)):
            self.months.setdefault(retention.bucket_of(end), [0, 0, 0])[place] += 1
        if len(self.samples) < SAMPLES:
            ends_ = (is_.end, plain.end, retro.end)
            self.samples.append(Sample(row.message_id, row.kind, row.category, row.sent_at, *ends_))

    def fill(self, found: Result) -> None:
        found.looked_at = self.counts["all"]
        whole = _scale(found.matched, found.looked_at)
        found.sooner, found.later = whole(self.counts["sooner"]), whole(self.counts["later"])
        found.freed, found.overdue = whole(self.counts["freed"]), whole(self.counts["overdue"])
        found.months = {month: [whole(n) for n in counts] for month, counts in sorted(self.months.items())}
        found.decided = {code: whole(n) for code, n in self.decided.most_common()}
        found.samples = self.samples


def _scale(count: int, looked_at: int) -> Any:
    return (lambda n: n) if count == looked_at or not looked_at else (lambda n: round(n * count / looked_at))


def _is_sooner(one: datetime | None, other: datetime | None) -> bool:
    """Whether `one` comes before `other`; an unknown end (None) is later than any."""
    return one is not None and (other is None or one < other)
