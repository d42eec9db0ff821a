"""A customer's wish to be erased: said on their own page, answered by staff. Fulfilled by `customer.erase` and by nothing else.

What would stay, and until when, is told before the wish is said (`queries.own`): by the rules, never by holds.
"""

from datetime import datetime, timedelta
from uuid import UUID

from messaging.flows import attempt
from messaging.models import Customer
from portal.kernel import unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal, not_found

LIMIT, WINDOW = 10, timedelta(days=1)
# Why the business says no, as the customer is told in their own language.
REASONS = {
    "law": "The law makes us keep your profile for now",
    "open_matter": "There is an open matter between us",
    "not_sure": "We could not make sure that it was you who asked",
}


def not_asked() -> Refusal:
    return Refusal("erasure_not_asked", "Nobody waits for an answer here.", Kind.CONFLICT)


def ask(*, actor: Actor, now: datetime, customer_id: UUID) -> None:
    """By a device that serves them. Asking twice is asking once; who got a no may ask again."""
    attempt.count(now=now, use="erasure", source=str(customer_id), limit=LIMIT, window=WINDOW)
    with unit.work() as u:
        row = _locked(actor, customer_id)
        if row.asks_erasure:
            return
        row.erasure_asked_at, row.erasure_answered_at, row.erasure_answer = now, None, ""
        _keep(u, actor, row, "erasure.asked")


def take_back(*, actor: Actor, now: datetime, customer_id: UUID) -> None:
    with unit.work() as u:
        row = _locked(actor, customer_id)
        if row.asks_erasure:
            row.erasure_asked_at = None
            _keep(u, actor, row, "erasure.withdrawn")


def decline(*, actor: Actor, now: datetime, customer_id: UUID, reason: str) -> None:
    """By staff; the customer sees why."""
    actor.require("customer.manage")
    if reason not in REASONS:
        raise Refusal("unknown_reason", "Say why: one of the reasons given.", field="reason")
    with unit.work() as u:
        row = Customer.objects.select_for_update().filter(id=customer_id).exclude(state=Customer.State.ERASED).first()
        if row is None:
            raise not_found("customer")
        if not row.asks_erasure:
            raise not_asked()
        row.erasure_answered_at, row.erasure_answer = now, reason
        _keep(u, actor, row, "erasure.declined", reason=reason)


def _locked(actor: Actor, customer_id: UUID) -> Customer:
    """Absent and somebody else's look the same."""
    theirs = Customer.objects.select_for_update().filter(id=customer_id, state=Customer.State.ACTIVE)
    row = theirs.first() if customer_id in actor.customers else None
    if row is None:
        raise not_found("customer")
    return row


def _keep(u: unit.Unit, actor: Actor, row: Customer, kind: str, **codes: str | int | bool) -> None:
    row.save(update_fields=["erasure_asked_at", "erasure_answered_at", "erasure_answer"])
    u.entry(unit.Draft(kind, actor.label, subject=row.subject_id, customer=row.id, codes=codes))
