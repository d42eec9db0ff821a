"""Web push through real processes: a browser subscribes at the web process's door, the clock looks, a worker pushes; and where the
push service fails, forgets or hangs, or the worker dies (T15), nobody misses their notice."""

import base64
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from portal.testing import surfer
from portal.testing.handset import Handset
from portal.testing.installation import Business, Installation, until
from portal.testing.provider import Provider, push_service
from portal.testing.surfer import Surfer

SOON = 30
PROCESSES = ("web", "worker-notices", "clock")


@pytest.fixture(scope="module")
def service(installation, tmp_path_factory) -> Iterator[Provider]:
    """The installation knows this service, and trusts its certificate, for as long as this module runs."""
    trusted, before = surfer.certificate(tmp_path_factory.mktemp("push")), dict(installation.env)
    with push_service(trusted) as made:
        installation.env |= {
            "EBB_PUSH_KEY": base64.b64encode(secrets.token_bytes(32)).decode(), "EBB_PUSH_SECONDS": "2",
            "EBB_CALL_INSIDE": "127.0.0.0/8,::1/128", "EBB_PUSH_SERVICES": f"localhost:{made.port}", "SSL_CERT_FILE": str(trusted),
        }  # fmt: skip
        restart(installation)
        yield made
        made.be("takes")
        installation.env.clear()
        installation.env.update(before)
        restart(installation)


def restart(house: Installation) -> None:
    for name in PROCESSES:
        house.kill(name)
    house.start(*PROCESSES)
    until(lambda: house.ready()[0] == 200, SOON, "the installation did not come back")


@dataclass
class Phone:
    house: Installation
    business: Business
    customer: str
    handset: Handset
    browser: Surfer

    def ask(self, method: str, path: str, value: object = None):
        raw = b"" if value is None else json.dumps(value).encode()
        with self.house.client(self.business) as client:
            client.cookies.set("__Host-ebb-device", self.handset.cookie)
            proof = self.handset.http_proof(client.get("/inbox/nonce").json()["nonce"], method, path, raw)
            return client.request(
                method, path, content=raw, headers={"Ebb-Proof": proof, "Content-Type": "application/json"}
            )

    def send(self, words: str) -> str:
        sent = self.house.send(self.business, self.customer, words, subject=words, gone_after=3600).json()["id"]
        table = f'"{self.business.schema}".messaging_message'
        self.house.rows(f"UPDATE {table} SET notify_at = now() WHERE id = %s::uuid", sent)
        return str(sent)

    def told(self, sent: str) -> list[tuple]:
        table = f'"{self.business.schema}".messaging_notice'
        return self.house.rows(
            f"SELECT channel, state, reason FROM {table} WHERE about_id = %s::uuid ORDER BY id", sent
        )

    def hurry(self) -> None:
        self.house.rows(f'UPDATE "{self.business.schema}".messaging_notice SET due_at = now() WHERE due_at > now()')


@pytest.fixture
def phone(installation, service) -> Iterator[Phone]:
    service.be("takes")
    service.got.clear()
    business = installation.business("globex")
    customer = installation.customer(business, name="CANARY name", email=f"push-{secrets.token_hex(6)}@example.org")
    made = Phone(installation, business, customer, installation.handset(business, customer), Surfer(service.port))
    answer = made.ask("POST", "/inbox/notices/push", made.browser.subscription)
    assert answer.status_code == 200, answer.text
    yield made
    service.be("takes")


def test_a_message_is_told_to_the_browser_and_to_nobody_on_the_way(phone, service):
    sent = phone.send("CANARY words")
    assert service.wait_for(1, SOON), phone.told(sent)
    [got] = service.got
    assert "CANARY" not in f"{got.path}{got.headers}{got.body!r}"
    assert phone.browser.read(got) == {"v": 1, "title": "Globex House has a message for you", "about": "messages"}
    key, claims = surfer.sender_of(got)
    assert key == phone.ask("GET", "/inbox/notices").json()["push"]["key"]
    assert claims["aud"] == f"https://localhost:{service.port}"
    until(lambda: phone.told(sent) == [("push", "sent", "")], SOON)
    assert "CANARY" not in phone.house.logs()
    assert phone.browser.endpoint not in phone.house.logs()


def test_a_service_that_fails_is_asked_again(phone, service):
    service.be("refuses", 500)
    sent = phone.send("again")
    until(lambda: phone.told(sent) == [("push", "waiting", "provider_busy")], SOON)
    service.be("takes")
    phone.hurry()
    until(lambda: phone.told(sent) == [("push", "sent", "")], SOON)
    assert len({one.headers["topic"] for one in service.got}) == 1


def test_what_the_service_forgot_falls_back_at_once(phone, service):
    service.be("refuses", 410)
    sent = phone.send("gone")
    until(lambda: phone.told(sent) == [("push", "failed", "unsubscribed"), ("email", "sent", "")], SOON)
    assert phone.ask("GET", "/inbox/notices").json()["push"]["known"] is None


def test_a_worker_that_is_killed_while_it_pushes_leaves_a_row_that_says_so(phone, service):
    """EBB_PUSH_SECONDS is what ends a hang; here the worker dies before that."""
    service.be("sleeps")
    sent = phone.send("killed")
    assert service.wait_for(1, SOON)
    phone.house.kill("worker-notices")
    try:
        assert phone.told(sent)[0][1] in {"sending", "ambiguous"}
        service.be("takes")
        phone.hurry()
    finally:
        phone.house.start("worker-notices")
    until(lambda: phone.told(sent) == [("push", "sent", "")], SOON, "nobody took it over")
    assert len({one.headers["topic"] for one in service.got}) == 1


def test_a_locked_phone_is_not_pushed_to(phone, service):
    with phone.house.api(phone.business) as api:
        assert api.post(f"devices/{phone.handset.device}/lock").status_code == 200
    sent = phone.send("locked")
    until(lambda: phone.told(sent) == [("email", "sent", "")], SOON)
    assert service.got == []
