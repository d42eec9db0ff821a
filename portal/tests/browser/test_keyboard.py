"""The inbox without a mouse: from the link to reading, revealing, asking for more time, answering, and setting a lock."""

import pytest
from playwright.sync_api import Page, expect

from portal.tests.browser.conftest import PHONE, new_customer

pytestmark = pytest.mark.browser
MOST = 40  # steps from one thing to the next
WORDS = "Seven cranes flew over the marsh."
FOCUSED = "(node) => node === document.activeElement"


def reach(page: Page, name: str, role: str = "button") -> None:
    """By Tab alone, to what a screen reader would call so."""
    wanted = page.get_by_role(role, name=name, exact=True)  # type: ignore[arg-type]
    wanted.first.wait_for()
    for _ in range(MOST):
        page.keyboard.press("Tab")
        if any(one.evaluate(FOCUSED) for one in wanted.all()):
            return
    raise AssertionError(f"{name} is not reached by Tab")


def test_a_customer_needs_no_mouse(desk, api):
    who, link = new_customer(api, "Kara Keys")
    sent = {"customer": who, "body": WORDS, "gone_after": 3600, "tap_to_reveal": True}
    api.post("messages", json=sent).raise_for_status()
    with desk.person("customer", viewport=PHONE) as page:
        page.goto(link)
        reach(page, "Open my messages")
        page.keyboard.press("Enter")
        page.locator(".seal").wait_for()
        for _ in range(MOST):
            page.keyboard.press("Tab")
            if page.locator(".seal").evaluate(FOCUSED):
                break
        page.keyboard.press("Enter")
        page.get_by_text(WORDS).wait_for()
        reach(page, "Keep it longer")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Keep it longer")).to_have_count(0)
        page.keyboard.press("Shift+Tab")
        reach(page, "Reply")
        page.keyboard.press("Enter")
        expect(page.locator("textarea")).to_be_focused()
        page.keyboard.type("I will be there.")
        page.keyboard.press("Control+Enter")
        expect(page.locator(".bubble.mine[data-id]")).to_contain_text("I will be there.")
        page.keyboard.press("Shift+Tab")
        expect(page.get_by_role("button", name="Attach a picture or a PDF")).to_be_focused()
        summary = page.locator(".inbox-menu > summary")
        for _ in range(MOST):
            page.keyboard.press("Shift+Tab")
            if summary.evaluate(FOCUSED):
                break
        page.keyboard.press("Enter")
        reach(page, "App lock")
        page.keyboard.press("Enter")
        page.get_by_label("New PIN, 6 to 12 digits").wait_for()
        assert WORDS not in page.content()
        for _ in range(MOST):
            page.keyboard.press("Tab")
            if page.get_by_label("New PIN, 6 to 12 digits").evaluate(FOCUSED):
                break
        page.keyboard.type("480213")
        page.keyboard.press("Enter")
        page.get_by_text("I will be there.").wait_for()
