"""From what happened to the program that is told: with its commit or not at all, signed, again until it is taken, never inside."""

import hmac
import json
import socket
import time
from base64 import b64decode, b64encode
from datetime import timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
from django_q.models import OrmQ

from messaging import jobs
from messaging.flows import delivery, expiry, message, receipt, telling, webhook
from messaging.models import Delivery
from portal.kernel import clock, unit, wire
from portal.kernel.errors import Refusal
from portal.testing import surfer

DAY = 86400


def is_signed(got, secret: str) -> bool:
    """As the standard says, by a hand of its own."""
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    mac = hmac.digest(b64decode(secret.removeprefix("whsec_")), signed, "sha256")
    return f"v1,{b64encode(mac).decode()}" in got.headers["webhook-signature"].split(" ")


def received(it, text="CANARY words of a customer") -> UUID:
    customer = it.cast.customer(name="CANARY name", email="canary@example.org")
    phone = it.cast.handset(customer)
    with it.cast.inside():
        return message.receive(
            actor=it.cast.actor_of(phone, customer), now=clock.now(), customer_id=customer, text=text
        )


# ── what is told ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_program_is_told_that_a_customer_wrote_and_nothing_of_it(it):
    made = it.add("message.received")
    wrote = received(it)
    it.work(made)
    [got] = it.receiver.got
    told = got.json
    assert told["type"] == "message.received"
    assert [one["id"] for one in told["data"]["messages"]] == [str(wrote)]
    assert got.headers["content-type"] == "application/json"
    assert is_signed(got, made.secret)
    assert not is_signed(got, webhook.rules.secret_of(b"another secret of 32 bytes......"))
    [row] = it.log(made)
    assert (row.state, row.status, row.attempts) == ("delivered", 200 if row.status == 200 else 201, 1)
    assert str(row.id) == got.headers["webhook-id"]
    for where in (f"{got.path}{got.headers}{got.body!r}", f"{row.__dict__}"):
        assert "CANARY" not in where
        assert "canary@" not in where


def test_delivered_and_ended_unread(it):
    made = it.add("message.delivered", "message.ended_unread")
    customer = it.cast.customer()
    phone = it.cast.handset(customer)
    seen, unseen = it.cast.send(customer, gone_after=60), it.cast.send(customer, gone_after=60)
    with it.cast.inside():
        receipt.delivered(acks=[receipt.Ack(seen.id, UUID(phone.device), clock.now())] * 2)
        it.at.advance(seconds=61)
        while expiry.purge(now=clock.now()).bodies:
            pass
    it.work(made)
    told = {one.json["type"]: one.json["data"]["messages"] for one in it.receiver.got}
    assert told == {
        "message.delivered": [{"id": str(seen.id), "customer": str(customer), "state": "delivered"}],
        "message.ended_unread": [{"id": str(unseen.id), "customer": str(customer), "state": "expired_unread"}],
    }


def test_a_reading_counts_as_a_delivery_once(it):
    made = it.add("message.delivered")
    customer = it.cast.customer()
    phone = it.cast.handset(customer)
    sent = it.cast.send(customer, gone_after=DAY)
    with it.cast.inside():
        for _ in range(2):
            receipt.read(actor=it.cast.actor_of(phone, customer), now=clock.now(), message_id=sent.id)
        receipt.delivered(acks=[receipt.Ack(sent.id, UUID(phone.device), clock.now())])
    assert [one.event for one in it.log(made)] == ["message.delivered"]


def test_only_what_a_webhook_listens_to(it):
    made = it.add("device.wiped")
    received(it)
    assert it.log(made) == []


def test_no_event_without_its_commit(it):
    made = it.add()
    jobs_before = OrmQ.objects.count()

    def fail_after_telling():
        with unit.work():
            telling.messages("message.delivered", clock.now(), [(UUID(int=1), UUID(int=2))])
            assert Delivery.objects.filter(webhook_id=made.id).exists()
            raise ZeroDivisionError

    with it.cast.inside(), pytest.raises(ZeroDivisionError):
        fail_after_telling()
    assert it.log(made) == []
    assert OrmQ.objects.count() == jobs_before


def test_many_at_once_are_few_payloads(it):
    made = it.add("message.delivered")
    pairs = [(UUID(int=n), UUID(int=1)) for n in range(1201)]
    with it.cast.inside(), unit.work():
        telling.messages("message.delivered", clock.now(), pairs)
    assert sorted(len(one.data["messages"]) for one in it.log(made)) == [201, 500, 500]


# ── again until it is taken ───────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 408, 429, 500, 503])
def test_what_is_not_taken_is_sent_again_under_the_same_id(it, status):
    made = it.add()
    it.probe(made)
    it.receiver.headers["Location"] = f"https://localhost:{it.receiver.port}/elsewhere"
    it.receiver.be("refuses", status)
    it.work(made)
    [row] = it.log(made)
    assert (row.state, row.status, row.attempts) == ("waiting", status, 1)
    assert row.why == ("redirected" if status < 400 else "refused")
    assert it.hook(made).failing_since
    it.receiver.be("takes")
    it.wait(made, seconds=3)
    assert len(it.receiver.got) == 1, "not before its time"
    it.wait(made, seconds=4)
    assert [one.path for one in it.receiver.got] == ["/told", "/told"], "a redirect is not followed"
    assert len({one.headers["webhook-id"] for one in it.receiver.got}) == 1
    assert it.log(made)[0].state == "delivered"
    assert it.hook(made).failing_since is None


def test_who_asks_for_time_gets_it(it):
    made = it.add()
    it.probe(made)
    it.receiver.headers["Retry-After"] = "120"
    it.receiver.be("refuses", 429)
    it.work(made)
    it.receiver.be("takes")
    it.wait(made, seconds=119)
    assert len(it.receiver.got) == 1
    it.wait(made, seconds=2)
    assert it.log(made)[0].state == "delivered"


@pytest.mark.parametrize("mood", ["hangs_up", "sleeps", "drips"])
def test_a_receiver_that_hangs_costs_a_time_out_and_what_waits_waits_with_it(it, mood):
    made = it.add()
    for _ in range(6):
        it.probe(made)
    it.receiver.be(mood)
    it.work(made)
    first = len(it.receiver.got)
    assert first <= 4
    assert {one.why for one in it.log(made) if one.attempts} == {"no_answer"}
    it.wait(made, seconds=7)
    assert len(it.receiver.got) == first + 1, "one is tried for all"
    it.receiver.be("takes")
    it.wait(made, minutes=7)
    assert {one.state for one in it.log(made)} == {"delivered"}


def test_news_bring_one_that_fails_no_try_before_its_time(it):
    made = it.add("message.received")
    received(it)
    it.receiver.be("refuses", 500)
    it.work(made)
    it.wait(made, seconds=7)
    assert len(it.receiver.got) == 2
    for _ in range(3):
        received(it)
        it.wait(made, seconds=10)
    assert len(it.receiver.got) == 2
    assert [one.attempts for one in it.log(made)] == [2, 0, 0, 0]
    it.receiver.be("takes")
    it.wait(made, minutes=7)
    assert {one.state for one in it.log(made)} == {"delivered"}


def test_one_time_for_the_name_the_connection_and_the_answer(it, monkeypatch):
    real, spent = socket.getaddrinfo, [0.0]

    def slow(*args, **kwargs):
        spent.append(58.0)
        return real(*args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    monkeypatch.setattr(wire, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + sum(spent)))
    it.receiver.be("drips")
    began = time.monotonic()
    with pytest.raises(wire.Unsure):
        wire.post(it.url, headers={}, body=b"{}", seconds=60)
    assert time.monotonic() - began < 30


def test_whatever_an_answer_says_the_delivery_is_settled(it):
    made = it.add()
    it.probe(made)
    it.receiver.headers["Retry-After"] = "9" * 5000
    it.receiver.be("refuses", 429)
    it.work(made)
    [row] = it.log(made)
    assert (row.state, row.status) == ("waiting", 429)
    assert row.due_at == clock.now() + timedelta(hours=1), "the longest wait that is granted"


def test_trouble_that_nobody_thought_of_is_no_answer(it, monkeypatch):
    def break_(*args, **kwargs):
        raise ZeroDivisionError

    made = it.add()
    it.probe(made)
    monkeypatch.setattr(wire, "post", break_)
    it.work(made)
    assert [(one.state, one.why) for one in it.log(made)] == [("waiting", "no_answer")]


def test_an_address_of_a_family_that_is_not_spoken_here_is_not_reached(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: [(9999, 1, 6, "", ("1.1.1.1", 443))])
    with pytest.raises(wire.NotReached):
        wire.post("https://odd.example/", headers={}, body=b"", seconds=1)


def test_an_address_without_a_path_is_called_with_its_question(it):
    wire.post(it.url.replace("/told", "?x=1"), headers={}, body=b"{}", seconds=5)
    assert it.receiver.got[-1].path == "/?x=1"


def test_somebody_elses_certificate_is_told_nothing(it, monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(surfer.certificate(tmp_path)))
    made = it.add()
    it.probe(made)
    it.work(made)
    assert it.receiver.got == []
    assert it.log(made)[0].why == "not_reached"


def test_after_the_last_try_it_failed_and_can_be_replayed(it):
    made = it.add()
    told = it.probe(made)
    it.receiver.be("refuses", 500)
    for _ in range(9):
        it.wait(made, hours=25)
        if it.hook(made).off:
            break
    [row] = it.log(made)
    assert row.state in {"failed", "withdrawn"}
    with it.cast.inside():
        webhook.change(actor=it.cast.owner, now=clock.now(), webhook_id=made.id, changes=webhook.Changes(is_on=True))
        delivery.replay(actor=it.cast.owner, now=clock.now(), webhook_id=made.id, delivery_id=told)
        with pytest.raises(Refusal, match="delivery_waits"):
            delivery.replay(actor=it.cast.owner, now=clock.now(), webhook_id=made.id, delivery_id=told)
    it.receiver.be("takes")
    it.work(made)
    assert it.log(made)[0].state == "delivered"
    assert {one.headers["webhook-id"] for one in it.receiver.got} == {str(told)}


# ── given up ──────────────────────────────────────────────────────────────────────────────────────────────────────
def test_what_is_gone_is_switched_off_at_once_and_the_owners_hear_of_it(it, mailoutbox):
    made = it.add()
    for _ in range(6):
        it.probe(made)
    it.receiver.gone.add("/told")
    it.work(made)
    assert it.hook(made).off == "gone"
    assert {one.state for one in it.log(made)} == {"withdrawn"}
    with it.cast.inside():
        jobs.tell_of_webhook(made.id)
        with pytest.raises(Refusal, match="webhook_off"):
            delivery.probe(actor=it.cast.owner, now=clock.now(), webhook_id=made.id)
    assert [one.to for one in mailoutbox] == [[it.cast.emails["owner"]]]
    assert "/told" not in mailoutbox[0].body
    assert f"settings/webhooks/{made.id}/" in mailoutbox[0].body


def test_five_days_without_a_yes_switch_it_off(it):
    made = it.add()
    it.receiver.be("refuses", 500)
    for day in range(6):
        assert it.hook(made).off == "", day
        it.probe(made)
        it.wait(made, hours=25)
    assert it.hook(made).off == "failing"


# ── secrets ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_for_a_day_both_secrets_sign(it):
    made = it.add()
    with it.cast.inside():
        new = webhook.rotate(actor=it.cast.owner, now=clock.now(), webhook_id=made.id)
    for hours, old_signs in ((0, True), (23, True), (2, False)):
        it.at.advance(hours=hours)
        it.probe(made)
        it.work(made)
        got = it.receiver.got[-1]
        assert is_signed(got, new.secret)
        assert is_signed(got, made.secret) == old_signs
    with it.cast.inside():
        delivery.sweep(now=clock.now())
    assert it.hook(made).old_secret == ""


# ── never inside ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_name_that_stands_for_an_inner_address_is_not_called(it, settings):
    made = it.add()
    it.probe(made)
    settings.EBB_CALL_INSIDE = []
    it.work(made)
    assert it.receiver.got == []
    assert it.log(made)[0].why == "address_inside"


def test_one_inner_address_among_public_ones_is_enough(it, settings, monkeypatch):
    settings.EBB_CALL_INSIDE = []
    both = [(socket.AF_INET, 1, 6, "", ("1.1.1.1", 443)), (socket.AF_INET, 1, 6, "", ("127.0.0.1", it.receiver.port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: both)
    with pytest.raises(wire.Inside):
        wire.post("https://two.example/", headers={}, body=b"", seconds=1, may_reach=wire.outside_only)


def test_a_name_that_changes_its_mind_gains_nothing(it, monkeypatch):
    """What was looked at is what is called: the name is resolved once."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def once(host, *args, **kwargs):
        asked.append(host)
        return real(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", once)
    looked: list[str] = []
    wire.post(it.url, headers={}, body=b"{}", seconds=2, may_reach=lambda one: not looked.append(one))
    assert asked == ["localhost"]
    assert looked
    assert set(looked) <= {"127.0.0.1", "::1"}


def test_no_proxy_is_asked(it, monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    made = it.add()
    it.probe(made)
    it.work(made)
    assert it.log(made)[0].state == "delivered"


# ── workers ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_what_a_dead_worker_held_is_sent_again_under_its_id(it):
    made = it.add()
    told = it.probe(made)
    with it.cast.inside():
        [held] = delivery.claim(now=clock.now(), webhook_id=made.id, limit=4)
        assert delivery.claim(now=clock.now(), webhook_id=made.id, limit=4) == []
        it.at.advance(minutes=2)
        [taken] = delivery.claim(now=clock.now(), webhook_id=made.id, limit=4)
        assert held.id == taken.id == told
        delivery.settle(now=clock.now(), webhook_id=made.id, answers=[(held, delivery.Answer(200))])
        assert Delivery.objects.get(id=told).state == "sending", "the dead one's word comes too late"
        delivery.settle(now=clock.now(), webhook_id=made.id, answers=[(taken, delivery.Answer(200))])
    assert it.log(made)[0].state == "delivered"


def test_the_clock_puts_back_what_was_lost_and_asks_once(it):
    made = it.add()
    it.probe(made)
    with it.cast.inside():
        assert delivery.ask_due(now=clock.now()) == 1
        assert delivery.ask_due(now=clock.now() + timedelta(seconds=59)) == 0
        assert delivery.ask_due(now=clock.now() + timedelta(seconds=61)) == 1
    it.work(made)
    with it.cast.inside():
        assert delivery.ask_due(now=clock.now()) == 0


def test_old_ones_are_swept(it):
    made = it.add()
    it.probe(made)
    with it.cast.inside():
        delivery.sweep(now=clock.now() + timedelta(days=29))
        assert Delivery.objects.count() == 1
        delivery.sweep(now=clock.now() + timedelta(days=31))
        assert Delivery.objects.count() == 0


def test_nothing_personal_stands_in_the_queue(it):
    it.add()
    received(it, "CANARY queue")
    queued = "".join(f"{one.task}" for one in OrmQ.objects.all())
    assert "CANARY" not in queued
    assert json.dumps(it.url) not in queued
