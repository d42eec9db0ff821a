"""A customer opens the inbox: from the first byte asked for to fifty messages on the screen and a field to write in.

In a real Chromium whose processor is slowed down sixfold, as that of a low-end phone (the figure of its own developer tools); the
network is this machine's, so what a slow one adds comes on top. *First time* has nothing in any cache; *again* has what the
browser and the page's worker keep of the shell, never a message. The limit is a page of one line from a server with nothing behind
it, in the same browser: what any page pays until it is drawn.

Needs what `./run test` installs: Playwright, and a Chromium.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from bench import _house, _report, _texts
from bench._report import Figure
from portal.launch import testing

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

MESSAGES = 50
OPENINGS, WARM_UP = 20, 3
SLOWER = 6
PHONE = {"width": 390, "height": 844}
# Both since the navigation began: the frame that shows anything, and the one after everything waited for stands in the page.
DRAWN = "requestAnimationFrame(() => { window.__usable = performance.now(); });"
USABLE = """new MutationObserver((_, observer) => {
  if (document.querySelectorAll(".bubble").length < %d || !document.querySelector(".composer:not([hidden])")) return;
  observer.disconnect();
  requestAnimationFrame(() => { window.__usable = performance.now(); });
}).observe(document, { childList: true, subtree: true, attributes: true });"""


def main() -> list[dict[str, object]]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return _skipped("Playwright")
    path = testing.chromium()
    if path is None:
        return _skipped("Chromium")
    with _house.opened() as house:
        link = _written_to(house)
        house.start("web")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            context = browser.new_context(viewport=PHONE, is_mobile=True, has_touch=True)
            _enrol(context, link)
            return _report.show(_measure(context, house))


def _skipped(what: str) -> list[dict[str, object]]:
    print(f"  no {what} on this machine (./run test brings it): nothing is opened", flush=True)
    return []


def _written_to(house: _house.House) -> str:
    """→ the enrolment link of a customer with live messages. Before the browser starts: see portal/tests/browser."""
    from messaging.flows import enrolment, message
    from messaging.rules.compose import Compose
    from portal.kernel import clock, tenancy

    [who] = house.customers(1)
    with tenancy.tenant_scope(house.place):
        asked = [Compose(body=text, customer=who, gone_after=86_400) for text in _texts.bodies(MESSAGES)]
        message.send_many(actor=house.author, now=clock.now(), composed=asked)
        issued = enrolment.issue(actor=house.author, now=clock.now(), customer_id=who, send_by="show")
    return str(issued.url)


def _enrol(context: "BrowserContext", link: str) -> None:
    page = context.new_page()
    page.goto(link)
    page.click("[data-enrol] button[type=submit]")
    page.wait_for_selector(".bubble")
    page.close()


def _measure(context: "BrowserContext", house: _house.House) -> Iterator[Figure]:
    with _bare(house) as bare:
        limit = _report.percentile(_times(partial(_open, context, bare, DRAWN, is_first=True)), 95)
    inbox = partial(_open, context, f"http://{house.host}/inbox/", USABLE % MESSAGES)
    for name, is_first in (("first time", True), ("again", False)):
        took = _times(partial(inbox, is_first=is_first))
        yield Figure(
            name=f"the inbox opened {name}, p95", value=_report.percentile(took, 95), unit="ms", limit=limit,
            limit_of="a bare page", gate=1000, aim=1000, less=True,
            note=f"p50 {_report.median(took):.0f} ms; processor {SLOWER} times slower, {MESSAGES} messages",
        )  # fmt: skip

    worked = _times(partial(_work, context, f"http://{house.host}/inbox/"))
    yield Figure(
        name="the page's thread works for it, median", value=SLOWER * _report.median(worked), unit="ms", gate=1000, less=True,
        note=f"{SLOWER} times its processor time, which no other work on this machine makes longer",
    )  # fmt: skip


def _times(opened: Callable[[], float]) -> list[float]:
    return [opened() for _ in range(WARM_UP + OPENINGS)][WARM_UP:]


def _open(context: "BrowserContext", address: str, marks: str, *, is_first: bool) -> float:
    page = context.new_page()
    chrome = context.new_cdp_session(page)
    chrome.send("Network.enable")
    chrome.send("Network.setCacheDisabled", {"cacheDisabled": is_first})
    chrome.send("Network.setBypassServiceWorker", {"bypass": is_first})
    chrome.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    page.add_init_script(marks)
    page.goto(address, wait_until="commit")
    page.wait_for_function("() => window.__usable", timeout=60_000)
    took = float(page.evaluate("window.__usable"))
    page.close()
    return took


def _work(context: "BrowserContext", address: str) -> float:
    """Milliseconds of processor time that the page's thread takes until it is usable, at full speed, with empty caches."""
    page = context.new_page()
    chrome = context.new_cdp_session(page)
    chrome.send("Network.enable")
    chrome.send("Network.setCacheDisabled", {"cacheDisabled": True})
    chrome.send("Network.setBypassServiceWorker", {"bypass": True})
    chrome.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.add_init_script(USABLE % MESSAGES)
    page.goto(address, wait_until="commit")
    page.wait_for_function("() => window.__usable", timeout=60_000)
    told = {one["name"]: float(one["value"]) for one in chrome.send("Performance.getMetrics")["metrics"]}
    page.close()
    return 1000 * told["TaskDuration"]


@contextmanager
def _bare(house: _house.House) -> Iterator[str]:
    """→ the address of a server with nothing behind it."""
    port = _house.free_port()
    child = _house.spawn([sys.executable, "-m", "bench._bare", str(port)], house.env, house.folder / "bare.log")
    try:
        _house.wait_for(port, "/")
        yield f"http://localhost:{port}/"
    finally:
        _house.end(child)
