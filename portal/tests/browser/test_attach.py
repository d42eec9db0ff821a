"""Files from a customer, in a real Chromium: chosen, gone up before they are sent, taken out, sent with and without words, seen
at the desk; and nothing of them left once the page is put away."""

import os

import pytest
from playwright.sync_api import Page, expect

from portal.tests.browser.conftest import PHONE, new_customer, stored
from portal.tests.browser.test_files import DRAWN, PDF, picture
from portal.tests.browser.test_pages import Eyes, axe, eyes
from portal.tests.browser.test_story import PUT_AWAY

pytestmark = pytest.mark.browser
__all__ = ["axe", "eyes"]


@pytest.fixture
def customer(api) -> tuple[str, str]:
    return new_customer(api, "Alma Attach")


def given(name: str, data: bytes, kind: str = "application/octet-stream") -> dict[str, object]:
    return {"name": name, "mimeType": kind, "buffer": data}


def shoot(page: Page, name: str) -> None:
    if folder := os.environ.get("EBB_SHOTS"):
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            page.screenshot(path=f"{folder}/{name}-{theme}.png")


def test_files_go_with_what_a_customer_writes_and_staff_see_them(desk, eyes: Eyes, api, acme, customer):
    who, link = customer
    desk.watch.expected = {422}
    with desk.person("customer", viewport=PHONE) as phone:
        desk.enrol(phone, link)
        send = phone.locator(".composer .go")
        expect(send).to_be_disabled()
        with phone.expect_file_chooser() as chooser:
            phone.get_by_role("button", name="Attach a picture or a PDF").click()
        chooser.value.set_files(
            [given("rash.jpg", picture()), given("letter.pdf", PDF), given("bad.pdf", b"no such thing")]
        )
        rows = phone.locator(".chosen li")
        expect(rows).to_have_count(3)
        expect(phone.locator(".chosen progress")).to_have_count(0)
        expect(rows.nth(2)).to_contain_text("Only pictures and PDF files")
        expect(send).to_be_disabled()  # what was refused is taken out by hand, so that nobody believes it was sent
        shoot(phone, "inbox-chosen")
        eyes.look(phone, "inbox, files chosen", [("light", PHONE), ("dark", PHONE)])
        phone.set_viewport_size(PHONE)
        phone.get_by_role("button", name="Remove bad.pdf").click()
        expect(send).to_be_enabled()
        phone.fill("textarea", "Here is the rash.")
        send.click()
        mine = phone.locator(".bubble.mine[data-id]")
        mine.locator("img").wait_for()
        assert mine.locator("img").evaluate(DRAWN) == 320
        expect(mine.locator(".file")).to_contain_text("letter.pdf")
        expect(rows).to_have_count(0)
        shoot(phone, "inbox-own-files")

        phone.locator("input[type=file]").set_input_files(given("only.pdf", PDF))
        expect(send).to_be_enabled()
        send.click()
        expect(phone.locator(".bubble.mine[data-id]")).to_have_count(2)
        expect(phone.locator(".bubble.mine[data-id]").last).to_contain_text("only.pdf")

        phone.locator("input[type=file]").set_input_files(given("later.pdf", PDF))
        expect(send).to_be_enabled()
        kept = stored(phone)
        assert "later.pdf" not in kept
        assert "data:image" not in kept
        assert "later.pdf" not in phone.evaluate(PUT_AWAY)
        expect(rows).to_have_count(0)
    talk = api.get("conversations", params={"customer": who}).json()["results"][0]["id"]
    with desk.person("author") as page:
        desk.sign_in(page, acme, "author")
        page.goto(desk.running.page(acme, f"/console/conversations/{talk}/"))
        for name in ("rash.jpg", "letter.pdf", "only.pdf"):
            expect(page.locator(".thread")).to_contain_text(name)
        expect(page.locator(".thread")).not_to_contain_text("later.pdf")
        shoot(page, "conversation-files")


def test_too_many_and_too_large_never_leave_the_phone(desk, api, customer):
    _, link = customer
    with desk.person("customer", viewport=PHONE) as phone:
        desk.enrol(phone, link)
        asked: list[str] = []
        phone.on("request", lambda request: asked.append(request.url) if "/inbox/attachments" in request.url else None)
        large = given("large.pdf", PDF + b" " * 10 * 1024 * 1024)
        phone.locator("input[type=file]").set_input_files([large, *(given(f"{n}.pdf", PDF) for n in range(6))])
        expect(phone.locator(".chosen li")).to_have_count(7)
        expect(phone.locator(".chosen progress")).to_have_count(0)
        expect(phone.locator(".chosen small:not(:empty)")).to_have_count(2)
        assert len(asked) == 5
