"""Lighthouse on the main pages of console and inbox: accessibility and best practices. Full only: it loads each page anew and takes
its time (some ten seconds each)."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from portal.testing import npm
from portal.testing.installation import free_port
from portal.tests.browser.conftest import new_customer

pytestmark = [pytest.mark.browser, pytest.mark.load]
SOURCE = Path(__file__).resolve().parents[1] / "lighthouse"
LEAST = 95
CONSOLE = ("", "compose/", "messages/", "customers/", "devices/", "archive/", "settings/", "settings/staff/", "you/")
SECONDS = 120


@pytest.fixture(scope="module")
def lighthouse():
    return npm.installed(SOURCE, "Lighthouse's look at the main pages")


@pytest.fixture(scope="module")
def browser(running, acme, lighthouse, tmp_path_factory):
    """One profile, which Lighthouse finds by its port. → (port, page)"""
    path = os.environ.get("EBB_CHROMIUM")
    if not path:
        pytest.skip("no Chromium on this machine (EBB_CHROMIUM names one): the browser tests")
    port = free_port()
    with sync_playwright() as playwright:
        profile = tmp_path_factory.mktemp("lighthouse")
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=path, args=["--no-sandbox", f"--remote-debugging-port={port}"]
        )
        yield port, context.new_page()
        context.close()


def test_main_pages_of_the_console(browser, running, acme, lighthouse):
    port, page = browser
    sign_in = running.page(acme, "/console/sign-in/")
    found = {"sign-in": _grade(lighthouse, port, sign_in, "desktop")}
    page.goto(sign_in)
    page.fill("input[name=login]", acme.emails["owner"])
    page.fill("input[name=password]", acme.password)
    page.click("main button[type=submit]")
    page.wait_for_url("**/console/")
    for path in CONSOLE:
        found[path or "overview"] = _grade(lighthouse, port, running.page(acme, f"/console/{path}"), "desktop")
    _judge(found)


def test_the_inbox(browser, running, acme, lighthouse):
    port, page = browser
    with running.api(acme) as api:
        _, link = new_customer(api, "Lena Lighthouse")
    found = {"enrolment": _grade(lighthouse, port, link, "perf")}
    page.goto(link)
    page.click("[data-enrol] button[type=submit]")
    page.wait_for_url("**/inbox/")
    page.wait_for_selector("textarea")
    for path in ("", "recover", "kept"):
        found[path or "inbox"] = _grade(lighthouse, port, running.page(acme, f"/inbox/{path}"), "perf")
    _judge(found)


def _grade(lighthouse, port, url, preset):
    """→ the two scores, and what took points off. `perf` is a phone."""
    command = [
        "node", "node_modules/lighthouse/cli/index.js", url, f"--port={port}", "--output=json", "--quiet", f"--preset={preset}",
        "--only-categories=accessibility,best-practices", "--disable-storage-reset", "--no-enable-error-reporting",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=lighthouse, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert told["finalDisplayedUrl"] == url, "it was sent elsewhere"
    scores = {name: round(one["score"] * 100) for name, one in told["categories"].items()}
    off = [name for name, one in told["audits"].items() if one["score"] == 0 and one["scoreDisplayMode"] == "binary"]
    return scores, off


def _judge(found):
    print("\n".join(f"{name}: {scores} {off}" for name, (scores, off) in found.items()))
    assert {name: one for name, one in found.items() if min(one[0].values()) < LEAST} == {}
