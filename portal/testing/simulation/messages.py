"""Moves of authors, customers and devices. Each looks into the model for whom and what, calls one flow and says what follows.

`a` and `b` were drawn before the simulation began; None means that there is nothing to do now.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory

from messaging.api import idempotency
from messaging.flows import conversation, customer, device, message, receipt, words
from messaging.models import Wipe
from messaging.queries import devices, frames, inbox
from messaging.rules.compose import Compose
from portal.kernel import tenancy
from portal.kernel.actors import Actor
from portal.kernel.errors import Refusal
from portal.testing.simulation.acts import Act, Side, Sim, must, newest
from portal.testing.simulation.model import (
    IN,
    OUT,
    WORDS_LIVE,
    Customer,
    Device,
    Talk,
    Told,
    pick,
    span_of,
)

LIVES = (1, 7, 30, 61, 300, 3600, 3600, 7200, 86400, 90_000, 8 * 86400, 40 * 86400)
TIMERS = (None, None, None, 5, 60)
DELAYS = (3, 20, 120, 3600, 86400)
CATEGORIES = ("", "billing", "promo")
CROWD = 4  # customers at a time
REVERSE = timedelta(days=366)


# ── authors ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def send(sim: Sim, side: Side, a: int, b: int) -> Act:
    now, to, asked = sim.now(), side.model.someone(a), _asked(side, a, b)
    author = _author(side, b)
    made = Told(UUID(int=0), to.id, asked.body, author.label, **_told(asked))
    act = Act(
        lambda: message.send(actor=author, now=now, asked=asked).id,
        entry="message.sent",
        found=lambda: newest("message.sent"),
    )
    act.then = lambda pk: _was_sent(side, made, pk, now)
    return act


def schedule(sim: Sim, side: Side, a: int, b: int) -> Act:
    now, asked = sim.now(), _asked(side, a, b)
    due = now + timedelta(seconds=DELAYS[a % len(DELAYS)])
    later = Compose(**{**_fields(asked), "send_at": due})
    made = Told(UUID(int=0), later.customer or UUID(int=0), asked.body, side.cast.author.label, **_told(asked))

    def then(pk: UUID) -> None:
        made.id, made.send_at, made.body_gone_at = pk, due, due + timedelta(seconds=made.life)
        made.bucket_span = span_of(now, made.body_gone_at)
        _add(side, made)

    return Act(
        lambda: message.send(actor=side.cast.author, now=now, asked=later).id,
        then,
        entry="message.scheduled",
        found=lambda: newest("message.scheduled"),
    )


def send_again(sim: Sim, side: Side, a: int, b: int) -> Act:
    """A program that heard no answer asks again under the same key: one message, whatever died in between (I4)."""
    now, asked, author = sim.now(), _asked(side, a, b), side.cast.author
    made = Told(UUID(int=0), asked.customer or UUID(int=0), asked.body, author.label, **_told(asked))
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
    act.then = lambda pk: _was_sent(side, made, pk, now)
    return act


def recall(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    now, told = sim.now(), _some(side, a, b, sim)
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
    now, told = sim.now(), _some(side, a, b, sim)
    if told is None:
        return None
    seconds = LIVES[(a + b) % len(LIVES)]
    end = now + timedelta(seconds=seconds)
    can = told.is_readable(now) and told.gone_at is not None and end > told.gone_at
    return Act(
        lambda: message.extend(actor=side.cast.author, now=now, message_id=told.id, seconds=seconds),
        lambda _: _was_extended(side, told, now, end),
        may=can,
        entry="message.extended",
    )


def read_as_staff(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    """Author, owner and officer at the door of live words; whoever is not the author leaves an entry (I9)."""
    now, told = sim.now(), _some(side, a, b, sim)
    if told is None:
        return None
    who = (side.cast.author, side.cast.owner, side.cast.officer)[b // 4 % 3]
    talk = next((one for one in side.model.talks if one.id == told.talk), None)
    own = told.author == who.label or (talk is not None and talk.assignee == who.id)
    may = own or who.may("message.read_live" if told.direction == OUT else "conversation.view") or _both(who)
    act = Act(lambda: words.read(actor=who, now=now, message_id=told.id), may=may)

    def then(said: words.Said) -> None:
        _judge(sim, told, said.body)
        if said.body is not None and not own:
            act.entry = "live.read"

    act.then = then
    return act


def read_conversation(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    now, talk = sim.now(), pick(side.model.talks[-6:], a)
    if talk is None:
        return None
    who = side.cast.owner if b % 2 else side.cast.author
    act = Act(lambda: words.read_conversation(actor=who, now=now, conversation_id=talk.id))

    def then(found: list[words.Said]) -> None:
        foreign = 0
        for said in found:
            told = side.model.told[said.message.id]
            own = told.author == who.label or (told.talk == talk.id and talk.assignee == who.id)
            allowed = own or told.direction == IN or who.may("message.read_live")
            _judge(sim, told, said.body) if allowed else must(said.body is None, "I9", "an author read a colleague's")
            foreign += said.body is not None and not own
        if foreign and talk.assignee != who.id:
            act.entry = "live.read"

    act.then = then
    return act


def close(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    now, talk = sim.now(), pick([one for one in side.model.talks if one.is_open], a)
    if talk is None:
        return None
    said = [one for one in side.model.told.values() if one.talk == talk.id and one.ended_at is None and not one.gone_at]

    def then(_: object) -> None:
        talk.is_open = False
        for told in said:
            _gets_end(told, now + WORDS_LIVE)
            if told.has_body:
                told.moves_to(now, now + WORDS_LIVE)
            side.touch(told)

    return Act(
        lambda: conversation.close(actor=side.cast.author, now=now, conversation_id=talk.id),
        then,
        may=all(now.timestamp() < one.bucket for one in said if one.has_body),
        entry="conversation.closed",
    )


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


# ── customers come and go ─────────────────────────────────────────────────────────────────────────────────────────────
def newcomer(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    if sum(not one.is_erased for one in side.model.customers) >= CROWD:
        return None
    details = customer.Details(reference=f"R-{sim.steps}", name="Test Customer")
    return Act(
        lambda: customer.create(actor=side.cast.author, now=sim.now(), details=details),
        lambda pk: side.model.customers.append(Customer(pk)),
        entry="customer.created",
        found=lambda: newest("customer.created", "customer_id"),
    )


def erase(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    now, who = sim.now(), side.model.someone(a)
    if sum(not one.is_erased for one in side.model.customers) < CROWD:
        return None

    def then(_: object) -> None:
        who.is_erased, who.closed_at = True, now
        for told in [one for one in side.model.told.values() if one.customer == who.id]:
            if not told.is_over(now):
                told.end(now, "recalled" if told.direction == OUT else "")
                if told.gone_at is None:
                    _gets_end(told, now)
            side.touch(told)
        for talk in side.model.talks:
            talk.is_open = talk.is_open and talk.customer != who.id
        for one in side.model.devices:
            if one.customer == who.id and one.state in {"active", "locked"}:
                one.state = "revoked"

    return Act(
        lambda: customer.erase(actor=side.cast.author, now=now, customer_id=who.id), then, entry="customer.erased"
    )


# ── devices ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def enrol(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    who = side.model.someone(a)
    if sum(one.customer == who.id and one.state == "active" for one in side.model.devices) > 1:
        return None
    sim.fuse = 0  # several transactions: a crash among them is `portal/tests/test_faults`' business

    def then(phone: Any) -> None:
        side.model.devices.append(Device(UUID(phone.device), who.id, phone))

    return Act(lambda: side.cast.handset(who.id), then, entry="device.enrolled")


def look(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    """The inbox as a device sees it: what is live and nothing else (I1)."""
    now, phone = sim.now(), pick(side.model.devices[-8:], a)
    if phone is None:
        return None

    def then(found: dict[str, Any]) -> None:
        seen = {UUID(one["id"]): one["body"] for one in found["messages"]}
        expected = [one for one in side.model.bodies() if one.customer == phone.customer]
        for told in expected:
            covered = told.is_covered and told.revealed_at is None and told.direction == OUT
            wanted = told.words if told.is_readable(sim.judged_at()) and not covered else None
            must(seen.pop(told.id, None) == wanted, "I1", f"the inbox and the model differ on {told}")
        must(not seen, "I1", f"the inbox shows what has ended: {seen}")

    return Act(lambda: inbox.state(_at_door(phone, now), now), then, may=phone.state == "active")


def push(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    """The frames that sockets would get: to active devices of that customer, of live messages."""
    told = list(side.model.told.values())[-8:]
    if not told:
        return None

    def then(found: list[frames.Push]) -> None:
        pushed = {one.id: one for one in found}
        for one in told:
            must((one.id in pushed) == one.is_readable(sim.judged_at()), "I1", f"the push and the model differ on {one}")
            if one.id in pushed:
                to = {d.id for d in side.model.devices if d.customer == one.customer and d.state == "active"}
                must(pushed[one.id].devices == to, "I7", f"pushed to {pushed[one.id].devices}, not to {to}")

    return Act(lambda: frames.for_push([one.id for one in told], sim.now()), then)


def acknowledge(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    now, told, phone = sim.now(), _some(side, a, b, sim), _phone(side, a, b, sim)
    if told is None or phone is None:
        return None
    counts = _serves(side, phone, told) and phone.state == "active"
    counts = counts and told.direction == OUT and told.outcome == "" and told.is_live(now)

    def then(changed: int) -> None:
        must(changed == int(counts), "I3", f"{changed} receipts were counted for {told}")
        if counts:
            told.decide("delivered", now)
        side.touch(told)

    act = Act(lambda: receipt.delivered(acks=[receipt.Ack(told.id, phone.id, now)]), then)
    act.found = lambda: int(counts)
    act.entry = "receipts" if counts else ""
    return act


def reveal(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    now, told, phone = sim.now(), _some(side, a, b, sim), _phone(side, a, b, sim)
    if told is None or phone is None:
        return None

    def then(_: object) -> None:
        if told.revealed_at is None:
            told.revealed_at = now
            told.decide("delivered", now)
            if told.timer is not None and told.gone_at is not None:
                told.gone_at = told.body_gone_at = min(told.gone_at, now + timedelta(seconds=told.timer))
        side.touch(told)

    return Act(
        lambda: receipt.reveal(actor=_at_door(phone, now), now=now, message_id=told.id), then,
        may=_may_act(side, phone, told, now), entry="" if told.revealed_at else "message.revealed",
    )  # fmt: skip


def read(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    now, told, phone = sim.now(), _some(side, a, b, sim), _phone(side, a, b, sim)
    if told is None or phone is None:
        return None
    waits = told.is_covered and told.revealed_at is None

    def then(_: object) -> None:
        if told.read_at is None and not waits:
            told.read_at = now
            told.decide("delivered", now)
        side.touch(told)

    return Act(
        lambda: receipt.read(actor=_at_door(phone, now), now=now, message_id=told.id), then,
        may=_may_act(side, phone, told, now), entry="" if told.read_at or waits else "message.read",
    )  # fmt: skip


def extend_on_device(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    now, told, phone = sim.now(), _some(side, a, b, sim), _phone(side, a, b, sim)
    if told is None or phone is None:
        return None
    end = min(told.gone_at + timedelta(seconds=told.life), now + REVERSE) if told.gone_at else now
    can = phone.state == "active" and _serves(side, phone, told) and told.is_readable(now)
    can = can and told.direction == OUT and not told.was_extended and told.timer is None
    can = can and told.gone_at is not None and end > told.gone_at

    def then(_: object) -> None:
        told.was_extended = True
        _was_extended(side, told, now, end)

    return Act(
        lambda: message.extend_from_device(actor=_at_door(phone, now), now=now, message_id=told.id),
        then,
        may=can,
        entry="message.extended",
    )


def write(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    """A customer's own words: no end while the conversation is open."""
    now, phone = sim.now(), _phone(side, a, b, sim)
    if phone is None:
        return None
    text = f"words {sim.steps}"

    def then(pk: UUID) -> None:
        made = Told(pk, phone.customer, text, f"device:{phone.id}", IN, sent_at=now, outcome="")
        made.bucket_span = span_of(now, now + WORDS_LIVE)
        made.talk = _talk_of(pk)
        if not any(one.id == made.talk for one in side.model.talks):
            side.model.talks.append(Talk(made.talk, phone.customer))
        _keep(side, made)
        _add(side, made)

    return Act(
        lambda: message.receive(actor=_at_door(phone, now), now=now, customer_id=phone.customer, text=text), then,
        may=phone.state == "active" and not side.model.customer(phone.customer).is_erased, entry="message.received",
        found=lambda: newest("message.received"),
    )  # fmt: skip


def lock_device(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    phone = pick(side.model.devices[-8:], a)
    if phone is None:
        return None
    flow, after, before = _STATES[b % len(_STATES)]
    same = phone.state == after

    def then(_: object) -> None:
        phone.state = after

    return Act(
        lambda: flow(actor=side.cast.author, now=sim.now(), device_id=phone.id), then,
        may=same or phone.state in before,
    )  # fmt: skip


def wipe(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    phone = pick(side.model.devices[-8:], a)
    if phone is None:
        return None

    def then(_: object) -> None:
        phone.state = "wiping"
        phone.wipe = Wipe.objects.get(device_id=phone.id, state__in=["requested", "sent"]).id

    return Act(
        lambda: device.request_wipe(actor=side.cast.author, now=sim.now(), device_id=phone.id),
        then,
        may=phone.state != "revoked",
    )


def confirm_wipe(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    phone = pick([one for one in side.model.devices if one.state == "wiping"], a)
    if phone is None:
        return None
    host, actor = side.cast.host, Actor("device", phone.id)
    signed = phone.phone.wiped_proof(str(phone.wipe))

    def then(_: object) -> None:
        phone.state = "revoked"

    return Act(
        lambda: device.acknowledge_wipe(actor=actor, now=sim.now(), host=host, wipe_id=phone.wipe, signature=signed),
        then,
        entry="device.wiped",
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

    return Act(ask)


# ── parts ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
_STATES: tuple[tuple[Callable[..., None], str, set[str]], ...] = (
    (device.lock, "locked", {"active"}),
    (device.unlock, "active", {"locked"}),
    (device.unlock, "active", {"locked"}),
    (device.revoke, "revoked", {"active", "locked", "wiping"}),
)


def _asked(side: Side, a: int, b: int) -> Compose:
    timer = TIMERS[b // 7 % len(TIMERS)]
    return Compose(
        body=f"words {a} {b}", customer=side.model.someone(a).id, gone_after=LIVES[b % len(LIVES)],
        gone_after_read=timer, tap_to_reveal=b % 5 == 0, category=CATEGORIES[b // 3 % len(CATEGORIES)],
    )  # fmt: skip


def _fields(asked: Compose) -> dict[str, Any]:
    return {name: getattr(asked, name) for name in Compose.__dataclass_fields__}


def _told(asked: Compose) -> dict[str, Any]:
    covered = asked.tap_to_reveal or asked.gone_after_read is not None
    return {
        "category": asked.category, "life": asked.gone_after, "timer": asked.gone_after_read, "is_covered": covered,
    }  # fmt: skip


def _author(side: Side, number: int) -> Actor:
    return side.cast.owner if number % 4 == 0 else side.cast.author


def _both(who: Actor) -> bool:
    return who.may("message.read_live")


def _some(side: Side, a: int, b: int, sim: Sim) -> Told | None:
    """Mostly a live one, sometimes any."""
    return side.model.recent(a) if b % 4 == 0 else side.model.live(a, sim.now()) or side.model.recent(a)


def _phone(side: Side, a: int, b: int, sim: Sim) -> Device | None:
    """Mostly an active device of the customer of the message that `_some` gives; sometimes any."""
    told = _some(side, a, b, sim)
    own = [one for one in side.model.devices if told and one.customer == told.customer and one.state == "active"]
    return pick(own, b // 8) if own and b // 4 % 8 else pick(side.model.devices[-8:], b // 8)


def _at_door(phone: Device, now: Any) -> Actor:
    """As every door of a device begins: what it may is read now, from what is committed."""
    standing = devices.get_standing(phone.id, now)
    if standing is None:
        raise devices.unknown()
    standing.require_active()
    return standing.actor


def _serves(side: Side, phone: Device, told: Told) -> bool:
    return phone.customer == told.customer and not side.model.customer(told.customer).is_erased


def _may_act(side: Side, phone: Device, told: Told, now: Any) -> bool:
    return phone.state == "active" and _serves(side, phone, told) and told.direction == OUT and told.is_live(now)


def _judge(sim: Sim, told: Told, body: str | None) -> None:
    """Staff's door: readable until its end, whether it was sent yet or not; never after (I1)."""
    at = sim.judged_at()
    ended = told.is_over(at) or (told.body_gone_at is not None and told.body_gone_at <= at)
    wanted = told.words if told.has_body and not ended and at.timestamp() < told.bucket else None
    must(body == wanted, "I1", f"staff's door gave {body!r} instead of {wanted!r} for {told}")


def _was_sent(side: Side, made: Told, pk: UUID, now: Any) -> None:
    made.id, made.sent_at = pk, now
    made.moves_to(now, now + timedelta(seconds=made.life))
    made.record_gone_at = made.gone_at
    _keep(side, made)
    _add(side, made)


def _keep(side: Side, made: Told) -> None:
    made.has_record = True
    made.until = side.model.promise(made.category, made.sent_at, made.gone_at)  # type: ignore[arg-type]


def _add(side: Side, made: Told) -> None:
    side.model.told[made.id] = made
    side.touch(made)


def _was_extended(side: Side, told: Told, now: Any, end: Any) -> None:
    told.moves_to(now, end)
    _gets_end(told, end)
    side.touch(told)


def _gets_end(told: Told, end: Any) -> None:
    """Its record stays at least as long."""
    told.record_gone_at = end
    if told.until is not None:
        told.until = max(told.until, end)


def _talk_of(pk: UUID) -> UUID:
    with connection.cursor() as cursor:
        cursor.execute("SELECT conversation_id FROM messaging_message WHERE id = %s", [pk])
        return UUID(str(cursor.fetchone()[0]))


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


