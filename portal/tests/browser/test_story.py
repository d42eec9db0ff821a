"""T1, the five steps of the demo's story, clicked in a real Chromium: write a message that lives a moment, see it arrive,
watch it go, lose the phone, open and prove the record. The page keeps nothing, and empties itself whenever it must."""

import base64
import time
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from archive.ledger import proof
from portal.tests.browser.conftest import PHONE, new_customer, save, stored

pytestmark = pytest.mark.browser
LIFE = 12  # seconds. The shortest choice on the page is a minute: its value is changed, everything else is clicked
SUBJECT = "Result of the heron scan"
REASON = "left on the train"
DRAFT = "half an answer"
BODY = "The quick brown heron saw nothing that needs treatment."
ANSWER = "The heron thanks you"

# What the browser does when a page is put away and comes back; read in the same turn, before anything is drawn anew.
PUT_AWAY = """() => {
  dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true }));
  return document.documentElement.textContent;
}"""
COME_BACK = """() => {
  dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
  return document.documentElement.textContent;
}"""
# A copy of a message of the console, told that its time is over: what is left of it before the server is asked.
OVER = """() => {
  const page = document.querySelector("[data-life]");
  const copy = page.cloneNode(true);
  page.after(copy);
  copy.querySelector("[data-live-body]").dispatchEvent(new Event("ebb:gone", { bubbles: true }));
  copy.remove();
  return copy.textContent;
}"""
WRITTEN = (
    "document.documentElement.textContent + [...document.querySelectorAll('textarea')].map((field) => field.value)"
)


def test_the_five_steps(desk, api, acme, tmp_path):
    name = "Hedda Heron"
    customer, link = new_customer(api, name)
    with (
        desk.person("customer", viewport=PHONE) as phone,
        desk.person("author") as author,
        desk.person("officer", accept_downloads=True) as officer,
    ):
        desk.enrol(phone, link)
        desk.sign_in(author, acme, "author")

        message = _write(author, desk.running.page(acme, "/console/compose/"), name)
        sent = time.monotonic()
        _empties_by_its_own_clock(author)

        phone.get_by_text(BODY).wait_for()
        assert SUBJECT in phone.inner_text("main")
        _keeps_nothing(phone)
        _empties_when_put_away(phone)
        expect(author.locator("h1 .badge")).to_contain_text("Read")  # the console follows by itself

        phone.get_by_text(BODY).wait_for(state="detached")
        assert time.monotonic() - sent < LIFE + 3
        assert "Expired at" in phone.inner_text("main")
        assert not _holds_any(phone)
        expect(author.locator("h1 .badge")).to_contain_text("Ended")
        assert BODY not in author.content()
        assert ANSWER not in author.content()

        _wipe(author, phone, desk.running.page(acme, f"/console/customers/{customer}/"))

        desk.sign_in(officer, acme, "officer")
        _open_and_prove(officer, api, acme, desk, customer, message, tmp_path)


def test_a_message_that_is_taken_back_or_read_by_its_timer_leaves_no_words(desk, api, acme):
    customer, link = new_customer(api, "Tilda Timer")
    with desk.person("customer", viewport=PHONE) as phone:
        desk.enrol(phone, link)
        recalled = _send(api, customer, body="words that are taken back")
        _send(api, customer, body="words under a timer", gone_after_read=2)
        phone.get_by_text("words that are taken back").wait_for()
        assert "words under a timer" not in phone.content()
        phone.click("button.seal")
        phone.get_by_text("words under a timer").wait_for()
        phone.get_by_text("words under a timer").wait_for(state="detached")
        api.post(f"messages/{recalled}/recall").raise_for_status()
        phone.get_by_text("words that are taken back").wait_for(state="detached")
        assert "words" not in phone.inner_text("main")


def test_a_customer_writes_and_is_answered(desk, api, acme):
    name = "Walter Writer"
    _, link = new_customer(api, name)
    with desk.person("customer", viewport=PHONE) as phone, desk.person("author") as author:
        desk.enrol(phone, link)
        phone.fill("textarea", "Can I come at three?")
        phone.click(".composer .go")
        phone.get_by_text("Can I come at three?").wait_for()

        desk.sign_in(author, acme, "author")
        author.click(".rail a:has-text('Conversations')")
        author.click(f"a.row-link:has-text('{name}')")
        author.get_by_text("Can I come at three?").wait_for()
        author.select_option("#f-assignee", label="Author")
        author.click("button:has-text('Assign')")
        author.get_by_text("Assigned.").wait_for()
        author.fill("#f-body", "Three is fine.")
        author.click("button:has-text('Send the reply')")

        phone.get_by_text("Three is fine.").wait_for()
        author.click("button:has-text('Close'):not([data-dialog-close]):visible")
        author.get_by_text("Closed.").wait_for()


def test_a_cancelled_message_was_never_the_customers_to_hear_of(desk, api, acme):
    customer, link = new_customer(api, "Cara Cancelled")
    with desk.person("customer", viewport=PHONE) as phone:
        desk.enrol(phone, link)
        planned = _send(api, customer, body="never sent", send_at=_in_a_month())
        api.post(f"messages/{planned}/recall").raise_for_status()
        _send(api, customer, body="sent after it")
        phone.get_by_text("sent after it").wait_for()
        assert "Taken back" not in phone.inner_text("main")


def _in_a_month() -> str:
    return (datetime.now(UTC) + timedelta(days=30)).isoformat()


def _send(api, customer: str, **asked: object) -> str:
    answer = api.post("messages", json={"customer": customer, **asked})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def _write(author: Page, compose: str, name: str) -> str:
    """The compose page: found by name, a short life, sent without waiting for the countdown. → the message's id"""
    author.goto(compose)
    author.fill("#f-to", name)
    author.click(f"#to-list li:has-text('{name}')")
    author.fill("#f-subject", SUBJECT)
    author.fill("#f-body", BODY)
    author.fill("#f-answers", ANSWER)
    author.check("input[name=gone_after][value='60']")
    author.eval_on_selector("input[name=gone_after][value='60']", f"(choice) => {{ choice.value = '{LIFE}'; }}")
    assert BODY in author.inner_text(".phone")
    author.click("button:has-text('Send'):visible")
    author.click("[data-send-now]")
    author.wait_for_url("**/console/messages/*/")
    return author.url.rstrip("/").rsplit("/", 1)[-1]


def _keeps_nothing(phone: Page) -> None:
    kept = stored(phone)
    assert "key false" in kept, "the device's key is there, and cannot be taken out"
    assert BODY not in kept
    assert SUBJECT not in kept


def _empties_when_put_away(phone: Page) -> None:
    assert BODY not in phone.evaluate(PUT_AWAY)
    assert BODY not in phone.evaluate(COME_BACK)
    phone.get_by_text(BODY).wait_for()  # the server is asked, and says it again
    phone.goto(phone.url.replace("/inbox/", "/inbox/kept"))
    phone.go_back()
    phone.get_by_text(BODY).wait_for()


def _empties_by_its_own_clock(author: Page) -> None:
    shown = author.inner_text("[data-life]")
    assert BODY in shown
    assert ANSWER in shown
    left = author.evaluate(OVER)
    assert BODY not in left
    assert ANSWER not in left
    assert left.count("This message has ended.") == 1


def _holds_any(phone: Page) -> bool:
    everything = phone.content() + stored(phone)
    return any(words in everything for words in (BODY, SUBJECT, ANSWER))


def _wipe(author: Page, phone: Page, customer: str) -> None:
    """From the customer's page to the device, wiped with a reason; the page itself tells of the acknowledgement."""
    phone.fill("textarea", DRAFT)
    author.goto(customer)
    author.click("section[aria-labelledby=devices] a.row-link")
    author.click("button:has-text('Wipe')")
    author.fill("#wipe-reason", REASON)
    author.fill("#wipe-word", "wipe")
    author.click("button:has-text('Wipe the device')")
    author.get_by_text("The device acknowledged the wipe").wait_for()
    assert "Signature of the device" in author.inner_text("main")
    phone.get_by_text("This device was cleared").wait_for()
    assert phone.locator("textarea:visible").count() == 0
    assert DRAFT not in phone.evaluate(WRITTEN)
    assert "key false" not in stored(phone)


def _open_and_prove(officer: Page, api, acme, desk, customer: str, message: str, folder) -> None:
    officer.goto(desk.running.page(acme, f"/console/archive/?q={message}"))
    officer.click("tr:has-text('message.sent') a:has-text('sealed record')")
    assert BODY not in officer.content()
    officer.click("a:has-text('Open with the passphrase')")
    desk.watch.expected.add(422)
    officer.fill("[name=passphrase]", "not the passphrase")
    officer.click("button:has-text('Open the archive')")
    officer.get_by_text("That is not your passphrase of the archive.").wait_for()
    desk.watch.expected.clear()
    officer.fill("[name=passphrase]", acme.passphrase)
    officer.fill("[name=reason]", "a complaint")
    officer.click("button:has-text('Open the archive')")
    officer.get_by_text(BODY).wait_for()
    assert officer.locator(".step.proof[data-done]").count() == 3

    index = int(officer.url.split("/archive/")[1].split("/")[0])
    text = save(officer, "a:has-text('Download the proof')", folder)
    entry = api.get(f"archive/entries/{index}").json()
    vkey = api.get("archive/key").text.strip()
    assert proof.verify(text, vkey, base64.b64decode(entry["leaf"]), index=index).size > index

    officer.goto(desk.running.page(acme, f"/console/archive/?kind=device.wipe_requested&customer={customer}"))
    officer.click("a:has-text('sealed detail')")
    officer.get_by_text(REASON).wait_for()  # why the phone was wiped: sealed, and only here

    officer.click("button:has-text('Lock now')")
    officer.get_by_text("The archive is sealed.").wait_for()
    officer.goto(desk.running.page(acme, f"/console/archive/{index}/record"))
    assert BODY not in officer.content()
