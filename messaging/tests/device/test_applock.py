"""The app lock: what a covered page may ask, how a PIN and a passkey open it, and that a copy of everything on disk does not."""

import asyncio
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.db import connections

from messaging import hub
from messaging.flows import applock
from messaging.models import AppLock, Device, Pass, Policy
from messaging.queries import covers, policy
from messaging.tests.device.phone import Phone, aside
from portal.kernel import actors, clock, tenancy
from portal.kernel.errors import Refusal
from portal.testing.authenticator import Authenticator, texts

PIN, WRONG = "271828", "314159"


class Page(Phone):
    """A page of a device: what it was given lies in its memory."""

    key_of_page = ""

    def copied(self) -> "Page":
        """Everything that a profile keeps on disk, and nothing that a page keeps in memory."""
        other = Page(self.host)
        other.key, other.id, other.client.cookies = self.key, self.id, self.client.cookies
        return other

    def ask(self, method, path, body=None):
        raw = b"" if body is None else json.dumps(body).encode()
        headers = {"Ebb-Proof": self.proof(self.nonce(), method, path, raw)}
        if self.key_of_page:
            headers["Ebb-Pass"] = self.key_of_page
        answer = self.client.generic(method, path, raw, content_type="application/json", headers=headers)
        self.key_of_page = answer.json().get("pass", self.key_of_page) if answer.content else self.key_of_page
        return answer

    async def line(self):
        wire = await self.connect()
        nonce = (await wire.frame())["nonce"]
        signed = self.sign("ebb/v1/socket", self.host, self.id, nonce)
        await wire.say(type="prove", signature=signed, **{"pass": self.key_of_page})
        return wire, await wire.frame()


@pytest.fixture
def at():
    fake = clock.Fake(clock.now())
    fake.advance(seconds=4 * 3600)
    with clock.use(fake):
        yield fake


@pytest.fixture
def who(cast) -> UUID:
    return cast.customer()


@pytest.fixture
def page(cast, at, who) -> Page:
    """A page with a PIN, opened, and a message in it."""
    made = Page()
    assert made.enrol(cast.invite(who)[0]).status_code == 201
    assert made.ask("POST", "/inbox/lock", {"pin": PIN}).status_code == 200
    cast.send(who, "for the owner's eyes")
    return made


def told(page: Page) -> tuple[int, str]:
    answer = page.ask("GET", "/inbox/state")
    return answer.status_code, answer.json().get("code", "")


def test_a_copied_profile_opens_nothing_without_the_pin(page) -> None:
    copy = page.copied()
    answer = copy.ask("GET", "/inbox/state")
    assert (answer.status_code, answer.json()["code"]) == (403, "device_covered")
    assert (answer.json()["lock"], answer.json()["tries_left"]) == ("pin", covers.TRIES)
    assert b"owner" not in answer.content
    assert told(page) == (200, "")
    for method, path in (("GET", "/inbox/devices"), ("POST", f"/inbox/devices/{page.id}/wipe"), ("POST", "/inbox/messages"),
                         ("POST", "/inbox/lock")):  # fmt: skip
        assert copy.ask(method, path, {"pin": "975310"}).json()["code"] == "device_covered"


def test_the_pin_opens_one_page_and_rest_closes_it(page, at) -> None:
    other = page.copied()
    assert other.ask("POST", "/inbox/open", {"pin": PIN}).status_code == 200
    assert told(other) == (200, "")
    at.advance(seconds=300 + covers.GRACE.total_seconds())
    assert told(other) == told(page) == (403, "device_covered")
    assert other.ask("POST", "/inbox/open", {"pin": PIN}).status_code == 200
    assert told(other) == (200, "")


def test_asking_by_itself_is_no_use_and_an_act_is(page, at, cast, who) -> None:
    for _ in range(3):
        at.advance(seconds=150)
        sent = cast.send(who, "read by hand")
        assert page.ask("POST", f"/inbox/messages/{sent}/read").status_code == 200
    assert told(page) == (200, "")
    for _ in range(3):
        at.advance(seconds=150)
        last = told(page)
    assert last == (403, "device_covered")


def test_a_page_that_rests_by_its_own_word_is_closed_at_once(page) -> None:
    secret = page.key_of_page
    assert page.ask("POST", "/inbox/close").status_code == 200
    page.key_of_page = secret
    assert told(page) == (403, "device_covered")


def test_five_wrong_pins_lock_the_device_and_the_right_one_is_too_late(page, inside) -> None:
    left = []
    copy = page.copied()
    for _ in range(covers.TRIES):
        answer = copy.ask("POST", "/inbox/open", {"pin": WRONG})
        assert (answer.status_code, answer.json()["code"]) == (401, "wrong_pin")
        left.append(answer.json()["tries_left"])
    assert left == [4, 3, 2, 1, 0]
    assert copy.ask("POST", "/inbox/open", {"pin": PIN}).json()["code"] == "device_locked"
    assert told(page) == (403, "device_locked")
    assert inside(Device.objects.get, id=page.id).state == "locked"


def test_a_storm_of_guesses_gets_five(page, cast, inside) -> None:
    """Each on a connection of its own; the right PIN among them would be luck of at most five."""
    actor = actors.device(UUID(page.id), frozenset())

    def guess(number: int) -> str:
        try:
            with tenancy.tenant_scope(cast.acme):
                applock.open_with_pin(actor=actor, now=clock.now(), pin=f"{900_000 + number * 7}")
        except Refusal as refusal:
            return refusal.code
        finally:
            connections.close_all()
        return "opened"

    with ThreadPoolExecutor(8) as threads:
        codes = list(threads.map(guess, range(40)))
    assert codes.count("wrong_pin") == covers.TRIES
    assert set(codes) == {"wrong_pin", "not_found"}
    assert inside(AppLock.objects.get, device_id=page.id).tries == covers.TRIES


def test_an_unlocked_device_has_its_tries_again(page, inside) -> None:
    from messaging.flows import device

    copy = page.copied()
    for _ in range(covers.TRIES):
        copy.ask("POST", "/inbox/open", {"pin": WRONG})
    inside(device.unlock, actor=actors.SYSTEM, now=clock.now(), device_id=UUID(page.id))
    assert copy.ask("POST", "/inbox/open", {"pin": PIN}).status_code == 200


@pytest.mark.parametrize("pin", ["", "12345", "111111", "123456", "987654", "1234567890123", "abcdef", "١٢٣٤٥٩"])
def test_a_pin_that_anybody_guesses_is_refused(cast, at, pin) -> None:
    page = Page()
    page.enrol(cast.invite(cast.customer())[0])
    answer = page.ask("POST", "/inbox/lock", {"pin": pin})
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_pin")


def test_nothing_of_a_pin_is_kept_that_the_database_opens(page, inside) -> None:
    secret = bytes(inside(AppLock.objects.get, device_id=page.id).secret)
    plain = [PIN.encode(), UUID(page.id).bytes + PIN.encode(), f"{page.id}{PIN}".encode()]
    assert secret not in [hashlib.sha256(one).digest() for one in plain]
    assert len(secret) == 32


def test_it_is_taken_off_only_from_an_opened_page(page) -> None:
    assert page.copied().ask("POST", "/inbox/lock", {"lock": "none"}).json()["code"] == "device_covered"
    assert page.ask("POST", "/inbox/lock", {"lock": "none"}).status_code == 200
    assert told(page.copied()) == (200, "")


def test_a_business_that_requires_it_shows_nothing_before_it_is_set(cast, at, inside) -> None:
    page = Page()
    page.enrol(cast.invite(cast.customer())[0])
    try:
        inside(Policy.objects.update, app_lock="required")
        inside(policy.forget)
        answer = page.ask("GET", "/inbox/state").json()
        assert (answer["code"], answer["lock"]) == ("device_covered", "none")
        assert page.ask("POST", "/inbox/lock", {"pin": PIN}).status_code == 200
        assert told(page) == (200, "")
        assert page.ask("POST", "/inbox/lock", {"lock": "none"}).json()["code"] == "app_lock_required"
    finally:
        inside(Policy.objects.update, app_lock="offered")
        inside(policy.forget)


def test_passes_die_with_the_key(page, inside) -> None:
    assert page.ask("POST", "/inbox/sign-out").status_code == 200
    assert not inside(Pass.objects.filter(device_id=page.id).exists)
    assert not inside(AppLock.objects.filter(device_id=page.id).exists)


# ── sockets ───────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_a_covered_socket_hears_no_word_and_still_hears_a_wipe(page, cast, who) -> None:
    from messaging.flows import wipe

    made = hub.Hub(asyncio.get_running_loop())
    hub.use(made)
    copy = await aside(page.copied)
    wire, first = await copy.line()
    assert (first["type"], first["lock"]) == ("covered", "pin")
    sent = await aside(cast.send, who, "not for a covered page")
    await made.check()
    for frame in ({"type": "reveal", "id": str(sent)}, {"type": "write", "for": str(who), "body": "x"}):
        await wire.say(**frame)
        assert (await wire.until("error"))["code"] == "device_covered"
    assert "covered page" not in str(list(wire.outward._queue))  # type: ignore[attr-defined]
    asked = await tenancy.run_in_tenant(cast.acme, _wipe, wipe, page.id)
    assert (await wire.until("wipe"))["wipe"] == str(asked)
    await made.stop()
    hub.use(None)


def _wipe(wipe, device_id):
    return wipe.request(actor=actors.SYSTEM, now=clock.now(), device_id=UUID(device_id)).id


async def look(made: hub.Hub) -> None:
    """A second of the hub, and what it began: the time of a look decides when the next one is."""
    made.tick()
    for room in made.rooms.values():
        await asyncio.gather(*room._tasks)


async def test_an_open_socket_is_covered_when_its_page_rests(page, cast, at, who) -> None:
    made = hub.Hub(asyncio.get_running_loop())
    hub.use(made)
    wire, first = await page.line()
    assert first["type"] == "state"
    assert first["lock"] == {"kind": "pin", "after": 300, "required": False}
    at.advance(seconds=200)
    await wire.say(type="active")
    await wire.say(type="pong")
    await wire.say(type="read", id=str(UUID(int=1)))
    await wire.until("error")  # the frames before it were taken
    at.advance(seconds=200)
    await look(made)
    await aside(cast.send, who, "still open")
    assert (await wire.until("message"))["message"]["body"] == "still open"
    at.advance(seconds=400)
    await look(made)
    assert (await wire.until("covered"))["lock"] == "pin"
    await aside(cast.send, who, "after the rest")
    await made.check()
    assert wire.outward.empty()
    await made.stop()
    hub.use(None)


# ── passkeys ──────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def keyed(cast, at) -> tuple[Page, Authenticator]:
    page, authenticator = Page(), Authenticator()
    page.enrol(cast.invite(cast.customer())[0])
    assert page.ask("POST", "/inbox/lock", authenticator.make(page.nonce())).status_code == 200
    return page, authenticator


def test_a_passkey_opens_a_page_once_for_each_challenge(keyed) -> None:
    page, authenticator = keyed
    copy = page.copied()
    assert copy.ask("GET", "/inbox/state").json()["lock"] == "passkey"
    used = authenticator.use(copy.nonce())
    assert copy.ask("POST", "/inbox/open", used).status_code == 200
    assert told(copy) == (200, "")
    again = copy.ask("POST", "/inbox/open", used)
    assert (again.status_code, again.json()["code"]) == (401, "bad_passkey")


@pytest.mark.parametrize("wrong", ["flags", "origin", "cross", "rp", "key", "type", "challenge", "count", "elsewhere"])
def test_a_passkey_that_does_not_hold_opens_nothing(keyed, cast, wrong) -> None:
    page, authenticator = keyed
    copy, changed, kind = page.copied(), {}, "webauthn.get"
    challenge = copy.nonce()
    if wrong == "flags":
        authenticator.flags = 0x01  # somebody was there, and nobody was verified
    elif wrong == "origin":
        changed = {"origin": "http://globex.localhost"}
    elif wrong == "cross":
        changed = {"crossOrigin": True}
    elif wrong == "rp":
        authenticator.rp_id = "globex.localhost"
    elif wrong == "key":
        authenticator.key = ec.generate_private_key(ec.SECP256R1())
    elif wrong == "type":
        kind = "webauthn.create"
    elif wrong == "challenge":
        challenge = "x" * 43
    elif wrong == "elsewhere":
        challenge = cast.phone().nonce()
    else:
        authenticator.count = -1
    answer = copy.ask("POST", "/inbox/open", authenticator.use(challenge, kind, **changed))
    assert (answer.status_code, answer.json()["code"]) == (401, "bad_passkey")
    assert told(copy) == (403, "device_covered")


@pytest.mark.parametrize("wrong", ["flags", "key", "id", "nonsense"])
def test_a_passkey_that_was_not_made_here_is_not_taken(cast, at, wrong) -> None:
    page, authenticator = Page(), Authenticator()
    page.enrol(cast.invite(cast.customer())[0])
    if wrong == "flags":
        authenticator.flags = 0x01
    made = authenticator.make(page.nonce())
    if wrong == "key":
        made["public_key"] = Authenticator().make("x")["public_key"]
    elif wrong == "id":
        made["credential"] = texts(x=b"another")["x"]
    elif wrong == "nonsense":
        made["public_key"] = texts(x=b"nonsense")["x"]
    answer = page.ask("POST", "/inbox/lock", made)
    assert (answer.status_code, answer.json()["code"]) == (401, "bad_passkey")
