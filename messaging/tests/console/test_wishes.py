"""A customer's wish to be erased, seen and answered by staff; and whether customers are told of holds."""

import json

import pytest

from archive.models import Entry
from messaging.flows import erasure
from messaging.models import Customer
from messaging.queries import policy
from portal.kernel import clock


@pytest.fixture
def asking(acme):
    """A customer who asked to be erased."""
    who = acme.customer(name="Wanda Wish")
    phone = acme.handset(who)
    with acme.inside():
        erasure.ask(actor=acme.actor_of(phone, who), now=clock.now(), customer_id=who)
    return who


def test_staff_see_who_asks_and_say_why_not(acme, owner, asking):
    assert "asked to be erased" in owner.get("/console/customers/").content.decode()
    listed = owner.get("/console/customers/?asks=erasure").content.decode()
    assert "Wanda Wish" in listed
    page = f"/console/customers/{asking}/"
    assert "The customer asked to be erased" in owner.get(page).content.decode()
    owner.post(f"{page}erasure", {"reason": "open_matter"})
    assert "The customer asked to be erased" not in owner.get(page).content.decode()
    assert "Wanda Wish" not in owner.get("/console/customers/?asks=erasure").content.decode()
    with acme.inside():
        assert Customer.objects.get(id=asking).erasure_answer == "open_matter"
        leaf = json.loads(bytes(Entry.objects.filter(kind="erasure.declined", customer_id=asking).get().leaf))
    assert leaf["codes"]["reason"] == "open_matter"


def test_a_reason_that_is_none_changes_nothing(acme, owner, asking):
    owner.post(f"/console/customers/{asking}/erasure", {"reason": "<b>mood</b>"})
    with acme.inside():
        assert Customer.objects.get(id=asking).erasure_answered_at is None


def test_an_owner_decides_whether_customers_are_told_of_holds(acme, owner, officer):
    with acme.inside():
        assert policy.get_policy().tells_holds is False
    owner.post("/console/settings/openness", {"tells_holds": "yes"})
    try:
        with acme.inside():
            assert policy.get_policy().tells_holds is True
            codes = json.loads(bytes(Entry.objects.filter(kind="settings.changed").latest("index").leaf))["codes"]
        assert codes == {"tells_holds": True}
        assert "checked" in owner.get("/console/settings/?tab=lifetimes").content.decode()
        assert officer.post("/console/settings/openness", {}).status_code == 404
    finally:
        owner.post("/console/settings/openness", {})
    with acme.inside():
        assert policy.get_policy().tells_holds is False
