"""Sends that repeat: a part of RFC 5545's rules, in words, and their next days. Pure.

A rule is a text such as `FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH`. It runs over wall times, which have no zone: what clocks show, in
the business's zone or in each recipient's. Taken are daily, weekly, monthly and yearly rules that a person can be told in one
sentence; a rule that could never come true, or whose next day would have to be searched for long, is refused.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from dateutil import rrule

from portal.kernel.errors import Refusal

FREQUENCIES = {"DAILY": rrule.DAILY, "WEEKLY": rrule.WEEKLY, "MONTHLY": rrule.MONTHLY, "YEARLY": rrule.YEARLY}
UNITS = {"DAILY": "day", "WEEKLY": "week", "MONTHLY": "month", "YEARLY": "year"}
DAYS = {
    "MO": "Monday",
    "TU": "Tuesday",
    "WE": "Wednesday",
    "TH": "Thursday",
    "FR": "Friday",
    "SA": "Saturday",
    "SU": "Sunday",
}
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
LONGEST_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
ORDINALS = {1: "first", 2: "second", 3: "third", 4: "fourth", -1: "last", -2: "last but one"}
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR")
LONGEST, MOST_TIMES, MOST_INTERVAL = 200, 1000, 99
NEXT = 5
LAST_YEAR = timedelta(days=366 * 100)  # nobody plans further; a leap day on a century is skipped once in eight years


@dataclass(frozen=True, slots=True)
class Repeat:
    """A checked rule. `days` as (ordinal or 0, two letters); `until` a wall time, included; `count` of all sends."""

    frequency: str
    interval: int = 1
    days: tuple[tuple[int, str], ...] = ()
    month_days: tuple[int, ...] = ()
    months: tuple[int, ...] = ()
    count: int | None = None
    until: datetime | None = None

    def to_text(self) -> str:
        """As it is stored: the parts in one order, so that the same rule is the same text."""
        parts = [("FREQ", self.frequency), ("INTERVAL", str(self.interval) if self.interval > 1 else "")]
        parts += [("BYDAY", ",".join(f"{n or ''}{day}" for n, day in self.days))]
        parts += [("BYMONTHDAY", ",".join(map(str, self.month_days))), ("BYMONTH", ",".join(map(str, self.months)))]
        parts += [("COUNT", str(self.count or "")), ("UNTIL", f"{self.until:%Y%m%dT%H%M%S}" if self.until else "")]
        return ";".join(f"{name}={value}" for name, value in parts if value)


def parse(text: str) -> Repeat:
    """Refuses `bad_repeat` with the part that is wrong."""
    given = _parts(text)
    frequency = given.pop("FREQ", "")
    if frequency not in FREQUENCIES:
        raise _bad("FREQ", "A rule repeats DAILY, WEEKLY, MONTHLY or YEARLY.")
    values = {_NAMES[name]: _read(name, value) for name, value in given.items()}
    found = Repeat(frequency, **values)  # type: ignore[arg-type]
    _check(found)
    return found


def occurrences(rule: Repeat, start: datetime) -> Iterator[datetime]:
    """The wall times of all sends from `start`, which gives the time of day and is one of them where it fits the rule."""
    made = rrule.rrule(
        FREQUENCIES[rule.frequency], dtstart=start.replace(microsecond=0), interval=rule.interval, count=rule.count,
        until=min(filter(None, [rule.until, start + LAST_YEAR])) if rule.count is None else None,
        byweekday=[_weekday(n, day) for n, day in rule.days] or None, bymonthday=rule.month_days or None,
        bymonth=rule.months or None,
    )  # fmt: skip
    yield from made


def first(rule: Repeat, start: datetime) -> datetime:
    found = next(occurrences(rule, start), None)
    if found is None:
        raise _bad("UNTIL", "This rule ends before it begins.")
    return found


def after(rule: Repeat, start: datetime, wall: datetime) -> datetime | None:
    """The first one later than `wall`; None where there is none any more."""
    return next((one for one in occurrences(rule, start) if one > wall), None)


def next_days(rule: Repeat, start: datetime, count: int = NEXT) -> list[datetime]:
    return list(islice(occurrences(rule, start), count))


# ── in words ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def words(rule: Repeat, start: datetime) -> str:
    """ "every 2 weeks on Monday and Thursday at 09:00, until 3 March 2027"."""
    text = f"{_how_often(rule, start)} at {start:%H:%M}{_aside(rule, start)}"
    if rule.count:
        text += ", once" if rule.count == 1 else f", {rule.count} times"
    return f"{text}, until {rule.until.day} {rule.until:%B %Y}" if rule.until else text


def _how_often(rule: Repeat, start: datetime) -> str:
    unit = UNITS[rule.frequency]
    every = f"every {unit}" if rule.interval == 1 else f"every {rule.interval} {unit}s"
    if rule.frequency == "DAILY":
        return every
    if rule.frequency == "WEEKLY":
        return _weekly(rule, start, every)
    if rule.frequency == "MONTHLY":
        return f"on the {_which(rule, start)} of {every}"
    months = _listed(MONTHS[month - 1] for month in rule.months or (start.month,))
    return f"{every} on the {_which(rule, start)} of {months}"


def _weekly(rule: Repeat, start: datetime, every: str) -> str:
    names = tuple(day for _, day in rule.days)
    if rule.interval == 1 and names == WEEKDAYS:
        return "every weekday"
    if len(names) == len(DAYS):
        return "every day" if rule.interval == 1 else f"{every} on every day"
    return f"{every} on {_listed([DAYS[day] for day in names] or [f'{start:%A}'])}"


def _which(rule: Repeat, start: datetime) -> str:
    """Of a month: "last Friday", "1st and 15th"."""
    if rule.days:
        return _listed(f"{ORDINALS[n]} {DAYS[day]}" for n, day in rule.days)
    return _listed(map(_day_of_month, rule.month_days or (start.day,)))


def _aside(rule: Repeat, start: datetime) -> str:
    """What not every month or year has."""
    days = rule.month_days or (start.day,)
    if rule.days or max(days) <= 28 or rule.frequency not in {"MONTHLY", "YEARLY"}:
        return ""
    if rule.frequency == "MONTHLY":
        return ", in months that have one"
    return ", in leap years" if (rule.months or (start.month,)) == (2,) else ""


def _listed(texts: Iterable[str]) -> str:
    *most, last = texts
    return f"{', '.join(most)} and {last}" if most else last


def _day_of_month(day: int) -> str:
    if day == -1:
        return "last day"
    return f"{day}{'th' if 11 <= day <= 13 else {1: 'st', 2: 'nd', 3: 'rd'}.get(day % 10, 'th')}"


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────────
_NAMES = {
    "INTERVAL": "interval", "BYDAY": "days", "BYMONTHDAY": "month_days", "BYMONTH": "months", "COUNT": "count",
    "UNTIL": "until",
}  # fmt: skip
_DAY = re.compile(r"(-?[1-4])?(MO|TU|WE|TH|FR|SA|SU)")


def _parts(text: str) -> dict[str, str]:
    text = text.strip().upper().removeprefix("RRULE:")
    if not text or len(text) > LONGEST or not text.isascii():
        raise _bad("", "A rule is written as in RFC 5545, such as FREQ=WEEKLY;BYDAY=MO.")
    pairs = [part.partition("=") for part in text.rstrip(";").split(";")]
    names = [name for name, _, _ in pairs]
    unknown = next((name for name in names if name not in {"FREQ", *_NAMES}), None)
    if unknown is not None or len(set(names)) != len(names):
        raise _bad("", "A rule has FREQ, INTERVAL, BYDAY, BYMONTHDAY, BYMONTH, COUNT and UNTIL, each once at most.")
    return {name: value for name, _, value in pairs}


def _read(name: str, value: str) -> object:
    if name == "INTERVAL":
        return _number(name, value, MOST_INTERVAL)
    if name == "COUNT":
        return _number(name, value, MOST_TIMES)
    if name == "UNTIL":
        return _until(value)
    if name == "BYDAY":
        return _days(value)
    limits = (-1, 31) if name == "BYMONTHDAY" else (1, 12)
    return _numbers(name, value, *limits)


def _number(name: str, value: str, most: int) -> int:
    if not value.isdigit() or len(value) > 4 or not 1 <= int(value) <= most:
        raise _bad(name, f"{name} is a whole number from 1 to {most}.")
    return int(value)


def _numbers(name: str, value: str, least: int, most: int) -> tuple[int, ...]:
    found = tuple(dict.fromkeys(int(one) for one in value.split(",") if re.fullmatch(r"-?\d{1,2}", one)))
    if len(found) != len(value.split(",")) or not all(least <= one <= most and one for one in found):
        raise _bad(name, f"{name} are different whole numbers from {least} to {most}, without 0.")
    return tuple(sorted(found))


def _days(value: str) -> tuple[tuple[int, str], ...]:
    found = [_DAY.fullmatch(one) for one in value.split(",")]
    listed = [(int(one[1] or 0), one[2]) for one in found if one]
    if len(listed) != len(found) or len(set(listed)) != len(listed) or any(n not in {0, *ORDINALS} for n, _ in listed):
        raise _bad("BYDAY", "BYDAY are days such as MO,TH, or in months 1MO, -1FR.")
    return tuple(sorted(listed, key=lambda one: (one[0], list(DAYS).index(one[1]))))


def _until(value: str) -> datetime:
    """A day means all of it. `Z` is not taken: the rule runs over wall times, which have no zone."""
    for pattern, length in (("%Y%m%d", 8), ("%Y%m%dT%H%M%S", 15)):
        if len(value) == length:
            try:
                read = datetime.strptime(value, pattern)  # noqa: DTZ007 (a wall time has no zone)
            except ValueError:
                break
            return read if length == 15 else read.replace(hour=23, minute=59, second=59)
    raise _bad("UNTIL", "UNTIL is a day such as 20271231, or a local time such as 20271231T180000.")


def _check(rule: Repeat) -> None:
    if rule.count and rule.until:
        raise _bad("COUNT", "A rule ends by COUNT or by UNTIL, not by both.")
    if rule.days and rule.frequency == "DAILY":
        raise _bad("BYDAY", "Days of the week make a WEEKLY rule.")
    if any(n for n, _ in rule.days) and rule.frequency not in {"MONTHLY", "YEARLY"}:
        raise _bad("BYDAY", "Only months have a first or a last Monday.")
    if rule.frequency == "YEARLY" and rule.days and not rule.months:
        raise _bad("BYMONTH", "Name the month of a yearly rule.")
    if rule.frequency in {"MONTHLY", "YEARLY"} and any(n == 0 for n, _ in rule.days):
        raise _bad("BYDAY", "In months name which one: 1MO, -1FR.")
    if rule.days and rule.month_days:
        raise _bad("BYMONTHDAY", "A rule goes by days of the week or of the month, not by both.")
    if rule.month_days and rule.frequency in {"DAILY", "WEEKLY"}:
        raise _bad("BYMONTHDAY", "Only monthly and yearly rules go by days of the month.")
    if rule.months and rule.frequency != "YEARLY":
        raise _bad("BYMONTH", "Only yearly rules name months.")
    if rule.months and rule.month_days and not any(
        day <= LONGEST_MONTH[month - 1] for day in rule.month_days for month in rule.months
    ):  # fmt: skip
        raise _bad("BYMONTHDAY", "That month never has this day.")


def _weekday(n: int, day: str) -> rrule.weekday:
    found = getattr(rrule, day)
    return found(n) if n else found


def _bad(part: str, message: str) -> Refusal:
    return Refusal("bad_repeat", message, field="repeat", part=part)
