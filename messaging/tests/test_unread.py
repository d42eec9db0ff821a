"""Nothing a customer wrote disappears unread: not by a close, not by an answer that crossed it, not out of the queue."""

from datetime import timedelta
from uuid import UUID

import pytest

from messaging.flows import conversation, expiry, message, words
from messaging.models import Conversation, Message
from messaging.queries import desk, inbox, policy
from messaging.rules import compose
from portal.kernel import clock
from portal.kernel.errors import Refusal
from portal.testing.cast import Cast


class Talk:
    """A customer of acme who writes."""

    def __init__(self, cast: Cast) -> None:
        self.cast, self.customer = cast, cast.customer()
        self.phone = cast.handset(self.customer)

    def write(self, text: str = "Do not lose me.") -> UUID:
        with self.cast.inside():
            actor = self.cast.actor_of(self.phone, self.customer)
            return message.receive(actor=actor, now=clock.now(), customer_id=self.customer, text=text)

    def row(self) -> Conversation:
        with self.cast.inside():
            return Conversation.objects.filter(customer_id=self.customer).latest("opened_at")

    def message(self, pk: UUID) -> Message:
        with self.cast.inside():
            return Message.objects.get(id=pk)

    def read(self) -> list[words.Said]:
        with self.cast.inside():
            return words.read_conversation(actor=self.cast.author, now=clock.now(), conversation_id=self.row().id).said

    def close(self) -> None:
        with self.cast.inside():
            conversation.close(actor=self.cast.author, now=clock.now(), conversation_id=self.row().id)

    def answer(self, pk: UUID) -> None:
        with self.cast.inside():
            asked = compose.Compose(body="Yes.", customer=self.customer, in_reply_to=pk)
            message.send(actor=self.cast.author, now=clock.now(), asked=asked)

    def waits(self) -> bool:
        """In the queue as staff see it."""
        with self.cast.inside():
            rows = desk.conversations_in(self.cast.author, tab="waiting", assignee="", q="")
            return rows.filter(customer_id=self.customer).exists()


@pytest.fixture
def talk(acme: Cast) -> Talk:
    return Talk(acme)


def test_what_was_read_gets_its_end_at_the_close(talk: Talk) -> None:
    pk = talk.write()
    talk.read()
    assert talk.message(pk).read_at is not None
    talk.close()
    assert talk.message(pk).gone_at == talk.row().closed_at + timedelta(days=_days(talk))
    assert not talk.waits()


def test_what_nobody_read_outlives_the_close_and_goes_on_waiting(talk: Talk, at: clock.Fake) -> None:
    talk.write()
    talk.read()
    unread = talk.write("Written while they closed.")
    talk.close()
    assert talk.message(unread).gone_at is None
    assert talk.waits()
    for _ in range(36):  # a year, ten days by ten days, as the clock would carry it
        at.advance(days=10)
        with talk.cast.inside():
            expiry.carry_forward(now=clock.now())
            expiry.purge(now=clock.now())
    said = {one.message.id: one.body for one in talk.read()}
    assert said[unread] == "Written while they closed."
    assert talk.message(unread).gone_at == clock.now() + timedelta(days=_days(talk))
    assert not talk.waits()


def test_an_answer_answers_what_was_before_it(talk: Talk) -> None:
    first = talk.write("First.")
    second = talk.write("Second, which crossed the answer.")
    talk.answer(first)
    assert talk.waits()
    assert talk.row().waiting_since == talk.message(second).sent_at
    assert talk.message(second).read_at is None
    talk.answer(second)
    assert not talk.waits()


def test_a_reply_in_the_console_answers_what_was_shown(talk: Talk) -> None:
    shown = talk.write("Shown.")
    talk.read()
    talk.write("Came while the answer was typed.")
    with talk.cast.inside():
        assert desk.last_from_customer(talk.row().id) == shown
        assert desk.count_unread([talk.row().id]) == {talk.row().id: 1}


def test_the_customer_sees_that_it_was_read(talk: Talk) -> None:
    talk.write()
    with talk.cast.inside():
        actor = talk.cast.actor_of(talk.phone, talk.customer)
        [before] = inbox.state(actor, clock.now())["messages"]
    talk.read()
    with talk.cast.inside():
        [after] = inbox.state(actor, clock.now())["messages"]
    assert (before["state"], after["state"]) == ("sent", "read")


def test_who_may_not_read_marks_nothing(talk: Talk) -> None:
    pk = talk.write()
    with talk.cast.inside(), pytest.raises(Refusal):
        words.read_conversation(actor=talk.cast.officer, now=clock.now(), conversation_id=talk.row().id)
    assert talk.message(pk).read_at is None


def _days(talk: Talk) -> int:
    with talk.cast.inside():
        return policy.get_policy().replies_live_days
