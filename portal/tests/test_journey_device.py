"""T1, the life of a device: enrolled, one of two, locked from the other, unlocked, closed by its own lock, wiped with evidence that
anybody can check, and a browser that begins anew. Over HTTP, on sockets, with real processes."""

import asyncio
import json
from base64 import b64decode, urlsafe_b64decode

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from portal.testing.handset import Handset
from portal.testing.line import Line

PIN = "482915"


@pytest.fixture
def api(running, acme):
    with running.api(acme) as client:
        yield client


@pytest.fixture
def browser(running, acme):
    with running.client(acme) as client:
        yield client


def enrolled(api, browser, acme, customer: str, name: str) -> Handset:
    phone = acme.handset()
    issued = api.post(f"customers/{customer}/enrolments", json={"send_by": "show"})
    assert issued.status_code == 201, issued.text
    done = browser.post("/inbox/enrol", json=phone.enrolment(issued.json()["url"].rsplit("/", 1)[-1], name))
    assert done.status_code == 201, done.text
    phone.device, phone.cookie = done.json()["device"], done.cookies["__Host-ebb-device"]
    browser.cookies.clear()
    return phone


def ask(browser, phone: Handset, method: str, path: str, body: object = None, **headers: str):
    """A call of the device's own: a nonce, and a proof over all of it."""
    held = {"Cookie": f"__Host-ebb-device={phone.cookie}"}
    nonce = browser.get("/inbox/nonce", headers=held).json()["nonce"]
    raw = b"" if body is None else json.dumps(body).encode()
    proved = {"Ebb-Proof": phone.http_proof(nonce, method, path, raw), "Content-Type": "application/json"}
    return browser.request(method, path, content=raw, headers={**held, **proved, **headers})


async def closed_with(line: Line) -> int | None:
    """What is said before is passed over."""
    await line.socket.wait_closed()
    return line.socket.close_code


def holds(signature: str, phone: Handset, *lines: str) -> bool:
    """Of the key that was enrolled, over these lines: raises where it is not."""
    raw = urlsafe_b64decode(signature + "==")
    der = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    phone.key.public_key().verify(der, "\n".join(lines).encode(), ec.ECDSA(hashes.SHA256()))
    return True


async def test_the_life_of_a_device(running, acme, api, browser):
    aside = asyncio.to_thread
    customer = (await aside(api.post, "customers", json={"name": "Dora Device"})).json()["id"]
    kept = await aside(enrolled, api, browser, acme, customer, "Dora's laptop")
    lost = await aside(enrolled, api, browser, acme, customer, "Dora's phone")
    sent = await aside(api.post, "messages", json={"customer": customer, "body": "For both", "gone_after": 600})
    async with Line(running.port, kept) as first, Line(running.port, lost) as second:
        assert [one["body"] for line in (first, second) for one in line.state["messages"]] == ["For both"] * 2

        # Locked by the customer, from the other device: shows nothing, at once.
        listed = (await aside(ask, browser, kept, "GET", "/inbox/devices")).json()["devices"]
        assert {one["id"]: one["this"] for one in listed} == {kept.device: True, lost.device: False}
        locked = await aside(ask, browser, kept, "POST", f"/inbox/devices/{lost.device}/lock", {})
        assert (locked.status_code, locked.json()["state"]) == (200, "locked")
        assert (await second.expect("lock"))["type"] == "lock"
        assert await closed_with(second) == 4403
        refused = await aside(ask, browser, lost, "GET", "/inbox/state")
        assert (refused.status_code, refused.json()["code"]) == (403, "device_locked")

    # Found again: only the business unlocks. From now on the page opens with a PIN.
    assert (await aside(api.post, f"devices/{lost.device}/unlock")).json()["state"] == "active"
    opened = await aside(ask, browser, lost, "POST", "/inbox/lock", {"pin": PIN})
    assert opened.status_code == 200, opened.text
    covered = await aside(ask, browser, lost, "GET", "/inbox/state")
    assert (covered.status_code, covered.json()["code"]) == (403, "device_covered")
    held = {"Ebb-Pass": opened.json()["pass"]}
    state = await aside(lambda: ask(browser, lost, "GET", "/inbox/state", **held))
    assert [one["body"] for one in state.json()["messages"]] == ["For both"]
    wrong = await aside(ask, browser, lost, "POST", "/inbox/open", {"pin": "000000"})
    assert (wrong.status_code, wrong.json()["code"]) == (401, "wrong_pin")

    # Lost for good: wiped by the business, covered as its page is, and it signs that it is empty.
    async with Line(running.port, lost, prove=False) as line:
        await line.send(type="prove", signature=lost.socket_proof(line.nonce))
        assert "messages" not in await line.expect("covered")
        asked = await aside(api.post, f"devices/{lost.device}/wipe", json={"reason": "Left on the bus"})
        assert asked.status_code == 200, asked.text
        order = (await line.expect("wipe"))["wipe"]
        await line.send(type="wiped", wipe=order, signature=lost.wiped_proof(order))
        assert await closed_with(line) == 4403
    wipe = (await aside(api.get, f"devices/{lost.device}")).json()["wipes"][0]
    assert (wipe["id"], wipe["state"]) == (order, "acknowledged")
    assert holds(wipe["signature"], lost, "ebb/v1/wiped", lost.host, lost.device, order)
    over = await aside(lambda: ask(browser, lost, "GET", "/inbox/state", **held))
    assert (over.status_code, over.json()["code"]) in {(403, "device_revoked"), (401, "unknown_device")}

    # The other one goes on; the same browser begins anew with a key of its own; each step is an entry.
    again = await aside(enrolled, api, browser, acme, customer, "Dora's new phone")
    assert again.device not in {kept.device, lost.device}
    async with Line(running.port, kept) as first, Line(running.port, again) as second:
        assert [line.state["messages"][0]["id"] for line in (first, second)] == [sent.json()["id"]] * 2
    listed = (await aside(api.get, "archive/entries", params={"customer": customer, "kind": "device.*"})).json()
    leaves = [json.loads(b64decode(one["leaf"])) for one in listed["results"]]
    kinds = [leaf["kind"] for leaf in leaves if leaf["codes"].get("device") == lost.device]
    assert kinds == [
        "device.enrolled", "device.locked", "device.unlocked", "device.app_lock", "device.wipe_requested", "device.wipe_sent",
        "device.wiped",
    ]  # fmt: skip
