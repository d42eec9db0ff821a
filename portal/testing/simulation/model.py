"""What must hold, in plain Python. Knows no database and no key; times are aware datetimes, lives are seconds.

It is written from the promises, not from the flows: where both say the same, that is the test. After a restore it is the model of
the moment of the copy, but for what nobody can undo: time that was seen, keys that are gone.
"""

import copy
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

T = TypeVar("T")
OUT, IN = "out", "in"
MINUTE, DAY = 60, 86400
GRANULARITIES = ((DAY, MINUTE), (7 * DAY, 15 * MINUTE), (31 * DAY, 60 * MINUTE), (math.inf, DAY))
SENT, ENDED, CLOSED = "sent", "ended", "customer.closed"
WORDS_LIVE = timedelta(days=30)


@dataclass
class Customer:
    id: UUID
    is_erased: bool = False
    closed_at: datetime | None = None


@dataclass
class Device:
    id: UUID
    customer: UUID
    phone: Any  # its key and cookie (portal.testing.handset)
    state: str = "active"
    wipe: UUID | None = None


@dataclass
class Rule:
    """`keep` in days from `event`. An empty category means any."""

    id: UUID
    code: str
    keep: int
    category: str = ""
    event: str = SENT
    is_default: bool = False
    state: str = "active"


@dataclass
class Hold:
    """Of a customer, of a category, of both, or of everything customers wrote."""

    id: UUID
    customer: UUID | None
    category: str
    kind: str
    state: str = "active"
    releases_at: datetime | None = None

    def keeps(self, told: "Told") -> bool:
        return (
            self.state != "released"
            and self.customer in (None, told.customer)
            and self.category in ("", told.category)
            and self.kind in ("", told.kind)
        )


@dataclass
class Talk:
    id: UUID
    customer: UUID
    is_open: bool = True
    assignee: UUID | None = None
    opened_at: datetime | None = None


@dataclass
class Told:
    """One message: what it says, how long, and what became of it. `bucket` and `outcome_at` are taken from the database the
    first time and must not change by themselves."""

    id: UUID
    customer: UUID
    words: str
    author: str
    direction: str = OUT
    category: str = ""
    life: int = 0
    timer: int | None = None
    talk: UUID | None = None
    send_at: datetime | None = None
    sent_at: datetime | None = None
    gone_at: datetime | None = None
    body_gone_at: datetime | None = None
    ended_at: datetime | None = None
    revealed_at: datetime | None = None
    read_at: datetime | None = None
    is_covered: bool = False
    was_extended: bool = False
    outcome: str = ""
    outcome_at: datetime | None = None
    has_body: bool = True
    bucket: int = 0
    bucket_span: tuple[float, float] = (0.0, math.inf)  # the promise of I2: its bucket ends between these
    # the archive's half
    entry: int = -1
    has_record: bool = False
    record_gone_at: datetime | None = None
    until: datetime | None = None  # the end that was promised
    rule: str = ""

    @property
    def kind(self) -> str:
        return "message.sent" if self.direction == OUT else "message.received"

    def is_over(self, at: datetime) -> bool:
        return self.ended_at is not None or (self.gone_at is not None and self.gone_at <= at)

    def is_live(self, at: datetime) -> bool:
        return self.sent_at is not None and not self.is_over(at)

    def is_readable(self, at: datetime) -> bool:
        """Live, and its bucket's key is still there."""
        return self.is_live(at) and self.has_body and at.timestamp() < self.bucket

    def decide(self, outcome: str, at: datetime) -> None:
        """I3: once."""
        if not self.outcome:
            self.outcome, self.outcome_at = outcome, at

    def end(self, at: datetime, outcome: str = "") -> None:
        """Early: its body goes at once."""
        self.ended_at, self.has_body = at, False
        if outcome:
            self.decide(outcome, at)

    def gets_end(self, end: datetime) -> None:
        """Its record stays at least as long."""
        self.record_gone_at = end
        if self.until is not None:
            self.until = max(self.until, end)

    def moves_to(self, now: datetime, gone_at: datetime) -> None:
        """It ends then; its bucket follows, as late as I2 allows and no later."""
        self.gone_at = self.body_gone_at = gone_at
        self.bucket_span = span_of(now, gone_at)
        self.bucket = 0


def span_of(now: datetime, gone_at: datetime) -> tuple[float, float]:
    life, end = (gone_at - now).total_seconds(), gone_at.timestamp()
    return end, end + next(step for longest, step in GRANULARITIES if life <= longest)


@dataclass
class Model:
    """One business. What is over stays in `told`; `open` are those that something may still happen to."""

    customers: list[Customer] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)
    told: dict[UUID, Told] = field(default_factory=dict)
    talks: list[Talk] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    entries: int = 0  # the ledger's size
    last_time: datetime | None = None

    def copy(self) -> "Model":
        """As it is now. By hand: a restore needs it often, and `deepcopy` asks everything twice."""
        lists = ("customers", "devices", "talks", "rules", "holds")
        copied = {name: [copy.copy(one) for one in getattr(self, name)] for name in lists}
        return replace(self, told={pk: copy.copy(one) for pk, one in self.told.items()}, **copied)

    # ── choosing: the same number picks the same while the model is the same ──────────────────────────────────────────
    def someone(self, number: int) -> Customer:
        return pick([one for one in self.customers if not one.is_erased], number)  # type: ignore[return-value]

    def recent(self, number: int) -> Told | None:
        """One of the last forty, whatever became of it."""
        return pick(list(self.told.values())[-40:], number)

    def live(self, number: int, at: datetime) -> Told | None:
        """Mostly one to which things can still happen."""
        return pick([one for one in list(self.told.values())[-80:] if one.is_live(at)], number)

    def customer(self, pk: UUID) -> Customer:
        return next(one for one in self.customers if one.id == pk)

    def bodies(self) -> list[Told]:
        return [one for one in self.told.values() if one.has_body]

    # ── what is kept ──────────────────────────────────────────────────────────────────────────────────────────────────
    def is_held(self, told: Told) -> bool:
        return any(hold.keeps(told) for hold in self.holds)

    def covering(self, category: str) -> list[Rule]:
        found = [rule for rule in self.rules if rule.state == "active" and rule.category in ("", category)]
        return [rule for rule in found if not rule.is_default] or found

    def promise(self, category: str, at: datetime, gone_at: datetime | None) -> datetime | None:
        """The end that a message sent now is promised: the latest; unknown means keep; never before its own end."""
        starts = {SENT: at, ENDED: gone_at}
        return _not_before(gone_at, latest(_end(rule, starts.get(rule.event)) for rule in self.covering(category)))

    def end_of(self, told: Told) -> datetime | None:
        """When its record may go at the earliest. None: nobody knows, so it stays."""
        closed = self.customer(told.customer).closed_at
        starts = {SENT: told.sent_at, ENDED: told.record_gone_at, CLOSED: closed}
        by_rules = [_end(rule, starts[rule.event]) for rule in self.covering(told.category)]
        promised = next((rule for rule in self.rules if rule.code == told.rule), None)
        mine = told.until
        if promised and (mine is None or promised.event == ENDED):
            again = _end(promised, starts[promised.event])
            mine = again if mine is None else latest([mine, again])
        if told.record_gone_at is None:
            return None
        return _not_before(told.record_gone_at, latest([mine, *by_rules]))

    def must_stay(self, told: Told, now: datetime) -> str:
        """Why its record may not be disposed of now; empty if it may."""
        if self.is_held(told):
            return "a hold keeps it"
        end = self.end_of(told)
        if end is None:
            return "nobody knows its end"
        return f"its end is {end}" if end > now else ""


def pick(among: list[T], number: int) -> T | None:
    return among[number % len(among)] if among else None


def latest(ends: Iterable[datetime | None]) -> datetime | None:
    listed = list(ends)
    known = [end for end in listed if end is not None]
    return max(known) if len(known) == len(listed) else None


def _end(rule: Rule, start: datetime | None) -> datetime | None:
    return start + timedelta(days=rule.keep) if start else None


def _not_before(gone_at: datetime | None, end: datetime | None) -> datetime | None:
    return max(end, gone_at) if end and gone_at else end
