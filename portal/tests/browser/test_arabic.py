"""From right to left: an Arabic phone reads no English, names and numbers keep their direction, its digits open the lock."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from portal.tests.browser.conftest import new_customer
from portal.tests.browser.test_inbox import NARROW, OVERFLOW, send
from portal.web import spoken

pytestmark = pytest.mark.browser
PHONE_NUMBER = "+491701234567"
BODY = "اتصل بنا على +49 170 1234567."
# Whether the last digit of a number stands to the right of its first: how it is written in every script.
READS_ON = """(selector) => {
  const text = document.querySelector(selector).firstChild;
  const range = document.createRange();
  const at = (i) => {
    range.setStart(text, i);
    range.setEnd(text, i + 1);
    return range.getBoundingClientRect().left;
  };
  return at(1) < at(text.length - 1);
}"""


@pytest.fixture
def phone(desk, api) -> Iterator[tuple[Page, str]]:
    who, link = new_customer(api, "Layla")
    api.patch(f"customers/{who}", json={"language": "ar", "phone": PHONE_NUMBER}).raise_for_status()
    with desk.person("customer", viewport=NARROW, locale="ar-EG") as page:
        page.goto(link)
        yield page, who


def is_arabic(page: Page) -> None:
    """All that can be read here is Arabic but names: no sentence of the English book, and nothing is wider than the phone."""
    assert page.locator("html").get_attribute("dir") == "rtl"
    assert str(page.locator("html").get_attribute("lang")).startswith("ar")
    seen = page.inner_text("body") + (page.title() or "")
    sentences = [re.split(r"\{\w+\}", words) for words in spoken.book("en").values()]
    parts = {part.strip() for words in sentences for part in words if re.search(r"[a-z] [a-z]", part)}
    assert [part for part in parts if part in seen] == []
    assert page.evaluate(OVERFLOW) == 0


def test_every_page_speaks_arabic(desk, phone, api):
    page, who = phone
    desk.watch.expected |= {401, 404, 422}
    is_arabic(page)
    base = page.url.split("/inbox/")[0]
    page.click("[data-enrol] button[type=submit]")
    page.wait_for_selector("textarea")
    is_arabic(page)
    send(api, who, BODY, gone_after=3600)
    send(api, who, "x", gone_after=3600, gone_after_read=300, tap_to_reveal=True)
    page.locator(".seal").wait_for()
    is_arabic(page)
    assert page.locator("textarea").evaluate("(field) => getComputedStyle(field).direction") == "rtl"
    page.locator("[data-act=reply]").first.click()
    assert page.locator(".icon-reply").first.evaluate("(icon) => getComputedStyle(icon).scale") == "-1 1"
    for what, there in (("own", ".own-part"), ("devices", "[data-device]"), ("notices", "[data-person]")):
        page.click(".inbox-menu summary")
        page.click(f"[data-menu={what}]")
        page.locator(there).first.wait_for()
        is_arabic(page)
        if what == "own":
            assert page.evaluate(READS_ON, "bdi[dir=ltr]")
        page.goto(f"{base}/inbox/")
        page.wait_for_selector("textarea")
    for path in ("kept", "recover", "lost", "lost/over", "enrol/over", "nowhere"):
        page.goto(f"{base}/inbox/{path}")
        page.locator("h1").wait_for()
        is_arabic(page)


def test_arabic_digits_open_the_lock(desk, phone):
    page, _ = phone
    desk.watch.expected |= {401, 403, 422}
    page.click("[data-enrol] button[type=submit]")
    page.wait_for_selector("textarea")
    page.click(".inbox-menu summary")
    page.click("[data-menu=lock]")
    page.fill("#pin", "٢٧٤٩٣١")
    page.click("form:has(#pin) [type=submit]")
    page.locator("#pin").wait_for(state="detached")
    page.reload()
    page.fill("#pin", "274930")
    page.click("form:has(#pin) [type=submit]")
    page.get_by_text("المحاولات الباقية").wait_for()
    is_arabic(page)
    page.fill("#pin", "274931")  # from another keyboard
    page.click("form:has(#pin) [type=submit]")
    page.wait_for_selector("textarea")
    is_arabic(page)
