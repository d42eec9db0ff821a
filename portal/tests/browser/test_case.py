"""A case in a real Chromium: opened, filled, reviewed by keys, with the words where an officer opened the archive and
without them for a reviewer; a rule of supervision."""

import pytest
from playwright.sync_api import Page, expect

from portal.tests.browser.conftest import PHONE, new_customer

pytestmark = pytest.mark.browser
WORDS = "The refund of the heron fee is refused."


def send(api, customer: str, body: str) -> None:
    asked = {"customer": customer, "subject": "About your fee", "body": body, "answers": ["I disagree"]}
    api.post("messages", json=asked).raise_for_status()


@pytest.fixture
def customer(api) -> str:
    made, _ = new_customer(api, "Carla Case")
    for body in (WORDS, "Your appointment stands.", "The fee is due in May."):
        send(api, made, body)
    return made


def test_a_case_from_its_opening_to_its_end_by_keys(desk, acme, customer):
    with desk.person("officer") as officer, desk.person("reviewer", viewport=PHONE) as reviewer:
        desk.sign_in(officer, acme, "officer")
        _open_a_case(officer, desk.running.page(acme, "/console/archive/cases/"), customer)
        case = officer.url.split("?")[0]

        officer.keyboard.press("n")
        officer.get_by_text("You hold it.").wait_for()
        assert WORDS not in officer.content()
        _unlock(officer, acme)
        officer.get_by_text(WORDS).wait_for()
        assert "“I disagree”" in officer.inner_text(".pane-record")
        officer.keyboard.press("t")
        officer.keyboard.type("Fee Complaint")
        officer.keyboard.press("Enter")
        officer.locator(".badge", has_text="fee-complaint").wait_for()
        officer.fill("#f-note", "Ask the ward.")
        officer.click("button:has-text('Save the note')")
        officer.get_by_text("Ask the ward.").wait_for()
        officer.keyboard.press("1")
        officer.get_by_text("1 of 3 decided").wait_for()
        assert "at=2" in officer.url
        officer.keyboard.press("k")
        officer.wait_for_url("**at=1**")
        officer.keyboard.press("j")
        officer.wait_for_url("**at=2**")

        desk.sign_in(reviewer, acme, "reviewer")
        reviewer.goto(case)
        reviewer.click("button:has-text('Next to review')")
        reviewer.get_by_text("You hold it.").wait_for()
        assert "appointment stands" not in reviewer.content()
        reviewer.get_by_text("You review without the words").wait_for()
        _fits(reviewer)
        reviewer.click("button:has-text('Not responsive')")
        reviewer.get_by_text("2 of 3 decided").wait_for()
        reviewer.goto(f"{case}?at=1")
        assert "Ask the ward." not in reviewer.content()
        reviewer.get_by_text("holds this record").wait_for()

        _close(officer, case)


def test_a_rule_of_supervision_is_written_and_retired(desk, acme):
    with desk.person("officer") as officer:
        desk.sign_in(officer, acme, "officer")
        page = desk.running.page(acme, "/console/archive/supervision/")
        officer.goto(page)
        desk.watch.expected.add(422)
        officer.fill("#f-name", "Promises")
        officer.click("button:has-text('Start the rule')")
        officer.get_by_text("Give it words to look for").wait_for()
        desk.watch.expected.clear()
        officer.fill("#f-words", "guaranteed\nno risk")
        officer.fill("#f-share", "2.5")
        officer.click("button:has-text('Start the rule')")
        row = officer.locator("tr", has_text="Promises").first
        expect(row).to_contain_text("2.5 % of all records")
        row.get_by_role("button", name="Retire").click()
        expect(officer.locator("tr", has_text="Promises").first).to_contain_text("Retired")


def _open_a_case(officer: Page, cases: str, customer: str) -> None:
    officer.goto(cases)
    officer.click("a:has-text('Open a case')")
    officer.fill("#f-name", "The heron fee")
    officer.fill("#f-query", f"customer:{customer} kind:message.sent")
    officer.click("button:has-text('Open the case')")
    officer.get_by_text("Collected: 3.").wait_for()
    officer.get_by_text("0 of 3 decided").wait_for()


def _unlock(officer: Page, acme) -> None:
    officer.click("a:has-text('Open with the passphrase')")
    officer.fill("[name=passphrase]", acme.passphrase)
    officer.fill("[name=reason]", "a complaint")
    officer.click("button:has-text('Open the archive')")


def _close(officer: Page, case: str) -> None:
    officer.goto(case)
    officer.click("button:has-text('Close the case')")
    officer.click("dialog button:has-text('Close the case')")
    officer.get_by_text("The case is closed.").first.wait_for()
    assert officer.locator("button:has-text('Next to review')").count() == 0


def _fits(page: Page) -> None:
    """Nothing runs off the side of a phone."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
