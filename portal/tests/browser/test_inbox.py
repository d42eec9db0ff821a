"""The inbox in a real Chromium: installed, without a network, in other languages, and empty whenever it must be."""

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from portal.testing.installation import until
from portal.tests.browser.conftest import PHONE, new_customer, stored
from portal.tests.browser.test_story import COME_BACK, PUT_AWAY

pytestmark = pytest.mark.browser
NARROW = {"width": 320, "height": 568}
WORDS = "Eleven swans crossed the frozen lake."
SHELL = """async () => {
  const found = [];
  for (const name of await caches.keys()) {
    for (const request of await (await caches.open(name)).keys()) found.push(new URL(request.url).pathname);
  }
  return found;
}"""
KEPT = f"({SHELL})().then((found) => found.some((path) => path.endsWith('/away.js')) && found.length > 20)"
# The most bubbles of the customer's own that ever stood there at once.
COUNT_SHOWN = """window.__most = 0;
new MutationObserver(() => {
  window.__most = Math.max(window.__most, document.querySelectorAll(".bubble.mine").length);
}).observe(document, { childList: true, subtree: true });"""
# The page's own modules, steered by hand: a "Yes" to a under way while one to b comes, then a's; a reveal, then a covered frame.
MODULES = """async () => {
  const at = (name) => performance.getEntriesByType("resource").find((one) => one.name.endsWith(`/inbox/${name}.js`)).name;
  const store = await import(at("store"));
  const outbox = (await import(at("outbox"))).create({ carry: () => true, changed() {} });
  const said = { for: "c", body: "Yes", attachments: [], direction: "out", sent_at: new Date(Date.now() + 1000).toISOString() };
  outbox.add({ for: "c", body: "Yes", in_reply_to: "a", attachments: [] });
  store.put({ ...said, id: "1", in_reply_to: "b" });
  const other = outbox.drafts().length;
  store.put({ ...said, id: "2", in_reply_to: "a" });
  const own = outbox.drafts().length;
  outbox.clear();
  const asked = { id: "q", direction: "in", sent_at: said.sent_at, subject: "", attachments: [] };
  store.put({ ...asked, body: "At nine?", answers: ["Yes", "No"] });
  store.put({ ...asked, body: null, answers: [] });
  return [other, own, store.get("q").answers];
}"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def send(api, customer: str, body: str = WORDS, **asked: object) -> str:
    answer = api.post("messages", json={"customer": customer, "body": body, **asked})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


@pytest.fixture
def customer(api) -> tuple[str, str]:
    return new_customer(api, "Ida Inbox")


def test_it_installs_and_its_worker_keeps_the_shell_only(desk, api, customer):
    who, link = customer
    with desk.person("customer", viewport=PHONE) as phone:
        desk.enrol(phone, link)
        send(api, who)
        phone.get_by_text(WORDS).wait_for()
        phone.wait_for_function(KEPT)
        paths = phone.evaluate(SHELL)
        assert [path for path in paths if not re.match(r"/static/[0-9a-f]{12}/", path)] == []
        assert WORDS not in stored(phone)

        chrome = phone.context.new_cdp_session(phone)
        manifest = chrome.send("Page.getAppManifest")
        assert manifest["errors"] == []
        assert json.loads(manifest["data"])["scope"] == "/inbox/"
        errors = [one["errorId"] for one in chrome.send("Page.getInstallabilityErrors")["installabilityErrors"]]
        assert [one for one in errors if one != "in-incognito"] == []  # every window of a test is one


def test_without_a_network_it_says_so_and_goes_on_by_itself(desk, api, customer):
    who, link = customer
    with desk.person("customer", viewport=PHONE) as phone:
        desk.enrol(phone, link)
        send(api, who)
        phone.get_by_text(WORDS).wait_for()
        phone.wait_for_function(KEPT)
        desk.watch.quiet = True  # a page without a network complains of it, rightly
        phone.context.set_offline(True)
        phone.reload()
        phone.get_by_text("No connection").wait_for()
        assert WORDS not in phone.content()
        phone.context.set_offline(False)
        phone.get_by_text(WORDS).wait_for()


def test_what_is_written_offline_waits_and_goes_out_once(desk, api, customer):
    who, link = customer
    with desk.person("customer", viewport=PHONE) as phone:
        desk.enrol(phone, link)
        desk.watch.quiet = True
        phone.context.set_offline(True)
        phone.evaluate("dispatchEvent(new Event('offline'))")
        phone.locator(".line[data-kind=offline]").wait_for()
        _cut(phone)
        phone.fill("textarea", "Written in a tunnel.")
        phone.click(".composer .go")
        phone.get_by_text("It goes out when the connection is back.").wait_for()
        phone.context.set_offline(False)
        phone.evaluate("dispatchEvent(new Event('online'))")
        expect(phone.locator(".line")).to_have_text("Connected again.")
        phone.locator(".bubble.mine[data-id]", has_text="Written in a tunnel.").wait_for()
        assert phone.locator(".bubble.mine").count() == 1
    talk = api.get("conversations", params={"customer": who}).json()["results"][0]["id"]
    assert api.get(f"conversations/{talk}").text.count("Written in a tunnel.") == 1


def test_what_one_writes_stands_there_once_whatever_comes_first(desk, api, customer):
    """Its message may come over the line before the word that it was accepted. The same words again are another message."""
    _, link = customer
    with desk.person("customer", viewport=PHONE) as phone:
        phone.add_init_script(COUNT_SHOWN)
        held = _hold_what_was_accepted(phone)
        desk.enrol(phone, link)
        for count in (1, 2):
            phone.fill("textarea", WORDS)
            phone.click(".composer .go")
            expect(phone.locator(".bubble.mine:not(.sending)")).to_have_count(count)  # its message
            until(lambda count=count: phone.evaluate("1") and len(held) == count, 10)  # whichever the server says first
            held[-1]()
            phone.wait_for_function("() => !document.querySelector('.bubble.sending')")
            assert phone.locator(".bubble.mine").count() == count
            assert phone.evaluate("window.__most") == count


def test_the_same_words_to_two_messages_and_a_slower_frame(desk, customer):
    """What was written is known by what it answers, too; a frame older than a reveal takes no words and no buttons away."""
    with desk.person("customer", viewport=PHONE) as phone:
        desk.enrol(phone, customer[1])
        assert phone.evaluate(MODULES) == [1, 0, ["Yes", "No"]]


def _hold_what_was_accepted(phone: Page) -> list[Callable[[], None]]:
    """→ what lets each through, as it comes."""
    held: list[Callable[[], None]] = []

    def meet(page_side: WebSocketRoute) -> None:
        server = page_side.connect_to_server()

        def pass_on(frame: str | bytes) -> None:
            if json.loads(frame)["type"] == "accepted":
                held.append(lambda: page_side.send(frame))
            else:
                page_side.send(frame)

        server.on_message(pass_on)

    phone.route_web_socket("**/inbox/socket", meet)
    return held


def _cut(phone: Page) -> None:
    """Going offline leaves an open socket alone in Chromium: it is closed as a network that is gone would, in the end."""
    phone.evaluate("window.__sockets.forEach((one) => one.close())")


def test_it_speaks_the_language_the_business_writes_in(desk, api):
    made = api.post("customers", json={"name": "Greta Deutsch", "language": "de"}).raise_for_status().json()["id"]
    link = api.post(f"customers/{made}/enrolments", json={"send_by": "show"}).raise_for_status().json()["url"]
    with desk.person("customer", viewport=PHONE, locale="en-GB") as phone:
        desk.enrol(phone, link)
        phone.get_by_text("Gerade keine Nachrichten").wait_for()
        expect(phone.locator("html")).to_have_attribute("lang", "de")
        phone.reload()
        expect(phone.locator("meta[name=ebb-language]")).to_have_attribute("content", "de")
        phone.get_by_text("Gerade keine Nachrichten").wait_for()


@pytest.mark.parametrize("locale", ["de-DE", "es-ES", "fr-FR", "nl-NL", "ar-EG"])
def test_it_fits_a_narrow_phone_in_every_language(desk, api, customer, locale):
    who, link = customer
    with desk.person("customer", viewport=NARROW, locale=locale) as phone:
        desk.enrol(phone, link)
        send(api, who, tap_to_reveal=True)
        send(
            api,
            who,
            "A longer line, so that it has to be broken somewhere on a phone that is this narrow.",
            subject="Re",
        )
        phone.locator(".bubble").nth(1).wait_for()
        right_to_left = locale.startswith("ar")
        assert phone.evaluate("document.documentElement.dir") == ("rtl" if right_to_left else "ltr")
        assert phone.evaluate(OVERFLOW) <= 0
        box = phone.locator(".bubble.theirs").last.bounding_box()
        assert box is not None
        # What the business wrote stands where reading begins.
        assert (box["x"] + box["width"] > 290) if right_to_left else (box["x"] < 30)
        assert not re.search(r"\b[a-z]+_[a-z_]+\b", phone.inner_text(".inbox")), "a word is missing and shows its key"


def test_locked_it_shows_nothing_and_comes_back_when_unlocked(desk, api, customer):
    who, link = customer
    with desk.person("customer", viewport=PHONE) as phone:
        desk.enrol(phone, link)
        send(api, who)
        phone.get_by_text(WORDS).wait_for()
        phone.fill("textarea", "half a thought")
        device = api.get("devices", params={"customer": who}).json()["results"][0]["id"]
        desk.watch.expected.add(403)
        api.post(f"devices/{device}/lock").raise_for_status()
        phone.get_by_text("This device is locked").wait_for()
        assert WORDS not in phone.content()
        assert phone.evaluate("[...document.querySelectorAll('textarea')].map((one) => one.value).join('')") == ""
        api.post(f"devices/{device}/unlock").raise_for_status()
        phone.reload()
        phone.get_by_text(WORDS).wait_for()


def test_it_wakes_from_a_long_sleep_with_nothing_on_it(desk, api, customer):
    who, link = customer
    with desk.person("customer", viewport=PHONE) as phone:
        phone.clock.install()
        desk.enrol(phone, link)
        send(api, who)
        phone.get_by_text(WORDS).wait_for()
        _watch_what_is_shown(phone)
        phone.clock.fast_forward("02:00:00")  # as a lid that was shut: each timer that is due runs once
        phone.wait_for_function("window.__shown.some((text) => text === '')")
        phone.get_by_text(WORDS).wait_for()  # and asks the server again


def test_put_away_or_brought_back_it_holds_nothing(desk, api, customer):
    who, link = customer
    with desk.person("customer", viewport=PHONE) as phone:
        desk.enrol(phone, link)
        send(api, who)
        phone.get_by_text(WORDS).wait_for()
        phone.fill("textarea", "half a thought")
        assert WORDS not in phone.evaluate(PUT_AWAY)
        assert phone.input_value("textarea") == ""
        assert WORDS not in phone.evaluate(COME_BACK)
        phone.get_by_text(WORDS).wait_for()


def _watch_what_is_shown(phone: Page) -> None:
    """Every state of the log from now on: how long it is empty is a matter of milliseconds."""
    phone.evaluate("""() => {
      const log = document.querySelector(".log");
      window.__shown = [];
      new MutationObserver(() => window.__shown.push(log.textContent)).observe(log, { childList: true, subtree: true });
    }""")


def test_a_quick_answer_is_an_ordinary_reply(desk, api, customer):
    """Tapped once, it is gone; whoever answers in words needs no button any more either."""
    who, link = customer
    with desk.person("customer", viewport=PHONE) as phone:
        desk.enrol(phone, link)
        asked = send(api, who, "Can you come at nine?", answers=["Yes, I can", "<b>No</b>"])
        group = phone.get_by_role("group", name="Answers to choose from")
        group.get_by_role("button", name="<b>No</b>").wait_for()
        group.get_by_role("button", name="Yes, I can").press("Enter")
        phone.locator(".bubble.mine:not(.sending) .words", has_text="Yes, I can").wait_for()
        expect(group).to_have_count(0)
        written = phone.locator(".bubble.mine .quote")
        expect(written).to_have_text("Can you come at nine?")
        [talk] = api.get("conversations", params={"customer": who}).raise_for_status().json()["results"]
        told = api.get(f"conversations/{talk['id']}").raise_for_status().json()["messages"]
        assert [(one["body"], one["in_reply_to"]) for one in told if one["direction"] == "in"] == [
            ("Yes, I can", asked)
        ]


def test_a_quick_answer_may_hold_any_sign(desk, api, customer):
    """A quotation mark is no end of anything: it is sent, and its message leaves the page with its end."""
    who, link = customer
    with desk.person("customer", viewport=PHONE) as phone:
        desk.enrol(phone, link)
        asked = send(api, who, "Shall we go on?", answers=['Reply "STOP"\\'])
        phone.get_by_role("button", name='Reply "STOP"').press("Enter")
        phone.locator(".bubble.mine:not(.sending) .words", has_text='Reply "STOP"').wait_for()
        api.post(f"messages/{asked}/recall").raise_for_status()
        expect(phone.locator(".bubble.theirs .words", has_text="Shall we go on?")).to_have_count(0)
