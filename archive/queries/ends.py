"""When a record ends, asked now: the latest of what it was promised and of what every rule in force that covers it says.

    promise    `record.archived_until`, set when it was sent; where that is empty, what the rule it was sent under
               (`record.rule`, in force or not) says by now
    in force   each covering rule, from its event

One unknown end keeps the record, and none is before the message's own: `gone_at`, or the close of its conversation.
Disposal, simulation and the pages all ask here, so that what is foretold is what happens. In bulk: two queries, and one or
two for each other event that is met.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from archive.models import Rule
from archive.queries import rules
from archive.rules import events, terms
from archive.rules.terms import Terms

COLUMNS = ("message_id", "kind", "category", "purpose", "sent_at", "gone_at", "archived_until", "rule")
Scope = tuple[str, str, str]


class Kept(Protocol):
    """What is asked of a record: a `Record`, or a named tuple of `COLUMNS`."""

    @property
    def message_id(self) -> UUID: ...
    @property
    def kind(self) -> str: ...
    @property
    def category(self) -> str: ...
    @property
    def purpose(self) -> str: ...
    @property
    def sent_at(self) -> datetime: ...
    @property
    def gone_at(self) -> datetime | None: ...
    @property
    def archived_until(self) -> datetime | None: ...
    @property
    def rule(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Ending:
    """`end` None: kept, nobody knows until when. `rule`: the code of the rule that decides. `action` is review as soon as
    one rule that covers the record wants people to look."""

    end: datetime | None
    rule: str
    action: str


@dataclass(frozen=True, slots=True)
class Book:
    """The rules to ask: those `in_force`, and every one ever by its code, for promises."""

    in_force: tuple[Terms, ...]
    by_code: Mapping[str, Terms]

    def covering(self, scope: Scope) -> tuple[Terms, ...]:
        category, kind, purpose = scope
        return terms.covering(self.in_force, category=category, kind=kind, purpose=purpose)


def ends_of(records: Iterable[Kept], now: datetime, book: Book | None = None) -> dict[UUID, Ending]:
    """The end of each record as it stands now; with another `book`, as it would stand (a simulation)."""
    asked = list(records)
    book = book or read_book()
    covering = {scope: book.covering(scope) for scope in {scope_of(one) for one in asked}}
    starts = Starts.read(asked, book, covering, now)
    return {one.message_id: _ending(one, covering[scope_of(one)], book, starts) for one in asked}


def read_book() -> Book:
    """The rules as they are now: not those remembered, for this may destroy."""
    rows = list(Rule.objects.exclude(state=Rule.State.DRAFT))
    active = rules.in_order(row for row in rows if row.state == Rule.State.ACTIVE)
    return Book(tuple(map(rules.terms_of, active)), {row.code: rules.terms_of(row) for row in rows})


def with_rule(book: Book, new: Terms, replaced: str = "") -> Book:
    """The book as it would be with this rule in force, and the one it replaces not."""
    stay = tuple(rule for rule in book.in_force if rule.code not in (replaced, new.code))
    return Book((new, *stay), {**book.by_code, new.code: new})


def without(book: Book, code: str) -> Book:
    return Book(tuple(rule for rule in book.in_force if rule.code != code), book.by_code)


def scope_of(one: Kept) -> Scope:
    return one.category, one.kind, one.purpose


def by_rules_of(records: Iterable[Kept], now: datetime, book: Book) -> dict[UUID, Ending]:
    """The ends that the rules in force give alone, whatever was promised: what a retroactive rule promises anew."""
    asked = list(records)
    covering = {scope: book.covering(scope) for scope in {scope_of(one) for one in asked}}
    starts = Starts.read(asked, book, covering, now)
    return {one.message_id: _by_rules(one, covering[scope_of(one)], starts) for one in asked}


def _by_rules(one: Kept, covering: Sequence[Terms], starts: "Starts") -> Ending:
    end, rule = terms.latest([(rule.end(starts.of(rule, one)), rule) for rule in covering])
    wants_review = any(rule.action == terms.REVIEW for rule in covering)
    return Ending(_not_before(one, end), rule.code, terms.REVIEW if wants_review else terms.DISPOSE)


@dataclass(frozen=True, slots=True)
class Starts:
    """When each event happened for each message."""

    known: Mapping[str, events.Instants]

    @classmethod
    def read(
        cls, asked: Sequence[Kept], book: Book, covering: Mapping[Scope, Sequence[Terms]], now: datetime
    ) -> "Starts":
        wanted: dict[str, list[UUID]] = defaultdict(list)
        for one in asked:
            for event in _events_of(one, book, covering[scope_of(one)]):
                wanted[event].append(one.message_id)
        return cls({event: events.instants(event, ids, now) for event, ids in wanted.items()})

    def of(self, rule: Terms, one: Kept) -> datetime | None:
        if rule.event == events.SENT:
            return one.sent_at
        if rule.event == events.ENDED:
            return one.gone_at
        return self.known.get(rule.event, {}).get(one.message_id)


def _events_of(one: Kept, book: Book, covering: Sequence[Terms]) -> set[str]:
    asked = {rule.event for rule in covering}
    promised = book.by_code.get(one.rule) if one.archived_until is None else None
    if promised:
        asked.add(promised.event)
    return asked - {events.SENT, events.ENDED}


def _ending(one: Kept, covering: Sequence[Terms], book: Book, starts: Starts) -> Ending:
    ends: list[tuple[datetime | None, Terms | None]] = [(rule.end(starts.of(rule, one)), rule) for rule in covering]
    promised = book.by_code.get(one.rule)
    ends.append((_promise(one, promised, starts), promised))
    end, decides = terms.latest(ends)
    wants_review = any(rule is not None and rule.action == terms.REVIEW for _, rule in ends)
    code = decides.code if decides else one.rule
    return Ending(_not_before(one, end), code, terms.REVIEW if wants_review else terms.DISPOSE)


def _promise(one: Kept, rule: Terms | None, starts: Starts) -> datetime | None:
    until = one.archived_until
    if rule is None or (until is not None and rule.event != events.ENDED):
        return until
    again = rule.end(starts.of(rule, one))
    return again if until is None else terms.latest([(until, rule), (again, rule)])[0]  # its message was extended since


def _not_before(one: Kept, end: datetime | None) -> datetime | None:
    """Never before the message's own end; while nobody knows that one (an open conversation), kept."""
    if end is None or one.gone_at is None:
        return None
    return max(end, one.gone_at)
