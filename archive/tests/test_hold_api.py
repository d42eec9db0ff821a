"""Holds by API, through the real doors: placed, listed, released by asking; and an erasure that says what holds keep."""

import json

import pytest

from archive.models import Hold
from messaging.models import Customer
from portal.testing import browser


@pytest.fixture
def program(acme):
    client = browser.program(acme)

    def call(method, path, **body):
        answer = getattr(client, method)(f"/api/v1/{path}", json.dumps(body), content_type="application/json")
        return answer.status_code, answer.json()

    return call


def test_a_hold_is_placed_listed_and_its_release_is_asked_for(acme, program):
    customer = acme.customer(reference="H-77")
    status, made = program("post", "holds", name="Matter 7", reason="A suit", query="customer:H-77")
    assert status == 201
    assert (made["query"], made["state"]) == (f"customer:{customer}", "active")
    listed = browser.program(acme).get("/api/v1/holds").json()["results"]
    assert made in listed
    status, asked = program("post", f"holds/{made['id']}/release", reason="settled")
    assert (status, asked["state"]) == (202, "approving")
    assert browser.program(acme).get(f"/api/v1/holds/{made['id']}").json()["state"] == "active"
    assert program("post", f"holds/{made['id']}/release", reason="settled")[1]["code"] == "approval_open"


def test_what_cannot_be_is_told_beside_its_field(acme, program):
    status, told = program("post", "holds", name="n", reason=" ", query="kind:message.sent")
    assert (status, told["code"], told["field"]) == (422, "reason_missing", "reason")
    status, told = program("post", "holds", name="n", reason="r", query="kind:message.sent invoice")
    assert (status, told["code"], told["position"]) == (422, "hold_needs_words", 19)


def test_another_businesss_holds_are_absent(acme, globex, program):
    _, made = program("post", "holds", name="n", reason="r", query="kind:message.received")
    assert browser.program(globex).get(f"/api/v1/holds/{made['id']}").status_code == 404
    with globex.inside():
        assert not Hold.objects.filter(id=made["id"]).exists()


def test_an_erasure_says_what_holds_keep(acme, program):
    customer = acme.customer()
    acme.send(customer, body="kept")
    program("post", "holds", name="n", reason="r", query=f"customer:{customer}")
    answer = browser.program(acme).delete(f"/api/v1/customers/{customer}").json()
    assert (answer["archive_keeps_records"], answer["held_records"]) == (True, 1)
    assert "legal hold" in answer["archive"]
    with acme.inside():
        assert Customer.objects.get(id=customer).state == "erased"
