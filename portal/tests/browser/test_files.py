"""Files in a real Chromium: shown and saved by a customer, attached at the desk, and none of a picture kept in the browser."""

import io
import os

import pytest
from PIL import Image

from portal.tests.browser.conftest import PHONE, new_customer, stored

pytestmark = pytest.mark.browser
PDF = b"%PDF-1.7\n1 0 obj <<>> endobj\nstartxref\n0\n%%EOF\n"
DRAWN = "(image) => image.decode().then(() => image.naturalWidth)"


def picture() -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize((320, 200)).convert("RGB").save(out, "JPEG")
    return out.getvalue()


def upload(api, name: str, data: bytes) -> str:
    answer = api.post("attachments", files={"file": (name, data)})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


@pytest.fixture
def customer(api) -> tuple[str, str]:
    return new_customer(api, "Fiona Files")


def test_a_customer_sees_a_picture_saves_a_pdf_and_keeps_neither_in_the_browser(desk, api, customer, tmp_path):
    who, link = customer
    with desk.person("customer", viewport=PHONE) as phone:
        desk.enrol(phone, link)
        files = [upload(api, "scan.jpg", picture()), upload(api, "letter.pdf", PDF)]
        text = "**Here**: [map](https://map.example)"
        asked = {"customer": who, "body": text, "format": "markdown", "gone_after": 600, "attachments": files}
        sent = api.post("messages", json=asked).raise_for_status().json()["id"]
        phone.locator(".picture img").wait_for()
        assert phone.locator(".picture img").evaluate(DRAWN) == 320
        assert phone.locator(".words.rich strong").inner_text() == "Here"
        assert phone.locator(".words.rich .where").inner_text() == "(map.example)"
        assert phone.locator(".words.rich a").get_attribute("rel") == "noopener noreferrer nofollow"
        with phone.expect_download() as download:
            phone.click(".file button")
        assert download.value.suggested_filename == "letter.pdf"
        download.value.save_as(tmp_path / "saved.pdf")
        assert (tmp_path / "saved.pdf").read_bytes() == PDF
        if folder := os.environ.get("EBB_SHOTS"):
            phone.screenshot(path=f"{folder}/inbox-files.png")
        kept = stored(phone)
        assert "scan.jpg" not in kept
        assert "data:image" not in kept
        api.post(f"messages/{sent}/recall").raise_for_status()
        phone.locator(".tombstone").wait_for()
        assert phone.locator("img").count() == 0
        assert "data:image" not in phone.content()


def test_files_are_attached_at_the_desk_and_seen_there(desk, api, acme, customer, tmp_path):
    who, _ = customer
    (tmp_path / "scan.jpg").write_bytes(picture())
    (tmp_path / "bad.pdf").write_bytes(b"no such thing")
    desk.watch.expected = {422}
    with desk.person("author") as page:
        desk.sign_in(page, acme, "author")
        page.goto(desk.running.page(acme, f"/console/compose/?customer={who}"))
        page.set_input_files("#f-files", [tmp_path / "scan.jpg", tmp_path / "bad.pdf"])
        page.locator("[data-attached] input[name=attachments]").wait_for(state="attached")
        page.locator("[data-attached] li[data-state=failed]").wait_for()
        page.click("[data-attached] li[data-state=failed] button")
        page.fill("#f-body", "Here it is.")
        if folder := os.environ.get("EBB_SHOTS"):
            page.screenshot(path=f"{folder}/compose-files.png", full_page=True)
        page.click("form[data-compose] button[type=submit].primary")
        page.click("[data-send-now]")
        page.wait_for_url("**/console/messages/**")
        assert "scan.jpg" in page.locator(".attached").inner_text()
        if folder:
            page.screenshot(path=f"{folder}/message-files.png", full_page=True)
