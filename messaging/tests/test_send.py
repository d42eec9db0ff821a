"""Sending: one transaction for message, body, record and entry; every refusal has its code."""

from datetime import timedelta

import pytest

from archive.models import Entry, Record
from messaging.flows import body, message, schedule, words
from messaging.models import Body, Message
from messaging.queries import frames
from messaging.rules import state
from messaging.rules.compose import Compose
from portal.kernel import clock, ids
from portal.kernel.errors import Refusal


def ascii_id(text):
    return f"{len(text)}-{ord(text[0]):x}"


def test_a_sent_message_is_archived_with_its_entry(acme):
    pk = acme.customer()
    sent = acme.send(pk, "a body")
    with acme.inside():
        entry = Entry.objects.get(message_id=sent.id, kind="message.sent")
        assert entry.index == sent.index
        assert Record.objects.get(message_id=sent.id).entry_id == entry.id
        assert words.read(actor=acme.author, now=clock.now(), message_id=sent.id).body == "a body"


def test_no_one_of_another_business_finds_it(acme, globex):
    sent = acme.send(acme.customer())
    with globex.inside(), pytest.raises(Refusal) as refused:
        message.recall(actor=globex.author, now=clock.now(), message_id=sent.id)
    assert refused.value.code == "not_found"


def test_an_officer_does_not_send(acme):
    pk = acme.customer()
    with acme.inside(), pytest.raises(Refusal) as refused:
        message.send(actor=acme.officer, now=clock.now(), asked=Compose(body="x", customer=pk))
    assert refused.value.code == "not_allowed"


def test_a_failure_half_way_leaves_nothing(acme, monkeypatch):
    """I5: when the archive cannot keep it, it was not sent."""
    pk = acme.customer()

    def fail(u, snapshots):
        raise Refusal("archive_down", "The archive is away.")

    monkeypatch.setattr(message.record, "keep", fail)
    with pytest.raises(Refusal):
        acme.send(pk)
    with acme.inside():
        assert not Message.objects.filter(customer_id=pk).exists()
        assert not Entry.objects.filter(customer_id=pk, kind="message.sent").exists()


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"body": ""}, "empty_body"),
        ({"body": "x" * 16385}, "body_too_large"),
        ({"body": "é" * 8193}, "body_too_large"),
        ({"body": "a\x07b"}, "bad_characters"),
        ({"body": "a\x7fb"}, "bad_characters"),
        ({"body": "a\rb"}, "bad_characters"),
        ({"body": "a\ud800b"}, "bad_characters"),
        ({"gone_after": 0}, "bad_lifetime"),
        ({"gone_after": -5}, "bad_lifetime"),
        ({"gone_after": 400 * 86400}, "lifetime_too_long"),
        ({"gone_after_read": 0}, "bad_lifetime"),
        ({"subject": "a\nb"}, "bad_characters"),
        ({"category": "no-such"}, "unknown_category"),
        ({"format": "html"}, "unknown_format"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_its_code(acme, asked, code):
    pk = acme.customer()
    with pytest.raises(Refusal) as refused:
        acme.send(pk, **{"body": "fine", **asked})
    assert refused.value.code == code
    with acme.inside():
        assert not Message.objects.filter(customer_id=pk).exists()


def test_a_time_to_send_that_is_past_is_refused(acme):
    with pytest.raises(Refusal) as refused:
        acme.send(acme.customer(), send_at=clock.now() - timedelta(seconds=1))
    assert refused.value.code == "send_at_past"


def test_an_unknown_customer_is_refused_alone(acme):
    """A batch: each on its own."""
    pk = acme.customer()
    composed = [
        Compose(body="one", customer=pk),
        Compose(body="two", customer=ids.uuid7()),
        Compose(body="", customer=pk),
    ]
    with acme.inside():
        answers = message.send_many(actor=acme.author, now=clock.now(), composed=composed)
    assert isinstance(answers[0], message.Sent)
    assert [answer.code for answer in answers[1:]] == ["unknown_customer", "empty_body"]


@pytest.mark.parametrize(
    "odd", ["  edges  ", "\u0091quoted\u0094", "\u202egnp.exe", "\n\t\n", "🙂" * 100, "x" * 16384], ids=ascii_id
)
def test_odd_text_is_kept_byte_for_byte(acme, odd):
    sent = acme.send(acme.customer(), odd)
    with acme.inside():
        assert words.read(actor=acme.author, now=clock.now(), message_id=sent.id).body == odd


def test_it_is_gone_at_its_instant_and_not_before(acme, at):
    """I1: no sweeper ran."""
    sent = acme.send(acme.customer(), gone_after=30)
    with acme.inside():
        at.at = sent.gone_at - timedelta(microseconds=1)
        assert words.read(actor=acme.author, now=clock.now(), message_id=sent.id).body == "hello"
        at.at = sent.gone_at
        assert words.read(actor=acme.author, now=clock.now(), message_id=sent.id).body is None
        assert state.of(Message.objects.get(id=sent.id), clock.now()) == "expired_unread"


def test_a_recall_removes_the_body_at_once(acme):
    sent = acme.send(acme.customer())
    with acme.inside():
        message.recall(actor=acme.author, now=clock.now(), message_id=sent.id)
        row = Message.objects.get(id=sent.id)
        assert (row.outcome, state.of(row, clock.now())) == ("recalled", "recalled")
        assert not Body.objects.filter(message_id=sent.id).exists()
        with pytest.raises(Refusal) as refused:
            message.recall(actor=acme.author, now=clock.now(), message_id=sent.id)
    assert refused.value.code == "already_ended"


def test_an_extension_moves_the_key_and_keeps_the_words(acme, at):
    sent = acme.send(acme.customer(), "stay", gone_after=60)
    with acme.inside():
        before = Body.objects.get(message_id=sent.id)
        later = message.extend(actor=acme.author, now=clock.now(), message_id=sent.id, seconds=7200)
        after = Body.objects.get(message_id=sent.id)
        assert after.bucket > before.bucket
        assert bytes(after.sealed) == bytes(before.sealed)
        at.at = sent.gone_at + timedelta(minutes=5)
        assert words.read(actor=acme.author, now=clock.now(), message_id=sent.id).body == "stay"
        at.at = later
        with pytest.raises(Refusal):
            message.extend(actor=acme.author, now=clock.now(), message_id=sent.id, seconds=60)


def test_a_bucket_about_to_end_is_passed_over(acme, at):
    """The guard: a key that could die before the commit is not used, and I2's minute is kept."""
    at.at = at.at.replace(second=57, microsecond=0)
    gone_at = at.at + timedelta(seconds=2)
    bucket = body.bucket_for(at.at, gone_at)
    assert bucket > at.at.timestamp() + 5
    assert bucket - gone_at.timestamp() <= 60


# ── quick answers ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_answers_are_sealed_with_the_words_and_stand_in_the_record(acme):
    pk = acme.customer()
    offered = ("Yes, I can", "No")
    sent, plain = acme.send(pk, "Can you come at nine?", answers=offered), acme.send(pk, "No question")
    with acme.inside():
        assert words.read(actor=acme.author, now=clock.now(), message_id=sent.id).answers == offered
        for row in (Body.objects.get(message_id=sent.id), Record.objects.get(message_id=sent.id)):
            assert b"Yes, I can" not in bytes(row.sealed)
        shown = frames.messages(Message.objects.filter(id__in=[sent.id, plain.id]).order_by("id"), clock.now())
        assert [one["answers"] for one in shown] == [list(offered), []]


def test_answers_of_a_covered_message_wait_for_the_tap(acme):
    sent = acme.send(acme.customer(), answers=("Yes",), tap_to_reveal=True)
    with acme.inside():
        assert frames.messages(Message.objects.filter(id=sent.id), clock.now())[0]["answers"] == []


def test_answers_of_a_scheduled_message_leave_with_it(acme):
    at = clock.now() + timedelta(minutes=5)
    sent = acme.send(acme.customer(), "Later?", answers=("Fine",), send_at=at, gone_after=3600)
    with acme.inside(), clock.use(lambda: at):
        schedule.send_due(now=at)
        assert frames.messages(Message.objects.filter(id=sent.id), at)[0]["answers"] == ["Fine"]


@pytest.mark.parametrize(
    ("answers", "code"),
    [(("a", "b", "c", "d", "e"), "too_many_answers"), (("",), "bad_answer"), (("  ",), "bad_answer"), (("a\nb",), "bad_answer"),
     (("x" * 41,), "bad_answer"), (("a", "a "), "bad_answer"), (("a\x00",), "bad_answer"), (("\ud800",), "bad_answer")],
)  # fmt: skip
def test_answers_are_few_and_short(acme, answers, code):
    pk = acme.customer()
    with acme.inside(), pytest.raises(Refusal) as refused:
        message.send(actor=acme.author, now=clock.now(), asked=Compose(body="x", customer=pk, answers=answers))
    assert refused.value.code == code
