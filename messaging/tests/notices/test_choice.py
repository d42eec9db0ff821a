"""What a customer chooses about notices, from a device that serves them: obeyed from then on, an entry of codes only."""

import json

import pytest

from archive.models import Entry
from messaging.flows import consent, customer
from messaging.models import Consent, Customer
from messaging.tests.notices.test_push import Phone, send
from portal.kernel import actors, clock


@pytest.fixture
def both(it, service, provider) -> Phone:
    it.text_from()
    pk = it.cast.customer(email="choice@example.org", phone="+4915112345678", name="CANARY name")
    return Phone(it, pk, service)


def choose(phone: Phone, **wanted: object):
    given = {"for": str(phone.customer), "ways": [], "off": [], "is_discreet": False, **wanted}
    return phone.ask("POST", "/inbox/notices/choices", given)


def shown(phone: Phone) -> dict[str, object]:
    [one] = phone.ask("GET", "/inbox/notices").json()["customers"]
    return one


def test_what_there_is_to_choose(both, service):
    assert shown(both) == {
        "id": str(both.customer), "name": "CANARY name", "language": "en", "can": ["push", "email", "sms"], "ways": [], "off": [],
        "is_discreet": False,
    }  # fmt: skip
    bare = Phone(both.it, both.it.cast.customer(), service)
    assert shown(bare)["can"] == ["push"]


def test_the_way_they_put_first_is_used_first(both, mailoutbox, provider):
    answer = choose(both, ways=["sms", "push", "email"])
    assert answer.json()["customers"][0]["ways"] == ["sms", "push", "email"]
    send(both)
    both.it.wait(seconds=31)
    assert (len(provider.got), len(mailoutbox)) == (1, 0)


def test_a_way_that_is_off_is_never_used(both, mailoutbox, provider):
    choose(both, off=["email", "push"])
    sent = send(both)
    both.it.wait(seconds=31)
    assert (len(provider.got), len(mailoutbox)) == (1, 0)
    assert both.it.ways(sent.id) == [("arrived", "sms", "sent", "")]
    choose(both, off=["email", "push", "sms"])
    last = send(both)
    both.it.wait(seconds=31)
    assert both.it.ways(last.id) == [("arrived", "none", "failed", "no_way")]
    choose(both, off=["sms"])
    send(both)
    both.it.wait(seconds=31)
    assert len(mailoutbox) == 1


def test_off_is_an_opt_out_like_any_other(both):
    """STOP by text, and a tick that is taken out here, are the same."""
    with both.it.cast.inside():
        consent.heard(actor=actors.SYSTEM, now=clock.now(), phone="+4915112345678", text="STOP")
    assert shown(both)["off"] == ["sms"]
    both.it.at.advance(minutes=1)
    choose(both, off=[])
    assert shown(both)["off"] == []
    choose(both, off=["sms"])
    with both.it.cast.inside():
        assert Customer.objects.get(id=both.customer).refused == ["sms"]
        events = Consent.objects.filter(customer_id=both.customer).order_by("id")
        assert list(events.values_list("purpose", "channel", "is_given")) == [
            ("all", "sms", False), ("all", "sms", True), ("all", "sms", False),
        ]  # fmt: skip


def test_what_is_the_same_is_no_new_opt_out(both):
    choose(both, off=["sms"])
    choose(both, off=["sms"])
    with both.it.cast.inside():
        assert Consent.objects.filter(customer_id=both.customer).count() == 1


def test_discreet_names_nobody(both, mailoutbox, provider):
    both.subscribe()
    choose(both, is_discreet=True, ways=["push", "email", "sms"])
    send(both)
    both.it.wait(seconds=31)
    assert both.told()[0]["title"] == "Your inbox has a message for you"
    choose(both, is_discreet=True, off=["push"])
    send(both)
    both.it.wait(seconds=31)
    [letter] = mailoutbox
    assert letter.subject == "Your inbox has a message for you"
    assert "Notice House" not in letter.subject + letter.body + letter.from_email


def test_their_language_is_that_of_notices_and_of_the_page(both):
    both.subscribe()
    choose(both, language="fr")
    assert shown(both)["language"] == "fr"
    send(both)
    both.it.wait(seconds=31)
    assert both.told()[0]["title"].endswith("a un message pour vous")
    with both.it.cast.inside():
        Customer.objects.filter(id=both.customer).update(language="fr-CA")
    choose(both, language="fr")
    assert shown(both)["language"] == "fr-CA"  # French already: what the business knows better stays


def test_it_is_an_entry_of_codes(both):
    choose(both, ways=["sms", "email"], off=["push"], is_discreet=True, language="nl")
    with both.it.cast.inside():
        leaf = json.loads(bytes(Entry.objects.filter(kind="customer.notices").latest("index").leaf))
    assert leaf["codes"] == {"ways": "sms,email", "off": "push", "is_discreet": True}
    assert leaf["actor"] == f"device:{both.device}"
    assert "CANARY" not in json.dumps(leaf)


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"ways": ["pigeon"]}, "bad_ways"), ({"ways": ["sms", "sms"]}, "bad_ways"), ({"ways": "sms"}, "malformed_request"),
        ({"off": [7]}, "bad_ways"), ({"ways": {"a": 1}}, "malformed_request"), ({"language": "xx"}, "unknown_language"),
        ({"language": 5}, "malformed_request"), ({"for": None}, "not_found"), ({"for": "x"}, "not_found"),
    ],
)  # fmt: skip
def test_what_is_no_choice_is_refused(both, wanted, code):
    answer = choose(both, **wanted)
    assert answer.json().get("code") == code, answer.content


def test_nobody_chooses_for_a_stranger(both, service):
    other = Phone(both.it, both.it.cast.customer(), service)
    answer = other.ask("POST", "/inbox/notices/choices", {"for": str(both.customer), "off": ["email"]})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert shown(both)["off"] == []


def test_erased_they_choose_nothing(both):
    with both.it.cast.inside():
        customer.erase(actor=both.it.cast.owner, now=clock.now(), customer_id=both.customer)
    assert choose(both, off=["email"]).status_code == 403
