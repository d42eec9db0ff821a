"""T14: every page in a real Chromium, for each role, in light and dark, at the width of a desk and of a phone: nothing on the
console, nothing that fails to load, nothing wider than the screen, and nothing serious for axe (WCAG 2.2 AA).

A page is opened once and then looked at in all four ways: the style sheet follows the window without loading anything.
"""

import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connections
from playwright.sync_api import Page

from messaging.flows import starting
from portal.kernel import roles
from portal.testing.cast import ROLES
from portal.tests.browser.conftest import DESK, PHONE, new_customer
from tenants.jobs import build
from tenants.models import Business, Signup

pytestmark = pytest.mark.browser
Size = dict[str, int]
WAYS = [(theme, size) for size in (DESK, PHONE) for theme in ("light", "dark")]
LISTS = ("conversations", "messages", "customers", "devices", "archive")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# Axe looks at every kind of page once, and in the dark on a phone at those that hold most of the parts.
ONCE = [("light", DESK)]
TWICE = [("light", DESK), ("dark", PHONE)]
OF_OFFICERS = (
    "holds/new", "rules/new", "cases/new", "exports/new", "supervision/", "disposal/runs/", "disposal/review/",
    "disposal/certificates/", "ceremony", "unlock",
)  # fmt: skip
DARK_TOO = {"components", "/console/", "/console/compose/", "messages, one", "customers, one"}
AXE = """async (tags) => {
  const context = { include: ["html"], exclude: ["tbody tr:nth-child(n+6)"] };  // rows repeat each other
  const found = await axe.run(context, { runOnly: { type: "tag", values: tags }, resultTypes: ["violations"] });
  return found.violations.filter((one) => ["serious", "critical"].includes(one.impact)).flatMap((one) =>
    one.nodes.map((node) => `${one.id}: ${node.target.join(" ")}: ${node.any.map((why) => why.message).join(" ")}`));
}"""
SETTLE = """async () => {
  while (document.querySelector("[data-part][aria-busy]")) await new Promise(requestAnimationFrame);
  for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
  document.getAnimations().forEach((one) => one.finish());
}"""


@dataclass
class Eyes:
    """Looks at one page in every way and collects what is wrong with it."""

    axe: str
    wrong: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def look(self, page: Page, name: str, ways: Sequence[tuple[str, Size]] = ONCE) -> None:
        """`ways`: those in which axe looks as well."""
        if ways:
            page.evaluate(self.axe)  # past the policy: it comes by the debugger, not by the page
        for theme, size in WAYS:
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            page.set_viewport_size(size)
            way = f"{name}, {theme}, {size['width']} px"
            if (wider := page.evaluate(WIDER)) > 0:
                self.wrong.append(f"{way}: {wider} px wider than the screen")
            if (theme, size) in ways:
                page.evaluate(SETTLE)
                self.wrong += [f"{way}: {said}" for said in page.evaluate(AXE, TAGS)]
        page.set_viewport_size(DESK)
        self.seen.add(name)


@pytest.fixture(scope="module")
def axe() -> str:
    package = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-core is not installed: accessibility"
    )
    return str(package.Axe().axe_script)


@pytest.fixture
def eyes(axe) -> Eyes:
    eyes = Eyes(axe)
    yield eyes
    assert not eyes.wrong, "\n".join(eyes.wrong)


@pytest.fixture(scope="module")
def furnished(running, acme, chromium):
    """Something on every list: a customer with a device name, a message of each kind, a conversation. → the customer's id"""
    with running.api(acme) as api:
        customer, link = new_customer(api, "Paula Pages")
        context = chromium.new_context(viewport=PHONE)
        page = context.new_page()
        page.goto(link)
        page.click("[data-enrol] button[type=submit]")
        page.wait_for_url("**/inbox/")
        assert api.post("campaigns", json={"name": "Flu shots", "audience": {}, "body": "Come."}).status_code == 201
        for asked in (
            {"body": "A line.", "subject": "A subject", "gone_after": 3600},
            {"body": "For later.", "gone_after": 3600, "gone_after_read": 60},
        ):
            assert api.post("messages", json={"customer": customer, **asked}).status_code == 201
        page.get_by_text("A line.").wait_for()
        page.fill("textarea", "A word back.")
        page.click(".composer .go")
        page.get_by_text("A word back.").wait_for()
        yield customer, page
        context.close()


@pytest.mark.parametrize("role", list(roles.MATRIX))
def test_the_console(desk, eyes, acme, furnished, role):
    _aside(lambda: acme.join(role))
    with desk.person(role) as page:
        desk.sign_in(page, acme, role)
        for name, path in _paths(page, acme, desk, role).items():
            page.goto(desk.running.page(acme, path))
            ways = _ways(role, name)
            eyes.look(page, f"{role}: {name}", ways)
        if role == "officer":
            _look_into_the_archive(page, acme, eyes)
    assert len(eyes.seen) >= (7 if role in ROLES else 2)


def _aside(act: Callable[[], Any]) -> Any:
    """In a thread of its own: where a browser is open, Django refuses queries in this one."""

    def run() -> Any:
        try:
            return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as aside:
        return aside.submit(run).result()


def test_the_inbox(desk, eyes, api, acme, furnished):
    _, page = furnished
    eyes.look(page, "inbox", TWICE)
    page.click(".inbox-menu summary")
    page.click("[data-menu=own]")
    page.locator(".own-part").first.wait_for()
    eyes.look(page, "own page", TWICE)
    page.get_by_role("button", name="Back to my messages").click()
    page.wait_for_selector("textarea")
    _, link = new_customer(api, "Edda Enrol")
    with desk.person("customer", viewport=PHONE) as other:
        other.goto(link)
        eyes.look(other, "enrolment", TWICE)
        for name in ("recover", "kept", "lost", "lost/used-already"):
            other.goto(desk.running.page(acme, f"/inbox/{name}"))
            eyes.look(other, name)
        desk.enrol(other, link)
        eyes.look(other, "empty inbox")
        other.goto(link)
        eyes.look(other, "a link that is over")


def test_pages_for_anybody(desk, eyes, acme):
    desk.watch.expected |= {404, 422}
    with desk.person("visitor") as page:
        page.goto(desk.running.page(acme, "/console/sign-in/"))
        eyes.look(page, "sign-in")
        page.fill("input[name=login]", "nobody@acme.example")
        page.fill("input[name=password]", "wrong")
        page.click("button[type=submit]")
        page.get_by_role("alert").wait_for()
        eyes.look(page, "sign-in refused")
        page.goto(desk.running.page(acme, "/nothing-here"))
        eyes.look(page, "not found")
        page.goto(f"http://localhost:{desk.running.port}/")
        eyes.look(page, "the installation's own page")


def test_a_business_is_started(desk, eyes):
    """From the installation's own page to the console, by a person who types and clicks."""
    desk.watch.expected |= {422}
    base, slug = f"http://localhost:{desk.running.port}", f"started-{secrets.token_hex(3)}"
    with desk.person("founder", accept_downloads=True) as page:
        page.goto(base)
        page.click("text=Start a business")
        eyes.look(page, "start", TWICE)
        page.fill("[name=email]", f"{slug}@start.example")
        page.click("button[type=submit]")
        page.get_by_text("Look at your mail").wait_for()
        eyes.look(page, "start, sent")
        page.goto(base + _aside(lambda: urlsplit(starting.link_of(Signup.objects.latest("id").id)).path))
        page.fill("[name=name]", "Started Clinic")
        page.fill("[name=slug]", "www")
        page.click("button[type=submit]")
        page.locator(".field-error").wait_for()
        eyes.look(page, "start, name")
        page.fill("[name=slug]", slug)
        page.click("button[type=submit]")
        page.get_by_text("Started Clinic is being made").wait_for()
        _aside(lambda: build(Business.objects.get(slug=slug).id))
        page.get_by_text("key of the archive").wait_for()
        eyes.look(page, "start, keys", TWICE)
        passphrase = "five random words are good"
        typed = {"person": "Ada", "password": "correct horse battery", "passphrase": passphrase, "again": passphrase}
        for name, text in typed.items():
            page.fill(f"[name={name}]", text)
        page.click("button[type=submit]")
        with page.expect_download() as download:
            page.click("text=Download the recovery key")
        eyes.look(page, "start, recovery key")
        page.click("text=I have it")
        page.set_input_files("[name=recovery_file]", download.value.path())
        eyes.look(page, "start, given back")
        page.click("text=Check it")
        page.get_by_text("Started Clinic is open").wait_for()
        eyes.look(page, "start, served", TWICE)
        page.click(".door-card a.button")
        page.fill("input[name=login]", f"{slug}@start.example")
        page.fill("input[name=password]", typed["password"])
        page.click("button[type=submit]")
        page.get_by_text("First steps").wait_for()
        page.get_by_text("Invite an officer").wait_for()  # nobody opens the archive of a new business yet
        eyes.look(page, "the first page of a new business", TWICE)


def _paths(page: Page, acme, desk, role: str) -> dict[str, str]:
    """What the rail offers, the first row of each list, what is reached from buttons; the owner also sees lists without
    rows and every tab."""
    rail = [link.get_attribute("href") for link in page.locator(".rail a.rail-link").all()]
    paths = {str(href): str(href) for href in rail}
    for name in LISTS:
        path = f"/console/{name}/"
        if path not in paths:
            continue
        page.goto(desk.running.page(acme, path))
        row = page.locator("tbody a.row-link").first
        if row.count():
            paths[f"{name}, one"] = str(row.get_attribute("href"))
        if role == "owner":
            paths[f"{name}, none"] = f"{path}?q=nothing-like-that"
    if "/console/archive/" in paths:
        paths |= _archive_paths(page, acme, desk, role)
    if "customer.manage" in roles.MATRIX[role]:
        paths["new customer"] = "/console/customers/new"
        paths |= {name: f"/console/customers/{name}" for name in ("audiences/", "audiences/new", "imports/")}
        paths["change a customer"] = f"{paths['customers, one']}edit"
    if role == "owner":
        paths |= {f"settings, {tab}": f"/console/settings/?tab={tab}" for tab in ("roles", "second", "lifetimes")}
        paths["own provider"] = "/console/settings/staff/provider/"
        paths["components"] = "/console/_styles/"
        paths |= {f"campaigns, {path}": f"/console/campaigns/{path}" for path in ("", "new", "coming")}
        page.goto(desk.running.page(acme, "/console/campaigns/"))
        paths["campaigns, one"] = str(page.locator("tbody a.row-link").first.get_attribute("href"))
    return paths


def _archive_paths(page: Page, acme, desk, role: str) -> dict[str, str]:
    """Every tab of the archive, and what is reached from their buttons."""
    page.goto(desk.running.page(acme, "/console/archive/"))
    tabs = [str(tab.get_attribute("href")) for tab in page.locator("nav[aria-label=Archive] a").all()]
    if role == "officer":
        tabs += [f"/console/archive/{path}" for path in OF_OFFICERS]
    return {f"archive: {path}": path for path in tabs}


def _ways(role: str, name: str) -> Sequence[tuple[str, Size]]:
    """The owner's pages hold every part, the officer's those of the archive; a list without rows is the list and a part of
    other pages."""
    if name.startswith("archive: "):
        return ONCE if role == "officer" else []
    if role != "owner" or name.endswith(", none"):
        return []
    return TWICE if name in DARK_TOO else ONCE


def _look_into_the_archive(page: Page, acme, eyes: Eyes) -> None:
    page.click(".rail a:has-text('Archive')")
    page.select_option("#kind", "message.sent")
    page.wait_for_url("**kind=message.sent**")
    page.click("a:has-text('sealed record') >> nth=0")
    eyes.look(page, "officer: sealed record")
    page.click("a:has-text('Open with the passphrase')")
    eyes.look(page, "officer: unlock")
    page.fill("[name=passphrase]", acme.passphrase)
    page.click("button:has-text('Open the archive')")
    page.locator(".record-body").wait_for()
    eyes.look(page, "officer: opened record", TWICE)
