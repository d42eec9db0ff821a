"""How the customer is told, in a real Chromium. The one thing that is not real is the way out of the browser: headless Chromium has
no push service, so its PushManager is replaced by one that gives an address; the page, the worker and the server are ours."""

import json
import re

import pytest
from playwright.sync_api import Page, Worker, expect

from portal.testing.surfer import Surfer
from portal.tests.browser.conftest import PHONE

pytestmark = pytest.mark.browser
ENDPOINT = "https://fcm.googleapis.com/fcm/send/"
KEYS = Surfer(1).subscription["keys"]
# `window.__permission` is what the person answers; what was asked and subscribed is kept to be looked at.
FAKE = """(() => {
  let held = JSON.parse(sessionStorage.getItem("__held") ?? "null");
  window.__asked = 0;
  const permission = () => sessionStorage.getItem("__permission") ?? "default";
  const made = (told) => told && ({
    endpoint: told.endpoint, options: { applicationServerKey: new Uint8Array(told.key).buffer },
    toJSON: () => ({ endpoint: told.endpoint, expirationTime: null, keys: told.keys }),
    unsubscribe: async () => { keep(null); return true; },
  });
  const keep = (told) => { held = told; sessionStorage.setItem("__held", JSON.stringify(told)); };
  Object.defineProperty(Notification, "permission", { get: permission });
  Notification.requestPermission = async () => {
    window.__asked += 1;
    if (permission() === "default") sessionStorage.setItem("__permission", sessionStorage.getItem("__answer") ?? "granted");
    return permission();
  };
  PushManager.prototype.getSubscription = async () => made(held);
  PushManager.prototype.subscribe = async (options) => {
    window.__subscribed = { visible: options.userVisibleOnly, key: [...options.applicationServerKey] };
    keep({ endpoint: "%s" + Math.random().toString(36).slice(2), key: [...options.applicationServerKey], keys: %s });
    return made(held);
  };
})();"""


@pytest.fixture
def customer(api) -> tuple[str, str]:
    made = (
        api.post("customers", json={"name": "Nora Notice", "email": "nora@example.org"}).raise_for_status().json()["id"]
    )
    link = api.post(f"customers/{made}/enrolments", json={"send_by": "show"}).raise_for_status().json()["url"]
    return made, link


@pytest.fixture
def open_choices(desk, customer):
    """→ a function that opens the page in a browser and the choices over it."""

    def opened(page: Page) -> None:
        page.context.add_init_script(FAKE % (ENDPOINT, json.dumps(KEYS)))
        desk.enrol(page, customer[1])
        choices(page)

    return opened


def choices(page: Page) -> None:
    page.click(".inbox-menu summary")
    page.click("[data-menu=notices]")
    page.locator("dialog [data-person]").wait_for()


def push_state(page: Page) -> str:
    return page.locator("[data-push]").get_attribute("data-push") or ""


def test_nobody_is_asked_before_the_click_and_it_is_on_afterwards(desk, open_choices):
    with desk.person("customer", viewport=PHONE) as phone:
        open_choices(phone)
        assert (push_state(phone), phone.evaluate("window.__asked")) == ("off", 0)
        phone.get_by_role("button", name="Tell me on this device").click()
        expect(phone.locator("[data-push=on]")).to_have_text("This device tells you when there is a message.")
        told = phone.evaluate("window.__subscribed")
        assert (told["visible"], len(told["key"]), phone.evaluate("window.__asked")) == (True, 65, 1)
        phone.reload()
        phone.wait_for_selector("textarea")
        choices(phone)
        assert push_state(phone) == "on"
        phone.get_by_role("button", name="Stop telling me on this device").click()
        phone.locator("[data-push=off]").wait_for()
        assert phone.evaluate("sessionStorage.getItem('__held')") == "null"


def test_a_no_is_a_no_and_says_where_to_change_it(desk, open_choices):
    with desk.person("customer", viewport=PHONE) as phone:
        phone.context.add_init_script("sessionStorage.setItem('__answer', 'denied')")
        open_choices(phone)
        phone.get_by_role("button", name="Tell me on this device").click()
        expect(phone.locator("[data-push=denied]")).to_contain_text("does not let")
        assert phone.get_by_role("button", name=re.compile("on this device")).count() == 0


def test_a_browser_that_cannot_says_so(desk, customer):
    with desk.person("customer", viewport=PHONE) as phone:
        phone.context.add_init_script("delete window.PushManager")
        desk.enrol(phone, customer[1])
        choices(phone)
        expect(phone.locator("[data-push=unsupported]")).to_contain_text("cannot tell you")


def test_an_address_that_changed_is_told_to_the_server_by_itself(desk, open_choices):
    """Browsers change it now and then, and an installation's key can be a new one."""
    with desk.person("customer", viewport=PHONE) as phone:
        open_choices(phone)
        phone.get_by_role("button", name="Tell me on this device").click()
        phone.locator("[data-push=on]").wait_for()
        phone.evaluate("""() => {
          const held = JSON.parse(sessionStorage.getItem("__held"));
          sessionStorage.setItem("__held", JSON.stringify({ ...held, endpoint: held.endpoint + "anew", key: [4, 5, 6] }));
        }""")
        with phone.expect_response("**/inbox/notices/push") as answer:
            phone.reload()
        assert answer.value.status == 200
        assert phone.evaluate("window.__subscribed.key.length") == 65
        choices(phone)
        assert push_state(phone) == "on"


def test_the_other_choices_are_kept(desk, api, customer, open_choices):
    with desk.person("customer", viewport=PHONE) as phone:
        open_choices(phone)
        phone.select_option("select[name=first]", "email")
        phone.check("input[name=discreet]")
        phone.uncheck("input[name=by][value=push]")
        phone.get_by_role("button", name="Save").click()
        phone.get_by_text("Saved.").wait_for()
        phone.get_by_role("button", name="Done").click()
        choices(phone)
        assert phone.input_value("select[name=first]") == "email"
        assert phone.is_checked("input[name=discreet]")
        assert not phone.is_checked("input[name=by][value=push]")
        assert phone.is_checked("input[name=by][value=email]")
        phone.select_option("select[name=language]", "nl")
        phone.get_by_role("button", name="Save").click()
        phone.locator("html[lang=nl]").wait_for()
    assert api.get(f"customers/{customer[0]}").json()["language"] == "nl"


# ── the service worker ────────────────────────────────────────────────────────────────────────────────────────────
WATCHED = """() => {
  self.__shown = []; self.__opened = []; self.__kept = [];
  ServiceWorkerRegistration.prototype.showNotification = async (title, options) => { self.__shown.push({ title, ...options }); };
  self.clients.openWindow = async (address) => { self.__opened.push(address); };
}"""
PUSHED = """async (body) => {
  const before = (await caches.keys()).length;
  const waits = [];
  const event = new PushEvent("push", body === null ? {} : { data: body });
  event.waitUntil = (one) => waits.push(one);
  self.dispatchEvent(event);
  await Promise.all(waits);
  return [self.__shown, (await caches.keys()).length - before];
}"""
CLICKED = """async () => {
  const waits = [], event = new Event("notificationclick");
  let closed = 0;
  event.notification = { close: () => { closed += 1; } };
  event.waitUntil = (one) => waits.push(one);
  self.dispatchEvent(event);
  await Promise.all(waits);
  return [closed, self.__opened];
}"""


def worker_of(page: Page) -> Worker:
    found = page.context.service_workers
    return found[0] if found else page.context.wait_for_event("serviceworker")


def test_what_is_pushed_is_shown_and_not_kept(desk, customer):
    with desk.person("customer", viewport=PHONE) as phone:
        desk.enrol(phone, customer[1])
        worker = worker_of(phone)
        worker.evaluate(WATCHED)
        shown, kept = worker.evaluate(PUSHED, '{"v":1,"title":"Acme Clinic has a message for you","about":"messages"}')
        assert shown == [
            {"title": "Acme Clinic has a message for you", "tag": "messages", "renotify": True, "dir": "auto"}
        ]
        for body in ("no json", '{"title": 7}', "null", None):
            shown, more = worker.evaluate(PUSHED, body)
            assert (shown[-1]["title"], shown[-1]["tag"]) == ("You have a message", "messages")
            kept += more
        assert kept == 0
        for about in ("device", "ended"):
            pushed = {"title": "A device", "about": about, "url": "https://evil.example/"}
            shown, _ = worker.evaluate(PUSHED, json.dumps(pushed))
            assert shown[-1] == {"title": "A device", "tag": about, "renotify": True, "dir": "auto"}


def test_a_click_leads_to_the_inbox_and_nowhere_else(desk, customer):
    with desk.person("customer", viewport=PHONE) as phone:
        desk.enrol(phone, customer[1])
        worker = worker_of(phone)
        worker.evaluate(WATCHED)
        phone.goto(phone.url.replace("/inbox/", "/inbox/kept"))
        assert worker.evaluate(CLICKED) == [1, ["/inbox/"]]


def test_whoever_opens_the_inbox_has_been_told_enough(desk, customer):
    with desk.person("customer", viewport=PHONE) as phone:
        phone.context.add_init_script("""
          window.__closed = [];
          ServiceWorkerRegistration.prototype.getNotifications = async () =>
            [{ close: () => window.__closed.push("messages") }];
        """)
        desk.enrol(phone, customer[1])
        phone.wait_for_function("window.__closed.length > 0")
