"""From what a caller names to customers: found, or made. Runs in the send's unit."""

from datetime import datetime
from typing import Any
from uuid import UUID

from messaging.flows import customer
from messaging.models import Customer, Policy
from messaging.queries import customers, policy
from messaging.rules import compose, consent, contact
from portal.kernel import tenancy, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal
from tenants.flows import wakeup

Answer = Any  # None while nothing is decided, a Refusal, or what the caller makes of an acceptance


def resolve(
    u: unit.Unit, *, actor: Actor, now: datetime, composed: list[compose.Compose], refused: list[Answer]
) -> list[customers.Recipient | None]:  # fmt: skip
    """One recipient a message, by position; where there is none, or none who wants it, a refusal is put into `refused`."""
    wanted = [None if refused[n] else _try_id(u, actor, now, asked, refused, n) for n, asked in enumerate(composed)]
    _fill_references(composed, wanted, refused)
    found = customers.get_recipients({pk for pk in wanted if pk is not None})
    for n, pk in enumerate(wanted):
        if refused[n] is None and (pk is None or pk not in found):
            refused[n] = Refusal("unknown_customer", "There is no such customer.", Kind.NOT_FOUND, field="customer")
        elif pk is not None and refused[n] is None and (reason := why_not(found[pk], composed[n].category)):
            refused[n] = _unwanted(reason)
    return [found.get(pk) if pk else None for pk in wanted]


def why_not(to: customers.Recipient | None, category: str) -> str:
    """Why nothing of this category may be sent to them now: "", or the reason of a suppressed message. Asked when a message
    is composed and again when it is sent: an opt-out is obeyed at once."""
    if to is None:
        return "failed"
    return consent.why_not(policy.get_policy().purpose_of(category), to.agreed, to.refused)


def _unwanted(reason: str) -> Refusal:
    if reason == consent.OPTED_OUT:
        return Refusal("opted_out", "This customer does not want to be written to.", Kind.CONFLICT, field="to")
    return Refusal("no_consent", "This customer has not agreed to marketing.", Kind.CONFLICT, field="category")


def _try_id(
    u: unit.Unit, actor: Actor, now: datetime, asked: compose.Compose, refused: list[Answer], n: int
) -> UUID | None:  # fmt: skip
    try:
        return asked.customer or (_by_address(u, actor, now, asked.to) if asked.to else None)
    except Refusal as refusal:
        refused[n] = refusal
        return None


def _by_address(u: unit.Unit, actor: Actor, now: datetime, to: str) -> UUID:
    kind, address = contact.address(to)
    found = customers.get_id_by_address(kind, address)
    if found is not None:
        return found
    actor.require("customer.manage")
    # One at a time, and looked for again: two first messages at once would make two customers, ambiguous for ever.
    list(Policy.objects.select_for_update().values_list("id"))
    found = customers.get_id_by_address(kind, address)
    return found or customer.add_within(u, actor=actor, now=now, kind=kind, address=address)


def _fill_references(composed: list[compose.Compose], wanted: list[UUID | None], refused: list[Answer]) -> None:
    references = {asked.reference for n, asked in enumerate(composed) if asked.reference and refused[n] is None}
    if not references:
        return
    known = customers.get_ids_by_reference(references)
    for n, asked in enumerate(composed):
        if asked.reference and refused[n] is None:
            wanted[n] = known.get(asked.reference)


def subject_of(customer_id: UUID) -> UUID | None:
    return Customer.objects.filter(id=customer_id).values_list("subject_id", flat=True).first()


def wake_at(due_at: datetime) -> None:
    """Tell the clock, which looks at one public row a business, that something is due."""
    wakeup.lower(business_id=tenancy.here().id, due_at=due_at)
