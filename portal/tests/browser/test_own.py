"""My data and choices, in a real Chromium: the copy is a file of what is live, consent and the wish to be erased are said there."""

import json
import re

import pytest

from portal.tests.browser.conftest import PHONE, new_customer, stored
from portal.tests.browser.test_inbox import send

pytestmark = pytest.mark.browser
SEALED = "words behind a seal"
OPEN = "words in the open </script> & <b>plain</b>"


def opened(page) -> None:
    page.click(".inbox-menu summary")
    page.click("[data-menu=own]")
    page.locator(".own-part").first.wait_for()


def test_a_customer_takes_a_copy_and_says_what_they_want(desk, api, tmp_path):
    who, link = new_customer(api, "Ona Own")
    with desk.person("customer", viewport=PHONE) as page:
        desk.watch.expected |= {403}  # once they are erased
        desk.enrol(page, link)
        send(api, who, OPEN, gone_after=3600)
        send(api, who, SEALED, gone_after=3600, tap_to_reveal=True)
        page.get_by_text("Tap to open").wait_for()
        opened(page)
        assert page.get_by_text(OPEN).count() == 0

        page.click("[data-act^=copy]")
        with page.expect_download() as download:
            page.click("dialog[open] button[value=yes]")
        path = tmp_path / "copy.html"
        download.value.save_as(path)
        text = path.read_text(encoding="utf-8")
        page.get_by_text("of them still sealed: 1").wait_for()
        assert SEALED not in text
        data = json.loads(re.search(r'<script type="application/json">(.*?)</script>', text, re.DOTALL)[1])  # type: ignore[index]
        assert [one["body"] for one in data["messages"]] == [None, OPEN]
        page.goto(path.as_uri())  # the file by itself, with no script and no network
        assert page.locator("article").count() == 2
        assert page.get_by_text(OPEN).count() == 1

        page.goto(link.split("/inbox/")[0] + "/inbox/")
        page.get_by_text("Tap to open").wait_for()
        opened(page)
        page.click("[data-act^=service-all]")
        page.click("dialog[open] button[value=yes]")
        page.locator("[data-act^=service-all]", has_text="Allow").wait_for()
        assert api.post("messages", json={"customer": who, "body": "x"}).status_code in {409, 422}
        page.click("[data-act^=erase]")
        page.click("dialog[open] button[value=yes]")
        page.get_by_text("will answer").wait_for()
        kept = stored(page)
        assert "Ona Own" not in kept
        page.get_by_role("button", name="Back to my messages").click()
        page.get_by_text("Tap to open").wait_for()
        api.delete(f"customers/{who}").raise_for_status()
        page.get_by_text("no longer let in").wait_for()


def test_the_page_is_left_empty_by_a_lock(desk, api):
    who, link = new_customer(api, "Lola Lock")
    with desk.person("customer", viewport=PHONE) as page:
        desk.watch.expected |= {403}
        desk.enrol(page, link)
        opened(page)
        device = api.get("devices", params={"customer": who}).json()["results"][0]["id"]
        api.post(f"devices/{device}/lock").raise_for_status()
        page.get_by_text("This device is locked").wait_for()
        assert page.locator(".own").count() == 0
