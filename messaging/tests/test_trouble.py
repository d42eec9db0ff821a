"""Murphy's side of messaging: lost keys, a full disk, a close that crosses a letter, a neighbour that fails."""

import threading
import time
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.db import OperationalError, connections

from archive.models import Entry
from messaging import clock as loops
from messaging.flows import conversation, customer, enrolment, expiry, lane, lookout, message, schedule, words
from messaging.models import Body, Conversation, Customer, Enrolment, Message
from messaging.pages import proved
from messaging.queries import conversations, desk, messages
from messaging.rules import state
from messaging.rules.compose import Compose
from messaging.sockets import guard, protocol
from portal.kernel import clock, ids, keys
from portal.kernel.errors import Refusal
from portal.sealing import errors
from portal.testing.handset import Handset


def written(it, phone, pk, text="help"):
    with it.inside():
        return message.receive(actor=it.actor_of(phone, pk), now=clock.now(), customer_id=pk, text=text)


def in_a_thread(it, act):
    def inside():
        try:
            with it.inside():
                act()
        finally:
            connections.close_all()

    thread = threading.Thread(target=inside)
    thread.start()
    return thread


def test_a_full_disk_does_not_cost_a_customers_words(fresh, monkeypatch):
    """They are carried to a later bucket another time: a keyring that refuses is not a bucket that is over."""
    it = fresh()
    pk = it.customer()
    message_id = written(it, it.handset(pk), pk)

    def refuse(self, bucket):
        raise errors.KeyringUnwritable("no space left")

    with it.inside(), clock.use(clock.Fake(clock.now() + timedelta(days=29))):
        with monkeypatch.context() as full:
            full.setattr(type(keys.keyring().live), "create", refuse)
            with pytest.raises(Refusal) as refused:
                expiry.carry_forward(now=clock.now())
        assert refused.value.code == "keyring_unwritable"
        before = Body.objects.get(message_id=message_id).bucket
        assert expiry.carry_forward(now=clock.now()) == 1
        assert Body.objects.get(message_id=message_id).bucket > before


def test_words_that_nobody_carried_in_time_end_with_an_entry(fresh):
    it = fresh()
    pk = it.customer()
    message_id = written(it, it.handset(pk), pk)
    with it.inside():
        keys.keyring().live.destroy(Body.objects.get(message_id=message_id).bucket)
        with clock.use(clock.Fake(clock.now() + timedelta(days=29))):
            expiry.carry_forward(now=clock.now())
            row = Message.objects.get(id=message_id)
        assert (row.ended_reason, row.outcome) == ("unreadable", "")
        assert not Body.objects.filter(message_id=message_id).exists()
        assert Entry.objects.filter(kind="messages.ended").exists()


def test_a_schedule_that_cannot_be_opened_fails_alone(fresh):
    """I3: what lost its key fails with an outcome, and those behind it are sent on time."""
    it = fresh()
    pk = it.customer()
    fake = clock.Fake(clock.now())
    with clock.use(fake), it.inside():
        lost = it.send(pk, "lost", send_at=clock.now() + timedelta(minutes=5), gone_after=20 * 86400)
        kept = it.send(pk, "kept", send_at=clock.now() + timedelta(minutes=6))
        keys.keyring().live.destroy(Body.objects.get(message_id=lost.id).bucket)
        fake.advance(minutes=7)
        assert schedule.send_due(now=clock.now()) == 2
        assert Message.objects.get(id=kept.id).sent_at is not None
        row = Message.objects.get(id=lost.id)
        assert (row.outcome, row.ended_reason, state.of(row, clock.now())) == ("failed", "unreadable", "failed")
        assert Entry.objects.filter(message_id=lost.id, kind="message.failed").exists()


def test_the_clock_goes_on_after_a_business_that_fails(acme, globex):
    seen = []

    def act(now):
        seen.append(here())
        if len(seen) == 1:
            raise OperationalError("away")

    from portal.kernel.tenancy import here

    loops.in_each([acme.place, globex.place], first=act, second=act)
    assert seen == [acme.place, acme.place, globex.place, globex.place]


def test_words_that_cross_a_close_stand_in_an_open_conversation(fresh, monkeypatch):
    it = fresh()
    pk = it.customer()
    phone = it.handset(pk)
    written(it, phone, pk)
    with it.inside():
        talk = Conversation.objects.get(customer_id=pk)
        words.read_conversation(actor=it.author, now=clock.now(), conversation_id=talk.id)
    found = Conversation.objects.get_or_create
    closed = []

    def cross(**asked):
        answer = found(**asked)
        if not closed:
            closed.append(in_a_thread(it, lambda: conversation.close(
                actor=it.author, now=clock.now(), conversation_id=talk.id
            )))  # fmt: skip
            closed[0].join(10)
        return answer

    monkeypatch.setattr(Conversation.objects, "get_or_create", cross)
    message_id = written(it, phone, pk, "do not lose me")
    with it.inside():
        row = Message.objects.get(id=message_id)
        assert Conversation.objects.get(id=row.conversation_id).state == "open"
        assert Conversation.objects.get(id=talk.id).waiting_since is None


def test_the_newest_words_of_a_long_conversation_are_shown(fresh):
    it = fresh()
    pk = it.customer()
    phone = it.handset(pk)
    written(it, phone, pk)
    with it.inside():
        talk = Conversation.objects.get(customer_id=pk)
        Message.objects.bulk_create(
            Message(
                id=ids.uuid7(), customer_id=pk, conversation_id=talk.id, direction="in", author="device",
                composed_at=clock.now(), sent_at=clock.now(),
            )
            for _ in range(501)
        )  # fmt: skip
    newest = written(it, phone, pk, "the newest")
    with it.inside():
        assert conversations.get_messages_of(talk, clock.now())[-1].id == newest


def test_what_was_erased_before_it_was_sent_is_not_scheduled(fresh):
    it = fresh()
    pk = it.customer()
    sent = it.send(pk, send_at=clock.now() + timedelta(hours=1))
    with it.inside():
        customer.erase(actor=it.author, now=clock.now(), customer_id=pk)
        assert state.of(Message.objects.get(id=sent.id), clock.now()) == "recalled"
        for name, count in (("recalled", 1), ("scheduled", 0)):
            assert Message.objects.filter(messages.in_state(name, clock.now())).count() == count


def test_a_newcomer_is_invited_when_the_message_is_sent(fresh):
    """A link lives for a week: one that was made with a schedule would be over before there is anything to see."""
    it = fresh()
    pk = it.customer(email="new@example.org")
    fake = clock.Fake(clock.now())
    with clock.use(fake), it.inside():
        it.send(pk, send_at=clock.now() + timedelta(days=20))
        lookout.look(now=clock.now())
        assert not Enrolment.objects.filter(customer_id=pk).exists()
        fake.advance(days=20, seconds=1)
        schedule.send_due(now=clock.now())
        lookout.look(now=clock.now())
        assert Enrolment.objects.get(customer_id=pk).expires_at > clock.now()


def test_a_commit_that_failed_is_told_to_neighbours_as_unknown(fresh, monkeypatch):
    """I4: no refusal, since a refusal frees the idempotency key and the repeat would send twice."""
    it = fresh()
    pk = it.customer()
    real, first, go = message.send_many, threading.Event(), threading.Event()

    def fail(**asked):
        if not first.is_set():
            first.set()
            go.wait(10)
            return real(**asked)
        real(**asked)
        raise OperationalError("the connection was lost at the commit")

    monkeypatch.setattr(lane.message, "send_many", fail)
    answers = []

    def send():
        try:
            answers.append(lane.send(actor=it.author, now=clock.now(), asked=Compose(body="x", customer=pk)))
        except Exception as error:  # noqa: BLE001 - what it is, is the question
            answers.append(error)

    threads = [in_a_thread(it, send)]
    first.wait(10)
    threads += [in_a_thread(it, send) for _ in range(3)]
    time.sleep(0.3)
    go.set()
    for thread in threads:
        thread.join(20)
    assert sorted(type(answer).__name__ for answer in answers) == ["OperationalError"] * 3 + ["Sent"]


def test_behind_the_mark_time_runs_on(house):
    """A system clock that was ahead and is set back: what is sent then must not live until it has caught up (I1)."""
    wall = clock.Fake(datetime.now(UTC))
    floor = clock._floor
    ahead = wall.at + timedelta(days=1)
    try:
        clock.set_floor(ahead.timestamp)
        with clock.use(wall):
            told = [clock.now()]
            time.sleep(0.02)
            told.append(clock.now())
            wall.at = ahead  # caught up while the told time is already past the floor
            told.append(clock.now())
            wall.at = ahead + timedelta(minutes=1)
            told.append(clock.now())
    finally:
        clock.set_floor(floor)
    assert told == sorted(told)
    assert told[0] >= ahead
    assert told[1] - told[0] >= timedelta(seconds=0.02)
    assert told[3] == wall.at


@pytest.mark.parametrize("origin", ["http://[", "http://[::g]", "null", "http://[oops]:80"])
def test_an_origin_that_is_none_is_foreign(origin):
    assert not guard.is_same_host("acme.localhost", origin)
    assert proved._netloc(origin) != "acme.localhost"


def test_a_message_that_crosses_an_erasure_ends_too(fresh, monkeypatch):
    """The send had found its recipient when the erasure committed."""
    it = fresh()
    pk = it.customer()
    keep, others = message.record.keep, []

    def cross(u, snapshots):
        if not others:
            others.append(in_a_thread(it, lambda: customer.erase(actor=it.author, now=clock.now(), customer_id=pk)))
            others[0].join(10)
        return keep(u, snapshots)

    monkeypatch.setattr(message.record, "keep", cross)
    sent = it.send(pk, "to nobody")
    with it.inside():
        assert customer.finish_erasures(now=clock.now()) == 1
        assert customer.finish_erasures(now=clock.now()) == 0
        assert not Body.objects.filter(message_id=sent.id).exists()
        assert Message.objects.get(id=sent.id).outcome == "recalled"
        assert not Entry.objects.filter(customer_id=pk).exists()


def test_a_storm_of_guesses_keeps_no_link_from_its_owner(fresh):
    it = fresh()
    pk = it.customer()
    with it.inside():
        for _ in range(3):
            enrolment.attempt.add(now=clock.now(), use="enrol", source="*", window=enrolment.WINDOW)
        with pytest.MonkeyPatch.context() as few:
            few.setattr(enrolment, "GUESSES_OF_ALL", 2)
            assert it.handset(pk).device
            with pytest.raises(Refusal) as refused:
                enrolment.redeem(
                    now=clock.now(), host=it.host, secret="0123456789", public_key={}, name="", signature="", source="x"
                )
    assert refused.value.code == "too_many"


def test_acknowledgements_cost_by_the_piece():
    many = protocol.Frame("delivered", ids=[ids.uuid7()] * protocol.IDS_LIMIT)
    assert 10 * protocol.cost(many) > protocol.BURST > protocol.cost(many)
    assert protocol.cost(protocol.Frame("delivered", ids=[ids.uuid7()])) < 1


@pytest.mark.parametrize("named", ["to", "customer"])
def test_first_messages_at_once_make_one_customer_and_one_invitation(fresh, named):
    it = fresh()
    who = {"to": "first@example.org"} if named == "to" else {"customer": it.customer(email="first@example.org")}

    def send():
        message.send(actor=it.author, now=clock.now(), asked=Compose(body="x", **who))

    for thread in [in_a_thread(it, send) for _ in range(5)]:
        thread.join(30)
    with it.inside():
        found = Customer.objects.get()
        assert Message.objects.filter(customer_id=found.id).count() == 5
    for thread in [in_a_thread(it, lambda: lookout.look(now=clock.now())) for _ in range(3)]:
        thread.join(30)
    with it.inside():
        while lookout.look(now=clock.now()):
            pass
        assert Enrolment.objects.filter(customer=found).count() == 1


def test_a_schedule_that_the_clock_slept_through_is_missed_and_not_sent_late(fresh):
    """Whichever comes first after the clock is back, the due loop or the purge: the same outcome."""
    it = fresh()
    pk = it.customer()
    fake = clock.Fake(clock.now())
    with clock.use(fake), it.inside():
        sent = [it.send(pk, send_at=clock.now() + timedelta(days=9), gone_after=5 * 86400) for _ in range(2)]
        fake.at = max(one.gone_at for one in sent)  # their bucket ends later, so their words could still be opened
        schedule.send_due(now=clock.now(), slice_rows=1)
        expiry.purge(now=clock.now())
        for row in Message.objects.filter(customer_id=pk):
            assert (row.outcome, row.ended_reason, row.sent_at) == ("failed", "missed", None)
        assert not Body.objects.filter(message_id__in=[one.id for one in sent]).exists()


def test_a_schedule_that_the_clock_slept_through_is_read_by_nobody(fresh):
    """Its end has come, though no clock has said so yet and its bucket lives on (I1)."""
    it = fresh()
    pk = it.customer()
    fake = clock.Fake(clock.now())
    with clock.use(fake), it.inside():
        sent = it.send(pk, send_at=clock.now() + timedelta(days=9), gone_after=5 * 86400)
        row = Message.objects.get(id=sent.id)
        assert words.read(actor=it.author, now=clock.now(), message_id=sent.id).body is not None
        assert desk.own_subjects(it.author, [row], clock.now())
        fake.at = sent.gone_at
        assert words.read(actor=it.author, now=clock.now(), message_id=sent.id).body is None
        assert not desk.own_subjects(it.author, [row], clock.now())


def test_a_record_says_what_it_is(fresh):
    """Self-contained: nothing beside it is needed to understand it in ten years."""
    it = fresh()
    seen = []
    with pytest.MonkeyPatch.context() as spy:
        keep = message.record.keep
        spy.setattr(message.record, "keep", lambda u, shots: (seen.extend(shots), keep(u, shots))[1])
        sent = it.send(it.customer(name="Ada", email="ada@example.org"), "*hi*", format="markdown", subject="s")
    content = seen[0].content
    assert (content["message"], content["format"], content["category"]) == (str(sent.id), "markdown", "")
    assert (content["to"]["name"], content["to"]["email"], content["from"]["name"]) == (
        "Ada",
        "ada@example.org",
        "Fresh Business",
    )


def test_a_link_and_its_code_at_once_bind_one_device(fresh):
    it = fresh()
    pk = it.customer()
    with it.inside():
        issued = enrolment.issue(actor=it.author, now=clock.now(), customer_id=pk, send_by="show")
    secrets, answers = [issued.url.rsplit("/", 1)[-1], issued.code] * 3, []

    def redeem(secret, source):
        asked = Handset(it.host).enrolment(secret)
        try:
            answers.append(enrolment.redeem(
                now=clock.now(), host=it.host, secret=secret, public_key=asked["public_key"], name="x",
                signature=str(asked["proof"]), source=source,
            ))  # fmt: skip
        except Exception as error:  # noqa: BLE001 - what it is, is the question
            answers.append(error)

    threads = [in_a_thread(it, partial(redeem, secret, f"{at}")) for at, secret in enumerate(secrets)]
    for thread in threads:
        thread.join(30)
    told = sorted(getattr(answer, "code", type(answer).__name__) for answer in answers)
    assert told == ["Redeemed"] + ["enrolment_spent"] * 5
