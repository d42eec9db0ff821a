"""Which holds there are and what they keep. A hold is a predicate: it is asked again whenever something would go."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from operator import or_
from uuid import UUID

from django.db.models import Count, Max, Min, Q, QuerySet, Sum
from django.db.models.functions import Length, TruncMonth

from archive.models import Hold, Record
from archive.queries import predicate
from archive.rules import query as language
from portal.kernel import errors, keys, tally
from portal.kernel.actors import Actor
from portal.sealing import errors as sealing

NAME, REASON = "hold.name", "hold.reason"
NOTHING = Q(pk__in=())


@dataclass(frozen=True, slots=True)
class Kept:
    """What some records come to. `months` are (first day, count), oldest first; `size` counts sealed bytes."""

    count: int = 0
    size: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None
    months: list[tuple[datetime, int]] = field(default_factory=list)


def get_holds_for(actor: Actor) -> "QuerySet[Hold]":
    actor.require("hold.manage")
    return Hold.objects.all()


def get_hold_for(actor: Actor, hold_id: object) -> Hold:
    found = get_holds_for(actor).filter(id=hold_id).first()
    if found is None:
        raise errors.not_found("hold")
    return found


def held() -> Q:
    """Which records any hold in force keeps. Read it under the guard, or it is old when it is used."""
    return _any_of(Hold.objects.in_force())


def holds_of(message_id: UUID | None) -> list[Hold]:
    """The holds in force that keep the record of this message; none where there is no record."""
    one, listed = Record.objects.filter(pk=message_id), list(Hold.objects.in_force().order_by("id"))
    found = tally.count({str(hold.id): one.filter(of(hold)) for hold in listed})
    return [hold for hold in listed if found[str(hold.id)]]


def of_customer(customer_id: UUID) -> list[tuple[datetime, int]]:
    """(placed at, records) of each hold in force that keeps something of this customer, oldest first."""
    theirs, listed = Record.objects.filter(customer_id=customer_id), list(Hold.objects.in_force().order_by("id"))
    found = tally.count({str(hold.id): theirs.filter(of(hold)) for hold in listed})
    return [(hold.placed_at, count) for hold in listed if (count := found[str(hold.id)])]


def of(hold: Hold) -> Q:
    return predicate.where(language.parse(hold.query))


def kept_by(hold: Hold) -> Kept:
    """What it keeps now. A released hold keeps nothing."""
    return measure(Record.objects.filter(of(hold))) if hold.state != Hold.State.RELEASED else Kept()


def freed_by(hold: Hold, *, now: datetime) -> Kept:
    """What would become free to go if it ended now: ends that have passed, kept by no other hold. Their rules are asked
    again when a run comes to them, and may keep some of it."""
    others = _any_of(Hold.objects.in_force().exclude(id=hold.id))
    return measure(Record.objects.filter(of(hold), archived_until__lte=now).exclude(others))


def matching(asked: language.Query) -> Kept:
    """What a hold with this query would keep, before it is placed."""
    return measure(predicate.select(asked))


def measure(rows: "QuerySet[Record]") -> Kept:
    """In two statements, which read no content."""
    sums = rows.aggregate(n=Count("pk"), size=Sum(Length("sealed")), first=Min("sent_at"), last=Max("sent_at"))
    months = rows.annotate(month=TruncMonth("sent_at")).values("month").annotate(n=Count("pk")).order_by("month")
    listed = [(row["month"], row["n"]) for row in months] if sums["n"] else []
    return Kept(sums["n"], sums["size"] or 0, sums["first"], sums["last"], listed)


def register() -> None:
    """At start: what `hold:` selects, for who manages holds."""
    predicate.register("hold", _held_by, asked_with="hold.manage")


def _held_by(terms: Sequence[language.Term]) -> Q:
    """A hold that is not there is refused: nothing would be found, and nobody would know why. A released one keeps nothing."""
    wanted = {term.id: term for term in terms}
    known = set(Hold.objects.filter(id__in=[one for one in wanted if one]).values_list("id", flat=True))
    for pk, term in wanted.items():
        if pk not in known:
            raise predicate.invalid(term.position, "there is no such hold. Copy its id from the hold's page.")
    return _any_of(Hold.objects.in_force().filter(id__in=known))


def name_of(hold: Hold) -> str:
    return _open(NAME, hold.id, hold.sealed_name)


def reason_of(hold: Hold) -> str:
    return _open(REASON, hold.id, hold.sealed_reason)


def names_of(holds: Iterable[Hold]) -> list[str]:
    return [name_of(one) for one in holds]


def _any_of(holds: "QuerySet[Hold]") -> Q:
    parts: Sequence[Q] = [of(hold) for hold in holds.only("id", "query")]
    if any(not part for part in parts):
        return ~NOTHING  # a hold of everything; an empty Q would vanish from an OR
    return reduce(or_, parts) if parts else NOTHING


def _open(context: str, owner: UUID, sealed: bytes) -> str:
    """Empty where it cannot be opened: a hold holds whether its name is readable or not."""
    try:
        return keys.open_field(context, owner, sealed).decode()
    except (sealing.SealingError, UnicodeDecodeError):
        return ""
