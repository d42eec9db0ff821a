"""T4 in a browser's profile: after reading, writing and half a draft, no word of it lies in the profile's folder, whether the
browser was closed or killed, with a service worker and without.

A mark that is stored on purpose is found each time: a search that finds nothing proves nothing otherwise."""

import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import BrowserContext, Error, Page

from portal.testing.installation import until
from portal.testing.search import Finder
from portal.tests.browser.conftest import PHONE, SECONDS, new_customer
from portal.tests.browser.test_inbox import KEPT, send

pytestmark = pytest.mark.browser
PLACES = ("body", "subject", "sealed", "reply", "draft", "name")


@pytest.mark.parametrize("worker", ["allow", "block"])
@pytest.mark.parametrize("killed", [False, True], ids=["closed", "killed"])
def test_no_word_lies_in_the_profile(chromium, api, tmp_path, worker, killed):
    marks = {place: f"{secrets.token_hex(12)}{place}" for place in PLACES}
    control = secrets.token_hex(16)
    profile = tmp_path / "profile"
    with _opened(chromium, profile, worker) as context:
        page = context.pages[0]
        _live(page, api, marks, worker)
        page.evaluate("(mark) => localStorage.setItem('control', mark)", control)
        _has_control(profile, control)
        alive = _look(profile, marks)
        _end(context, profile, killed)
    after = _look(profile, marks)
    _has_control(profile, control)
    print(f"{after.bytes:,} bytes and {after.streams} streams looked through")
    assert dict(alive.found) == {}
    assert dict(after.found) == {}


@contextmanager
def _opened(chromium, profile: Path, worker: str) -> Iterator[BrowserContext]:
    context = chromium.browser_type.launch_persistent_context(
        str(profile), executable_path=os.environ["EBB_CHROMIUM"], args=["--no-sandbox"], viewport=PHONE,
        service_workers=worker,
    )  # fmt: skip
    context.set_default_timeout(SECONDS)
    try:
        yield context
    finally:
        with suppress(Error):  # it was closed or killed already
            context.close()


def _live(page: Page, api, marks: dict[str, str], worker: str) -> None:
    """What a customer does: reads, opens what is sealed, answers, begins another answer."""
    who, link = new_customer(api, marks["name"])
    page.goto(link)
    page.click("[data-enrol] button[type=submit]")
    page.wait_for_selector("textarea")
    send(api, who, marks["body"], subject=marks["subject"], gone_after=3600)
    send(api, who, marks["sealed"], gone_after=3600, tap_to_reveal=True)
    page.get_by_text(marks["body"]).wait_for()
    page.click("button.seal")
    page.get_by_text(marks["sealed"]).wait_for()
    page.fill("textarea", marks["reply"])
    page.click(".composer .go")
    page.locator(".bubble.mine[data-id]", has_text=marks["reply"]).wait_for()
    if worker == "allow":
        page.wait_for_function(KEPT)
    page.reload()  # once more, through the worker
    page.get_by_text(marks["body"]).wait_for()
    page.fill("textarea", marks["draft"])
    assert page.input_value("textarea") == marks["draft"]


def _end(context: BrowserContext, profile: Path, killed: bool) -> None:
    ours = [one for one in psutil.process_iter(["cmdline"]) if str(profile) in " ".join(one.info["cmdline"] or [])]
    assert ours
    if killed:
        for one in ours:
            if one.is_running():
                one.send_signal(signal.SIGKILL)
    else:
        context.close()
    assert psutil.wait_procs(ours, timeout=20)[1] == []


def _look(profile: Path, marks: dict[str, str]) -> Finder:
    finder = Finder(mark.encode() for mark in marks.values())
    finder.look_in(profile)
    return finder


def _has_control(profile: Path, control: str) -> None:
    """Chromium writes its storage a moment after it was told."""

    def found() -> bool:
        finder = Finder([control.encode()])
        finder.look_in(profile)
        return bool(finder.found)

    until(found, 30, "the search does not find what is there")
