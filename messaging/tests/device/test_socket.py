"""The socket: who may open it, what it says, and how soon it closes."""

import asyncio
import json
from uuid import UUID

from messaging import hub, push
from messaging.flows import device, message, receipt, wipe
from messaging.models import Message, Wipe
from messaging.sockets import protocol
from messaging.tests.device.phone import aside
from portal.kernel import actors, clock, tenancy, unit

SYSTEM = actors.SYSTEM


async def inside(cast, fn, *args, **kwargs):
    return await tenancy.run_in_tenant(cast.acme, fn, *args, **kwargs)


async def test_a_proved_device_gets_state_then_messages(cast, open_hub) -> None:
    customer = await aside(cast.customer)
    phone = await aside(cast.phone, customer)
    first = await aside(cast.send, customer, "before")
    wire, state = await phone.online()
    assert state["type"] == "state"
    assert [m["id"] for m in state["messages"]] == [str(first)]
    assert state["messages"][0]["body"] == "before"
    assert state["messages"][0]["for"] == str(customer)
    second = await aside(cast.send, customer, "after")
    pushed = await wire.until("message")
    assert (pushed["message"]["id"], pushed["message"]["body"]) == (str(second), "after")
    await wire.hang_up()
    assert not open_hub.lines
    assert not open_hub.rooms


async def test_what_another_customer_gets_is_not_told(cast, open_hub) -> None:
    mine, theirs = await aside(cast.customer), await aside(cast.customer)
    phone = await aside(cast.phone, mine)
    wire, _ = await phone.online()
    await aside(cast.send, theirs, "not yours")
    await aside(cast.send, mine, "yours")
    assert (await wire.until("message"))["message"]["body"] == "yours"
    await wire.hang_up()


async def test_origin_must_be_this_very_host(cast, open_hub) -> None:
    phone = await aside(cast.phone)
    for origin in (
        "",
        "null",
        "https://globex.localhost",
        "https://acme.localhost:1",
        "https://acme.localhost.evil.test",
    ):
        wire = await phone.connect(origin=origin)
        assert await wire.event() == {"close": 1008}


async def test_an_unknown_cookie_is_closed_4401(cast, open_hub) -> None:
    phone = await aside(cast.phone)
    phone.client.cookies.clear()
    wire = await phone.connect()
    assert await wire.event() == {"close": 4401}


async def test_a_wrong_key_another_device_and_an_old_nonce_are_closed_4401(cast, open_hub) -> None:
    phone, other = await aside(cast.phone), await aside(cast.phone)
    for signer, device_id in ((other, phone.id), (other, other.id), (phone, other.id)):
        wire = await phone.connect()
        nonce = (await wire.frame())["nonce"]
        await wire.say(type="prove", signature=signer.sign("ebb/v1/socket", phone.host, device_id, nonce))
        assert await wire.event() == {"close": 4401}
    used = (await (await phone.connect()).frame())["nonce"]
    wire = await phone.connect()
    await wire.frame()
    await wire.say(type="prove", signature=phone.sign("ebb/v1/socket", phone.host, phone.id, used))
    assert await wire.event() == {"close": 4401}


async def test_a_late_proof_and_a_silent_device_are_closed(cast) -> None:
    steady = [1000.0]
    made = hub.Hub(asyncio.get_running_loop(), lambda: steady[0])
    hub.use(made)
    phone = await aside(cast.phone)
    wire = await phone.connect()
    nonce = (await wire.frame())["nonce"]
    steady[0] += hub.PROVE_WITHIN
    await wire.say(type="prove", signature=phone.sign("ebb/v1/socket", phone.host, phone.id, nonce))
    assert await wire.event() == {"close": 4401}

    waiting = await phone.connect()
    await waiting.frame()
    steady[0] += hub.PROVE_WITHIN
    made.tick()
    assert await waiting.event() == {"close": 4401}

    wire, _ = await phone.online()
    steady[0] += hub.PING_EVERY
    made.tick()
    assert await wire.until("ping") == {"type": "ping"}
    steady[0] += hub.SILENT_FOR
    made.tick()
    assert await wire.until("close") == {"close": 4408}
    await made.stop()
    hub.use(None)


async def test_ten_malformed_frames_in_a_row_close_4400(cast, open_hub) -> None:
    phone = await aside(cast.phone)
    wire, _ = await phone.online()
    bad = ["", "[]", "{}", '{"type":"nothing"}', '{"type":"read"}', '{"type":"read","id":"x"}', "[" * 5000,
           '{"type":"delivered","ids":["x"]}', '{"type":"write","for":1,"body":2}', "1"]  # fmt: skip
    for text in bad[:9]:
        await wire.raw(text)
        assert (await wire.until("error"))["code"] == "malformed"
    await wire.raw(bad[9])
    assert await wire.until("close") == {"close": 4400}


async def test_a_frame_over_64_kib_closes_1009_and_a_flood_4429(cast, open_hub) -> None:
    phone = await aside(cast.phone)
    wire, _ = await phone.online()
    await wire.raw(json.dumps({"type": "pong", "x": "x" * protocol.FRAME_LIMIT}))
    assert await wire.until("close") == {"close": 1009}
    wire, _ = await phone.online()
    for _ in range(400):
        await wire.say(type="pong")
    assert await wire.until("close") == {"close": 4429}


async def test_revoking_closes_and_nothing_more_is_sent(cast, open_hub) -> None:
    customer = await aside(cast.customer)
    phone = await aside(cast.phone, customer)
    wire, _ = await phone.online()
    await inside(cast, device.revoke, actor=SYSTEM, now=clock.now(), device_id=UUID(phone.id))
    await aside(cast.send, customer, "too late")
    assert await wire.until("close") == {"close": 4403}
    assert wire.outward.empty()
    again = await phone.connect()
    nonce = (await again.frame())["nonce"]
    await again.say(type="prove", signature=phone.sign("ebb/v1/socket", phone.host, phone.id, nonce))
    assert await again.event() == {"close": 4403}


async def test_a_locked_device_is_told_and_closed_until_it_is_unlocked(cast, open_hub) -> None:
    phone = await aside(cast.phone)
    wire, _ = await phone.online()
    await inside(cast, device.lock, actor=SYSTEM, now=clock.now(), device_id=UUID(phone.id))
    assert await wire.until("lock") == {"type": "lock"}
    assert await wire.until("close") == {"close": 4403}
    _, locked = await phone.online()
    assert locked == {"type": "lock"}
    answer = await aside(phone.ask, "GET", "/inbox/state")
    assert (answer.status_code, answer.json()["code"]) == (403, "device_locked")
    await inside(cast, device.unlock, actor=SYSTEM, now=clock.now(), device_id=UUID(phone.id))
    wire, state = await phone.online()
    assert state["type"] == "state"
    await wire.hang_up()


async def test_a_wipe_leaves_signed_evidence(cast, open_hub) -> None:
    phone = await aside(cast.phone)
    wire, _ = await phone.online()
    asked = await inside(cast, wipe.request, actor=SYSTEM, now=clock.now(), device_id=UUID(phone.id))
    order = await wire.until("wipe")
    assert order["wipe"] == str(asked.id)
    await wire.say(type="wiped", wipe=order["wipe"], signature=phone.emptied(str(asked.id)))
    assert await wire.until("close") == {"close": 4403}
    row = await inside(cast, Wipe.objects.select_related("device").get, id=asked.id)
    assert (row.state, row.device.state, len(row.signature)) == ("acknowledged", "revoked", 64)


async def test_a_forged_acknowledgement_is_no_evidence(cast, open_hub) -> None:
    phone, other = await aside(cast.phone), await aside(cast.phone)
    asked = await inside(cast, wipe.request, actor=SYSTEM, now=clock.now(), device_id=UUID(phone.id))
    wire, order = await phone.online()
    assert order["type"] == "wipe"
    await wire.say(type="wiped", wipe=order["wipe"], signature=other.emptied(order["wipe"], phone.id))
    assert (await wire.until("error"))["code"] == "not_proved"
    assert await wire.until("close") == {"close": 4403}
    assert (await inside(cast, Wipe.objects.get, id=asked.id)).state == "sent"


async def test_delivered_counts_once_and_only_for_its_own(cast, open_hub) -> None:
    mine, theirs = await aside(cast.customer), await aside(cast.customer)
    phone = await aside(cast.phone, mine)
    ours, foreign = await aside(cast.send, mine), await aside(cast.send, theirs)
    wire, _ = await phone.online()
    await wire.say(type="delivered", ids=[str(ours), str(foreign), str(ours)])
    await wire.say(type="delivered", ids=[str(ours)])
    await wire.hang_up()
    await open_hub.receipts.flush_all()
    rows = await inside(cast, lambda: {m.id: m.outcome for m in Message.objects.filter(id__in=[ours, foreign])})
    assert rows == {ours: "delivered", foreign: ""}
    again = [receipt.Ack(ours, UUID(phone.id), clock.now())]
    assert await inside(cast, receipt.delivered, acks=again) == 0


async def test_a_tap_reveals_starts_the_timer_and_tells_the_other_phone(cast, open_hub) -> None:
    customer = await aside(cast.customer)
    phone, second = await aside(cast.phone, customer), await aside(cast.phone, customer)
    sent = await aside(cast.send, customer, "secret", gone_after_read=30)
    wire, state = await phone.online()
    other, _ = await second.online()
    assert state["messages"][0]["body"] is None
    await wire.say(type="reveal", id=str(sent))
    shown = (await wire.until("revealed"))["message"]
    assert shown["body"] == "secret"
    told = (await other.until("message"))["message"]
    assert told["gone_at"] == shown["gone_at"]
    row = await inside(cast, Message.objects.get, id=sent)
    assert (row.gone_at - row.revealed_at).total_seconds() == 30
    assert row.outcome == "delivered"
    for one in (wire, other):
        await one.hang_up()


async def test_a_recall_is_told_and_the_words_are_gone(cast, open_hub) -> None:
    customer = await aside(cast.customer)
    phone = await aside(cast.phone, customer)
    sent = await aside(cast.send, customer)
    wire, _ = await phone.online()
    await inside(cast, message.recall, actor=SYSTEM, now=clock.now(), message_id=sent)
    assert await wire.until("gone") == {"type": "gone", "ids": [str(sent)], "reason": "recalled"}
    await wire.hang_up()
    wire, state = await phone.online()
    assert state["messages"] == []
    assert [(one["id"], one["reason"]) for one in state["ended"]] == [(str(sent), "recalled")]
    await wire.hang_up()


async def test_a_customer_writes_and_sees_it(cast, open_hub) -> None:
    customer, stranger = await aside(cast.customer), await aside(cast.customer)
    phone = await aside(cast.phone, customer)
    wire, _ = await phone.online()
    await wire.raw(json.dumps({"type": "write", "for": str(customer), "body": "Hello back"}))
    accepted = await wire.until("accepted")
    await wire.raw(json.dumps({"type": "write", "for": str(stranger), "body": "as another"}))
    assert (await wire.until("error"))["code"] == "not_found"
    await wire.hang_up()
    _, state = await phone.online()
    assert [(m["id"], m["direction"], m["body"]) for m in state["messages"]] == [(accepted["id"], "out", "Hello back")]


async def test_nothing_over_leaves_in_a_push(cast, open_hub) -> None:
    customer = await aside(cast.customer)
    phone = await aside(cast.phone, customer)
    old = clock.now()
    sent = await aside(cast.send, customer, "brief", old, gone_after=60)
    wire, _ = await phone.online()

    def tell() -> None:
        with unit.work() as u:
            push.arrived(u, [(sent, customer)])

    at = clock.Fake(clock.now())
    at.advance(seconds=61)
    with clock.use(at):
        await inside(cast, tell)
        later = await aside(cast.send, customer, "fresh")
        assert (await wire.until("message"))["message"]["id"] == str(later)
    await wire.hang_up()


async def test_the_minutes_check_finds_what_no_event_told(cast, open_hub) -> None:
    from messaging.models import Device

    phone = await aside(cast.phone)
    wire, _ = await phone.online()
    await inside(cast, lambda: Device.objects.filter(id=phone.id).update(state="revoked"))
    await open_hub.check()
    assert await wire.until("close") == {"close": 4403}
