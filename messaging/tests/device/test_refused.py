"""Refused proofs and spent links as entries: seen, and never a flood."""

import json

import pytest

from archive.models import Entry
from messaging.flows import attempt, enrolment, refusal
from messaging.models import Attempt
from messaging.tests.device.phone import Phone
from portal.kernel import clock


@pytest.fixture(autouse=True)
def from_zero(inside):
    inside(Attempt.objects.all().delete)


def refused(inside, whom: object) -> list[dict]:
    rows = inside(lambda: list(Entry.objects.filter(kind="device.refused", customer_id=whom).order_by("index")))
    return [json.loads(bytes(row.leaf))["codes"] for row in rows]


def thief(phone: Phone) -> Phone:
    """Another key behind the same cookie."""
    other = Phone()
    other.client.cookies["__Host-ebb-device"] = phone.cookie
    other.id = phone.id
    return other


def test_a_copied_cookie_without_its_key_is_seen(cast, inside) -> None:
    who = cast.customer()
    phone = cast.phone(who)
    answer = thief(phone).ask("GET", "/inbox/state")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_proved")
    assert refused(inside, who) == [{"device": phone.id, "reason": "not_proved", "count": 1}]
    assert phone.ask("GET", "/inbox/state").status_code == 200
    assert len(refused(inside, who)) == 1


def test_a_replayed_proof_is_seen(cast, inside) -> None:
    who = cast.customer()
    phone = cast.phone(who)
    headers = {"Ebb-Proof": phone.proof(phone.nonce(), "GET", "/inbox/state")}
    told = [phone.client.get("/inbox/state", headers=headers).status_code for _ in range(2)]
    assert told == [200, 401]
    assert [one["count"] for one in refused(inside, who)] == [1]


def test_a_flood_writes_a_handful(cast, inside) -> None:
    who = cast.customer()
    phone, other = cast.phone(who), cast.phone(who)
    now = clock.now()
    for _ in range(250):
        inside(refusal.of_device, now=now, device_id=phone.id)
    assert [one["count"] for one in refused(inside, who)] == [1, 10, 100]
    inside(refusal.of_device, now=now, device_id=other.id)  # each device for itself
    inside(refusal.of_device, now=now + refusal.WINDOW, device_id=phone.id)  # and each hour
    assert [one["count"] for one in refused(inside, who)] == [1, 10, 100, 1, 1]


async def test_a_wrong_answer_on_the_socket_is_seen(cast, inside, open_hub) -> None:
    from messaging.tests.device.phone import aside

    who = await aside(cast.customer)
    phone = await aside(cast.phone, who)
    wire = await phone.connect()
    await wire.frame()
    await wire.say(type="prove", signature=Phone().sign("ebb/v1/socket", phone.host, phone.id, "x"))
    assert (await wire.event())["close"] == 4401
    assert await aside(refused, inside, who) == [{"device": phone.id, "reason": "not_proved", "count": 1}]
    await wire.hang_up()


def test_a_spent_link_is_seen_and_an_unknown_one_is_nobodys(cast, inside) -> None:
    who = cast.customer()
    token, _ = cast.invite(who)
    assert Phone().enrol(token).status_code == 201
    before = inside(Entry.objects.count)
    assert Phone().enrol("x" * 43).status_code == 401
    assert inside(Entry.objects.count) == before
    for _ in range(3):
        assert Phone().enrol(token).json()["code"] == "enrolment_spent"
    assert refused(inside, who) == [{"reason": "enrolment_spent", "count": 1}]


def test_the_limit_of_an_address_comes_first(cast, inside) -> None:
    """Past it nothing is looked at, so nothing is written either."""
    who = cast.customer()
    token, _ = cast.invite(who)
    phone = Phone()
    assert phone.enrol(token).status_code == 201
    told = [phone.enrol(token).status_code for _ in range(enrolment.GUESSES + 3)]
    assert told.count(429) == 3
    assert [one["count"] for one in refused(inside, who)] == [1, 10]
    assert attempt.too_many(1).code == "too_many"
