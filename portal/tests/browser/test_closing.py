"""A business that is to be closed, on its customers' own screens: a line that is seen, not only there (decision 18)."""

import pytest
from playwright.sync_api import expect

from portal.testing.cast import build
from portal.testing.installation import until
from portal.tests.browser.conftest import DESK, PHONE, new_customer

pytestmark = pytest.mark.browser
# Something may be in the tree, with a size, and lie below another, beside it, or out of the window.
SEEN = """(node) => {
  const box = node.getBoundingClientRect();
  const line = node.parentNode.getBoundingClientRect();
  const room = document.querySelector(".room").getBoundingClientRect();
  const at = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  return node.contains(at) && line.width === room.width && line.bottom <= room.top;
}"""


@pytest.fixture(scope="module")
def retiring(house):
    """Made before the browser starts, see conftest."""
    return build("retiring-house", "Retiring & Daughters")


def heard(page, is_there: bool) -> None:
    """Asks for the state as a page does that comes back to a network, until it says so. No reload."""

    def asked() -> bool:
        page.evaluate("dispatchEvent(new Event('online'))")
        page.wait_for_timeout(200)
        return bool(page.locator(".closing").is_visible()) is is_there

    until(asked, 20)


def test_customers_see_the_day_until_it_is_called_off(retiring, desk, api):
    with desk.running.api(retiring) as own:
        wanted = {"name": "Greta Deutsch", "language": "de"}
        made = own.post("customers", json=wanted).raise_for_status().json()["id"]
        link = own.post(f"customers/{made}/enrolments", json={"send_by": "show"}).raise_for_status().json()["url"]
    with (
        desk.person("customer", viewport=PHONE, locale="en-GB") as phone,
        desk.person("owner") as owner, desk.person("officer") as officer, desk.person("stranger") as stranger,
    ):  # fmt: skip
        desk.enrol(phone, link)
        expect(phone.locator("html")).to_have_attribute("lang", "de")
        desk.enrol(stranger, new_customer(api, "Stella Stranger")[1])
        close(desk, retiring, owner, officer)
        heard(phone, is_there=True)
        line = phone.locator(".closing [role=status]")
        expect(line).to_contain_text("Retiring & Daughters schließt dieses Postfach am")
        for size in (PHONE, DESK):
            phone.set_viewport_size(size)
            assert line.evaluate(SEEN), size
        phone.reload()
        line.wait_for()
        assert line.evaluate(SEEN)
        heard(stranger, is_there=False)

        phone.get_by_role("button", name="Kopie speichern").click()
        expect(phone.locator("[data-act^=copy]")).to_be_focused()
        expect(line).to_be_hidden()
        phone.get_by_role("button", name="Zurück zu meinen Nachrichten").click()
        line.wait_for()

        owner.get_by_role("button", name="Call it off").click()
        owner.get_by_text("Called off").wait_for()
        heard(phone, is_there=False)


def close(desk, cast, owner, officer) -> None:
    desk.sign_in(owner, cast, "owner")
    owner.goto(desk.running.page(cast, "/console/settings/danger/"))
    owner.fill("form[action$='/danger/close'] [name=reason]", "We retire")
    owner.fill("form[action$='/danger/close'] [name=name]", cast.place.name)
    owner.get_by_role("button", name="Ask to close the business").click()
    owner.get_by_text("A second person decides").wait_for()
    desk.sign_in(officer, cast, "officer")
    officer.goto(desk.running.page(cast, "/console/archive/approvals/"))
    officer.get_by_role("button", name="Approve").click()
    officer.get_by_text("Nothing waits").wait_for()
    owner.reload()
    owner.get_by_text("it can be called off").wait_for()
