"""Reckoning the account from the messages themselves, a day at a time, and reading what was reckoned.

A day is found by a BRIN index on `composed_at`: messages come in the order of time, so that a day of a million costs its own
rows and no index that every sending would have to write.
"""

from collections.abc import Iterable
from dataclasses import fields
from datetime import UTC, date, datetime, time, timedelta

from django.db import connection
from django.db.models import F, Q, QuerySet, Sum

from archive.queries import account as archived
from archive.queries import tree
from messaging.models import AccountDay, Message
from messaging.rules import account as rules
from portal.kernel.actors import Actor

NAMES = tuple(field.name for field in fields(rules.Figures))
COUNTED = ("composed", "pending", *rules.OUTCOMES, "received", "sent", "archived", "overdue")  # in the order of `_DAY`
_OVER = "outcome = '' AND coalesce(ended_at, gone_at, CASE WHEN sent_at IS NULL THEN send_at END) < %(limit)s"
_DAY = f"""
    SELECT count(*) FILTER (WHERE direction = 'out'),
           count(*) FILTER (WHERE direction = 'out' AND outcome = '' AND NOT ({_OVER})),
           {", ".join(f"count(*) FILTER (WHERE direction = 'out' AND outcome = '{name}')" for name in rules.OUTCOMES)},
           count(*) FILTER (WHERE direction = 'in'),
           count(*) FILTER (WHERE sent_at IS NOT NULL),
           count(*) FILTER (WHERE sent_at IS NOT NULL AND {archived.IS_ARCHIVED}),
           count(*) FILTER (WHERE direction = 'out' AND {_OVER})
      FROM messaging_message m WHERE composed_at >= %(start)s AND composed_at < %(end)s
"""  # noqa: S608 - constants of the code
_ORPHANS = f"""
    SELECT must.day, count(*) FROM ({archived.MUST_HAVE_MESSAGE}) must
     WHERE NOT EXISTS (SELECT 1 FROM messaging_message m WHERE m.id = must.message_id) GROUP BY must.day
"""  # noqa: S608 - constants of the code


def reckon(day: date, now: datetime) -> rules.Figures:
    """The day as its messages are now. `orphaned` and `changed` are found otherwise and zero here."""
    start = datetime.combine(day, time(), UTC)
    given = {"start": start, "end": start + timedelta(days=1), "limit": now - rules.GRACE}
    with connection.cursor() as cursor:
        cursor.execute(_DAY, given)
        found = cursor.fetchone()
    return rules.Figures(**dict(zip(COUNTED, found, strict=True)))


def orphans(after: int, upto: int) -> dict[date, int]:
    """Entries past `after`, up to `upto`, whose message is not there: by the day of the entry."""
    with connection.cursor() as cursor:
        cursor.execute(_ORPHANS, [after, upto])
        return dict(cursor.fetchall())


def last_index() -> int:
    return tree.entry_count() - 1


def first_day() -> date | None:
    """The day of the first message there is."""
    first = Message.objects.order_by("id").values_list("composed_at", flat=True).first()
    return first.astimezone(UTC).date() if first else None


def open_days() -> QuerySet[AccountDay]:
    """Days that were reckoned and can still change, or do not add up."""
    return AccountDay.objects.filter(Q(pending__gt=0) | Q(overdue__gt=0) | ~Q(sent=F("archived")))


def figures_of(row: AccountDay) -> rules.Figures:
    return rules.Figures(**{name: getattr(row, name) for name in NAMES})


def get_days_for(actor: Actor) -> QuerySet[AccountDay]:
    actor.require("archive.list")
    return AccountDay.objects.all()


def totals(rows: Iterable[str] = NAMES) -> rules.Figures:
    """All reckoned days added up."""
    found = AccountDay.objects.aggregate(**{name: Sum(name, default=0) for name in rows})
    return rules.Figures(**found)
