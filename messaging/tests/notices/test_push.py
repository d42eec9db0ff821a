"""Web push from the click to the browser: what leaves is sealed for one browser and says what an e-mail does; a device that ended
is pushed nothing; a service that fails, forgets or hangs costs nobody their notice."""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client

from archive.models import Entry
from messaging.flows import device, lookout, receipt, wipe
from messaging.models import Channel, Customer, Device
from messaging.queries import subscriptions
from portal.kernel import clock
from portal.testing import surfer
from portal.testing.handset import Handset
from portal.testing.provider import Provider
from portal.testing.surfer import Surfer

DAY = 86400


@dataclass
class Phone:
    """A device that serves `customer`, and its browser."""

    it: "House"  # type: ignore[name-defined]  # noqa: F821 - of this folder's conftest
    customer: UUID
    service: Provider
    handset: Handset = field(init=False)
    browser: Surfer = field(init=False)

    def __post_init__(self) -> None:
        self.handset, self.browser = self.it.cast.handset(self.customer), Surfer(self.service.port)

    @property
    def device(self) -> UUID:
        return UUID(self.handset.device)

    @property
    def actor(self):
        return self.it.cast.actor_of(self.handset, self.customer)

    def ask(self, method: str, path: str, body: object = None):
        client = Client(HTTP_HOST=self.handset.host, REMOTE_ADDR="10.9.9.9")
        client.cookies["__Host-ebb-device"] = self.handset.cookie
        raw = b"" if body is None else json.dumps(body).encode()
        proof = self.handset.http_proof(client.get("/inbox/nonce").json()["nonce"], method, path, raw)
        return client.generic(method, path, raw, content_type="application/json", headers={"Ebb-Proof": proof})

    def subscribe(self) -> "Phone":
        answer = self.ask("POST", "/inbox/notices/push", self.browser.subscription)
        assert answer.status_code == 200, answer.content
        return self

    def got(self):
        return [one for one in self.service.got if one.path == self.browser.path]

    def told(self) -> list[dict[str, object]]:
        return [self.browser.read(one) for one in self.got()]


@pytest.fixture
def phone(it, service) -> Phone:
    return Phone(it, it.cast.customer(email="push@example.org", name="CANARY name"), service).subscribe()


def send(phone: Phone, **asked: object):
    return phone.it.cast.send(phone.customer, "CANARY body", subject="CANARY subject", **asked)


# ── what leaves ───────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_push_says_what_an_e_mail_does_and_only_its_browser_reads_it(phone, mailoutbox):
    sent = send(phone, gone_after=DAY)
    phone.it.wait(seconds=31)
    [got] = phone.got()
    assert phone.told() == [{"v": 1, "title": "Notice House has a message for you", "about": "messages"}]
    told = f"{got.path}{got.headers}{got.body!r}"
    for word in ("CANARY", "Notice House", "push@example.org", str(sent.id), str(phone.customer)):
        assert word not in told
    with pytest.raises(Exception, match=r"(?i)decrypt"):
        Surfer(phone.service.port).read(got)
    assert mailoutbox == []
    assert phone.it.ways(sent.id) == [("arrived", "push", "sent", "")]


def test_the_business_names_itself_as_it_wants(phone):
    phone.it.policy(sender_name="Your post")
    send(phone)
    phone.it.wait(seconds=31)
    assert phone.told()[0]["title"] == "Your post has a message for you"


def test_it_speaks_the_customers_language(phone):
    with phone.it.cast.inside():
        Customer.objects.filter(id=phone.customer).update(language="de-AT")
    send(phone)
    phone.it.wait(seconds=31)
    assert phone.told()[0]["title"] == "Notice House hat eine Nachricht für Sie"


def test_the_service_can_tell_who_sends_and_when_it_is_over(phone):
    send(phone, gone_after=1800)
    phone.it.wait(seconds=31)
    [got] = phone.got()
    key, claims = surfer.sender_of(got)
    with phone.it.cast.inside():
        assert key == surfer.text(subscriptions.sender().public)
    assert claims["aud"] == f"https://localhost:{phone.service.port}"
    assert claims["sub"].startswith("mailto:")
    assert 0 < claims["exp"] - clock.now().timestamp() <= DAY
    assert int(got.headers["ttl"]) == 1800 - 31
    assert got.headers["urgency"] == "high"


def test_several_are_one_and_matter_until_the_last_of_them_is_over(phone):
    """A push takes the place of the one that waits: one that matters for a minute must not take a day's with it."""
    send(phone, gone_after=DAY)
    phone.it.wait(seconds=31)
    send(phone, gone_after=3600)
    phone.it.wait(seconds=31)
    first, second = phone.got()
    assert first.headers["topic"] == second.headers["topic"]
    assert len(first.headers["topic"]) == 32
    assert int(second.headers["ttl"]) == DAY - 62


def test_news_of_devices_is_replaced_by_no_message(phone):
    """At the push service and on the screen what is of one topic is one."""
    other = phone.it.cast.handset(phone.customer)
    with phone.it.cast.inside():
        device.lock(actor=phone.actor, now=clock.now(), device_id=UUID(other.device))
    phone.it.work()
    send(phone)
    phone.it.wait(seconds=31)
    topics = {told["about"]: got.headers["topic"] for told, got in zip(phone.told(), phone.got(), strict=True)}
    assert set(topics) == {"ended", "messages"}
    assert len(set(topics.values())) == 2


def test_what_was_read_meanwhile_no_longer_counts(phone):
    sent = send(phone, gone_after=DAY)
    phone.it.wait(seconds=31)
    with phone.it.cast.inside():
        receipt.read(actor=phone.actor, now=clock.now(), message_id=sent.id)
    send(phone, gone_after=3600)
    phone.it.wait(seconds=31)
    assert int(phone.got()[1].headers["ttl"]) == 3600 - 31


def test_no_service_is_asked_to_keep_it_for_longer_than_it_does(phone):
    send(phone, gone_after=60 * DAY)
    phone.it.wait(seconds=31)
    assert phone.got()[0].headers["ttl"] == str(28 * DAY)


def test_each_device_is_told(phone):
    other = Phone(phone.it, phone.customer, phone.service).subscribe()
    sent = send(phone)
    phone.it.wait(seconds=31)
    assert (len(phone.got()), len(other.got())) == (1, 1)
    assert phone.got()[0].headers["topic"] != other.got()[0].headers["topic"]
    assert phone.it.ways(sent.id) == [("arrived", "push", "sent", "")]


def test_who_reads_it_at_once_is_not_told(phone):
    sent = send(phone)
    with phone.it.cast.inside():
        receipt.read(actor=phone.actor, now=clock.now(), message_id=sent.id)
    phone.it.wait(seconds=31)
    assert phone.got() == []


# ── the order, and what stops it ──────────────────────────────────────────────────────────────────────────────────
def test_it_goes_in_the_order_of_the_business_and_of_the_customer(phone, mailoutbox):
    phone.it.policy(ways="email,push")
    send(phone)
    phone.it.wait(seconds=31)
    assert (len(mailoutbox), phone.got()) == (1, [])
    with phone.it.cast.inside():
        Customer.objects.filter(id=phone.customer).update(ways="push")
    send(phone)
    phone.it.wait(seconds=31)
    assert (len(mailoutbox), len(phone.got())) == (1, 1)


def lock(phone: Phone) -> None:
    device.lock(actor=phone.it.cast.owner, now=clock.now(), device_id=phone.device)


def revoke(phone: Phone) -> None:
    device.revoke(actor=phone.it.cast.owner, now=clock.now(), device_id=phone.device)


def order_a_wipe(phone: Phone) -> None:
    wipe.request(actor=phone.it.cast.owner, now=clock.now(), device_id=phone.device)


def sign_out(phone: Phone) -> None:
    device.sign_out(actor=phone.actor, now=clock.now())


@pytest.mark.parametrize("ended", [lock, revoke, order_a_wipe, sign_out])
@pytest.mark.parametrize("when", ["before", "between"])
def test_a_device_that_ended_is_pushed_nothing(phone, mailoutbox, ended, when):
    """Nor where it ends after the notice was planned: the next way has its turn."""
    sent = send(phone)
    phone.it.at.advance(seconds=31)
    if when == "between":
        plan(phone)
    with phone.it.cast.inside():
        ended(phone)
    phone.it.work()
    assert phone.got() == []
    assert len(mailoutbox) == 1
    ways = phone.it.ways(sent.id)
    assert ways[-1] == ("arrived", "email", "sent", "")
    assert ways[:-1] == ([] if when == "before" else [("arrived", "push", "failed", "no_address")])


def plan(phone: Phone) -> None:
    with phone.it.cast.inside():
        while lookout.look(now=clock.now()):
            pass


def test_its_address_goes_with_its_key(phone):
    with phone.it.cast.inside():
        assert Device.objects.filter(id=phone.device, sealed_push__isnull=False).exists()
        sign_out(phone)
        assert not Device.objects.filter(id=phone.device, sealed_push__isnull=False).exists()


def test_unlocked_it_is_told_again(phone):
    with phone.it.cast.inside():
        lock(phone)
        device.unlock(actor=phone.it.cast.owner, now=clock.now(), device_id=phone.device)
    send(phone)
    phone.it.wait(seconds=31)
    assert len(phone.got()) == 1


def test_another_key_of_the_installation_reaches_nobody(phone, settings, mailoutbox):
    settings.EBB_PUSH_KEY = bytes([7]) * 32
    send(phone)
    phone.it.wait(seconds=31)
    assert (phone.got(), len(mailoutbox)) == ([], 1)
    assert phone.ask("GET", "/inbox/notices").json()["push"]["known"] is None


# ── a service that does not do what it should (T15) ───────────────────────────────────────────────────────────────
@pytest.mark.parametrize("status", [404, 410])
def test_what_the_service_forgot_is_forgotten_and_the_next_way_has_its_turn(phone, mailoutbox, status):
    phone.service.be("refuses", status)
    sent = send(phone)
    phone.it.wait(seconds=31)
    assert len(phone.got()) == 1
    assert len(mailoutbox) == 1
    assert phone.it.ways(sent.id) == [("arrived", "push", "failed", "unsubscribed"), ("arrived", "email", "sent", "")]
    with phone.it.cast.inside():
        assert not Device.objects.filter(id=phone.device, sealed_push__isnull=False).exists()
        codes = [entry.leaf for entry in Entry.objects.filter(kind="device.notices")]
        assert any(b'"push":"gone"' in bytes(leaf) and str(phone.device).encode() in bytes(leaf) for leaf in codes)
    assert phone.ask("GET", "/inbox/notices").json()["push"]["known"] is None


def test_one_that_is_gone_takes_nothing_from_the_other(phone):
    other = Phone(phone.it, phone.customer, phone.service).subscribe()
    phone.service.gone.add(phone.browser.path)
    sent = send(phone)
    phone.it.wait(seconds=31)
    assert (len(phone.got()), len(other.told())) == (1, 1)
    assert phone.it.ways(sent.id) == [("arrived", "push", "sent", "")]
    with phone.it.cast.inside():
        left = set(Device.objects.filter(sealed_push__isnull=False).values_list("id", flat=True))
    assert other.device in left
    assert phone.device not in left


@pytest.mark.parametrize("status", [429, 500, 503])
def test_one_that_is_busy_is_asked_again(phone, mailoutbox, status):
    phone.service.headers = {"Retry-After": "90"}
    phone.service.be("refuses", status)
    sent = send(phone)
    phone.it.wait(seconds=31)
    assert phone.it.ways(sent.id) == [("arrived", "push", "waiting", "provider_busy")]
    phone.it.wait(seconds=80)
    assert len(phone.got()) == 1
    phone.service.be("takes")
    phone.it.wait(seconds=11)
    assert len(phone.got()) == 2
    assert phone.it.ways(sent.id) == [("arrived", "push", "sent", "")]
    assert mailoutbox == []


def test_one_that_stays_busy_makes_room_for_the_next_way(phone, mailoutbox):
    phone.service.be("refuses", 503)
    sent = send(phone)
    for _ in range(8):
        phone.it.wait(minutes=4)
    assert phone.it.ways(sent.id) == [("arrived", "push", "failed", "provider_busy"), ("arrived", "email", "sent", "")]
    assert 2 <= len(phone.got()) <= 6


@pytest.mark.parametrize("mood", ["sleeps", "hangs_up", "drips"])
def test_one_that_says_nothing_is_asked_again_and_shows_it_once(phone, mood):
    """Nobody knows whether it took it: the same topic makes two of them one."""
    phone.service.be(mood)
    sent = send(phone)
    phone.it.wait(seconds=31)
    assert phone.it.ways(sent.id) == [("arrived", "push", "ambiguous", "no_answer")]
    phone.service.be("takes")
    phone.it.wait(minutes=2)
    assert phone.it.ways(sent.id) == [("arrived", "push", "sent", "")]
    assert len({one.headers["topic"] for one in phone.got()}) == 1


def test_a_service_that_cannot_be_reached_keeps_nobody_else_waiting(phone, settings):
    dead = Surfer(1)
    settings.EBB_PUSH_SERVICES = [*settings.EBB_PUSH_SERVICES, "localhost:1"]
    other = Phone(phone.it, phone.it.cast.customer(), phone.service)
    other.browser = dead
    other.subscribe()
    lost = send(other)
    others = [send(phone) for _ in range(10)]
    phone.it.wait(seconds=31)
    assert phone.it.ways(lost.id) == [("arrived", "push", "waiting", "provider_away")]
    assert {phone.it.ways(one.id)[0][2] for one in others} == {"sent"}


def test_a_key_that_services_do_not_know_is_told_to_whoever_runs_it(phone):
    phone.service.be("refuses", 403)
    send(phone)
    phone.it.wait(seconds=31)
    with phone.it.cast.inside():
        row = Channel.objects.get(kind="push")
        assert (row.failing_why, row.failing_since) == ("credentials", clock.now())
    phone.service.be("takes")
    phone.it.wait(minutes=2)
    with phone.it.cast.inside():
        assert Channel.objects.get(kind="push").failing_since is None


def test_a_service_that_was_taken_from_the_list_is_called_no_more(phone, settings):
    settings.EBB_PUSH_SERVICES = ["fcm.googleapis.com"]
    sent = send(phone)
    phone.it.wait(seconds=31)
    assert phone.got() == []
    assert phone.it.ways(sent.id)[0] == ("arrived", "push", "failed", "refused")


def test_a_certificate_of_somebody_else_gets_nothing(phone, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    sent = send(phone)
    phone.it.wait(seconds=31)
    assert phone.got() == []
    assert phone.it.ways(sent.id) == [("arrived", "push", "waiting", "provider_away")]


# ── the door ──────────────────────────────────────────────────────────────────────────────────────────────────────
def test_what_a_page_is_told(phone, settings):
    push = phone.ask("GET", "/inbox/notices").json()["push"]
    assert set(push) == {"key", "known"}
    assert len(surfer.binary(push["key"])) == 65
    assert phone.browser.endpoint not in json.dumps(push)
    assert phone.ask("POST", "/inbox/notices/no-push", {}).json()["push"]["known"] is None
    settings.EBB_PUSH_KEY = b""
    assert phone.ask("GET", "/inbox/notices").json()["push"] is None
    refused = phone.ask("POST", "/inbox/notices/push", phone.browser.subscription)
    assert (refused.status_code, refused.json()["code"]) == (409, "push_not_set_up")


def test_switched_off_it_is_told_by_the_next_way(phone, mailoutbox):
    phone.ask("POST", "/inbox/notices/no-push", {})
    send(phone)
    phone.it.wait(seconds=31)
    assert (phone.got(), len(mailoutbox)) == ([], 1)


def test_each_change_is_an_entry_and_no_change_is_none(phone):
    def kinds() -> int:
        with phone.it.cast.inside():
            return Entry.objects.filter(kind="device.notices").count()

    before = kinds()
    phone.subscribe()
    assert kinds() == before
    phone.ask("POST", "/inbox/notices/no-push", {})
    phone.ask("POST", "/inbox/notices/no-push", {})
    assert kinds() == before + 1


def test_a_browser_that_enrols_anew_is_told_once(phone):
    anew = Phone(phone.it, phone.customer, phone.service)
    anew.browser = phone.browser
    anew.subscribe()
    send(phone)
    phone.it.wait(seconds=31)
    assert len(phone.got()) == 1
    with phone.it.cast.inside():
        assert not Device.objects.filter(id=phone.device, sealed_push__isnull=False).exists()


def test_a_device_that_is_not_ones_own_is_told_nothing(phone):
    with phone.it.cast.inside():
        Device.objects.filter(id=phone.device).update(ends_at=clock.now() + timedelta(hours=1))
    assert phone.ask("GET", "/inbox/notices").json()["push"] is None
    refused = phone.ask("POST", "/inbox/notices/push", phone.browser.subscription)
    assert (refused.status_code, refused.json()["code"]) == (409, "device_not_your_own")
    send(phone)
    phone.it.wait(seconds=31)
    assert phone.got() == []


def test_an_address_is_sealed(phone):
    with phone.it.cast.inside():
        row = Device.objects.get(id=phone.device)
        with connection.cursor() as cursor:
            cursor.execute("SELECT d::text FROM messaging_device d WHERE id = %s", [phone.device])
            [[text]] = cursor.fetchall()
    for secret in (phone.browser.endpoint, phone.browser.path, surfer.text(phone.browser.secret)):
        assert secret.encode().hex() not in text
        assert secret not in text
        assert secret.encode() not in bytes(row.sealed_push)


def test_another_business_opens_and_reaches_none_of_it(phone, globex):
    with phone.it.cast.inside():
        sealed = bytes(Device.objects.get(id=phone.device).sealed_push)
        ours = subscriptions.find_by(phone.browser.endpoint)
    with globex.inside():
        assert subscriptions.targets_of([phone.customer], clock.now()) == {}
        assert subscriptions.find_by(phone.browser.endpoint) != ours
        with pytest.raises(Exception, match="does not open"):
            subscriptions.open_(phone.device, sealed)
