"""Consent: given and taken back; marketing needs it, service does not, and an opt-out always wins."""

import secrets
from datetime import timedelta

import pytest

from archive.models import Entry
from messaging.flows import category, consent, customer, message, schedule
from messaging.models import Consent, Customer, Message
from messaging.rules.compose import Compose
from portal.kernel import clock
from portal.kernel.actors import SYSTEM
from portal.kernel.errors import Refusal

Given = consent.Given


@pytest.fixture(scope="module")
def offers(acme):
    with acme.inside():
        category.create(
            actor=acme.owner, now=clock.now(), key="offers", name="Offers", purpose="marketing", gone_after=3600
        )
    return "offers"


def standing(cast, pk):
    with cast.inside():
        row = Customer.objects.get(id=pk)
        return row.agreed, row.refused


def note(cast, pk, *given):
    with cast.inside():
        return consent.note(actor=cast.author, now=clock.now(), customer_id=pk, given=given)


def refused(cast, pk, **asked):
    with pytest.raises(Refusal) as error:
        cast.send(pk, **asked)
    return error.value.code


def test_marketing_needs_consent_and_service_does_not(acme, offers):
    pk = acme.customer()
    acme.send(pk)
    assert refused(acme, pk, category=offers) == "no_consent"
    note(acme, pk, Given("marketing", "email", "web form", wording="Yes, send me offers"))
    acme.send(pk, category=offers)
    assert standing(acme, pk) == (["marketing:email"], [])


@pytest.mark.parametrize(
    ("taken_back", "service"),
    [
        (("marketing", "all"), True),
        (("marketing", "inbox"), True),
        (("marketing", "email"), True),
        (("all", "email"), True),
        (("all", "inbox"), False),
        (("all", "all"), False),
    ],
)
def test_an_opt_out_wins_over_every_consent_below_it(acme, offers, taken_back, service):
    pk = acme.customer()
    note(acme, pk, Given("marketing", "email", "form"))
    note(acme, pk, Given(*taken_back, "phone call", given=False))
    assert refused(acme, pk, category=offers) in {"opted_out", "no_consent"}
    if service:
        acme.send(pk)
    else:
        assert refused(acme, pk) == "opted_out"


def test_an_old_consent_does_not_lift_an_opt_out_and_a_new_one_does(acme, offers):
    pk = acme.customer()
    now = clock.now()
    note(acme, pk, Given("marketing", "email", "letter", at=now - timedelta(days=2), given=False))
    note(acme, pk, Given("marketing", "email", "old list", at=now - timedelta(days=400)))
    assert standing(acme, pk) == ([], ["marketing:email"])
    note(acme, pk, Given("marketing", "email", "web form"))
    assert standing(acme, pk) == (["marketing:email"], [])


def test_an_opt_out_is_obeyed_whatever_its_date(acme):
    pk = acme.customer()
    note(acme, pk, Given("marketing", "email", "form"))
    note(acme, pk, Given("marketing", "email", "letter", at=clock.now() - timedelta(days=9), given=False))
    assert standing(acme, pk) == ([], ["marketing:email"])


def test_yes_and_no_at_once_is_no(acme):
    pk = acme.customer(consent=(Given("marketing", "sms", "form", given=False), Given("marketing", "sms", "form")))
    assert standing(acme, pk) == ([], ["marketing:sms"])


def test_events_are_kept_and_stand_in_the_ledger(acme):
    pk = acme.customer(consent=(Given("marketing", "email", "form"),))
    note(acme, pk, Given("marketing", "email", "a call", given=False))
    with acme.inside():
        assert Consent.objects.filter(customer_id=pk).count() == 2
        kinds = list(Entry.objects.filter(customer_id=pk).order_by("index").values_list("kind", flat=True))
    assert kinds == ["customer.created", "consent.given", "consent.withdrawn"]


def test_what_is_scheduled_is_looked_at_again_when_it_is_due(acme, offers, at):
    """Both were fine when they were written; each has its own reason when it is due."""
    no_more, marketing = acme.customer(consent=(Given("marketing", "inbox", "form"),)), acme.customer()
    note(acme, marketing, Given("marketing", "inbox", "form"))
    soon = clock.now() + timedelta(minutes=5)
    sent = [acme.send(pk, category=offers, send_at=soon) for pk in (no_more, marketing)]
    note(acme, no_more, Given("all", "all", "a call", given=False))
    note(acme, marketing, Given("marketing", "all", "a call", given=False))
    at.advance(minutes=6)
    with acme.inside():
        while schedule.send_due(now=clock.now()):
            pass
        rows = [Message.objects.get(id=one.id) for one in sent]
        assert [(row.outcome, row.ended_reason, row.sent_at) for row in rows] == [("suppressed", "opted_out", None)] * 2
        assert Entry.objects.filter(kind="message.suppressed", message_id__in=[row.id for row in rows]).count() == 2


def test_in_a_batch_only_the_unwanted_are_refused(acme, offers):
    first, second = acme.customer(consent=(Given("marketing", "inbox", "form"),)), acme.customer()
    with acme.inside():
        asked = [Compose(body="x", customer=pk, category=offers) for pk in (second, first)]
        answers = message.send_many(actor=acme.author, now=clock.now(), composed=asked)
    assert [getattr(one, "code", "sent") for one in answers] == ["no_consent", "sent"]


def test_stop_ends_text_messages_to_a_number_and_start_lets_them_come_again(acme, globex):
    phone = f"+49151{secrets.randbelow(10**8):08d}"  # nobody else's: a text is heard for everyone who has the number
    parent, child, elsewhere = acme.customer(phone=phone), acme.customer(phone=phone), globex.customer(phone=phone)
    note(acme, parent, Given("marketing", "sms", "form"))
    with acme.inside():
        stopped = consent.heard(actor=SYSTEM, now=clock.now(), phone=phone, text=" Stop. ")
        again = consent.heard(actor=SYSTEM, now=clock.now(), phone=phone, text="STOP")
    assert (stopped.asked, set(stopped.customers), again.customers) == ("stop", {parent, child}, ())
    assert standing(acme, parent) == (["marketing:sms"], ["sms"])
    assert standing(globex, elsewhere) == ([], [])
    with acme.inside():
        started = consent.heard(actor=SYSTEM, now=clock.now(), phone=phone, text="START")
    assert (started.asked, set(started.customers)) == ("start", {parent, child})
    assert standing(acme, parent) == (["marketing:sms"], [])
    assert standing(acme, child) == ([], [])


def test_other_texts_ask_for_nothing(acme):
    pk = acme.customer(phone="+4915112345671")
    with acme.inside():
        for text in ("stop by at nine?", "Please do not stop", "yes", ""):
            assert consent.heard(actor=SYSTEM, now=clock.now(), phone="+4915112345671", text=text) == consent.Heard("")
    assert standing(acme, pk) == ([], [])


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (Given("marketing", "fax", "form"), "bad_consent"),
        (Given("spam", "email", "form"), "bad_consent"),
        (Given("marketing", "email", ""), "bad_consent"),
        (Given("marketing", "email", "x\x00"), "bad_text"),
        (Given("marketing", "email", "form", wording="x" * 1001), "bad_text"),
    ],
    ids=str,
)
def test_what_is_no_consent_is_refused_and_changes_nothing(acme, bad, code):
    pk = acme.customer()
    with pytest.raises(Refusal) as error:
        note(acme, pk, Given("marketing", "email", "form"), bad)
    assert error.value.code == code
    assert standing(acme, pk) == ([], [])


def test_a_time_to_come_is_no_time_of_a_consent(acme):
    pk = acme.customer()
    with pytest.raises(Refusal) as error:
        note(acme, pk, Given("marketing", "email", "form", at=clock.now() + timedelta(days=1)))
    assert error.value.code == "bad_consent"


def test_strangers_note_nothing(acme, globex):
    pk = acme.customer()
    with globex.inside(), pytest.raises(Refusal) as error:
        consent.note(actor=globex.author, now=clock.now(), customer_id=pk, given=[Given("service", "inbox", "x")])
    assert error.value.code == "not_found"
    with acme.inside(), pytest.raises(Refusal) as error:
        consent.note(actor=acme.officer, now=clock.now(), customer_id=pk, given=[Given("service", "inbox", "x")])
    assert error.value.code == "not_allowed"


def test_a_customer_says_so_from_their_own_device_only(acme):
    mine, other = acme.customer(), acme.customer()
    device = acme.actor_of(acme.handset(mine), mine)
    with acme.inside():
        consent.note(actor=device, now=clock.now(), customer_id=mine, given=[Given("all", "sms", "inbox", given=False)])
        with pytest.raises(Refusal):
            consent.note(
                actor=device, now=clock.now(), customer_id=other, given=[Given("all", "sms", "x", given=False)]
            )
    assert standing(acme, mine) == ([], ["sms"])


def test_erasure_empties_what_could_be_filtered_by(acme):
    pk = acme.customer(tags=["vip"], fields={"plan": "gold"}, consent=(Given("marketing", "email", "form"),))
    note(acme, pk, Given("all", "sms", "call", given=False))
    with acme.inside():
        assert len(Customer.objects.get(id=pk).marks) == 2
        customer.erase(actor=acme.author, now=clock.now(), customer_id=pk)
        row = Customer.objects.get(id=pk)
        assert (row.marks, row.agreed, row.refused) == ([], [], [])
        assert not Consent.objects.filter(customer_id=pk).exists()
