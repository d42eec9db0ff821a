"""Who would get a campaign, who would not and why, and how it would read: nothing is written and nobody is told."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from messaging.models import Campaign
from messaging.queries import audiences, campaigns, eligible, policy, profiles, templates
from messaging.rules import quiet, schedule, wording
from portal.kernel.errors import Refusal

SAMPLES = 5
SLICE = 5000  # profiles at a time
_COUNT = """
    SELECT {reason} AS reason, count(*) FROM messaging_customer c WHERE c.state <> 'erased' AND ({where}) GROUP BY 1
"""
# Spread over the audience, and the same ones at every look.
_SAMPLES = """
    SELECT c.id, c.sealed_profile, c.language FROM messaging_customer c
     WHERE c.state = 'active' AND {reason} = '' AND ({where}) ORDER BY c.subject_id LIMIT %s
"""


_ZONES = """
    SELECT c.time_zone, count(*) FROM messaging_customer c
     WHERE c.state = 'active' AND {reason} = '' AND ({where}) GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class Count:
    """`excluded` by reason: together with `recipients` everyone whom the audience names. `untold` of the recipients are asleep:
    it would end before quiet hours let anybody tell them."""

    recipients: int = 0
    excluded: dict[str, int] = field(default_factory=dict)
    untold: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """For so many recipients the text cannot be written: the code of why, and the variable, "" where it is none's fault."""

    code: str
    variable: str
    customers: int


@dataclass(frozen=True, slots=True)
class Sample:
    """What one customer would get; `problem` is the code of why it cannot be written for them."""

    customer: UUID
    name: str
    subject: str
    body: str
    answers: tuple[str, ...] = ()
    problem: str = ""


def count(row: Campaign, now: datetime) -> Count:
    (reason, values), (where, more) = _reason(row), campaigns.audience_of(row)
    with connection.cursor() as cursor:
        cursor.execute(_COUNT.format(reason=reason, where=where), [*values, *more])
        found: dict[str, int] = dict(cursor.fetchall())
    return Count(found.pop("", 0), found, untold(row, now))


def untold(row: Campaign, now: datetime) -> int:
    """By the clock on each recipient's own wall."""
    current = policy.get_policy()
    if not current.notices.quiet.is_set:
        return 0
    (reason, values), (where, more) = _reason(row), campaigns.audience_of(row)
    with connection.cursor() as cursor:
        cursor.execute(_ZONES.format(reason=reason, where=where), [*values, *more])
        zones = cursor.fetchall()
    lives_for = timedelta(seconds=row.gone_after or current.categories.get(row.category) or current.limits.gone_after)
    return sum(
        people for name, people in zones if _sleeps(row, schedule.zone_or(name, current.time_zone), lives_for, now)
    )


def _sleeps(row: Campaign, zone: ZoneInfo, lives_for: timedelta, now: datetime) -> bool:
    local = datetime.fromisoformat(row.send_at_local) if row.send_at_local else None
    sent_at = schedule.instant(local, zone) if local else row.send_at or now
    return quiet.holds_until_end(sent_at, sent_at + lives_for, policy.get_policy().notices.quiet, zone)


_EVERYBODY = """
    SELECT c.id, c.sealed_profile, c.language FROM messaging_customer c
     WHERE c.state = 'active' AND {reason} = '' AND ({where}) AND c.id > %s ORDER BY c.id LIMIT %s
"""


def problems(row: Campaign, text: wording.Compiled) -> list[Problem]:
    """Who would fail, told before anything is sent: it is written for every recipient, where it asks for something of theirs."""
    if not wording.asked(text.wording):
        return []
    found: Counter[tuple[str, str]] = Counter()
    for sealed_ones in _everybody(row):
        book = profiles.Book()
        for pk, sealed, language in sealed_ones:
            try:
                text.render(templates.values_of(book.open_(pk, sealed), {}), language)
            except Refusal as refusal:
                found[refusal.code, str(refusal.fields.get("variable", ""))] += 1
    return [Problem(code, variable, many) for (code, variable), many in found.most_common()]


def _everybody(row: Campaign) -> Iterator[list[tuple[UUID, bytes, str]]]:
    (reason, values), (where, more) = _reason(row), campaigns.audience_of(row)
    after = UUID(int=0)
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_EVERYBODY.format(reason=reason, where=where), [*values, *more, after, SLICE])
            rows = cursor.fetchall()
        if not rows:
            return
        yield rows
        after = rows[-1][0]


def samples(row: Campaign, text: wording.Compiled) -> list[Sample]:
    (reason, values), (where, more) = _reason(row), campaigns.audience_of(row)
    with connection.cursor() as cursor:
        cursor.execute(_SAMPLES.format(reason=reason, where=where), [*values, *more, SAMPLES])
        rows = cursor.fetchall()
    return [_sample(pk, profiles.open_(pk, sealed), language, text) for pk, sealed, language in rows]


def _sample(customer: UUID, profile: profiles.Profile, language: str, text: wording.Compiled) -> Sample:
    try:
        made = text.render(templates.values_of(profile, {}), language)
    except Refusal as refusal:
        return Sample(customer, profile.name, "", "", problem=refusal.code)
    return Sample(customer, profile.name, made.subject, made.body, made.answers)


def _reason(row: Campaign) -> audiences.Condition:
    return eligible.reason(policy.get_policy().purpose_of(row.category))
