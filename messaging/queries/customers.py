"""Finding customers. `get_…_for(actor)` is the only way to one; absent and forbidden look the same."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from messaging.models import Customer
from messaging.queries import profiles
from messaging.rules import contact, tags
from portal.kernel import planned
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal, not_found


@dataclass(frozen=True, slots=True)
class Recipient:
    """A customer as a send needs them."""

    id: UUID
    subject_id: UUID
    profile: profiles.Profile
    language: str
    has_device: bool
    agreed: list[str]
    refused: list[str]


def get_customer_for(actor: Actor, customer_id: UUID) -> Customer:
    actor.require("customer.view")
    found = Customer.objects.filter(id=customer_id).exclude(state=Customer.State.ERASED).first()
    if found is None:
        raise not_found("customer")
    return found


def get_customers_for(
    actor: Actor, *, reference: str = "", phone: str = "", email: str = "", tag: str = ""
) -> QuerySet[Customer]:  # fmt: skip
    """Filtered by exact address, reference or tag, through the keyed hashes."""
    actor.require("customer.view")
    rows = Customer.objects.exclude(state=Customer.State.ERASED)
    if reference:
        rows = rows.filter(reference_hash=profiles.find_by("reference", reference))
    if phone:
        rows = rows.filter(phone_hash=profiles.find_by("phone", contact.phone(phone)))
    if email:
        rows = rows.filter(email_hash=profiles.find_by("email", contact.email(email)))
    if tag:
        rows = rows.filter(marks__contains=[profiles.mark(tags.tag_word(tag))])
    return rows


# The hot path of every send: written out, since building this query costs the ORM more than the database needs for it.
_RECIPIENTS = """
    SELECT c.id, c.subject_id, c.sealed_profile, c.language, c.agreed, c.refused, EXISTS (
        SELECT 1 FROM messaging_devicecustomer s JOIN messaging_device d ON d.id = s.device_id
        WHERE s.customer_id = c.id AND d.state <> 'revoked')
    FROM messaging_customer c WHERE c.id = ANY(%s) AND c.state = 'active'
"""


def get_recipients(customer_ids: Iterable[UUID]) -> dict[UUID, Recipient]:
    """Those who can be written to, by id; the others are absent."""
    wanted = list(customer_ids)
    if not wanted:
        return {}
    book = profiles.Book()
    return {
        pk: Recipient(pk, subject, book.open_(pk, sealed), language, has_device, agreed, refused)
        for pk, subject, sealed, language, agreed, refused, has_device in planned.fetch(_RECIPIENTS, [wanted])
    }


def get_ids_by_reference(references: Iterable[str]) -> dict[str, UUID]:
    book = profiles.Book()
    hashes = {book.find_by("reference", reference): reference for reference in references}
    rows = Customer.objects.exclude(state=Customer.State.ERASED).filter(reference_hash__in=list(hashes))
    return {hashes[bytes(found)]: pk for found, pk in rows.values_list("reference_hash", "id")}


def get_id_by_address(kind: str, address: str) -> UUID | None:
    """The one customer at an address, None when nobody is there; several are a refusal, not a guess."""
    column = f"{kind}_hash"
    rows = Customer.objects.filter(**{column: profiles.find_by(kind, address)}, state=Customer.State.ACTIVE)
    found = list(rows.values_list("id", flat=True)[:2])
    if len(found) > 1:
        raise Refusal(
            "ambiguous_recipient", "Several customers share this address. Name the customer instead.",
            Kind.CONFLICT, field="to",
        )  # fmt: skip
    return found[0] if found else None
