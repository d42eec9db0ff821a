"""Moves of customers and their devices: they come, look, reveal, read, answer, are locked, wiped, erased."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from messaging.flows import consent, customer, device, message, receipt
from messaging.flows import wipe as wipes
from messaging.models import Wipe
from messaging.queries import frames, inbox
from portal.testing.simulation import choices
from portal.testing.simulation.acts import Act, Side, Sim, must, newest
from portal.testing.simulation.model import IN, OUT, WORDS_LIVE, Customer, Device, Talk, Told, pick, span_of

_STATES: tuple[tuple[Callable[..., None], str, set[str]], ...] = (
    (device.lock, "locked", {"active"}),
    (device.unlock, "active", {"locked"}),
    (device.unlock, "active", {"locked"}),
    (device.revoke, "revoked", {"active", "locked", "wiping"}),
)


# ── customers come and go ─────────────────────────────────────────────────────────────────────────────────────────────
def newcomer(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    if sum(not one.is_erased for one in side.model.customers) >= choices.CROWD:
        return None
    agreed = (consent.Given("marketing", "inbox", "simulation"),)
    details = customer.Details(reference=f"R-{sim.steps}", name="Test Customer", consent=agreed)
    return Act(
        lambda: customer.create(actor=side.cast.author, now=sim.now(), details=details),
        lambda pk: side.model.customers.append(Customer(pk)),
        entry="customer.created",
        found=lambda: newest("customer.created", "customer_id"),
    )


def erase(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    now, who = sim.now(), side.model.someone(a)
    if sum(not one.is_erased for one in side.model.customers) < choices.CROWD:
        return None

    def then(_: object) -> None:
        who.is_erased, who.closed_at = True, now
        for told in [one for one in side.model.told.values() if one.customer == who.id]:
            if not told.is_over(now):
                told.end(now, "recalled" if told.direction == OUT else "")
                if told.gone_at is None:
                    told.gets_end(now)
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
            must(seen.pop(told.id, None) == wanted, "I1", "the inbox and the model differ", told)
        must(not seen, "I1", f"the inbox shows what has ended: {seen}")

    return Act(lambda: inbox.state(choices.at_door(phone, now), now), then, may=phone.state == "active", reads=True)


def push(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    """The frames that sockets would get: to active devices of that customer, of live messages."""
    told = list(side.model.told.values())[-8:]
    if not told:
        return None

    def then(found: list[frames.Push]) -> None:
        pushed = {one.id: one for one in found}
        for one in told:
            must((one.id in pushed) == one.is_readable(sim.judged_at()), "I1", "the push and the model differ", one)
            if one.id in pushed:
                to = {d.id for d in side.model.devices if d.customer == one.customer and d.state == "active"}
                must(pushed[one.id].devices == to, "I7", f"pushed to {pushed[one.id].devices}, not to {to}")

    return Act(lambda: frames.for_push([one.id for one in told], sim.now()), then, reads=True)


def acknowledge(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    now, told, phone = sim.now(), choices.some(side, a, b, sim), choices.phone(side, a, b, sim)
    if told is None or phone is None:
        return None
    counts = choices.serves(side, phone, told) and phone.state == "active"
    counts = counts and told.direction == OUT and told.outcome == "" and told.is_live(now)

    def then(changed: int) -> None:
        must(changed == int(counts), "I3", f"{changed} receipts were counted", told)
        if counts:
            told.decide("delivered", now)
        side.touch(told)

    act = Act(lambda: receipt.delivered(acks=[receipt.Ack(told.id, phone.id, now)]), then)
    act.found = lambda: int(counts)
    act.entry = "receipts" if counts else ""
    return act


def reveal(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    now, told, phone = sim.now(), choices.some(side, a, b, sim), choices.phone(side, a, b, sim)
    if told is None or phone is None:
        return None

    def then(_: object) -> None:
        if told.revealed_at is None:
            told.revealed_at = now
            told.decide("delivered", now)
            if told.timer is not None and told.gone_at is not None:
                starts_at = max(now, told.sent_at or now)
                told.gone_at = told.body_gone_at = min(told.gone_at, starts_at + timedelta(seconds=told.timer))
        side.touch(told)

    return Act(
        lambda: receipt.reveal(actor=choices.at_door(phone, now), now=now, message_id=told.id), then,
        may=choices.may_act(side, phone, told, now), entry="" if told.revealed_at else "message.revealed",
    )  # fmt: skip


def read(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    now, told, phone = sim.now(), choices.some(side, a, b, sim), choices.phone(side, a, b, sim)
    if told is None or phone is None:
        return None
    waits = told.is_covered and told.revealed_at is None

    def then(_: object) -> None:
        if told.read_at is None and not waits:
            told.read_at = now
            told.decide("delivered", now)
        side.touch(told)

    return Act(
        lambda: receipt.read(actor=choices.at_door(phone, now), now=now, message_id=told.id), then,
        may=choices.may_act(side, phone, told, now), entry="" if told.read_at or waits else "message.read",
    )  # fmt: skip


def extend_on_device(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    now, told, phone = sim.now(), choices.some(side, a, b, sim), choices.phone(side, a, b, sim)
    if told is None or phone is None:
        return None
    end = min(told.gone_at + timedelta(seconds=told.life), now + choices.LONGEST) if told.gone_at else now
    can = phone.state == "active" and choices.serves(side, phone, told) and told.is_readable(now)
    can = can and told.direction == OUT and not told.was_extended and told.timer is None
    can = can and told.gone_at is not None and end > told.gone_at

    def then(_: object) -> None:
        told.was_extended = True
        side.extended(told, now, end)

    return Act(
        lambda: message.extend_from_device(actor=choices.at_door(phone, now), now=now, message_id=told.id),
        then,
        may=can,
        entry="message.extended",
    )


def write(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    """A customer's own words: no end while the conversation is open."""
    now, phone = sim.now(), choices.phone(side, a, b, sim)
    if phone is None:
        return None
    text = f"words {sim.steps}"

    def then(pk: UUID) -> None:
        made = Told(pk, phone.customer, text, f"device:{phone.id}", IN, sent_at=now, outcome="")
        made.bucket_span = span_of(now, now + WORDS_LIVE)
        made.talk = _talk_of(pk)
        if not any(one.id == made.talk for one in side.model.talks):
            side.model.talks.append(Talk(made.talk, phone.customer))
        side.keep(made)
        side.add(made)

    return Act(
        lambda: message.receive(actor=choices.at_door(phone, now), now=now, customer_id=phone.customer, text=text), then,
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
        phone.wipe = Wipe.objects.get(device_id=phone.id, state__in=Wipe.ORDERED).id

    return Act(
        lambda: wipes.request(actor=side.cast.author, now=sim.now(), device_id=phone.id),
        then,
        may=phone.state != "revoked",
    )


def confirm_wipe(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    phone = pick([one for one in side.model.devices if one.state == "wiping"], a)
    if phone is None:
        return None
    host = side.cast.host
    signed = phone.phone.wiped_proof(str(phone.wipe))

    def then(_: object) -> None:
        phone.state = "revoked"

    return Act(
        lambda: wipes.acknowledge(device_id=phone.id, now=sim.now(), host=host, wipe_id=phone.wipe, signature=signed),
        then,
        entry="device.wiped",
    )


def _talk_of(pk: UUID) -> UUID:
    with connection.cursor() as cursor:
        cursor.execute("SELECT conversation_id FROM messaging_message WHERE id = %s", [pk])
        return UUID(str(cursor.fetchone()[0]))
