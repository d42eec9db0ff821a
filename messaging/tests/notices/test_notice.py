"""Notices from the send to the provider's answer: at least once, by one key, in the customer's order, never a word of a message."""

import smtplib
from uuid import UUID

import pytest

from messaging.flows import consent, customer, enrolment, inquiry, lookout, message, notice, receipt
from messaging.models import Category, Channel, Customer, Enrolment, Notice
from messaging.notices import mail
from messaging.queries import policy, recoverable
from portal.kernel import actors, clock
from portal.testing.sink import mail_server

HOUR = 3600


@pytest.fixture
def smtp(settings):
    with mail_server() as sink:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", sink.port, 1
        yield sink


def test_who_has_a_device_is_told_after_half_a_minute(it, mailoutbox):
    pk = it.cast.customer(email="ada@example.org")
    it.cast.handset(pk)
    sent = it.cast.send(pk, "CANARY body", subject="CANARY subject")
    it.work()
    assert mailoutbox == []
    it.wait(seconds=31)
    [letter] = mailoutbox
    assert letter.to == ["ada@example.org"]
    assert "CANARY" not in letter.subject + letter.body
    assert str(sent.id) not in letter.body
    assert letter.body.count("/inbox/") == 1
    assert it.ways(sent.id) == [("arrived", "email", "sent", "")]
    it.wait(hours=1)
    assert len(mailoutbox) == 1


def test_who_has_none_gets_a_one_time_link_that_is_then_forgotten(it, mailoutbox):
    pk = it.cast.customer(email="new@example.org", name="Ada Lovelace")
    sent = it.cast.send(pk)
    it.work()
    [letter] = mailoutbox
    assert "/inbox/enrol/" in letter.body
    assert "Ada" not in letter.body
    with it.cast.inside():
        link = Enrolment.objects.get(customer_id=pk)
    assert (link.sealed_secret, link.sent_at is not None) == (None, True)
    assert it.told(sent.id)[0].enrolment_id == link.id


def test_a_text_says_nothing_of_a_message(it, provider):
    """All that leaves: headers, body, path. The number is the address; nothing else of the customer or the message is there."""
    it.text_from()
    for has_device in (False, True):
        pk = it.cast.customer(
            phone="+4915112345678", name="CANARY name", reference=f"CANARY{has_device}", fields={"CANARY": "CANARY"}
        )
        if has_device:
            it.cast.handset(pk)
        it.cast.send(pk, "CANARY body", subject="CANARY subject")
    it.wait(seconds=31)
    assert len(provider.got) == 2
    for got in provider.got:
        assert "CANARY" not in f"{got.path}{got.headers}{got.body!r}"
    texts = [got.json["text"] for got in provider.got]
    assert sorted("/inbox/enrol/" in text for text in texts) == [False, True]


def test_another_message_brings_no_second_link_while_the_first_is_fresh(it, mailoutbox):
    pk = it.cast.customer(email="two@example.org")
    first, second = it.cast.send(pk), it.cast.send(pk)
    it.work()
    third = it.cast.send(pk)
    it.work()
    assert len(mailoutbox) == 1
    told = [it.ways(one.id)[0][2:] for one in (first, second, third)]
    assert sorted(told) == [("sent", ""), ("withdrawn", "link_waits"), ("withdrawn", "link_waits")]
    it.wait(days=2)
    it.cast.send(pk)
    it.work()
    assert len(mailoutbox) == 2


def test_what_a_device_received_meanwhile_is_not_told(it, mailoutbox):
    pk = it.cast.customer(email="quick@example.org")
    phone = it.cast.handset(pk)
    sent = it.cast.send(pk)
    it.at.advance(seconds=31)
    with it.cast.inside():
        lookout.look(now=clock.now())
        receipt.read(actor=it.cast.actor_of(phone, pk), now=clock.now(), message_id=sent.id)
    it.send()
    assert mailoutbox == []
    assert it.ways(sent.id) == [("arrived", "email", "withdrawn", "received")]


def test_a_recalled_message_is_not_told(it, mailoutbox):
    pk = it.cast.customer(email="gone@example.org")
    sent = it.cast.send(pk)
    with it.cast.inside():
        lookout.look(now=clock.now())
        message.recall(actor=it.cast.author, now=clock.now(), message_id=sent.id)
    it.send()
    assert mailoutbox == []
    assert it.ways(sent.id) == [("arrived", "email", "withdrawn", "ended")]


def test_nobody_to_tell_is_written_down(it):
    sent = it.cast.send(it.cast.customer())
    it.work()
    assert it.ways(sent.id) == [("arrived", "none", "failed", "no_way")]


# ── order and falling back ────────────────────────────────────────────────────────────────────────────────────────
def test_a_way_that_fails_makes_room_for_the_next(it, provider, mailoutbox):
    it.text_from()
    it.policy(ways="sms,email")
    provider.be("refuses", 422, code="bad_number")
    pk = it.cast.customer(email="both@example.org", phone="+4915112345678")
    sent = it.cast.send(pk)
    it.work()
    assert it.ways(sent.id) == [("arrived", "sms", "failed", "bad_address"), ("arrived", "email", "sent", "")]
    assert "/inbox/enrol/" in mailoutbox[0].body
    assert len(provider.got) == 1


def test_the_customers_own_order_comes_first(it, provider, mailoutbox):
    it.text_from()
    pk = it.cast.customer(email="own@example.org", phone="+4915112345678")
    with it.cast.inside():
        Customer.objects.filter(id=pk).update(ways="sms")
    sent = it.cast.send(pk)
    it.work()
    assert it.ways(sent.id) == [("arrived", "sms", "sent", "")]
    assert mailoutbox == []


def test_who_does_not_come_is_told_by_another_way_where_the_policy_says_so(it, provider, mailoutbox):
    it.text_from()
    it.policy(fall_back_after=HOUR)
    pk = it.cast.customer(email="slow@example.org", phone="+4915112345678")
    phone = it.cast.handset(pk)
    sent, read = it.cast.send(pk), it.cast.send(pk)
    it.wait(seconds=31)
    with it.cast.inside():
        receipt.read(actor=it.cast.actor_of(phone, pk), now=clock.now(), message_id=read.id)
    it.wait(minutes=59)
    assert len(it.ways(sent.id)) == 1
    it.wait(minutes=2)
    assert [one[1:3] for one in it.ways(sent.id)] == [("email", "sent"), ("sms", "sent")]
    assert [one[1:3] for one in it.ways(read.id)] == [("email", "sent")]
    it.wait(days=1)
    assert len(it.ways(sent.id)) == 2


def test_what_a_customer_refused_is_obeyed_at_once(it, provider, mailoutbox):
    it.text_from()
    it.policy(ways="sms,email")
    pk = it.cast.customer(email="stop@example.org", phone="+4915199999999")
    sent = it.cast.send(pk)
    with it.cast.inside():
        lookout.look(now=clock.now())
        consent.heard(actor=actors.SYSTEM, now=clock.now(), phone="+4915199999999", text="STOP")
    it.send()
    assert provider.got == []
    assert it.ways(sent.id) == [("arrived", "sms", "failed", "opted_out"), ("arrived", "email", "sent", "")]


def test_an_opt_out_that_only_the_provider_heard_is_written_down(it, provider, mailoutbox):
    it.text_from()
    it.policy(ways="sms,email")
    provider.be("refuses", 422, code="opted_out")
    pk = it.cast.customer(email="known@example.org", phone="+4915188888888")
    it.cast.send(pk)
    it.work()
    provider.be("takes")
    it.at.advance(days=2)
    second = it.cast.send(pk)
    it.work()
    assert len(provider.got) == 1
    assert it.ways(second.id) == [("arrived", "email", "sent", "")]
    with it.cast.inside():
        assert Customer.objects.get(id=pk).refused == ["sms"]


def test_marketing_is_told_only_where_they_agreed_to_it(it, provider, mailoutbox):
    it.text_from()
    it.policy(ways="sms,email")
    with it.cast.inside():
        Category.objects.get_or_create(
            key="offers", defaults={"name": "Offers", "purpose": "marketing", "created_at": clock.now()}
        )
        policy.forget()
    agreed = consent.Given("marketing", "email", "form")
    pk = it.cast.customer(email="offers@example.org", phone="+4915177777777", consent=(agreed,))
    sent = it.cast.send(pk, category="offers")
    it.work()
    assert it.ways(sent.id) == [("arrived", "email", "sent", "")]


# ── quiet hours ───────────────────────────────────────────────────────────────────────────────────────────────────
def test_quiet_hours_hold_a_notice_in_the_recipients_zone(it, mailoutbox):
    it.at.at = it.at.at.replace(hour=12, minute=0, second=0, microsecond=0)
    it.at.advance(days=1)
    it.policy(quiet_from=20 * 60, quiet_until=8 * 60)
    awake = it.cast.customer(email="london@example.org", time_zone="UTC")
    asleep = it.cast.customer(email="auckland@example.org", time_zone="Pacific/Kiritimati")  # 02:00 there
    first, second = it.cast.send(awake), it.cast.send(asleep)
    it.work()
    assert [letter.to for letter in mailoutbox] == [["london@example.org"]]
    assert it.ways(second.id) == [("arrived", "email", "waiting", "quiet_hours")]
    it.wait(hours=5, minutes=59)
    assert len(mailoutbox) == 1
    it.wait(minutes=1, seconds=1)
    assert it.ways(second.id) == [("arrived", "email", "sent", "")]
    assert it.ways(first.id) == [("arrived", "email", "sent", "")]


def test_a_message_that_ends_while_it_is_quiet_is_told_to_nobody(it, mailoutbox):
    it.at.at = it.at.at.replace(hour=22, minute=0)
    it.at.advance(days=1)
    it.policy(quiet_from=20 * 60, quiet_until=8 * 60)
    sent = it.cast.send(it.cast.customer(email="night@example.org"), gone_after=HOUR)
    it.work()
    it.wait(hours=11)
    assert mailoutbox == []
    assert it.ways(sent.id) == [("arrived", "email", "withdrawn", "quiet_hours")]


def test_a_link_that_was_asked_for_goes_out_at_night_too(it, mailoutbox):
    it.policy(quiet_from=0, quiet_until=23 * 60 + 59)
    pk = it.cast.customer(email="urgent@example.org")
    with it.cast.inside():
        enrolment.issue(actor=it.cast.author, now=clock.now(), customer_id=pk)
        inquiry.ask(now=clock.now(), kind="recover", to="urgent@example.org", source="test")
        key = UUID(bytes=recoverable.key_of("email", "urgent@example.org"))
        inquiry.answer(now=clock.now(), kind="recover", key=key)
    it.send()
    assert [letter.subject.split()[0] for letter in mailoutbox] == ["Your", "Let"]


# ── trouble ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_refusing_mail_server_is_tried_again_with_growing_pauses(it, smtp):
    smtp.mood = "refuses"
    pk = it.cast.customer(email="later@example.org")
    sent = it.cast.send(pk)
    it.work()
    assert it.ways(sent.id) == [("arrived", "email", "waiting", "provider_busy")]
    pauses = []
    for _ in range(4):
        row = it.told(sent.id)[0]
        pauses.append((row.due_at - clock.now()).total_seconds())
        it.wait(seconds=pauses[-1])
    assert pauses == [60, 120, 240, 480]
    smtp.mood = "takes"
    it.wait(hours=1)
    assert it.ways(sent.id) == [("arrived", "email", "sent", "")]
    [(_, raw)] = smtp.got
    assert f"<{it.told(sent.id)[0].id}@".encode() in raw


def test_a_hanging_mail_server_is_ambiguous_and_a_repeat_is_the_same_letter(it, smtp):
    smtp.mood = "sleeps"
    pk = it.cast.customer(email="unsure@example.org")
    sent = it.cast.send(pk)
    it.work()
    assert it.ways(sent.id) == [("arrived", "email", "ambiguous", "no_answer")]
    smtp.mood = "takes"
    it.wait(minutes=1)
    assert it.ways(sent.id) == [("arrived", "email", "sent", "")]
    named = {line for _, raw in smtp.got for line in raw.splitlines() if line.lower().startswith(b"message-id")}
    assert len(named) == 1


def test_what_waits_behind_trouble_is_not_tried_in_vain(it, smtp):
    smtp.mood = "refuses"
    for number in range(5):
        it.cast.send(it.cast.customer(email=f"q{number}@example.org"))
    it.work()
    assert smtp.tried == 1
    with it.cast.inside():
        waiting = Notice.objects.filter(due_at__isnull=False)
        assert sorted(waiting.values_list("attempts", flat=True)) == [0, 0, 0, 0, 1]
        assert set(waiting.values_list("state", flat=True)) == {"waiting"}
    smtp.mood = "takes"
    it.wait(minutes=2)
    assert len(smtp.got) == 5


def test_a_way_that_does_not_work_says_since_when_until_it_does(it, smtp):
    smtp.mood = "refuses"
    it.cast.send(it.cast.customer(email="health@example.org"))
    it.work()
    began = clock.now()
    it.wait(minutes=2)
    with it.cast.inside():
        channel = Channel.objects.get(kind="email")
    assert (channel.failing_since, channel.failing_why) == (began, "provider_busy")
    smtp.mood = "takes"
    it.wait(hours=1)
    with it.cast.inside():
        assert Channel.objects.get(kind="email").failing_since is None


def test_a_bad_address_is_final(it, monkeypatch):
    def refuse(self, *args, **kwargs):
        raise smtplib.SMTPRecipientsRefused({"eve@example.org": (550, b"no such user eve")})

    monkeypatch.setattr("django.core.mail.EmailMessage.send", refuse)
    sent = it.cast.send(it.cast.customer(email="eve@example.org"))
    it.work()
    assert it.ways(sent.id) == [("arrived", "email", "failed", "bad_address")]


def test_trying_ends_with_the_message(it, smtp):
    smtp.mood = "refuses"
    sent = it.cast.send(it.cast.customer(email="short@example.org"), gone_after=10 * 60)
    it.work()
    for _ in range(8):
        it.wait(minutes=2)
    assert it.told(sent.id)[0].due_at is None
    assert it.told(sent.id)[0].state == "failed"


def test_a_longer_life_gives_a_notice_longer(it, smtp):
    smtp.mood = "refuses"
    sent = it.cast.send(it.cast.customer(email="longer@example.org"), gone_after=10 * 60)
    it.work()
    with it.cast.inside():
        message.extend(actor=it.cast.author, now=clock.now(), message_id=sent.id, seconds=5 * HOUR)
    for _ in range(8):
        it.wait(minutes=2)
    smtp.mood = "takes"
    it.wait(hours=1)
    assert it.ways(sent.id) == [("arrived", "email", "sent", "")]


# ── workers that die ──────────────────────────────────────────────────────────────────────────────────────────────
def claimed(it, channel, knows_repeats):
    with it.cast.inside():
        return notice.claim(now=clock.now(), channel=channel, limit=10, knows_repeats=knows_repeats)


def test_two_workers_never_take_the_same(it):
    it.cast.send(it.cast.customer(email="once@example.org"))
    with it.cast.inside():
        lookout.look(now=clock.now())
    assert len(claimed(it, "email", True)) == 1
    assert claimed(it, "email", True) == []


def test_what_a_dead_worker_held_is_sent_again_where_a_repeat_is_known(it, mailoutbox):
    sent = it.cast.send(it.cast.customer(email="dead@example.org"))
    with it.cast.inside():
        lookout.look(now=clock.now())
    [first] = claimed(it, "email", True)
    it.at.advance(seconds=notice.LEASE.total_seconds() + 1)
    it.send()
    assert it.ways(sent.id) == [("arrived", "email", "sent", "")]
    assert mail.message_id(first.outgoing) in mailoutbox[0].message()["Message-ID"]
    with it.cast.inside():  # the dead one comes back to life and is too late
        notice.settle(now=clock.now(), answers=[(first, mail.retry("provider_away"))], knows_repeats=True)
    assert it.ways(sent.id) == [("arrived", "email", "sent", "")]


def test_where_a_repeat_is_not_known_it_stays_ambiguous(it, provider):
    it.text_from()
    sent = it.cast.send(it.cast.customer(phone="+4915112345678"))
    with it.cast.inside():
        lookout.look(now=clock.now())
    assert len(claimed(it, "sms", False)) == 1
    it.at.advance(seconds=notice.LEASE.total_seconds() + 1)
    assert claimed(it, "sms", False) == []
    assert it.ways(sent.id) == [("arrived", "sms", "ambiguous", "")]
    assert provider.got == []


# ── other notices ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_new_device_is_told_to_those_who_had_one(it, mailoutbox):
    pk = it.cast.customer(email="devices@example.org")
    it.cast.handset(pk)
    it.send()
    assert mailoutbox == []
    it.cast.handset(pk)
    it.send()
    [letter] = mailoutbox
    assert "new device" in letter.body


def test_an_erased_customer_is_told_nothing(it, mailoutbox):
    pk = it.cast.customer(email="erased@example.org")
    it.cast.send(pk)
    with it.cast.inside():
        lookout.look(now=clock.now())
        customer.erase(actor=it.cast.author, now=clock.now(), customer_id=pk)
    it.send()
    assert mailoutbox == []


def test_who_came_in_meanwhile_needs_no_link(it, mailoutbox):
    """The notice that waited opens the inbox then; the link in it would be one more that lies in a mailbox."""
    pk = it.cast.customer(email="came@example.org")
    it.cast.send(pk)
    with it.cast.inside():
        lookout.look(now=clock.now())
    it.at.advance(seconds=1)
    it.cast.handset(pk)
    it.send()
    assert "/inbox/enrol/" not in mailoutbox[0].body
    with it.cast.inside():
        assert not Enrolment.objects.filter(customer_id=pk, used_at=None, cancelled_at=None).exists()


def test_an_entry_says_how_many_were_told_and_how(it, mailoutbox):
    from archive.models import Entry

    for number in range(3):
        it.cast.send(it.cast.customer(email=f"e{number}@example.org"))
    it.work()
    with it.cast.inside():
        leaf = bytes(Entry.objects.filter(kind="notices").order_by("-index").first().leaf)
    assert b'"channel":"email"' in leaf
    assert b'"state":"sent"' in leaf
    assert b'"count":3' in leaf


def test_notices_are_forgotten_after_three_months(it, mailoutbox):
    sent = it.cast.send(it.cast.customer(email="old@example.org"))
    it.work()
    it.at.advance(days=91)
    with it.cast.inside():
        notice.sweep(now=clock.now())
    assert it.told(sent.id) == []


def test_of_two_businesses_each_tells_its_own(it, acme, mailoutbox):
    it.cast.send(it.cast.customer(email="mine@example.org"))
    with acme.inside():
        lookout.look(now=clock.now())
    it.send()
    assert mailoutbox == []
