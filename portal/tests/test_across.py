"""T2, the other half: what one business gave out is worth nothing at another's host, and no answer holds words it must not (I7).

`test_routes.py` asks every route for the other business's *things*; here the other business's *people* knock: their sessions,
keys, devices, links, proofs, tokens, cursors and cookies, against the first one's own things.
"""

import asyncio
import itertools
import json
import re
import secrets
import shutil
import socket
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.db import connections
from django.test import Client
from django.urls import get_resolver
from websockets.exceptions import ConnectionClosed, InvalidStatus

from archive.flows import unlock
from messaging.models import Enrolment, Message
from messaging.models import Idempotency as Answers
from portal.accounts import demo
from portal.accounts.models import User
from portal.kernel import actors, clock, keys, roles, tenancy
from portal.sealing import errors
from portal.sealing.keyring.ring import Keyring
from portal.testing import browser
from portal.testing.handset import Handset
from portal.testing.line import Line
from portal.testing.things import one_of_each
from portal.tests import test_routes
from portal.tests.test_routes import METHODS, ROUTES

MARK = "kqzvmine" + secrets.token_hex(10)
OUT, IN = f"{MARK}out", f"{MARK}in"  # the words of the business, and those of its customer
PUBLIC = {"", "start/"}  # what the installation's own name answers to
DEVICE_COOKIE = "__Host-ebb-device"


@pytest.fixture(scope="module")
def mine(acme):
    """One of each of acme, marked."""
    made = one_of_each(acme, MARK)
    with acme.inside():
        link = demo.path(acme.emails["owner"]).rsplit("/", 1)[-1]
    return {**made, "token": link, "name": "customer", "path": "entries/000.p/1"}


def fill(route, things):
    return "/" + re.sub(r"<\w+:(\w+)>", lambda found: str(things[found[1]]), route)


def ask(client, method, path):
    body = {} if method in {"get", "head"} else {"data": b"{}", "content_type": "application/json"}
    return getattr(client, method)(path, **body)


def everything(answer):
    """All that leaves: body, headers, cookies."""
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return content + repr(sorted(answer.items())).encode() + answer.cookies.output().encode()


# ── every route, for the other business's people ────────────────────────────────────────────────────────────────────
def _knocking(acme, globex):
    """Clients at acme's host with what globex gave out."""
    for role in ("owner", "officer"):
        client = browser.staff(globex, role)
        at_acme = Client(HTTP_HOST=acme.host, raise_request_exception=False)
        at_acme.cookies = client.cookies
        yield f"a session of their {role}", at_acme
    at_acme = browser.visitor(acme)
    at_acme.defaults["HTTP_AUTHORIZATION"] = f"Bearer {globex.key}"
    yield "their key", at_acme
    phone = globex.handset(globex.customer())
    at_acme = browser.visitor(acme)
    at_acme.cookies[DEVICE_COOKIE] = phone.cookie
    at_acme.defaults["HTTP_EBB_PROOF"] = "x.y"
    yield "their device", at_acme


@pytest.fixture(scope="module")
def knocking(acme, globex, mine):
    return list(_knocking(acme, globex))


@pytest.mark.parametrize("route", sorted(set(ROUTES) - {"console/sign-out/"}))
def test_what_another_gave_out_is_worth_nothing_here(acme, globex, mine, knocking, route):
    """Method by method the same answer as to somebody with nothing at all, and none of acme's words in it."""
    path = fill(route, mine)
    if route.startswith("api/"):  # remembered as good a moment ago, at its own host
        assert browser.program(globex).get("/api/v1/categories").status_code == 200
    for method in METHODS:
        plain = ask(browser.visitor(acme), method, path)
        for who, client in knocking:
            answer = ask(client, method, path)
            told = (answer.status_code, answer.get("Location"), _code(answer))
            assert told == (plain.status_code, plain.get("Location"), _code(plain)), (who, method)
            assert answer.status_code < 500
            assert MARK.encode() not in everything(answer), (who, method)


def _code(answer):
    kind = answer.get("Content-Type", "")
    found = json.loads(answer.content)["code"] if "problem+json" in kind and answer.content else None
    # Nothing given and something wrong given are told apart where a caller has to know what to mend.
    return "not_let_in" if found in {"no_key", "unknown_device", "not_proved"} else found


@pytest.mark.parametrize("route", sorted(set(ROUTES) - {"console/sign-out/"}))
def test_a_device_is_nobody_at_the_doors_of_staff_and_programs(acme, mine, route):
    client = browser.visitor(acme)
    client.cookies[DEVICE_COOKIE] = mine["phone"].cookie
    for method in METHODS:
        answer = ask(client, method, fill(route, mine))
        assert answer.status_code < 500
        if route.startswith("api/v1/"):
            assert answer.status_code == 401
        elif route in test_routes.GUARDED:
            assert answer["Location"].startswith("/console/sign-in/")
        assert MARK.encode() not in everything(answer), method


def test_the_installations_own_name_serves_no_business(acme, globex, mine, settings):
    known = {str(one.pattern) for one in get_resolver(settings.PUBLIC_URLCONF).url_patterns}
    assert known == PUBLIC
    owner = browser.staff(acme, "owner")
    at_base = Client(
        HTTP_HOST=settings.EBB_BASE_HOST, HTTP_AUTHORIZATION=f"Bearer {acme.key}", raise_request_exception=False
    )
    at_base.cookies = owner.cookies
    for route, method in itertools.product(ROUTES, METHODS):
        answer = ask(at_base, method, fill(route, mine))
        assert answer.status_code in ({200, 403, 405} if route in PUBLIC else {403, 404}), (route, method)
        assert MARK.encode() not in everything(answer)
        assert b"Acme" not in everything(answer)


# ── words: where they may be, for those who are let in ──────────────────────────────────────────────────────────────
# What the business wrote: its author, on the console's pages about it; for anybody else reading is a POST and an entry.
SHOWS_OUT = {
    "author": {
        "console/", "console/messages/", "console/messages/<uuid:message_id>/", "console/customers/<uuid:customer_id>/",
    },
}  # fmt: skip
# What a customer wrote: those who may see conversations, where one is opened (which is an entry).
SHOWS_IN = {
    who: {"console/conversations/<uuid:conversation_id>/", "api/v1/conversations/<uuid:conversation_id>"}
    for who in ("owner", "admin", "author", "key")
}  # fmt: skip


@pytest.fixture(scope="module")
def insiders(acme):
    return {**{role: browser.staff(acme, role) for role in roles.MATRIX}, "key": browser.program(acme)}


@pytest.mark.parametrize("route", sorted(ROUTES))
def test_words_stand_only_where_they_may(insiders, mine, route):
    for who, client in insiders.items():
        for method in ("get", "head", "options"):
            answer = ask(client, method, fill(route, mine))
            assert answer.status_code < 500
            if answer.status_code == 200 and not route.endswith("accent.css"):
                assert "no-store" in answer["Cache-Control"], who
            told = everything(answer)
            assert OUT.encode() not in told or route in SHOWS_OUT.get(who, ()), (who, method)
            assert IN.encode() not in told or route in SHOWS_IN.get(who, ()), (who, method)


def test_an_answer_to_a_send_does_not_repeat_it(acme, mine):
    client = browser.program(acme)
    body = {"customer": str(mine["customer_id"]), "body": OUT, "subject": OUT}
    for path, asked in (("messages", body), ("messages/batch", {"messages": [body, {**body, "gone_after": 0}]})):
        answer = client.post(f"/api/v1/{path}", json.dumps(asked), content_type="application/json")
        assert answer.status_code in {200, 201}
        assert OUT.encode() not in everything(answer)


# ── signed and stored tokens ────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def twin(acme, globex):
    """A member of acme's staff who has everything of globex's owner, the id too: what keeps them apart is the business."""
    with globex.inside():
        owner = User.objects.get(id=globex.owner.id)
    with acme.inside():
        owner.save(force_insert=True)
    yield owner
    with acme.inside():
        User.objects.filter(id=owner.id).delete()


def test_a_demo_link_signs_in_at_its_own_host_only(acme, globex, twin, settings):
    settings.EBB_DEMO = True
    with globex.inside():
        path = demo.path(globex.emails["owner"])
    assert browser.visitor(globex).get(path).status_code == 200
    at_acme = browser.visitor(acme)
    for method in ("get", "post"):
        assert getattr(at_acme, method)(path).status_code == 404
    assert at_acme.get("/console/").status_code == 302


def test_a_session_of_another_is_none_even_for_the_same_person(acme, globex, twin):
    """Also where its row is copied into the other's table: what it says is signed for its own business."""
    from portal.accounts.models import Session

    theirs = browser.staff(globex, "owner")
    name = django_settings.SESSION_COOKIE_NAME
    with globex.inside():
        row = Session.objects.get(session_key=theirs.cookies[name].value)
    with acme.inside():
        Session.objects.create(session_key=row.session_key, session_data=row.session_data, expire_date=row.expire_date)
    at_acme = Client(HTTP_HOST=acme.host)
    at_acme.cookies = theirs.cookies
    assert at_acme.get("/console/").status_code == 302
    with acme.inside():
        Session.objects.filter(session_key=row.session_key).delete()


def test_a_forgery_token_of_another_opens_no_form(acme, globex):
    mine_, theirs = browser.staff(acme, "owner"), browser.staff(globex, "owner")
    strict = Client(HTTP_HOST=acme.host, enforce_csrf_checks=True, raise_request_exception=False)
    strict.cookies = mine_.cookies
    page = theirs.get("/console/customers/new").content.decode()
    foreign = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]
    own = re.search(
        r'name="csrfmiddlewaretoken" value="([^"]+)"', strict.get("/console/customers/new").content.decode()
    )[1]
    for token, status in ((foreign, 403), ("", 403), (own, 302)):
        given = {"csrfmiddlewaretoken": token, "name": "By form", "reference": secrets.token_hex(6)}
        answer = strict.post("/console/customers/new", given, HTTP_ORIGIN=f"http://{acme.host}")
        assert answer.status_code == status, (token, answer.status_code)
    for origin in (f"http://{globex.host}", "null", f"http://{acme.host}.evil.test", f"http://x.{acme.host}"):
        given = {"csrfmiddlewaretoken": own, "name": "By form", "reference": secrets.token_hex(6)}
        assert strict.post("/console/customers/new", given, HTTP_ORIGIN=origin).status_code == 403, origin


def test_a_link_of_another_enrols_nobody_and_stays_usable(acme, globex):
    customer = globex.customer()
    from messaging.flows import enrolment

    with globex.inside():
        issued = enrolment.issue(actor=globex.author, now=clock.now(), customer_id=customer, send_by="show")
    token = issued.url.rsplit("/", 1)[-1]
    for host, secret, kind in ((acme.host, token, "token"), (acme.host, issued.code, "code")):
        phone = Handset(host)
        answer = browser.visitor(acme).post(
            "/inbox/enrol", json.dumps(phone.enrolment(secret, kind=kind)), content_type="application/json"
        )
        assert (answer.status_code, answer.json()["code"]) == (401, "enrolment_spent")
    assert token.encode() not in browser.visitor(acme).get(f"/inbox/enrol/{token}").content
    with globex.inside():
        assert Enrolment.objects.get(id=issued.id).used_at is None
    signed_elsewhere = Handset(acme.host).enrolment(token)
    answer = browser.visitor(globex).post("/inbox/enrol", json.dumps(signed_elsewhere), content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_proved")
    good = browser.visitor(globex).post(
        "/inbox/enrol", json.dumps(Handset(globex.host).enrolment(token)), content_type="application/json"
    )
    assert good.status_code == 201


def test_a_proof_for_another_host_proves_nothing(acme, globex):
    phone = globex.handset(globex.customer())
    nonce = browser.visitor(globex)
    nonce.cookies[DEVICE_COOKIE] = phone.cookie
    issued = nonce.get("/inbox/nonce").json()["nonce"]
    proof = phone.http_proof(issued, "GET", "/inbox/state")
    at_acme = browser.visitor(acme)
    at_acme.cookies[DEVICE_COOKIE] = phone.cookie
    assert at_acme.get("/inbox/state", HTTP_EBB_PROOF=proof).json()["code"] == "unknown_device"
    assert at_acme.get("/inbox/nonce").json()["code"] == "unknown_device"
    assert nonce.get("/inbox/state", HTTP_EBB_PROOF=proof).status_code == 200


def test_the_same_key_of_idempotency_at_two_businesses_is_two_acts(acme, globex):
    body, once = json.dumps({"reference": f"I-{secrets.token_hex(6)}"}), secrets.token_hex(8)
    answers = [
        browser.program(cast).post(
            "/api/v1/customers", body, content_type="application/json", HTTP_IDEMPOTENCY_KEY=once
        )
        for cast in (acme, globex)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["id"] != answers[1].json()["id"]
    digests = []
    for cast in (acme, globex):
        with cast.inside():
            digests.append(set(Answers.objects.values_list("digest", flat=True)))
    assert not digests[0] & digests[1]


def test_an_opened_archive_of_another_opens_nothing(acme, globex):
    """The cookie's half of globex's key, in the hands of acme's officer."""
    theirs, ours = browser.staff(globex, "officer"), browser.staff(acme, "officer")
    answer = theirs.post("/console/archive/unlock", {"passphrase": globex.passphrase, "reason": "a case"})
    assert answer.status_code == 302
    half = theirs.cookies["__Host-ebb-archive"]
    sent = acme.send(acme.customer(), body="sealed words")
    ours.cookies["__Host-ebb-archive"] = half.value
    shown = ours.get(f"/console/archive/{sent.index}/record")
    assert b"sealed words" not in everything(shown)
    assert shown.status_code in {200, 302, 401, 403, 404, 409}
    wrong = ours.post("/console/archive/unlock", {"passphrase": globex.passphrase + " ", "reason": "a case"})
    assert wrong.status_code == 422
    session = theirs.cookies[django_settings.SESSION_COOKIE_NAME].value
    with acme.inside():
        assert not unlock.is_open(actor=acme.officer, now=clock.now(), session_key=session)


# ── caches, keys, files ─────────────────────────────────────────────────────────────────────────────────────────────
def test_a_cache_key_names_its_business(acme, globex):
    with acme.inside():
        cache.set("shared", MARK, 60)
        assert cache.get("shared") == MARK
    with globex.inside():
        assert cache.get("shared") is None
        assert cache.incr("counter") if cache.add("counter", 0) else True
    assert cache.get("shared") is None
    names = set()
    for cast in (acme, globex):
        with cast.inside():
            names |= {tenancy.cache_key("k", "", 1), tenancy.salt("purpose")}
    assert len(names) == 4
    assert tenancy.cache_key("k", "", 1) not in names


def test_a_sealed_field_opens_at_its_own_business_only(acme, globex):
    owner = UUID(int=1)
    with acme.inside():
        sealed = keys.seal_field("profile", owner, b"words")
        assert keys.open_field("profile", owner, sealed) == b"words"
        acmes = keys.business_key()
    with globex.inside():
        assert keys.business_key() != acmes
        with pytest.raises(errors.SealingError):
            keys.open_field("profile", owner, sealed)


def test_a_ring_file_under_anothers_name_is_refused(acme, globex, tmp_path):
    """The master key seals each file for its own business: swapping files on the disk swaps no keys."""
    folder = tmp_path / "keyring"
    shutil.copytree(Path(django_settings.EBB_KEYRING), folder)
    ring = Keyring(folder, django_settings.EBB_MASTER_KEY)
    assert ring.business(acme.place.id).get(keys.BUSINESS_KEY)
    files = {cast.place.slug: next((folder / "business").glob(f"{_name(cast)}*")) for cast in (acme, globex)}
    shutil.copyfile(files["acme"], files["globex"])
    with pytest.raises(errors.SealingError):
        Keyring(folder, django_settings.EBB_MASTER_KEY).business(globex.place.id).get(keys.BUSINESS_KEY)
    assert all(path.stat().st_mode & 0o077 == 0 for path in Path(django_settings.EBB_KEYRING).rglob("*.ring"))


def _name(cast):
    folder = Path(django_settings.EBB_KEYRING) / "business"
    plain, short = str(cast.place.id), cast.place.id.hex
    return plain if list(folder.glob(f"{plain}*")) else short


def test_no_row_of_a_business_names_another(acme, globex):
    """A wrong business in a scope's thread: nobody's rows are found, whoever asked before."""
    with acme.inside():
        mine_ = set(Message.objects.values_list("id", flat=True)[:50])
        with globex.inside():
            assert not Message.objects.filter(id__in=mine_).exists()
        assert Message.objects.filter(id__in=mine_).count() == len(mine_)


def test_an_actor_of_another_is_nobody_to_a_flow(acme, globex, mine):
    """A flow that were handed the other's ids finds nothing."""
    from messaging.flows import device, message
    from portal.kernel.errors import Refusal

    with globex.inside():
        for act in (
            lambda: message.recall(actor=globex.owner, now=clock.now(), message_id=mine["message_id"]),
            lambda: message.extend(actor=globex.owner, now=clock.now(), message_id=mine["message_id"]),
            lambda: device.lock(actor=globex.owner, now=clock.now(), device_id=UUID(mine["phone"].device)),
            lambda: device.lock(
                actor=actors.device(UUID(mine["phone"].device), frozenset()),
                now=clock.now(),
                device_id=UUID(mine["phone"].device),
            ),
        ):
            with pytest.raises(Refusal) as refused:
                act()
            assert refused.value.code == "not_found"


# ── sockets of a real web process ───────────────────────────────────────────────────────────────────────────────────
async def _handshake(port, phone, origin):
    """The status of a refused handshake, or the close code of an accepted one."""
    try:
        async with Line(port, phone, origin=origin, prove=False):
            return "challenged"
    except InvalidStatus as refused:
        return refused.response.status_code
    except ConnectionClosed as end:
        return end.rcvd.code


def _sockets(running, acme, globex):
    customer = acme.customer()
    phone, other = acme.handset(customer), acme.handset(acme.customer())
    foreign = globex.handset(globex.customer())
    host, sibling = acme.host, globex.host
    name, _, port = host.partition(":")
    connections.close_all()
    return phone, other, foreign, {
        "none": "", "null": "null", "sibling": f"http://{sibling}", "another port": f"http://{name}:{int(port) + 1}",
        "no port": f"http://{name}", "suffix": f"http://{host}.evil.test", "prefix": f"http://evil.{host}",
        "user part": f"http://{host}@evil.test", "base": f"http://{name.split('.', 1)[1]}:{port}", "scheme": f"ftp://{host}",
        "list": f"http://{host}, http://evil.test", "space": f"http://{host} x", "star": "*", "path only": f"//{host}",
    }  # fmt: skip


def test_a_socket_is_opened_from_this_very_host_only(running, acme, globex):
    phone, _, foreign, origins = _sockets(running, acme, globex)

    async def all_of_them():
        told = {name: await _handshake(running.port, phone, origin) for name, origin in origins.items()}
        told["good"] = await _handshake(running.port, phone, f"http://{acme.host}")
        at_acme = Handset(acme.host, foreign.device, foreign.cookie, foreign.key)
        told["their cookie"] = await _handshake(running.port, at_acme, f"http://{acme.host}")
        told["no cookie"] = await _handshake(running.port, Handset(acme.host), f"http://{acme.host}")
        return told

    told = asyncio.run(all_of_them())
    assert told == {**dict.fromkeys(origins, 403), "good": "challenged", "their cookie": 4401, "no cookie": 4401}


def test_a_socket_is_proved_by_its_own_key_for_its_own_nonce(running, acme, globex):
    phone, other, foreign, _ = _sockets(running, acme, globex)
    at_globex = Handset(globex.host, phone.device, phone.cookie, phone.key)
    posing = Handset(acme.host, phone.device, phone.cookie, other.key)

    async def try_(signature_of):
        try:
            async with Line(running.port, phone, prove=False) as line:
                await line.send(type="prove", signature=signature_of(line.nonce))
                return (await line.receive())["type"]
        except ConnectionClosed as end:
            return end.rcvd.code

    async def all_of_them():
        async with Line(running.port, phone) as line:
            used = phone.socket_proof(line.nonce)
        return [
            await try_(phone.socket_proof), await try_(lambda _: used), await try_(other.socket_proof),
            await try_(posing.socket_proof), await try_(at_globex.socket_proof), await try_(foreign.socket_proof),
            await try_(lambda nonce: phone.sign("ebb/v1/enrol", acme.host, nonce)), await try_(lambda _: ""),
            await try_(lambda nonce: phone.sign("ebb/v1/http", acme.host, phone.device, nonce)),
        ]  # fmt: skip

    assert asyncio.run(all_of_them()) == ["state", *[4401] * 8]


def test_no_frame_reaches_the_other_businesss_socket(running, acme, globex):
    """Both talk at once, to customers of one reference; each hears its own."""
    reference = f"R-{secrets.token_hex(5)}"
    at_acme, at_globex = (cast.handset(cast.customer(reference=reference)) for cast in (acme, globex))
    connections.close_all()

    async def both():
        async with Line(running.port, at_acme) as a, Line(running.port, at_globex) as g:
            for n in range(10):
                for cast in (acme, globex):
                    await asyncio.to_thread(_send, running, cast, reference, f"{cast.place.slug} {n}")
            return [[(await line.expect("message"))["message"]["body"] for _ in range(10)] for line in (a, g)]

    heard = asyncio.run(both())
    assert heard == [[f"{slug} {n}" for n in range(10)] for slug in ("acme", "globex")]


def _send(running, cast, reference, body):
    with running.api(cast) as api:
        answer = api.post("messages", json={"reference": reference, "body": body})
        assert answer.status_code == 201, answer.text


def test_the_real_door_believes_the_host_header_only(running, acme, globex):
    """Not what a client adds: forwarded hosts, two hosts, an absolute address."""
    forged = {
        "X-Forwarded-Host": acme.host,
        "Forwarded": f"host={acme.host}",
        "X-Original-Host": acme.host,
        "X-Host": acme.host,
    }
    with httpx.Client(base_url=f"http://127.0.0.1:{running.port}", timeout=30) as client:
        answer = client.get(
            "/api/v1/customers", headers={"Host": globex.host, "Authorization": f"Bearer {acme.key}", **forged}
        )
        assert answer.status_code == 401
        answer = client.get("/api/v1/customers", headers={"Host": acme.host, "Authorization": f"Bearer {acme.key}"})
        assert answer.status_code == 200
    for hosts in ((acme.host, globex.host), (globex.host, acme.host)):
        lines = [f"Host: {host}" for host in hosts]
        raw = "\r\n".join(
            ["GET /api/v1/customers HTTP/1.1", *lines, f"Authorization: Bearer {acme.key}", "Connection: close"]
        )
        assert int(_raw(running, raw).split(b" ")[1]) in {400, 401, 404}
    absolute = f"GET http://{acme.host}/api/v1/customers HTTP/1.1\r\nHost: {globex.host}\r\nConnection: close"
    assert int(_raw(running, f"{absolute}\r\nAuthorization: Bearer {acme.key}").split(b" ")[1]) in {400, 401, 404}


def _raw(running, request):
    with socket.create_connection(("127.0.0.1", running.port), timeout=20) as wire:
        wire.sendall(f"{request}\r\n\r\n".encode())
        return wire.recv(4096)


def test_people_of_both_with_one_address_are_two(acme, globex):
    with acme.inside():
        acmes = set(User.objects.values_list("id", flat=True))
    with globex.inside():
        assert not User.objects.filter(id__in=acmes).exists()
    client = browser.visitor(globex)
    answer = client.post("/console/sign-in/", {"login": acme.emails["owner"], "password": acme.password})
    assert answer.status_code == 422
