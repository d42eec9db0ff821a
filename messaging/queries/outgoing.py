"""A notice at the moment of acting: does it still have to be said, may it be said this way, now, and what does it say?"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import Max

from messaging.models import Enrolment, FactorCode, Message, Notice
from messaging.notices import NOT_SET_UP, OPTED_OUT, Outgoing, Target, words
from messaging.queries import links, policy, reach, subscriptions
from messaging.rules import quiet, state, telling
from portal.kernel import tenancy

TOO_LATE, RECEIVED, ENDED, LINK_USED, CUSTOMER_GONE = "too_late", "received", "ended", "link_used", "customer_gone"
QUIET_HOURS, NO_ADDRESS, NO_WAY, LINK_WAITS = "quiet_hours", "no_address", "no_way", "link_waits"
ASKED_FOR = frozenset({Notice.Purpose.RECOVER, Notice.Purpose.LOST, Notice.Purpose.CODE})
WITH_LINK = {"arrived": "arrived_link", "reminder": "reminder_link"}


@dataclass(frozen=True)
class Verdict:
    """`outgoing`: say it. `later`: not before then. Else it is settled: failed leaves it to another way, withdrawn to none.
    `others`: ways that this customer could be told by besides."""

    outgoing: Outgoing | None = None
    later: datetime | None = None
    state: str = Notice.State.WITHDRAWN
    reason: str = ""
    others: tuple[str, ...] = ()


@dataclass
class _Known:
    """What the rows of one claim speak of, read once."""

    now: datetime
    messages: dict[UUID, Message]
    links: dict[UUID, Enrolment]
    codes: dict[UUID, FactorCode]
    people: dict[UUID, reach.Reach]
    offered: frozenset[str]
    targets: dict[UUID, tuple[Target, ...]]
    until: dict[UUID, datetime]
    current: policy.Notices = field(default_factory=lambda: policy.get_policy().notices)


def look_again(rows: Sequence[Notice], now: datetime) -> dict[UUID, Verdict]:
    """By the notice's id."""
    if not rows:
        return {}
    about = [row.about_id for row in rows if row.purpose in telling.ABOUT_MESSAGES]
    pushed = {row.customer_id for row in rows if row.channel == telling.PUSH}
    known = _Known(
        now, Message.objects.in_bulk(about), Enrolment.objects.in_bulk([row.enrolment_id for row in rows if row.enrolment_id]),
        FactorCode.objects.in_bulk([row.about_id for row in rows if row.purpose == Notice.Purpose.CODE]),
        reach.of({row.customer_id for row in rows}), reach.offered(),
        subscriptions.targets_of(pushed, now) if pushed else {}, _pushed_until(pushed, now) if pushed else {},
    )  # fmt: skip
    return {row.id: _look(row, known) for row in rows}


def _look(row: Notice, known: _Known) -> Verdict:
    person, stored = known.people.get(row.customer_id), known.links.get(row.enrolment_id) if row.enrolment_id else None
    if reason := _why_not_any_more(row, known, stored):
        return Verdict(reason=reason)
    if person is None:
        return Verdict(reason=CUSTOMER_GONE)
    purpose = _purpose(row, known)
    ways = person.ways(known.offered, purpose)
    others = tuple(way for way in ways if way != row.channel)
    if row.channel not in ways:
        return Verdict(
            state=Notice.State.FAILED, reason=_why_not_this_way(row.channel, person, purpose, known), others=others
        )
    opens_at = quiet.opens_at(known.now, known.current.quiet, person.zone)
    if row.purpose in telling.ABOUT_MESSAGES and opens_at > known.now:
        return Verdict(later=opens_at, reason=QUIET_HOURS, others=others)
    return Verdict(outgoing=_outgoing(row, person, stored, known), others=others)


def _why_not_any_more(row: Notice, known: _Known, stored: Enrolment | None) -> str:
    if row.purpose in telling.ABOUT_MESSAGES:
        message = known.messages.get(row.about_id)
        if message is None or state.has_ended(message, known.now):
            return QUIET_HOURS if row.reason == QUIET_HOURS else ENDED
        if message.read_at or message.revealed_at or (row.purpose == telling.ARRIVED and message.outcome):
            return RECEIVED
    elif row.purpose == Notice.Purpose.CODE:
        code = known.codes.get(row.about_id)
        if code is None or code.sealed_code is None:
            return LINK_USED
    elif row.used_at is not None or (stored is not None and not _is_good(stored)):
        return LINK_USED
    return TOO_LATE if row.until <= known.now else ""


def _purpose(row: Notice, known: _Known) -> str:
    """What the message is for, whose notice this is: an opt-out of marketing is one of its notices too."""
    if row.purpose in ASKED_FOR:
        return reach.ASKED
    message = known.messages.get(row.about_id)
    return policy.get_policy().purpose_of(message.category) if message else reach.SERVICE


def _why_not_this_way(channel: str, person: reach.Reach, purpose: str, known: _Known) -> str:
    if channel not in known.offered:
        return NOT_SET_UP
    return NO_ADDRESS if person.wants(channel, purpose) else OPTED_OUT


def _outgoing(row: Notice, person: reach.Reach, stored: Enrolment | None, known: _Known) -> Outgoing:
    """With the one-time link while it is good; who came in by it meanwhile has an inbox to open."""
    is_open = stored is not None and _is_good(stored)
    saying, url, link_until = row.purpose, links.inbox_url(), ""
    if stored is not None and stored.sealed_secret is not None and is_open:
        saying, url = WITH_LINK.get(saying, saying), links.url_of(links.open_(stored.id, stored.sealed_secret))
        link_until = _until(stored.expires_at, person)
    elif row.purpose == Notice.Purpose.LOST:
        url, link_until = links.lost_url(row.about_id), _until(row.until, person)
    is_push = row.channel == telling.PUSH
    until = max(row.until, known.until.get(person.id, row.until)) if is_push else row.until
    return Outgoing(
        row.id, person.addresses[row.channel], saying, person.language, _sender(person, known), url,
        until, max(1, int((until - known.now).total_seconds())), link_until, _code(row, known),
        known.targets.get(person.id, ()) if is_push else (),
    )  # fmt: skip


def _sender(person: reach.Reach, known: _Known) -> str:
    return words.nobody(person.language) if person.is_discreet else known.current.sender or tenancy.here().name


def _pushed_until(customer_ids: set[UUID], now: datetime) -> dict[UUID, datetime]:
    """A push takes the place of the one before it that still waits at the service, so it has to matter for as long: until the
    last of the unread messages that were pushed of is over."""
    told = Notice.objects.filter(
        customer_id__in=customer_ids, channel=telling.PUSH, state=Notice.State.SENT, purpose__in=telling.ABOUT_MESSAGES,
        until__gt=now,
    )  # fmt: skip
    unread = Message.objects.live(now).filter(id__in=told.values("about_id"), read_at=None, revealed_at=None)
    return dict(unread.order_by().values_list("customer_id").annotate(Max("gone_at")))


def _code(row: Notice, known: _Known) -> str:
    code = known.codes.get(row.about_id)
    return links.open_code(code.id, code.sealed_code) if code is not None and code.sealed_code is not None else ""


def _until(at: datetime, person: reach.Reach) -> str:
    return f"{at.astimezone(person.zone):%Y-%m-%d %H:%M} ({person.zone.key})"


def _is_good(link: Enrolment) -> bool:
    return link.sealed_secret is not None and not link.used_at and not link.cancelled_at
