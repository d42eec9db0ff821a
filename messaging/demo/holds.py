"""The demo's legal hold: on a customer who has a past, so that its page shows what it keeps."""

from archive.flows import hold
from messaging.models import Customer
from portal.kernel import clock
from portal.kernel.actors import Actor

WORDS = {
    "acme": (
        "Complaint about a bill",
        "The patient disputes an invoice; our insurer asked us to keep the correspondence.",
    ),
    "globex": ("Card dispute 4471", "The customer disputes a payment; the ombudsman may ask for the correspondence."),
}


def seed(officer: Actor, slug: str, customer: int) -> None:
    """Held by its id, as the form makes it of a reference."""
    name, reason = WORDS[slug]
    held = list(Customer.objects.order_by("id").values_list("id", flat=True)[: customer + 1])[-1]
    hold.place(actor=officer, now=clock.now(), name=name, reason=reason, query=f"customer:{held}")
