"""What comes by e-mail, from a real mail server to a real Chromium: from the first notice to reading, back in after the browser's
data were cleared, and a lost device ended by a link. Each click is one that the screen names."""

import base64
import json
import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from portal.testing.installation import Business, Installation, until
from portal.testing.sink import text_of
from portal.tests.browser.conftest import PHONE

pytestmark = pytest.mark.browser
WORDS = "Your room is number four."
CLEARED = """async () => {
  for (const { name } of await indexedDB.databases()) indexedDB.deleteDatabase(name);
  for (const name of await caches.keys()) await caches.delete(name);
  for (const one of await navigator.serviceWorker.getRegistrations()) await one.unregister();
  localStorage.clear();
  sessionStorage.clear();
}"""
CLOSED = "() => window.__sockets.length > 0 && window.__sockets.every((one) => one.readyState === WebSocket.CLOSED)"
ENDS = {
    "lock": ("Lock", "This device is locked", "device.locked"),
    "sign-out": ("Sign out", "This device is no longer let in", "device.signed_out"),
    "wipe": ("Wipe", "This device was cleared", "device.wiped"),
}


@pytest.fixture(scope="module")
def running(installation: Installation) -> Installation:
    """With workers and a mail server, which the other browser tests do without."""
    return installation


@pytest.fixture(scope="module")
def acme(installation: Installation) -> Business:
    return installation.business("acme")


@pytest.fixture(scope="module")
def globex(installation: Installation) -> Business:
    return installation.business("globex")


@pytest.fixture
def letters(installation: Installation) -> Iterator[object]:
    """→ a function: the newest link of a kind that came to an address, waited for."""

    def link(to: str, kind: str, before: int = 0) -> str:
        def found() -> list[str]:
            texts = [text_of(raw) for address, raw in installation.sink.got if address == to]
            return [one for text in texts for one in re.findall(rf"https?://\S+/inbox/{kind}/\S+", text)][before:]

        return str(until(found, 30, f"no link of {kind} came to {to}")[-1])

    return link


def subjects(installation: Installation, to: str) -> list[str]:
    found = [
        re.search(r"^Subject: (.*)$", text_of(raw), re.MULTILINE) for one, raw in installation.sink.got if one == to
    ]
    return [one[1] for one in found if one]


def kinds(api, customer: str) -> list[str]:
    rows = api.get("archive/entries", params={"customer": customer, "limit": 100}).json()["results"]
    return [str(json.loads(base64.b64decode(row["leaf"]))["kind"]) for row in rows]


def press(page: Page, name: str, role: str = "button") -> None:
    page.get_by_role(role, name=name, exact=True).click()  # type: ignore[arg-type]


def reads(page: Page) -> None:
    page.get_by_text("Tap to open", exact=False).first.click()
    page.get_by_text(WORDS).wait_for()


def test_from_the_notice_to_reading_and_back_in_after_the_browser_forgot(desk, api, letters, installation):
    """Somebody who never saw it, with nothing but the mail and what the screens say: within a minute, both ways."""
    to = "nora.new@example.org"
    began = time.monotonic()
    sent = api.post("messages", json={"to": to, "body": WORDS, "gone_after": 3600, "tap_to_reveal": True}).json()
    with desk.person("newcomer", viewport=PHONE) as page:
        desk.watch.expected |= {401}
        page.goto(letters(to, "enrol"))
        page.get_by_role("heading", name="writes to you here").wait_for()
        assert page.get_by_text("keeps a sealed copy of each message").count() == 1  # told before first use (I10)
        press(page, "Open my messages")
        reads(page)
        took = time.monotonic() - began

        page.context.clear_cookies()
        page.evaluate(CLEARED)
        began = time.monotonic()
        page.reload()
        page.get_by_role("heading", name="Let yourself in again").wait_for()
        assert WORDS not in page.content()
        press(page, "Let me in again", "link")
        page.get_by_label("Phone number or e-mail").fill(to)
        press(page, "Send me a link")
        page.get_by_text("a link is on its way").last.wait_for()
        page.goto(letters(to, "enrol", before=1))
        press(page, "Open my messages")
        page.get_by_text(WORDS).wait_for()  # it was opened already
        back = time.monotonic() - began
    print(f"from sending to reading {took:.1f} s, back in {back:.1f} s, notices and all")
    assert max(took, back) < 60
    assert api.get(f"messages/{sent['id']}").json()["state"] in {"revealed", "read"}
    until(lambda: any("A new device" in one for one in subjects(installation, to)), 30, "nobody told the customer")


@pytest.mark.parametrize("act", sorted(ENDS))
def test_a_lost_device_is_ended_by_a_link(desk, api, letters, installation, act):
    """From the page that anybody may open to the page of the lost device, which closes while somebody looks at it."""
    button, told, entry = ENDS[act]
    to = f"lena.{act}@example.org"
    customer = api.post("customers", json={"name": "Lena", "email": to}).raise_for_status().json()["id"]
    url = api.post(f"customers/{customer}/enrolments", json={"send_by": "show"}).json()["url"]
    with desk.person("thief", viewport=PHONE) as lost, desk.person("owner, elsewhere", viewport=PHONE) as page:
        desk.watch.expected |= {401, 403}
        desk.enrol(lost, url)
        api.post("messages", json={"customer": customer, "body": WORDS, "gone_after": 3600}).raise_for_status()
        lost.get_by_text(WORDS).wait_for()

        page.goto(installation.page(installation.business("acme"), "/inbox/recover"))
        press(page, "I lost a device", "link")
        page.get_by_label("Phone number or e-mail").fill(to)
        press(page, "Send me a link")
        page.get_by_text("a link is on its way").last.wait_for()
        link = letters(to, "lost")
        page.goto(link)
        assert page.locator("[data-device]").count() == 0  # opening it uses nothing up and tells nothing
        press(page, "Show my devices")
        row = page.locator("[data-device]")
        row.wait_for()
        assert WORDS not in page.content()
        row.get_by_role("button", name=button, exact=True).click()
        if act != "lock":
            page.locator("dialog[open]").get_by_role("button", name=button, exact=True).click()

        lost.get_by_text(told).wait_for()
        assert WORDS not in lost.content()
        lost.wait_for_function(CLOSED)
        page.goto(link)
        page.get_by_role("heading", name="This link is over").wait_for()
    until(
        lambda: any("A device was ended" in one for one in subjects(installation, to)), 30, "nobody told the customer"
    )
    until(lambda: entry in kinds(api, customer), 30, f"no entry {entry}")
    assert {"device.lost_asked", "device.lost_used"} <= set(kinds(api, customer))
