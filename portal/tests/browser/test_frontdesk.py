"""The front desk in a real Chromium: what a customer is told before writing, whose screen it is, and what a slip of the hand
cannot carry off."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from portal.tests.browser.conftest import PHONE, new_customer
from portal.tests.browser.test_pages import Eyes, axe, eyes

pytestmark = pytest.mark.browser
__all__ = ["axe", "eyes"]
WORDS = "Nine herons stood in the rain."
SEALED = "Your code is 4711."
CHANGE = "/console/settings/front-desk"
# What leaves by the clipboard when everything on the page is chosen and copied.
COPY = """(where) => {
  const range = document.createRange();
  range.selectNodeContents(document.querySelector(where));
  getSelection().removeAllRanges();
  getSelection().addRange(range);
  return new Promise((resolve) => {
    addEventListener("copy", (event) => resolve(event.defaultPrevented), { once: true });
    document.execCommand("copy");
  });
}"""
REFUSED = """([where, kind]) => !document.querySelector(where).dispatchEvent(
  new Event(kind, { bubbles: true, cancelable: true }))"""


@pytest.fixture
def closed(desk, acme) -> Iterator[None]:
    """Acme is closed all week but for one minute, and its inbox says whose screen it is."""
    with desk.person("owner") as page:
        desk.sign_in(page, acme, "owner")
        page.goto(desk.running.page(acme, CHANGE))
        page.get_by_label("Sunday, from").fill("00:00")
        page.get_by_label("Sunday, until").fill("00:01")
        page.get_by_label("Number to call in an emergency").fill("112")
        page.get_by_label("The reader's name lies over the messages").check()
        page.get_by_role("button", name="Save").click()
        page.get_by_text("Saved.").wait_for()
        yield
        page.goto(desk.running.page(acme, CHANGE))
        for label in ("Sunday, from", "Sunday, until", "Number to call in an emergency"):
            page.get_by_label(label).fill("")
        page.get_by_label("The reader's name lies over the messages").uncheck()
        page.get_by_role("button", name="Save").click()
        page.get_by_text("Saved.").wait_for()


def shoot(page: Page, name: str) -> None:
    if folder := os.environ.get("EBB_SHOTS"):
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            page.screenshot(path=f"{folder}/{name}-{theme}.png", full_page=True)


def test_the_page_of_the_front_desk(desk, eyes: Eyes, acme, closed):
    with desk.person("owner") as page:
        desk.sign_in(page, acme, "owner")
        page.goto(desk.running.page(acme, CHANGE))
        expect(page.get_by_label("Sunday, until")).to_have_value("00:01")
        shoot(page, "frontdesk-wide")
        eyes.look(page, "front desk", [("light", {"width": 1280, "height": 900}), ("dark", PHONE)])
        page.set_viewport_size(PHONE)
        shoot(page, "frontdesk-narrow")
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(desk.running.page(acme, "/console/conversations/"))
        page.get_by_text("Closed now, and customers are told so").wait_for()
        shoot(page, "frontdesk-queue")


def test_whoever_writes_to_a_closed_door_is_told_and_sees_whose_screen_it_is(desk, eyes: Eyes, api, closed):
    who, link = new_customer(api, "Wanda Watermark")
    with desk.person("customer", viewport=PHONE) as phone:
        desk.enrol(phone, link)
        api.post("messages", json={"customer": who, "body": WORDS}).raise_for_status()
        phone.get_by_text(WORDS).wait_for()
        told = phone.locator(".desk")
        expect(told).to_contain_text("Not for emergencies: in an emergency call 112.")
        expect(told).to_contain_text("is closed and reads this from Sunday")
        expect(phone.locator("textarea")).to_have_attribute("aria-describedby", "desk")
        mark = phone.locator(".watermark bdi").first
        assert mark.evaluate("(node) => getComputedStyle(node, '::before').content") == '"Wanda Watermark"'
        assert phone.evaluate("document.elementFromPoint(195, 400).closest('.watermark')") is None  # it takes no taps
        shoot(phone, "inbox-watermark")
        eyes.look(phone, "inbox, closed and marked", [("light", PHONE), ("dark", PHONE)])


def test_sealed_words_are_not_carried_off_by_a_slip_of_the_hand(desk, api):
    who, link = new_customer(api, "Gustav Guarded")
    with desk.person("customer", viewport=PHONE) as phone:
        desk.enrol(phone, link)
        api.post("messages", json={"customer": who, "body": WORDS}).raise_for_status()
        api.post("messages", json={"customer": who, "body": SEALED, "tap_to_reveal": True}).raise_for_status()
        phone.get_by_text(WORDS).wait_for()
        assert phone.evaluate(COPY, ".bubble:not(.guarded) .words") is False
        phone.click(".seal")
        phone.get_by_text(SEALED).wait_for()
        assert phone.evaluate(COPY, ".log") is True
        for kind in ("dragstart", "contextmenu", "cut"):
            assert phone.evaluate(REFUSED, [".guarded .words", kind]), kind
        assert not phone.evaluate(REFUSED, [".bubble:not(.guarded) .words", "contextmenu"])
        phone.emulate_media(media="print")
        assert phone.get_by_text(SEALED).is_hidden()
        assert phone.get_by_text(WORDS).is_visible()
