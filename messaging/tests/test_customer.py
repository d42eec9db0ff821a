"""Changing a customer: every part on its own."""

import pytest

from archive.models import Entry
from messaging.flows import consent, customer
from messaging.models import Customer
from portal.kernel import clock


@pytest.mark.parametrize(
    "given",
    [
        {"language": "de"},
        {"time_zone": "Europe/Berlin"},
        {"consent": (consent.Given("service", "inbox", "form"),)},
        {"name": "Another Name"},
        {},
    ],
    ids=str,
)
def test_each_part_can_be_changed_alone(acme, given):
    pk = acme.customer()
    with acme.inside():
        customer.change(actor=acme.author, now=clock.now(), customer_id=pk, details=customer.Details(**given))
        row = Customer.objects.get(id=pk)
        assert row.language == given.get("language", "en")
        assert row.time_zone == given.get("time_zone", "")
        assert row.consents.count() == len(given.get("consent", ()))
        assert Entry.objects.filter(customer_id=pk, kind="customer.changed").count() == 1
