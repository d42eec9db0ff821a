"""T1, the life of a message: sent over HTTP, read on a device's socket, gone at its end, its record proved."""

import asyncio
import base64
from datetime import UTC, datetime

import pytest

from archive.ledger import proof
from portal.testing.line import Line


async def wait_for(check, seconds: float = 20):
    """Poll another process's state; its commit has no other way to tell us."""
    async with asyncio.timeout(seconds):
        while not (found := check()):  # noqa: ASYNC110 - another process's commit sets no event here
            await asyncio.sleep(0.05)
    return found


@pytest.fixture
def api(running, acme):
    with running.api(acme) as client:
        yield client


async def test_the_life_of_a_message(running, acme, api):
    made = await asyncio.to_thread(
        api.post, "customers", json={"name": "Ada", "reference": f"J-{datetime.now(UTC):%s%f}"}
    )
    assert made.status_code == 201, made.text
    customer = made.json()["id"]
    issued = (await asyncio.to_thread(api.post, f"customers/{customer}/enrolments", json={"send_by": "show"})).json()
    phone = acme.handset()
    with running.client(acme) as browser:
        token = issued["url"].rsplit("/", 1)[-1]
        enrolled = await asyncio.to_thread(browser.post, "/inbox/enrol", json=phone.enrolment(token))
        assert enrolled.status_code == 201, enrolled.text
        phone.device = enrolled.json()["device"]
        phone.cookie = enrolled.cookies["__Host-ebb-device"]
        again = await asyncio.to_thread(browser.post, "/inbox/enrol", json=phone.enrolment(token))
        assert again.status_code == 401
    async with Line(running.port, phone) as line:
        assert line.state["messages"] == []
        body = {"customer": customer, "body": "  Your result \u202e \U0001f642\n", "gone_after": 4, "subject": "Result"}
        sent = await asyncio.to_thread(api.post, "messages", json=body)
        assert sent.status_code == 201, sent.text
        frame = (await line.expect("message"))["message"]
        assert frame["id"] == sent.json()["id"]
        assert frame["body"] == body["body"]
        assert frame["direction"] == "in"
        await line.send(type="delivered", ids=[frame["id"]])
        await line.send(type="read", id=frame["id"])
        await wait_for(lambda: api.get(f"messages/{frame['id']}").json()["state"] == "read")
        gone = await line.expect("gone")
        assert gone["ids"] == [frame["id"]]
        assert datetime.now(UTC) >= datetime.fromisoformat(sent.json()["gone_at"])
    async with Line(running.port, phone) as line:
        assert line.state["messages"] == []
        assert [one["id"] for one in line.state["ended"]] == [frame["id"]]
    last = (await asyncio.to_thread(api.get, f"messages/{frame['id']}")).json()
    assert (last["state"], last["outcome"]) == ("ended", "delivered")
    index = sent.json()["entry"]["index"]
    text = await wait_for(lambda: _proof(api, index))
    entry = (await asyncio.to_thread(api.get, f"archive/entries/{index}")).json()
    vkey = (await asyncio.to_thread(api.get, "archive/key")).text.strip()
    opened = proof.verify(text, vkey, base64.b64decode(entry["leaf"]), index=index)
    assert opened.size > index


def _proof(api, index):
    answer = api.get(f"archive/entries/{index}/proof")
    assert answer.status_code in {200, 409}, answer.text
    return answer.text if answer.status_code == 200 else None
