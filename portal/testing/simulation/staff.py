"""Moves of staff: they send, take back, extend, read; and of a program that asks again. And the same ids, asked for next door.

`a` and `b` were drawn before the simulation began; None means that there is nothing to do now.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory

from messaging.api import idempotency
from messaging.flows import conversation, message, words
from messaging.queries import frames, inbox
from portal.kernel import tenancy
from portal.kernel.actors import Actor
from portal.kernel.errors import Refusal
from portal.testing.simulation import choices
from portal.testing.simulation.acts import Act, Side, Sim, must, newest
from portal.testing.simulation.invariants import judge
from portal.testing.simulation.model import IN, OUT, WORDS_LIVE, Told, pick, span_of

DELAYS = (3, 20, 120, 3600, 86400)
NOBODY = UUID(int=0)


def send(sim: Sim, side: Side, a: int, b: int) -> Act:
    now, to, asked = sim.now(), side.model.someone(a), choices.asked(side, a, b)
    author = choices.author(side, b)
    made = Told(NOBODY, to.id, asked.body, author.label, **choices.terms_of(asked))
    act = Act(
        lambda: message.send(actor=author, now=now, asked=asked).id,
        entry="message.sent",
        found=lambda: newest("message.sent"),
    )
    act.then = lambda pk: side.sent(made, pk, now)
    return act


def schedule(sim: Sim, side: Side, a: int, b: int) -> Act:
    now, asked = sim.now(), choices.asked(side, a, b)
    due = now + timedelta(seconds=DELAYS[a % len(DELAYS)])
    later = replace(asked, send_at=due)
    made = Told(NOBODY, asked.customer or NOBODY, asked.body, side.cast.author.label, **choices.terms_of(asked))

    def then(pk: UUID) -> None:
        made.id, made.send_at, made.body_gone_at = pk, due, due + timedelta(seconds=made.life)
        made.bucket_span = span_of(now, made.body_gone_at)
        side.add(made)

    return Act(
        lambda: message.send(actor=side.cast.author, now=now, asked=later).id,
        then,
        entry="message.scheduled",
        found=lambda: newest("message.scheduled"),
    )


def send_again(sim: Sim, side: Side, a: int, b: int) -> Act:
    """A program that heard no answer asks again under the same key: one message, whatever died in between (I4)."""
    now, asked, author = sim.now(), choices.asked(side, a, b), side.cast.author
    made = Told(NOBODY, asked.customer or NOBODY, asked.body, author.label, **choices.terms_of(asked))
    key = f"{sim.steps}-{a}-{b}"

    def once() -> str:
        sends = lambda: Response({"id": str(message.send(actor=author, now=now, asked=asked).id)}, status=201)  # noqa: E731
        return str(idempotency.answer_once(_request(key), author, sends).data["id"])

    def twice() -> UUID:
        first = once()
        must(once() == first, "I4", "the same request was answered in two ways")
        return UUID(first)

    def found() -> UUID:
        sent = newest("message.sent")
        try:
            must(once() == str(sent), "I4", "a repeat after a crash sent it again")
        except Refusal as refusal:
            told = {"idempotency_in_progress", "idempotency_outcome_unknown"}
            must(refusal.code in told, "I4", f"a repeat after a crash was answered {refusal.code}")
        return UUID(str(sent))

    act = Act(twice, entry="message.sent", found=found)
    act.then = lambda pk: side.sent(made, pk, now)
    return act


def recall(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    now, told = sim.now(), choices.some(side, a, b, sim)
    if told is None:
        return None

    def then(_: object) -> None:
        told.end(now, "recalled")
        side.touch(told)

    return Act(
        lambda: message.recall(actor=side.cast.author, now=now, message_id=told.id),
        then,
        may=told.direction == OUT and not told.is_over(now),
        entry="message.recalled" if told.sent_at else "message.cancelled",
    )


def extend(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    now, told = sim.now(), choices.some(side, a, b, sim)
    if told is None:
        return None
    seconds = choices.LIVES[(a + b) % len(choices.LIVES)]
    end = now + timedelta(seconds=seconds)
    can = told.is_readable(now) and told.gone_at is not None and end > told.gone_at
    return Act(
        lambda: message.extend(actor=side.cast.author, now=now, message_id=told.id, seconds=seconds),
        lambda _: side.extended(told, now, end),
        may=can,
        entry="message.extended",
    )


def read_as_staff(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    """Author, owner and officer at the door of live words; whoever is not the author leaves an entry (I9)."""
    now, told = sim.now(), choices.some(side, a, b, sim)
    if told is None:
        return None
    who = (side.cast.author, side.cast.owner, side.cast.officer)[b // 4 % 3]
    talk = next((one for one in side.model.talks if one.id == told.talk), None)
    own = told.author == who.label or (talk is not None and talk.assignee == who.id)
    may = (
        own
        or who.may("message.read_live" if told.direction == OUT else "conversation.view")
        or who.may("message.read_live")
    )
    act = Act(lambda: words.read(actor=who, now=now, message_id=told.id), may=may, again=True)

    def then(said: words.Said) -> None:
        judge(sim, told, said.body)
        if said.body is not None:
            _seen(side, told, now)
            act.entry = "" if own else "live.read"

    act.then = then
    return act


def read_conversation(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    now, talk = sim.now(), pick(side.model.talks[-6:], a)
    if talk is None:
        return None
    who = side.cast.owner if b % 2 else side.cast.author
    act = Act(lambda: words.read_conversation(actor=who, now=now, conversation_id=talk.id), again=True)

    def then(found: words.Thread) -> None:
        foreign = 0
        for said in found.said:
            told = side.model.told[said.message.id]
            own = told.author == who.label or (told.talk == talk.id and talk.assignee == who.id)
            allowed = own or told.direction == IN or who.may("message.read_live")
            judge(sim, told, said.body) if allowed else must(said.body is None, "I9", "an author read a colleague's")
            foreign += said.body is not None and not own
            if said.body is not None:
                _seen(side, told, now)
        if foreign and talk.assignee != who.id:
            act.entry = "live.read"

    act.then = then
    return act


def close(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    now, talk = sim.now(), pick([one for one in side.model.talks if one.is_open], a)
    if talk is None:
        return None
    said = [
        one for one in side.model.told.values()
        if one.talk == talk.id and one.ended_at is None and not one.gone_at and one.read_at
    ]  # fmt: skip

    def then(_: object) -> None:
        talk.is_open = False
        for told in said:
            _words_end(side, told, now)

    return Act(
        lambda: conversation.close(actor=side.cast.author, now=now, conversation_id=talk.id),
        then,
        may=all(now.timestamp() < one.bucket for one in said if one.has_body),
        entry="conversation.closed",
    )


def _seen(side: Side, told: Told, now: datetime) -> None:
    """A customer's words that somebody opened: in a conversation that was closed over them they get their end now."""
    if told.direction != IN or told.read_at is not None:
        return
    told.read_at = now
    if not next(one for one in side.model.talks if one.id == told.talk).is_open:
        _words_end(side, told, now)
    side.touch(told)


def _words_end(side: Side, told: Told, now: datetime) -> None:
    told.gets_end(now + WORDS_LIVE)
    if told.has_body:
        told.moves_to(now, now + WORDS_LIVE)
    side.touch(told)


def assign(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    now, talk = sim.now(), pick([one for one in side.model.talks if one.is_open], a)
    if talk is None:
        return None
    who = (side.cast.author.id, side.cast.owner.id, None)[b % 3]

    def then(_: object) -> None:
        talk.assignee = who

    return Act(
        lambda: conversation.assign(actor=side.cast.author, now=now, conversation_id=talk.id, staff_id=who),
        then,
        entry="conversation.assigned",
    )


# ── the other business ────────────────────────────────────────────────────────────────────────────────────────────────
def trespass(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    """The same ids, asked for in the other business: they are not there (I7)."""
    now, told, other = sim.now(), side.model.recent(a), sim.other(side)
    if told is None:
        return None
    stranger = Actor("device", UUID(int=1), customers=frozenset({told.customer}))

    def ask() -> None:
        with tenancy.tenant_scope(other.cast.place):
            _refused(lambda: inbox.get_message_for(stranger, told.id, now))
            _refused(lambda: words.read(actor=other.cast.owner, now=now, message_id=told.id))
            _refused(lambda: message.recall(actor=other.cast.author, now=now, message_id=told.id))
            must(not frames.for_push([told.id], now), "I7", "the other business pushes it")

    return Act(ask, reads=True)


def _refused(ask: Callable[[], object]) -> None:
    try:
        found = ask()
    except Refusal as refusal:
        must(refusal.code == "not_found", "I7", f"the other business answers {refusal.code}")
    else:
        must(False, "I7", f"the other business answers {found}")


def _request(key: str) -> Request:
    made = APIRequestFactory().post(
        "/api/v1/messages", json.dumps({"key": key}), content_type="application/json", headers={"Idempotency-Key": key}
    )
    return Request(made)
