"""Whom to tell how and when that there is a message: the ways in a person's own order, the next step, when to try again. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from portal.kernel.errors import Refusal

PUSH, EMAIL, SMS, NONE = "push", "email", "sms", "none"
WAYS = (PUSH, EMAIL, SMS)
ARRIVED, REMINDER = "arrived", "reminder"
ABOUT_MESSAGES = frozenset({ARRIVED, REMINDER})  # quiet hours hold these; the others were asked for just now

SHORTEST, LONGEST = timedelta(minutes=1), timedelta(hours=1)
TRIED_BEFORE_ANOTHER = timedelta(minutes=15)
TRIED_FOR = timedelta(days=2)


@dataclass(frozen=True)
class Told:
    """A saying that was planned already."""

    purpose: str
    channel: str


@dataclass(frozen=True)
class Case:
    """What decides about one message at one look. `ways`: those that can be used for this person now, in order."""

    now: datetime
    is_unreceived: bool
    is_unread: bool
    ways: tuple[str, ...]
    told: Sequence[Told]
    remind_at: datetime | None
    fall_back_after: timedelta | None


@dataclass(frozen=True)
class Step:
    """`tell`: what to say by which way, if anything; `look_at`: when to look at the message again."""

    tell: Told | None
    look_at: datetime | None


def parse_ways(text: str) -> tuple[str, ...]:
    """An order as it is kept: names parted by commas."""
    return tuple(part for part in text.split(",") if part in WAYS)


def check_ways(given: Sequence[str]) -> str:
    """An order as it is kept, or a refusal."""
    if len(set(given)) != len(given) or any(one not in WAYS for one in given):
        raise Refusal("bad_ways", "Ways are push, email and sms, each once.", field="ways")
    return ",".join(given)


def in_order(own: str, business: str, usable: Collection[str]) -> tuple[str, ...]:
    """What can be used, as the customer ordered it, else as the business did. What an order does not name comes last."""
    named = parse_ways(own) or parse_ways(business)
    return tuple(way for way in dict.fromkeys((*named, *parse_ways(business), *WAYS)) if way in usable)


def after(ways: Sequence[str], used: Collection[str]) -> str | None:
    """The first way that was not used yet."""
    return next((way for way in ways if way not in used), None)


def remind_at(sent_at: datetime, gone_at: datetime, remind_before: timedelta | None) -> datetime | None:
    """Before the end, if the message lives at least twice as long: a reminder right after the notice reminds of nothing."""
    if remind_before is None or gone_at - sent_at < 2 * remind_before:
        return None
    return gone_at - remind_before


def step(case: Case) -> Step:
    """One look at one message."""
    tell = _tell(case)
    told = [*case.told, tell] if tell else case.told
    used = {one.channel for one in told if one.purpose == ARRIVED}
    times = []
    if case.is_unread and case.remind_at and case.remind_at > case.now:
        times.append(case.remind_at)
    if case.is_unreceived and case.fall_back_after and after(case.ways, used):
        times.append(case.now + case.fall_back_after)
    return Step(tell, min(times, default=None))


def _tell(case: Case) -> Told | None:
    used = [one.channel for one in case.told if one.purpose == ARRIVED]
    if case.is_unreceived and not used:
        return Told(ARRIVED, after(case.ways, ()) or NONE)
    if case.is_unread and case.remind_at and case.remind_at <= case.now and not _reminded(case):
        # By another way than the one that did not bring them, where there is another.
        way = after(case.ways, used) or after(case.ways, ())
        return Told(REMINDER, way) if way else None
    if case.is_unreceived and case.fall_back_after and (way := after(case.ways, used)):
        return Told(ARRIVED, way)
    return None


def _reminded(case: Case) -> bool:
    return any(one.purpose == REMINDER for one in case.told)


def again_at(
    *, now: datetime, attempts: int, first_at: datetime, until: datetime, has_another: bool, wait: timedelta = timedelta()
) -> datetime | None:  # fmt: skip
    """When to try again: pauses that double from a minute to an hour. None: not by this way any more. A way that fails makes
    room for the next one after a quarter of an hour; the last one is tried for as long as it could still help, two days at most.
    `wait`: what the provider asked for."""
    pause = max(wait, min(SHORTEST * 2 ** min(attempts - 1, 10), LONGEST))
    last = min(until, first_at + (TRIED_BEFORE_ANOTHER if has_another else TRIED_FOR))
    return now + pause if now + pause < last else None
