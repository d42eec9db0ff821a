"""The lost device: every step of a wipe is an entry, the last one signed; many within an hour wait for a second person."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from django.db import connections

from archive.flows import approval
from archive.models import Approval, Entry
from messaging.flows import device, wipe
from messaging.models import Device, Policy, Wipe
from messaging.queries import policy
from messaging.tests.device.phone import Phone
from portal.kernel import actors, clock, tenancy
from portal.kernel.errors import Refusal
from portal.testing import browser

LIMIT = 2


def told(device_id: str) -> list[tuple[str, dict]]:
    """The entries that name this device, oldest first."""
    rows = Entry.objects.filter(kind__startswith="device.").order_by("index")
    found = [(row.kind, json.loads(bytes(row.leaf)).get("codes", {})) for row in rows]
    return [(kind, codes) for kind, codes in found if codes.get("device") == device_id and kind != "device.enrolled"]


def wiping(phone: Phone) -> UUID:
    return wipe.request(actor=actors.SYSTEM, now=clock.now(), device_id=UUID(phone.id), reason="left on the bus").id


def test_every_step_is_an_entry_and_the_last_holds_what_proves_it(cast, inside) -> None:
    phone = cast.phone()
    asked = inside(wiping, phone)
    assert phone.ask("GET", "/inbox/state").json()["wipe"] == str(asked)
    inside(wipe.mark_sent, now=clock.now(), wipe_id=asked)
    inside(wipe.mark_sent, now=clock.now(), wipe_id=asked)
    answer = phone.post("/inbox/wiped", {"wipe": str(asked), "signature": phone.emptied(str(asked))})
    assert answer.status_code == 200
    steps = inside(told, phone.id)
    assert [kind for kind, _ in steps] == ["device.wipe_requested", "device.wipe_sent", "device.wiped"]
    assert "left on the bus" not in str(steps)
    evidence = steps[-1][1]
    raw = urlsafe_b64decode(evidence["signature"] + "==")
    signed = utils.encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    statement = f"ebb/v1/wiped\n{evidence['host']}\n{phone.id}\n{evidence['wipe']}".encode()
    phone.key.public_key().verify(signed, statement, ec.ECDSA(hashes.SHA256()))  # raises unless it holds


def test_over_http_a_wipe_is_signed_for_once_and_by_its_own_key(cast, inside) -> None:
    phone, other = cast.phone(), cast.phone()
    asked = str(inside(wiping, phone))
    refused = phone.ask("GET", "/inbox/state")
    assert (refused.status_code, refused.json()["code"], refused.json()["wipe"]) == (403, "device_wiping", asked)
    forged = phone.post("/inbox/wiped", {"wipe": asked, "signature": other.emptied(asked, phone.id)})
    assert (forged.status_code, forged.json()["code"]) == (401, "not_proved")
    elsewhere = other.post("/inbox/wiped", {"wipe": asked, "signature": other.emptied(asked)})
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (404, "not_found")
    good = {"wipe": asked, "signature": phone.emptied(asked)}
    assert Phone().post("/inbox/wiped", good).status_code == 404
    assert phone.post("/inbox/wiped", good, Origin="https://globex.localhost").status_code == 403
    assert [phone.post("/inbox/wiped", good).status_code for _ in range(2)] == [200, 404]
    assert inside(Wipe.objects.get, id=asked).state == "acknowledged"


def test_a_wipe_without_an_answer_is_dark_and_keeps_its_first_end(cast, inside) -> None:
    silent, ended = cast.phone(), cast.phone()
    inside(wiping, silent)
    inside(wiping, ended)
    inside(device.revoke, actor=actors.SYSTEM, now=clock.now(), device_id=UUID(ended.id))
    later = clock.now() + wipe.DARK_AFTER
    inside(wipe.mark_dark, now=later)
    rows = inside(lambda: {str(row.id): row for row in Device.objects.filter(id__in=[silent.id, ended.id])})
    assert (rows[silent.id].revoked_reason, rows[ended.id].revoked_reason) == ("dark", "revoked")
    assert inside(told, silent.id)[-1][0] == "device.dark"
    with clock.use(clock.Fake(later)):
        assert silent.ask("GET", "/inbox/state").json()["code"] == "device_revoked"


# ── many at once ──────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture(scope="module")
def strict(house):
    """A business that lets one person end two devices an hour."""
    from portal.testing import cast as people

    made = people.build("strict", "Strict Clinic")
    with made.inside():
        Policy.objects.update(ends_an_hour=LIMIT)
        policy.forget()
    return made


@pytest.fixture
def hour(strict):
    """An hour that nobody used yet."""
    at = clock.Fake(clock.now() + timedelta(hours=2 * strict.__dict__.setdefault("hours", 1)))
    strict.__dict__["hours"] += 1
    with clock.use(at), strict.inside():
        yield at


def phones(strict, count: int) -> list[str]:
    return [strict.handset(strict.customer()).device for _ in range(count)]


def ask(by: actors.Actor, device_id: str) -> wipe.Wiping:
    return wipe.request(actor=by, now=clock.now(), device_id=UUID(device_id))


def state_of(device_id: str) -> str:
    return Device.objects.get(id=device_id).state


def test_past_the_limit_a_wipe_is_held_and_locked_until_another_agrees(strict, hour) -> None:
    made = phones(strict, LIMIT + 1)
    asked = [ask(strict.author, one) for one in made]
    assert [one.state for one in asked] == ["requested", "requested", "held"]
    assert [state_of(one) for one in made] == ["wiping", "wiping", "locked"]
    again = ask(strict.author, made[-1])
    assert (again.id, again.state) == (asked[-1].id, "held")
    with pytest.raises(Refusal, match="wipe_waits"):
        device.unlock(actor=strict.author, now=clock.now(), device_id=UUID(made[-1]))
    decided = approval.approve(actor=strict.owner, now=clock.now(), approval_id=asked[-1].approval)
    assert decided.state == "done"
    assert state_of(made[-1]) == "wiping"
    kinds = [kind for kind, _ in told(made[-1])]
    assert kinds == ["device.wipe_held", "device.locked", "device.wipe_requested"]
    assert Entry.objects.filter(kind="approval.asked").exists()


def test_who_refuses_leaves_it_locked_and_it_can_be_unlocked(strict, hour) -> None:
    made = phones(strict, LIMIT + 1)
    held = [ask(strict.author, one) for one in made][-1]
    approval.refuse(actor=strict.owner, now=clock.now(), approval_id=held.approval)
    assert Wipe.objects.get(id=held.id).state == "refused"
    assert state_of(made[-1]) == "locked"
    assert told(made[-1])[-1][0] == "device.wipe_refused"
    device.unlock(actor=strict.author, now=clock.now(), device_id=UUID(made[-1]))
    assert state_of(made[-1]) == "active"


def test_what_ends_meanwhile_is_not_wiped_by_a_late_yes(strict, hour) -> None:
    made = phones(strict, LIMIT + 1)
    held = [ask(strict.author, one) for one in made][-1]
    customers = frozenset(Device.objects.get(id=made[-1]).serves.values_list("customer_id", flat=True))
    device.sign_out(actor=actors.device(UUID(made[-1]), customers), now=clock.now())
    decided = approval.approve(actor=strict.owner, now=clock.now(), approval_id=held.approval)
    assert (decided.state, decided.failure) == ("failed", "wrong_state")
    assert Wipe.objects.get(id=held.id).state == "refused"


def test_signing_out_counts_as_well(strict, hour) -> None:
    made = phones(strict, LIMIT + 1)
    ended = [device.revoke(actor=strict.author, now=clock.now(), device_id=UUID(one)).approval for one in made]
    assert ended[:LIMIT] == [None] * LIMIT
    assert [state_of(one) for one in made] == ["revoked", "revoked", "locked"]
    again = device.revoke(actor=strict.author, now=clock.now(), device_id=UUID(made[-1]))
    assert again.approval == ended[-1]
    approval.approve(actor=strict.owner, now=clock.now(), approval_id=ended[-1])
    assert state_of(made[-1]) == "revoked"


def test_a_customers_own_wish_is_never_held(strict, hour) -> None:
    who = strict.customer()
    lost, mine = strict.handset(who), strict.handset(who)
    for one in phones(strict, LIMIT):
        ask(strict.author, one)
    held = ask(strict.author, lost.device)
    asked = ask(strict.actor_of(mine, who), lost.device)
    assert (held.state, asked.state, asked.id) == ("held", "requested", held.id)
    assert state_of(lost.device) == "wiping"


def test_a_storm_of_wipes_passes_the_limit_by_none(strict, hour) -> None:
    made = phones(strict, 8)

    def one(device_id: str) -> str:
        try:
            with tenancy.tenant_scope(strict.place):
                return ask(strict.author, device_id).state
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as threads:
        states = list(threads.map(one, made))
    assert sorted(states) == ["held"] * (8 - LIMIT) + ["requested"] * LIMIT
    assert Approval.objects.filter(kind=wipe.WIPE, target_id__in=made).count() == 8 - LIMIT


def test_the_api_says_that_it_waits(strict, hour) -> None:
    made = phones(strict, LIMIT + 2)
    client = browser.program(strict)
    first = client.post(f"/api/v1/devices/{made[0]}/wipe", {"reason": "lost"}, content_type="application/json")
    assert (first.status_code, first.json()["state"]) == (200, "wiping")
    point = bytes(Device.objects.get(id=made[0]).public_key)
    assert first.json()["public_key"]["x"] == urlsafe_b64encode(point[1:33]).decode().rstrip("=")
    client.delete(f"/api/v1/devices/{made[1]}")
    for answer in (
        client.post(f"/api/v1/devices/{made[2]}/wipe", {}, content_type="application/json"),
        client.delete(f"/api/v1/devices/{made[3]}"),
    ):
        assert (answer.status_code, answer.json()["state"]) == (202, "approving")
    too_long = client.post(f"/api/v1/devices/{made[2]}/wipe", {"reason": "x" * 1001}, content_type="application/json")
    assert (too_long.status_code, too_long.json()["code"]) == (422, "reason_too_long")
