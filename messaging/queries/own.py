"""A customer's own page: what the business keeps about them and until when, what they agreed to, how they are reached.

Of holds it says something only where the business tells of them. Where it does not, nothing here may let anybody infer one: so no
holds are asked, ends are those that were promised by the rules, and copies that are past their end are not counted, whatever keeps
them.
"""

from datetime import datetime
from uuid import UUID

from django.db.models import Count, Max, Q

from archive.queries import holds, rules
from messaging.models import Consent, Customer, Message
from messaging.queries import consents, kept, policy, profiles, served
from messaging.rules import consent, contact
from portal.kernel import clock
from portal.kernel.actors import Actor

SAID_MOST = 50


def page(actor: Actor, now: datetime) -> dict[str, object]:
    """`{"now", "rules", "customers": [{"id", "name", "profile", "channels", "live", "archive", "consent", "said", "holds",
    "erasure"}]}`. "holds" is null where the business does not tell of them."""
    rows = Customer.objects.filter(id__in=actor.customers, state=Customer.State.ACTIVE).in_bulk()
    people = [
        {**told, **_person(rows[UUID(told["id"])], now)} for told in served.customers(actor) if UUID(told["id"]) in rows
    ]
    return {"now": clock.text(now), "rules": _rules(now), "customers": people}


def _rules(now: datetime) -> list[dict[str, object]]:
    """In words of the page: {"what", "gone_after" (seconds), "keep_for" (ISO 8601), "from"}; "received": what they write."""
    told = [kept.told(key, name, life, now) for key, name, life in kept.categories()]
    wrote = rules.retention_for(category="", kind=kept.RECEIVED, at=now)
    received = {"what": "", "received": True, "gone_after": None, "keep_for": wrote.keep_for, "from": wrote.event}
    return [*told, received]


def _person(row: Customer, now: datetime) -> dict[str, object]:
    profile = profiles.open_(row.id, row.sealed_profile)
    reached = (("email", contact.masked(profile.email)), ("sms", contact.masked(profile.phone)))
    return {
        "profile": {"reference": profile.reference, "time_zone": row.time_zone, "fields": len(profile.fields)},
        "channels": [{"way": way, "to": to} for way, to in reached if to],
        "live": Message.objects.live(now).filter(customer_id=row.id).count(),
        "archive": _archive(row.id, now),
        "consent": [
            {"purpose": one.purpose, "channel": one.channel, "said": one.said, "on": one.is_on}
            for one in consent.choices(row.agreed, row.refused)
        ],
        "said": _said(row.id),
        "holds": _holds(row.id) if policy.get_policy().tells_holds else None,
        "erasure": _erasure(row),
    }  # fmt: skip


def _archive(customer_id: UUID, now: datetime) -> list[dict[str, object]]:
    """By kind: how many sealed copies, and at least until when the last of them is kept; null: no end is known yet."""
    sent = Message.objects.filter(customer_id=customer_id, sent_at__isnull=False).exclude(archived_until__lte=now)
    groups = sent.values("direction", "category").annotate(
        count=Count("id"), until=Max("archived_until"), endless=Count("id", filter=Q(archived_until=None))
    )  # fmt: skip
    names = policy.category_names()
    return [
        {
            "what": names.get(one["category"], ""), "received": one["direction"] == Message.Direction.IN,
            "count": one["count"], "until": None if one["endless"] else clock.text(one["until"]),
        }
        for one in groups.order_by("-direction", "category")
    ]  # fmt: skip


def _said(customer_id: UUID) -> list[dict[str, object]]:
    rows = Consent.objects.filter(customer_id=customer_id).order_by("-at", "-id")[:SAID_MOST]
    return [
        {
            "purpose": one.purpose, "channel": one.channel, "given": one.is_given, "at": clock.text(one.at),
            "source": one.source, "wording": one.wording,
        }
        for one in consents.open_all(rows)
    ]  # fmt: skip


def _holds(customer_id: UUID) -> list[dict[str, object]]:
    return [{"since": clock.text(since), "count": count} for since, count in holds.of_customer(customer_id)]


def _erasure(row: Customer) -> dict[str, object]:
    """`state`: "" (never asked), asked, declined (with why)."""
    if row.erasure_asked_at is None:
        return {"state": ""}
    state = "declined" if row.erasure_answered_at else "asked"
    at = row.erasure_answered_at or row.erasure_asked_at
    return {"state": state, "at": clock.text(at), "why": row.erasure_answer}
