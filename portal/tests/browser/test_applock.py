"""A copied profile, with and without the app lock: the folder of a real Chromium's profile is copied and opened elsewhere, as a
thief of the disk would. And the app lock itself: a PIN, a passkey of Chromium's own virtual authenticator, a rest."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Error, Page, expect

from portal.tests.browser.conftest import PHONE, SECONDS, new_customer
from portal.tests.browser.test_inbox import send

pytestmark = pytest.mark.browser
PIN, WRONG = "271828", "314159"
WORDS = "words for the owner alone"
LATER = "() => { const now = Date.now; Date.now = () => now() + 301_000; }"  # nobody touched the page for five minutes


@contextmanager
def opened(chromium, profile: Path) -> Iterator[Page]:
    context: BrowserContext = chromium.browser_type.launch_persistent_context(
        str(profile), executable_path=os.environ["EBB_CHROMIUM"], args=["--no-sandbox"], viewport=PHONE,
    )  # fmt: skip
    context.set_default_timeout(SECONDS)
    try:
        yield context.pages[0]
    finally:
        with suppress(Error):
            context.close()


def enrolled(page: Page, api) -> str:
    who, link = new_customer(api, "Olga Owner")
    page.goto(link)
    page.click("[data-enrol] button[type=submit]")
    page.wait_for_selector("textarea")
    send(api, who, WORDS, gone_after=3600)
    page.get_by_text(WORDS).wait_for()
    return who


def copied(profile: Path, to: Path) -> Path:
    """As it lies on the disk, without what Chromium keeps so that one folder is not opened twice."""
    return Path(shutil.copytree(profile, to, ignore=shutil.ignore_patterns("Singleton*"), symlinks=True))


def set_pin(page: Page) -> None:
    page.click(".inbox-menu summary")
    page.click("[data-menu=lock]")
    page.fill("#pin", PIN)
    page.click("[data-lock] form [type=submit]")
    page.get_by_text(WORDS).wait_for()


def test_without_an_app_lock_a_copied_profile_reads_on(chromium, api, running, acme, tmp_path):
    """What the docs say plainly: the key lies in the profile, so a copy of it is the device."""
    profile = tmp_path / "profile"
    with opened(chromium, profile) as page:
        enrolled(page, api)
    with opened(chromium, copied(profile, tmp_path / "copy")) as thief:
        thief.goto(running.page(acme, "/inbox/"))
        thief.get_by_text(WORDS).wait_for()


def test_with_an_app_lock_a_copied_profile_shows_nothing(chromium, api, running, acme, tmp_path):
    """Copied while the owner's page stands open, too: what opens it is in that page's memory."""
    profile = tmp_path / "profile"
    with opened(chromium, profile) as page:
        enrolled(page, api)
        set_pin(page)
    with opened(chromium, profile) as page:  # once more, so that all of it lies on the disk
        _is_shut(page, running.page(acme, "/inbox/"))
        page.fill("#pin", PIN)
        page.click("[data-calm=covered] [type=submit]")
        page.get_by_text(WORDS).wait_for()
        during = copied(profile, tmp_path / "during")
        with opened(chromium, during) as thief:
            _is_shut(thief, running.page(acme, "/inbox/"))
        expect(page.get_by_text(WORDS)).to_be_visible()
    with opened(chromium, copied(profile, tmp_path / "after")) as thief:
        _is_shut(thief, running.page(acme, "/inbox/"))
        for left in (4, 3, 2, 1):
            thief.fill("#pin", WRONG)
            thief.click("[data-calm=covered] [type=submit]")
            thief.get_by_text(f"Tries left: {left}").wait_for()
        thief.fill("#pin", WRONG)
        thief.click("[data-calm=covered] [type=submit]")
        thief.get_by_text("This device is locked").wait_for()
        assert WORDS not in thief.content()


def _is_shut(page: Page, url: str) -> None:
    page.goto(url)
    page.locator("[data-calm=covered]").wait_for()
    assert WORDS not in page.content()


def test_a_rest_closes_the_page_and_the_pin_opens_it(desk, api):
    with desk.person("owner", viewport=PHONE) as page:
        enrolled(page, api)
        set_pin(page)
        with page.expect_request("**/inbox/close") as told:
            page.evaluate(LATER)
        assert told.value.headers["ebb-pass"], "the server hears at once which page rests"
        page.locator("[data-calm=covered]").wait_for()
        assert WORDS not in page.content()
        desk.watch.expected.add(401)
        page.fill("#pin", WRONG)
        page.click("[data-calm=covered] [type=submit]")
        page.get_by_text("Tries left: 4").wait_for()
        page.fill("#pin", PIN)
        page.click("[data-calm=covered] [type=submit]")
        page.get_by_text(WORDS).wait_for()


def test_a_passkey_opens_it_by_the_browsers_own_hand(desk, api):
    """Chromium is the judge of how a passkey is made and used: its virtual authenticator verifies its user, or does not."""
    with desk.person("owner", viewport=PHONE) as page:
        devtools = page.context.new_cdp_session(page)
        devtools.send("WebAuthn.enable")
        options = {"protocol": "ctap2", "transport": "internal", "hasUserVerification": True, "isUserVerified": True}
        made = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]
        enrolled(page, api)
        page.click(".inbox-menu summary")
        page.click("[data-menu=lock]")
        page.click("[data-act=passkey]")
        page.get_by_text(WORDS).wait_for()
        page.evaluate(LATER)
        page.locator("[data-calm=covered]").wait_for()
        assert WORDS not in page.content()
        devtools.send("WebAuthn.setUserVerified", {"authenticatorId": made, "isUserVerified": False})
        page.click("[data-calm=covered] [type=submit]")
        page.locator("[data-calm=covered] .said", has_text="That did not work").wait_for()
        assert WORDS not in page.content()
        devtools.send("WebAuthn.setUserVerified", {"authenticatorId": made, "isUserVerified": True})
        page.click("[data-calm=covered] [type=submit]")
        page.get_by_text(WORDS).wait_for()
