"""A real Chromium at the doors of real processes.

Playwright's synchronous interface keeps an event loop in this thread for as long as it is open, and Django refuses queries
in such a thread. So these tests ask nothing of the database themselves: what they need is made over HTTP, as a program would,
and the cast is built before the browser starts.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, sync_playwright

from portal.testing.cast import Cast
from portal.testing.processes import Running

DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
SECONDS = 20_000  # for one step; the machine may be busy
# Chromium tells of a breach of the policy on its own console, but not of every one on a page that is just leaving.
REPORT_CSP = """addEventListener("securitypolicyviolation", (event) =>
  console.error(`CSP ${event.violatedDirective} ${event.blockedURI}`));"""
# Chromium without a network keeps its sockets open: a test that takes the network away closes them itself.
SOCKETS = """window.__sockets = [];
window.WebSocket = class extends WebSocket {
  constructor(...given) { super(...given); window.__sockets.push(this); }
};"""


@dataclass
class Watch:
    """What no page may do: complain on its console, break, ask for what is not there. `expected` answers are the test's."""

    problems: list[str] = field(default_factory=list)
    expected: set[int] = field(default_factory=set)
    quiet: bool = False  # while the test itself takes the network away

    def follow(self, page: Page, name: str) -> None:
        page.on("console", lambda said: self._console(page, name, said))
        page.on("pageerror", lambda error: self._add(page, name, f"broke: {error}"))
        page.on("response", lambda answer: self._response(page, name, answer))
        page.on("requestfailed", lambda request: self._failed(page, name, request))

    def _add(self, page: Page, name: str, what: str) -> None:
        if not self.quiet:
            self.problems.append(f"{name} at {page.url}: {what}")

    def _console(self, page: Page, name: str, said: ConsoleMessage) -> None:
        if said.type not in {"error", "warning"}:
            return
        if any(f"status of {status} " in said.text for status in self.expected):
            return
        self._add(page, name, f"{said.type}: {said.text}")

    def _response(self, page: Page, name: str, answer: Response) -> None:
        if answer.status >= 400 and answer.status not in self.expected:
            self._add(page, name, f"{answer.status} from {answer.url}")

    def _failed(self, page: Page, name: str, request: Request) -> None:
        if "ERR_ABORTED" not in str(request.failure):  # the page itself called it off
            self._add(page, name, f"{request.url} failed: {request.failure}")


@dataclass
class Desk:
    """Opens pages, watched, each person in a browser profile of their own."""

    browser: Browser
    running: Running
    watch: Watch = field(default_factory=Watch)

    @contextmanager
    def person(self, name: str, **options: object) -> Iterator[Page]:
        context = self.browser.new_context(**{"viewport": DESK, **options})  # type: ignore[arg-type]
        context.set_default_timeout(SECONDS)
        context.add_init_script(REPORT_CSP)
        context.add_init_script(SOCKETS)
        context.on("page", lambda page: self.watch.follow(page, name))
        try:
            yield context.new_page()
        finally:
            context.close()

    def sign_in(self, page: Page, cast: Cast, role: str) -> None:
        page.goto(self.running.page(cast, "/console/sign-in/"))
        page.fill("input[name=login]", cast.emails[role])
        page.fill("input[name=password]", cast.password)
        page.click("button[type=submit]")
        page.wait_for_url("**/console/")

    def enrol(self, page: Page, url: str) -> None:
        """The customer's first steps: the link, one button, the inbox."""
        page.goto(url)
        page.click("[data-enrol] button[type=submit]")
        page.wait_for_url("**/inbox/")
        page.wait_for_selector("textarea")


@pytest.fixture(scope="module")
def chromium(running: Running, acme: Cast, globex: Cast) -> Iterator[Browser]:
    """One browser for a module. The cast stands before it: see above."""
    path = os.environ.get("EBB_CHROMIUM")
    if not path:
        pytest.skip("no Chromium on this machine (EBB_CHROMIUM names one): the browser tests")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def desk(chromium: Browser, running: Running) -> Iterator[Desk]:
    """At the end of a test nothing may have been complained of."""
    desk = Desk(chromium, running)
    yield desk
    assert desk.watch.problems == []


@pytest.fixture
def api(running: Running, acme: Cast) -> Iterator[httpx.Client]:
    with running.api(acme) as client:
        yield client


def new_customer(api: httpx.Client, name: str) -> tuple[str, str]:
    """→ id and enrolment link."""
    made = api.post("customers", json={"name": name, "reference": f"B-{os.urandom(4).hex()}"}).raise_for_status().json()
    link = api.post(f"customers/{made['id']}/enrolments", json={"send_by": "show"}).raise_for_status().json()
    return made["id"], link["url"]


def stored(page: Page) -> str:
    """All that a page's profile keeps for this origin, as text: databases, storages, caches, cookies."""
    kept = page.evaluate(_STORED)
    return f"{kept} {page.context.cookies()}"


def save(page: Page, link: str, folder: Path) -> str:
    """Click what downloads a file. → its text"""
    with page.expect_download() as download:
        page.click(link)
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path.read_text()


_STORED = """async () => {
  const found = [JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage }), document.cookie, name];
  const asked = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const text = (value) => value instanceof CryptoKey ? `key ${value.extractable}` : JSON.stringify(value, (key, inner) =>
    inner instanceof CryptoKey ? `key ${inner.extractable}` : inner);
  for (const { name, version } of await indexedDB.databases()) {
    const database = await asked(indexedDB.open(name, version));
    for (const store of database.objectStoreNames) {
      const rows = await asked(database.transaction(store).objectStore(store).getAll());
      found.push(`${name}/${store}: ${rows.map(text)}`);
    }
    database.close();
  }
  for (const cache of await caches.keys()) {
    const opened = await caches.open(cache);
    for (const request of await opened.keys()) {
      found.push(`${request.url} ${await (await opened.match(request)).text()}`);
    }
  }
  return found.join("\\n");
}"""
