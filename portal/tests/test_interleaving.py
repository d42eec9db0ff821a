"""T3: two businesses at once in one process, with cancellations: nothing of the one is ever seen by the other (I7)."""

import asyncio
import os
import random
import secrets
import threading
from collections import Counter
from concurrent.futures import Future
from contextlib import suppress

import httpx
import pytest
from django.core.cache import caches
from django.core.signing import BadSignature, Signer
from django.db import connection, connections, transaction

from messaging.models import Category
from portal.kernel import clock, keys, tenancy
from portal.kernel.errors import Refusal
from portal.sealing import errors
from portal.testing.line import Line

FULL = os.environ.get("EBB_FULL") == "1"
TASKS = 16
AWAITS = 10_000 if FULL else 1_000
SOCKETS = 20 if FULL else 6
SENDS = 200 if FULL else 8
SEED = int(os.environ.get("EBB_SEED", random.randrange(1 << 32)))


@pytest.fixture
def canaries(acme, globex):
    """The same key in both businesses, holding a word of its own: who asks in the wrong one gets the wrong word."""
    words = {cast.place: f"canary-{cast.place.slug}-{secrets.token_hex(12)}" for cast in (acme, globex)}
    for place, word in words.items():
        with tenancy.tenant_scope(place):
            Category.objects.update_or_create(
                key="canary", defaults={"name": word, "purpose": "service", "created_at": clock.now()}
            )
            caches["default"].set("canary", word)
    yield words
    for place in words:
        with tenancy.tenant_scope(place):
            Category.objects.filter(key="canary").delete()


def look(word: str, dice: random.Random) -> str:
    """One of the ways in which a thread could meet the other business. → what it found wrong."""
    here = tenancy.here()
    kind = dice.randrange(5)
    if kind == 0:
        found = Category.objects.get(key="canary").name
    elif kind == 1:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT current_schema(), (SELECT name FROM messaging_category WHERE key = 'canary')")
            schema, found = cursor.fetchone()
            if schema != here.schema:
                return f"search_path of {schema}"
    elif kind == 2:
        found = caches["default"].get("canary")
    elif kind == 3:
        found = Signer(salt=tenancy.salt("test")).unsign(_signed[here.id])
    else:
        found = _sealed_open(here, word)
    return "" if found == word else f"kind {kind}: {found}"


_signed: dict[object, str] = {}
_boxes: dict[object, bytes] = {}


def _sealed_open(here, word: str) -> str:
    return keys.open_field("canary", here.id, _boxes[here.id]).decode()


def prepare(place, word: str) -> None:
    _signed[place.id] = Signer(salt=tenancy.salt("test")).sign(word)
    _boxes[place.id] = keys.seal_field("canary", place.id, word.encode())


def fail(dice: random.Random) -> None:
    """What goes wrong inside a scope must leave it as well: an error of ours, of SQL, half-way through a transaction."""
    with transaction.atomic():
        Category.objects.filter(key="canary").count()
        if dice.random() < 0.5:
            raise Refusal("stop", "Stopped.")
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1/0")


async def wander(place, word: str, seed: str, seen: Counter) -> None:
    dice = random.Random(seed)
    for _ in range(AWAITS // 10):
        for _ in range(8):
            wrong = await tenancy.run_in_tenant(place, look, word, dice)
            seen["looked"] += 1
            if wrong:
                seen[f"{place.slug} saw {wrong}"] += 1
        with suppress(Refusal, Exception):
            await tenancy.run_in_tenant(place, fail, dice)
        seen["failed on purpose"] += 1
        task = asyncio.create_task(tenancy.run_in_tenant(place, look, word, dice))
        await asyncio.sleep(0 if dice.random() < 0.5 else dice.random() / 500)
        task.cancel()
        with suppress(asyncio.CancelledError):
            if wrong := await task:
                seen[f"{place.slug} saw {wrong}"] += 1
        seen["cancelled" if task.cancelled() else "finished before"] += 1
        if connection.schema_name != tenancy.PUBLIC or tenancy.is_anywhere():
            seen["the event loop's own thread is in a business"] += 1


def states_of_the_pool() -> list[tuple[str, bool, str]]:
    """Of every thread of the pool, each held until all were asked: schema, place, and what PostgreSQL says."""
    threads = tenancy._pool._max_workers
    gate = threading.Barrier(threads, timeout=30)

    def state():
        gate.wait()
        with connection.cursor() as cursor:
            cursor.execute("SHOW search_path")
            told = connection.schema_name, tenancy.is_anywhere(), cursor.fetchone()[0]
        connection.close()
        return told

    asked: list[Future] = [tenancy._pool.submit(state) for _ in range(threads)]
    return [one.result() for one in asked]


async def test_tasks_of_two_businesses_never_meet(canaries, monkeypatch):
    # Connections that are kept, as in a real process: a schema that was left behind would meet the next caller.
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 600)
    print(f"seed {SEED}")
    seen: Counter = Counter()
    for place, word in canaries.items():
        await tenancy.run_in_tenant(place, prepare, place, word)
    places = list(canaries.items())
    await asyncio.gather(
        *(wander(place, word, f"{SEED}-{n}-{place.slug}", seen) for n in range(TASKS) for place, word in places)
    )
    expected = {"looked", "failed on purpose", "cancelled", "finished before"}
    assert set(seen) <= expected, f"seed {SEED}: {seen}"
    assert seen["looked"] == TASKS * 2 * (AWAITS // 10) * 8
    assert seen["cancelled"] > TASKS, f"hardly any cancellation hit: {seen}"
    states = await asyncio.to_thread(states_of_the_pool)
    assert {(schema, inside) for schema, inside, _ in states} == {(tenancy.PUBLIC, False)}, f"seed {SEED}: {states}"
    assert not [path for *_, path in states if "t_" in path], states


async def test_a_token_of_one_is_no_token_of_the_other(canaries):
    for place, word in canaries.items():
        await tenancy.run_in_tenant(place, prepare, place, word)
    (acme, _), (globex, _) = canaries.items()
    _signed[acme.id], _signed[globex.id] = _signed[globex.id], _signed[acme.id]
    with pytest.raises(BadSignature):
        await tenancy.run_in_tenant(acme, lambda: Signer(salt=tenancy.salt("test")).unsign(_signed[acme.id]))
    with pytest.raises(errors.Unsealable):
        await tenancy.run_in_tenant(acme, lambda: keys.open_field("canary", acme.id, _boxes[globex.id]))


def people(casts) -> list:
    homes = [(cast, cast.customer()) for cast in casts for _ in range(SOCKETS)]
    return [(cast, customer, cast.handset(customer)) for cast, customer in homes]


async def test_sockets_and_requests_of_two_businesses_never_meet(running, acme, globex):
    """One web process, sockets of both, requests of both over the same connections, some cut off in the middle."""
    print(f"seed {SEED}")
    casts, dice = (acme, globex), random.Random(SEED)
    words = {cast.place.slug: f"word-{cast.place.slug}-{secrets.token_hex(12)}" for cast in casts}
    phones = await asyncio.to_thread(people, casts)
    homes = [(cast, customer) for cast, customer, _ in phones]
    got: Counter = Counter()
    foreign: list[str] = []

    def judge(cast, text: str) -> None:
        foreign.extend(text for slug, word in words.items() if slug != cast.place.slug and word in text)

    async def listen(line: Line, cast, customer) -> None:
        while got[customer] < SENDS:
            frame = await line.receive()
            judge(cast, str(frame))
            if frame["type"] == "message":
                assert frame["message"]["for"] == str(customer)
                got[customer] += 1
            elif frame["type"] == "ping":
                await line.send(type="pong")

    async def send(http: httpx.AsyncClient, number: int) -> None:
        cast, customer = homes[number % len(homes)]
        head = {"Host": cast.host, "Authorization": f"Bearer {cast.key}"}
        body = {"customer": str(customer), "body": f"{words[cast.place.slug]} {number}"}
        if dice.random() < 0.1:  # a caller that hangs up: the server finishes inside its own business or not at all
            with suppress(httpx.HTTPError):
                await http.get("customers?limit=50", headers=head, timeout=dice.random() / 100)
        answer = await http.post("messages", json=body, headers=head)
        assert answer.status_code == 201, answer.text
        other = casts[1 - casts.index(cast)]
        for path in (f"messages/{answer.json()['id']}", f"customers/{customer}"):
            wrong = await http.get(path, headers={**head, "Host": other.host, "Authorization": f"Bearer {other.key}"})
            assert wrong.status_code == 404, wrong.text
            judge(other, wrong.text)
        stranger = await http.get("customers", headers={**head, "Host": other.host})
        assert stranger.status_code == 401

    limits = httpx.Limits(max_connections=8)
    url = f"http://127.0.0.1:{running.port}/api/v1/"
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=60) as http:
        lines = [Line(running.port, phone) for *_, phone in phones]
        await asyncio.gather(*(line.__aenter__() for line in lines))
        try:
            ears = [listen(line, cast, pk) for line, (cast, pk, _) in zip(lines, phones, strict=True)]
            hears = asyncio.gather(*(asyncio.create_task(ear) for ear in ears))
            await asyncio.gather(*(send(http, number) for number in range(SENDS * len(homes))))
            async with asyncio.timeout(60):
                await hears
        finally:
            await asyncio.gather(*(line.__aexit__(None, None, None) for line in lines))
    assert foreign == [], f"seed {SEED}"
    assert sum(got.values()) == SENDS * len(homes)
