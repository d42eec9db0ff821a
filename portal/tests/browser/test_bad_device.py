"""A device that is not as one would wish, in a real Chromium: full, cleared, with a wrong clock, brought back from a copy. It
says what is the matter, leads back in, and shows nothing that it should not."""

import time

import pytest
from playwright.sync_api import Page, expect

from portal.tests.browser.conftest import PHONE, new_customer
from portal.tests.browser.test_applock import WORDS as OWNERS
from portal.tests.browser.test_applock import copied, enrolled, opened
from portal.tests.browser.test_inbox import WORDS, send

pytestmark = pytest.mark.browser
HOUR = 3_600_000
# The clock that the person set; the steady one of the page goes on as it is.
OFF = """(() => {
  const Real = Date;
  globalThis.Date = class extends Real {
    constructor(...given) { given.length ? super(...given) : super(Real.now() + %d); }
    static now() { return Real.now() + %d; }
  };
})();"""


def storage(page: Page, link: str, act: str, **asked: object) -> None:
    origin = "/".join(link.split("/", 3)[:3])
    page.context.new_cdp_session(page).send(f"Storage.{act}", {"origin": origin, **asked})


@pytest.fixture
def customer(api) -> tuple[str, str]:
    return new_customer(api, "Bruno Broken")


def test_a_full_browser_reads_now_and_is_told_that_it_keeps_no_key(desk, api, customer):
    who, link = customer
    with desk.person("customer", viewport=PHONE) as phone:
        storage(phone, link, "overrideQuotaForOrigin", quotaSize=1)
        desk.enrol(phone, link)
        expect(phone.locator(".line")).to_contain_text("for this visit only")
        send(api, who)
        phone.get_by_text(WORDS).wait_for()
        phone.reload()
        phone.locator("[data-calm=unknown]").get_by_role("link", name="Let me in again").wait_for()
        assert WORDS not in phone.content()


def test_a_browser_that_fills_up_later_goes_on(desk, api, customer):
    """Nothing new is kept of the shell, and nothing is missed."""
    who, link = customer
    with desk.person("customer", viewport=PHONE) as phone:
        desk.enrol(phone, link)
        phone.wait_for_function("() => navigator.serviceWorker.controller")
        storage(phone, link, "overrideQuotaForOrigin", quotaSize=1)
        phone.evaluate("caches.keys().then((names) => Promise.all(names.map((name) => caches.delete(name))))")
        phone.reload()
        send(api, who)
        phone.get_by_text(WORDS).wait_for()


def test_a_lost_key_leads_to_a_way_back_in(desk, api, customer):
    who, link = customer
    with desk.person("customer", viewport=PHONE) as phone:
        desk.enrol(phone, link)
        send(api, who)
        phone.get_by_text(WORDS).wait_for()
        storage(phone, link, "clearDataForOrigin", storageTypes="indexeddb,service_workers,cache_storage")
        phone.reload()
        phone.locator("[data-calm=unknown]").get_by_role("link", name="Let me in again").click()
        phone.wait_for_url("**/inbox/recover")
        code = api.post(f"customers/{who}/enrolments", json={"send_by": "show"}).raise_for_status().json()["code"]
        phone.fill("input[name=code]", code)
        phone.click("[data-enrol] button[type=submit]")
        phone.get_by_text(WORDS).wait_for()


@pytest.mark.parametrize("sign", [1, -1], ids=["ahead", "behind"])
def test_a_clock_an_hour_off_changes_no_end(desk, api, customer, sign):
    who, link = customer
    with desk.person("customer", viewport=PHONE) as phone:
        phone.add_init_script(OFF % (sign * HOUR, sign * HOUR))
        desk.enrol(phone, link)
        send(api, who, "here for a day", gone_after=86_400)
        sent = time.monotonic()
        send(api, who, gone_after=6)
        phone.get_by_text(WORDS).wait_for()
        expect(phone.locator(".bubble", has_text=WORDS).locator("ebb-ring")).to_contain_text("sec left")
        phone.get_by_text(WORDS).wait_for(state="detached")
        assert 4 < time.monotonic() - sent < 9
        phone.fill("textarea", "written by a wrong clock")
        phone.click(".composer .go")
        phone.locator(".bubble.mine:not(.sending)", has_text="written by a wrong clock").wait_for()
        expect(phone.locator(".bubble.mine")).to_have_count(1)
        phone.get_by_text("here for a day").wait_for()


def test_a_device_restored_from_a_copy_of_before_its_end_shows_nothing(chromium, api, running, acme, tmp_path):
    """As a backup of the phone brings it back: key, cookie and all."""
    profile = tmp_path / "profile"
    with opened(chromium, profile) as page:
        who = enrolled(page, api)
    restored = copied(profile, tmp_path / "restored")
    [device] = api.get("devices", params={"customer": who}).raise_for_status().json()["results"]
    api.delete(f"devices/{device['id']}").raise_for_status()
    with opened(chromium, restored) as page:
        page.goto(running.page(acme, "/inbox/"))
        page.locator("[data-calm=revoked]").get_by_role("link", name="Let me in again").wait_for()
        assert OWNERS not in page.content()
