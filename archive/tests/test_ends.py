"""When a record ends: the latest of its promise and of every rule that covers it; unknown keeps; never before the message."""

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from archive.queries import ends
from archive.rules import events, retention, terms
from archive.rules.terms import Terms

LEAP = datetime(2032, 2, 29, 23, 30, tzinfo=UTC)
BEFORE_DST = datetime(2031, 3, 30, 0, 59, 59, tzinfo=UTC)  # an hour before the clocks of Europe change
_NAIVE = datetime(2024, 1, 1), datetime(2040, 12, 31)  # noqa: DTZ001 - hypothesis adds the zone
times = st.datetimes(*_NAIVE, timezones=st.just(UTC)) | st.sampled_from(
    [LEAP, BEFORE_DST, datetime(2031, 1, 31, tzinfo=UTC), datetime(2035, 12, 31, 23, 59, tzinfo=UTC)]
)
maybe = st.none() | times
spans = st.builds(retention.Duration, st.integers(0, 130), st.integers(0, 400))
EVENTS = (events.SENT, events.ENDED, "conversation.closed", "field:leaves")


@dataclass(frozen=True)
class Kept:
    """What is asked of a record, and when each event happened to it."""

    message_id: UUID
    kind: str
    category: str
    purpose: str
    sent_at: datetime
    gone_at: datetime | None
    archived_until: datetime | None
    rule: str
    closed: datetime | None
    field: datetime | None


@st.composite
def rulebooks(draw: st.DrawFn) -> ends.Book:
    def one(n: int, **fixed: object) -> Terms:
        scope = {
            "category": draw(st.sampled_from(["", "visits", "offers"])),
            "kind": draw(st.sampled_from(["", "message.sent", "message.received"])),
            "purpose": draw(st.sampled_from(["", "service", "marketing"])),
        }
        said = {"event": draw(st.sampled_from(EVENTS)), "action": draw(st.sampled_from(["dispose", "review"]))}
        return Terms(code=f"r{n}", keep=draw(spans), **{**scope, **said, **fixed})

    default = one(0, is_default=True, is_locked=draw(st.booleans()), category="", kind="", purpose="")
    active = [one(n) for n in range(1, draw(st.integers(1, 5)))]
    retired = [one(n) for n in range(10, draw(st.integers(10, 12)))]
    return ends.Book((*active, default), {rule.code: rule for rule in (*active, *retired, default)})


@st.composite
def records(draw: st.DrawFn) -> Kept:
    return Kept(
        draw(st.uuids()), draw(st.sampled_from(["message.sent", "message.received"])),
        draw(st.sampled_from(["", "visits", "offers", "other"])), draw(st.sampled_from(["service", "marketing"])),
        draw(times), draw(maybe), draw(maybe), draw(st.sampled_from(["r0", "r1", "r2", "r10", "gone"])), draw(maybe), draw(maybe),
    )  # fmt: skip


def naive_end(start: datetime | None, span: retention.Duration) -> datetime | None:
    """A calendar by hand: month after month, the day cut where the month lacks it, then day after day."""
    if start is None:
        return None
    year, month = start.year, start.month
    for _ in range(span.months):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    day = min(start.day, calendar.monthrange(year, month)[1])
    return start.replace(year=year, month=month, day=day) + timedelta(hours=24) * span.days


def naive(one: Kept, book: ends.Book) -> datetime | None:
    """What the rules say, written down as a lawyer would: each alone, and one unknown keeps."""
    starts = {"sent": one.sent_at, "ended": one.gone_at, "conversation.closed": one.closed, "field:leaves": one.field}
    cover = [
        rule for rule in book.in_force
        if rule.category in ("", one.category) and rule.kind in ("", one.kind) and rule.purpose in ("", one.purpose)
    ]  # fmt: skip
    others = [rule for rule in cover if not rule.is_default]
    if others and not any(rule.is_default and rule.is_locked for rule in cover):
        cover = others
    found = [naive_end(starts[rule.event], rule.keep) for rule in cover]
    promised = book.by_code.get(one.rule)
    found.append(
        one.archived_until if one.archived_until or not promised else naive_end(starts[promised.event], promised.keep)
    )
    if promised and promised.event == "ended":
        found.append(naive_end(one.gone_at, promised.keep))
    if None in found or one.gone_at is None:
        return None
    return max([*found, one.gone_at])


@pytest.fixture(autouse=True)
def _sources() -> Iterator[None]:
    before = dict(events._sources), list(events._fields)
    events._sources.clear(), events._fields.clear()
    yield
    events._sources.clear(), events._fields.clear()
    events._sources.update(before[0]), events._fields.extend(before[1])


def ask(all_: list[Kept], book: ends.Book) -> dict[UUID, ends.Ending]:
    by_id = {one.message_id: one for one in all_}
    events.register("conversation.closed", lambda ids, now: {pk: by_id[pk].closed for pk in ids})
    events.register_fields(lambda name, ids, now: {pk: by_id[pk].field for pk in ids if name == "leaves"})
    return ends.ends_of(all_, LEAP, book)


@given(st.lists(records(), min_size=1, max_size=6, unique_by=lambda one: one.message_id), rulebooks())
@example(
    [Kept(UUID(int=1), "message.sent", "", "service", LEAP, LEAP, LEAP, "r0", None, None)],
    ends.Book((default := Terms(code="r0", keep=retention.Duration(12), is_default=True),), {"r0": default}),
)
def test_the_latest_wins_and_an_unknown_end_keeps(all_: list[Kept], book: ends.Book) -> None:
    found = ask(all_, book)
    assert {pk: one.end for pk, one in found.items()} == {one.message_id: naive(one, book) for one in all_}


@given(records(), rulebooks())
def test_a_rule_more_never_lets_a_record_go_sooner_than_the_rules_of_its_scope(one: Kept, book: ends.Book) -> None:
    """But for the default, which stands back for a narrower rule: then the promise holds."""
    added = Terms(code="new", keep=retention.Duration(0, 1), category=one.category)
    narrow = [rule for rule in book.covering(ends.scope_of(one)) if not rule.is_default or rule.is_locked]
    before, after = ask([one], book)[one.message_id].end, ask([one], ends.with_rule(book, added))[one.message_id].end
    if narrow:
        assert after is None or (before is not None and after >= before)
    assert after is None or one.archived_until is None or after >= one.archived_until


@given(times, spans, spans)
def test_what_is_said_to_keep_as_long_does(start: datetime, new: retention.Duration, old: retention.Duration) -> None:
    if terms.is_as_long(new, old):
        assert retention.end_of(start, new) >= retention.end_of(start, old)


def test_a_leap_day_ends_on_the_last_of_february_and_clocks_that_change_change_nothing() -> None:
    assert retention.end_of(LEAP, retention.parse("P1Y")) == datetime(2033, 2, 28, 23, 30, tzinfo=UTC)
    assert retention.end_of(LEAP, retention.parse("P4Y")) == datetime(2036, 2, 29, 23, 30, tzinfo=UTC)
    assert retention.end_of(BEFORE_DST, retention.parse("P1D")) - BEFORE_DST == timedelta(days=1)


def test_no_source_means_unknown_and_a_field_of_odd_spelling_is_no_event() -> None:
    assert events.instants("customer.closed", [UUID(int=1)], LEAP) == {}
    assert events.is_event("field:birthday")
    assert not any(map(events.is_event, ("field:", "field:ü", "field:a b", "opened", "field:" + "x" * 41)))


def test_review_asked_by_any_rule_is_review() -> None:
    short = Terms(code="short", keep=retention.Duration(1), action="review", category="visits")
    long = Terms(code="long", keep=retention.Duration(90))
    one = Kept(UUID(int=1), "message.sent", "visits", "service", LEAP, LEAP, LEAP, "long", None, None)
    found = ask([one], ends.Book((short, long), {"short": short, "long": long}))[one.message_id]
    assert (found.rule, found.action) == ("long", "review")
