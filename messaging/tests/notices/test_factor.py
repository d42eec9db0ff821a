"""The second factor of an enrolment: asked for without using anything up, by another channel than the link's, and not for ever."""

import re

import pytest
from django.core import mail

from archive.models import Entry
from messaging.flows import consent, customer, enrolment, factor
from messaging.models import Customer, Enrolment
from messaging.tests.device.phone import Phone
from portal.kernel import clock

WORDS = "The blue  Heron"


@pytest.fixture
def asks(it):
    """→ a function that sets what the business asks for."""
    yield lambda kind: it.policy(second_factor=kind)
    it.policy(second_factor="")


def link(it, who, send_by="email") -> str:
    """As it is sent; shown where nothing can be sent."""
    mail.outbox.clear()
    with it.cast.inside():
        issued = enrolment.issue(actor=it.cast.author, now=clock.now(), customer_id=who, send_by=send_by)
    if issued.url:
        return issued.url.rsplit("/", 1)[1]
    it.send()
    return re.search(r"/inbox/enrol/(\S+)", mail.outbox[-1].body)[1]


def phone(it) -> Phone:
    return Phone(it.cast.host)


def told(answer) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


def test_a_passphrase_is_asked_for_and_case_and_spaces_do_not_count(it, asks):
    asks("passphrase")
    who = it.cast.customer(email="a@example.org")
    with it.cast.inside():
        factor.set_passphrase(actor=it.cast.author, now=clock.now(), customer_id=who, passphrase=WORDS)
        assert WORDS.lower().encode() not in bytes(Customer.objects.get(id=who).passphrase_digest)
    token, page = link(it, who), phone(it)
    for _ in range(3):
        assert told(page.enrol(token)) == (401, "second_factor_needed")
    wrong = page.enrol(token, answer="the grey heron")
    assert (wrong.json()["code"], wrong.json()["wrong"], wrong.json()["tries_left"]) == (
        "second_factor_needed",
        True,
        4,
    )
    assert page.enrol(token, answer=" the BLUE heron ").status_code == 201


def test_five_wrong_answers_use_the_link_up_and_are_an_entry(it, asks):
    asks("passphrase")
    who = it.cast.customer(email="b@example.org")
    with it.cast.inside():
        factor.set_passphrase(actor=it.cast.author, now=clock.now(), customer_id=who, passphrase=WORDS)
    token, page = link(it, who), phone(it)
    codes = [told(page.enrol(token, answer=f"guess {n}")) for n in range(5)]
    assert codes == [(401, "second_factor_needed")] * 4 + [(401, "second_factor_failed")]
    assert told(page.enrol(token, answer=WORDS)) == (401, "enrolment_spent")
    with it.cast.inside():
        assert Entry.objects.filter(kind="device.refused").exists()


def test_by_however_many_links_a_customer_is_guessed_at_ten_times_a_day(it, asks):
    asks("passphrase")
    who = it.cast.customer(email="c@example.org")
    with it.cast.inside():
        factor.set_passphrase(actor=it.cast.author, now=clock.now(), customer_id=who, passphrase=WORDS)
    for _ in range(3):
        token, page = link(it, who), phone(it)
        page.client.defaults["REMOTE_ADDR"] = f"10.1.{_}.1"
        last = [told(page.enrol(token, answer=f"guess {n}"))[1] for n in range(5)]
    assert last[0] == "second_factor_failed"
    assert told(phone(it).enrol(link(it, who), answer=WORDS))[1] == "second_factor_failed"


def test_a_code_goes_by_another_way_than_the_link_and_works_once(it, asks, provider):
    asks("code")
    it.text_from()
    who = it.cast.customer(email="d@example.org", phone="+4915112345678")
    token, page = link(it, who), phone(it)
    before = len(mail.outbox)
    asked = page.enrol(token).json()
    assert (asked["factor"], asked["channel"]) == ("code", "sms")
    it.send()
    assert len(mail.outbox) == before
    code = re.search(r"\b([0-9]{6})\b", str(provider.got[-1].json["text"]))[1]
    page.enrol(token)
    it.send()
    assert len([one for one in provider.got if code.encode() in one.body]) == 1, "not twice within a minute"
    assert told(page.enrol(token, answer="000000" if code != "000000" else "111111"))[1] == "second_factor_needed"
    with it.cast.inside():
        assert Enrolment.objects.get(customer_id=who).codes.get().sealed_code is None
    typed = code.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))  # by a keyboard of another script
    assert page.enrol(token, answer=f"{typed[:3]} {typed[3:]}").status_code == 201


def test_a_code_comes_to_who_wants_no_messages_and_not_by_a_channel_taken_back(it, asks, provider):
    asks("code")
    it.text_from()
    who = it.cast.customer(email="g@example.org", phone="+4915112345670")
    token, page = link(it, who), phone(it)
    refuse(it, who, "service", "all")
    assert page.enrol(token).json()["channel"] == "sms"
    it.send()
    assert re.search(r"\b[0-9]{6}\b", str(provider.got[-1].json["text"]))
    refuse(it, who, "all", "sms")
    assert told(page.enrol(token)) == (409, "second_factor_unset")


def refuse(it, who, purpose: str, channel: str) -> None:
    with it.cast.inside():
        said = consent.Given(purpose, channel, "form", given=False)
        consent.note(actor=it.cast.owner, now=clock.now(), customer_id=who, given=[said])


def test_an_old_code_is_over(it, asks, provider):
    asks("code")
    it.text_from()
    who = it.cast.customer(email="e@example.org", phone="+4915112345679")
    token, page = link(it, who), phone(it)
    page.enrol(token)
    it.send()
    code = re.search(r"\b([0-9]{6})\b", str(provider.got[-1].json["text"]))[1]
    it.at.advance(seconds=factor.CODE_LIVES_FOR.total_seconds())
    assert told(page.enrol(token, answer=code)) == (401, "second_factor_needed")


def test_who_has_no_other_channel_is_told_so_and_in_person_comes_in(it, asks):
    asks("code")
    who = it.cast.customer(email="f@example.org")
    token = link(it, who)
    assert told(phone(it).enrol(token)) == (409, "second_factor_unset")
    nobody = it.cast.customer()
    assert phone(it).enrol(link(it, nobody, "show")).status_code == 201
    assert told(phone(it).enrol(link(it, who, "show")))[1] == "second_factor_needed"


def test_an_erasure_takes_the_passphrase(it):
    who = it.cast.customer(email="g@example.org")
    with it.cast.inside():
        factor.set_passphrase(actor=it.cast.author, now=clock.now(), customer_id=who, passphrase=WORDS)
        customer.erase(actor=it.cast.author, now=clock.now(), customer_id=who)
        assert Customer.objects.get(id=who).passphrase_digest is None
