"""While a closing waits, its customers are told the day (decision 18), and nobody asks the database for it once more."""

from datetime import datetime

from django.db import connection
from django.test.utils import CaptureQueriesContext

from archive.flows import approval
from messaging.flows import closing, enrolment
from messaging.tests.device.phone import Phone, aside
from portal.kernel import clock, tenancy
from portal.testing.cast import Cast
from tenants.queries import businesses

STATE = "/inbox/state"


def phone_of(cast: Cast) -> Phone:
    customer, phone = cast.customer(), Phone(cast.host)
    with cast.inside():
        issued = enrolment.issue(actor=cast.author, now=clock.now(), customer_id=customer, send_by="show")
    assert phone.enrol(str(issued.url).rsplit("/", 1)[1]).status_code == 201
    return phone


def agree(cast: Cast) -> datetime:
    """→ when it begins"""
    now = clock.now()
    with cast.inside():
        asked = closing.ask(actor=cast.owner, now=now, name=cast.place.name, reason="We retire")
        approval.approve(actor=cast.officer, now=now, approval_id=asked.id)
    return now + closing.WAITS_FOR


def call_off(cast: Cast) -> None:
    with cast.inside():
        closing.call_off(actor=cast.owner, now=clock.now())


def told(phone: Phone) -> object:
    return phone.ask("GET", STATE).json()["desk"]["closes_at"]


def test_customers_are_told_until_it_is_called_off(fresh, acme) -> None:
    cast = fresh()
    phone, elsewhere = phone_of(cast), phone_of(acme)
    assert told(phone) is None
    closes_at = agree(cast)
    assert told(phone) == clock.text(closes_at)
    assert told(elsewhere) is None
    call_off(cast)
    assert told(phone) is None


async def test_the_first_frame_tells_it_too(fresh, open_hub) -> None:
    cast = await aside(fresh)
    phone = await aside(phone_of, cast)
    closes_at = await aside(agree, cast)
    wire, state = await phone.online()
    assert state["desk"]["closes_at"] == clock.text(closes_at)
    await wire.hang_up()


def test_it_costs_no_query(fresh, monkeypatch) -> None:
    monkeypatch.setattr(businesses, "FRESH_FOR", 60.0)  # as for a machine that is not slow
    cast = fresh()
    phone = phone_of(cast)
    before = queries(phone)
    agree(cast)
    assert queries(phone) == before
    tenancy.directory().forget()
    with CaptureQueriesContext(connection) as asked:
        assert tenancy.directory().by_host(cast.host).closes_at
    assert len([one for one in asked if "tenants_" in (one["sql"] or "")]) == 1


def queries(phone: Phone) -> int:
    """Of a state, by an address that is known already."""
    nonce = phone.nonce()
    with CaptureQueriesContext(connection) as asked:
        answer = phone.client.get(STATE, headers={"Ebb-Proof": phone.proof(nonce, "GET", STATE)})
    assert answer.status_code == 200
    return len(asked)
