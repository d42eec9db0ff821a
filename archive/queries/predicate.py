"""A query as a predicate over records: the one way in which search, holds, cases, exports and rules select them.

    text → query.parse → resolve(actor, …): references and addresses become ids → where(…): Q over Record

`where` speaks of metadata only and asks nobody: the same query gives the same predicate for everyone at any time, so a
hold that is evaluated years later selects what it said. Terms of other tables register themselves, at start:

    predicate.register("tag", lambda values: Q(message_id__in=RecordTag.objects.filter(…).values("message_id")))
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import reduce
from operator import and_, or_
from uuid import UUID

from django.db.models import Q, QuerySet

from archive.models import Record
from archive.rules import campaigns
from archive.rules.query import BUSINESS, PEOPLE, SIDES, Query, Term, invalid
from portal.kernel.actors import Actor
from portal.kernel.roles import PERMISSIONS
from portal.web import names

Condition = Callable[[Sequence[Term]], Q]
EVERYTHING = Q()
MOST_CUSTOMERS = 100  # behind one address; a family shares a phone, not a town


def select(query: Query) -> "QuerySet[Record]":
    """The records of a resolved query, in no order."""
    return Record.objects.filter(where(query))


def where(query: Query) -> Q:
    """The metadata part of a resolved query; words are left to whoever has the key. Safe to combine: selects by columns of
    the record and by subqueries only, never by a join."""
    parts = [_one_name(name, query) for name in dict.fromkeys(term.name for term in query.metadata.terms)]
    return reduce(and_, parts, EVERYTHING)


def resolve(actor: Actor, query: Query) -> Query:
    """The same query with ids in place of references, phone numbers and e-mail addresses. One that nobody has is refused:
    a hold on a mistyped reference would hold nothing, and nobody would know."""
    return Query(tuple(found for term in query.terms for found in _resolved(actor, term)))


def register(name: str, condition: Condition, *, asked_with: str = "") -> None:
    """What a term of the language means. `condition` gets its terms, all asked for or all denied, and says which records
    have any of them; it may raise `invalid(term.position, …)`. `asked_with`: the permission without which nobody asks for it."""
    _CONDITIONS[name] = condition
    _ASKED_WITH[name] = asked_with


def _one_name(name: str, query: Query) -> Q:
    """Either of those asked for, and none of those denied. Of instants the narrowest holds."""
    condition = _CONDITIONS.get(name, _unknown)
    wanted = [term for term in query.of(name) if not term.negated]
    denied = [term for term in query.of(name) if term.negated]
    return (condition(wanted) if wanted else EVERYTHING) & (_not(condition(denied)) if denied else EVERYTHING)


def _not(condition: Q) -> Q:
    """Django's ~ covers NULL: a record whose customer was erased is not from them."""
    return ~condition


def _resolved(actor: Actor, term: Term) -> list[Term]:
    if (needed := _ASKED_WITH.get(term.name)) and not actor.may(needed):
        raise invalid(term.position, f"{term.name}: is for those who may {PERMISSIONS[needed]}.")
    if term.name not in PEOPLE or term.id or term.value == BUSINESS:
        return [term]
    found = sorted(names.identify_customer(actor, term.value))
    if not found:
        raise invalid(
            term.position,
            "no customer has this reference, e-mail or phone. A name does not do: it may be several people's. "
            "Find the person under Customers and take their reference.",
        )
    if len(found) > MOST_CUSTOMERS:
        raise invalid(term.position, "too many customers share this address. Name the customer by reference or id.")
    return [Term(term.name, str(one), term.negated, term.position) for one in found]


# ── the record's own columns ──────────────────────────────────────────────────────────────────────────────────────────
def _ids(terms: Sequence[Term]) -> list[UUID]:
    for term in terms:
        if term.id is None:
            raise invalid(term.position, "this is no id of a customer.")
    return [found for term in terms if (found := term.id)]


def _customer(terms: Sequence[Term]) -> Q:
    return Q(customer_id__in=_ids(terms))


def _side(terms: Sequence[Term]) -> Q:
    """Who wrote, or who was written to: the business on one side of a message, a customer on the other."""
    is_from = terms[0].name == SIDES[0]
    of_business = Q(direction="out" if is_from else "in")
    people = [term for term in terms if term.value != BUSINESS]
    of_people = Q(direction="in" if is_from else "out") & _customer(people)
    parts = [of_business] * (len(people) < len(terms)) + [of_people] * bool(people)
    return reduce(or_, parts)


def _kind(terms: Sequence[Term]) -> Q:
    exact = [term.value for term in terms if not term.value.endswith(".*")]
    parts = [Q(kind__startswith=term.value[:-1]) for term in terms if term.value.endswith(".*")]
    return reduce(or_, parts, Q(kind__in=exact))


def _column(name: str) -> Condition:
    return lambda terms: Q(**{f"{name}__in": [term.value for term in terms]})


def _id_column(name: str) -> Condition:
    return lambda terms: Q(**{f"{name}__in": _ids(terms)})


def _campaign(terms: Sequence[Term]) -> Q:
    return Q(run_id__in=campaigns.runs_of(_ids(terms)))


def _after(terms: Sequence[Term]) -> Q:
    return Q(sent_at__gte=_narrowest(terms, "after"))


def _before(terms: Sequence[Term]) -> Q:
    return Q(sent_at__lt=_narrowest(terms, "before"))


def _narrowest(terms: Sequence[Term], name: str) -> datetime:
    """Each denied instant is the other one asked for, so among those the narrowest is at the other end."""
    latest = (name == "after") != terms[0].negated
    return (max if latest else min)(term.at for term in terms)


def _unknown(terms: Sequence[Term]) -> Q:
    raise invalid(terms[0].position, f"{terms[0].name}: cannot be asked for in this installation.")


_ASKED_WITH: dict[str, str] = {}
_CONDITIONS: dict[str, Condition] = {
    "from": _side, "to": _side, "customer": _customer, "kind": _kind, "category": _column("category"),
    "direction": _column("direction"), "campaign": _campaign, "message": _id_column("message_id"),
    "after": _after, "before": _before,
}  # fmt: skip
