"""T18: whoever has a thousand hands, a stop-watch and a header of their own learns and gets no more than anybody else.

Bombs among uploads: `messaging/tests/test_attachments.py`; flooding the ledger: `messaging/tests/device/test_refused.py`.
"""

import itertools
import json
import secrets
import time
from bisect import bisect_right
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from archive.models import Entry
from messaging.flows import attempt
from portal.kernel import clock
from portal.testing import browser
from portal.testing.handset import Handset

HANDS, CALLS = 25, 1000
PAIRS = 120


# ── limits ────────────────────────────────────────────────────────────────────────────────────────────────────────
def _in_one_window(ask):
    """A count that spans two windows says nothing: then once more, in the new one."""
    for _ in range(2):
        before, found = _window(), ask()
        if before == _window():
            return found
    pytest.fail("two windows ended within one test")


def _window() -> int:
    return int(clock.now().timestamp()) // int(attempt.WINDOW.total_seconds())


def _forged(source: str) -> dict[str, str]:
    """As it comes through a proxy: that adds the address it sees, the rest of the header is the caller's own invention."""
    invented = [f"10.{secrets.randbelow(256)}.0.{secrets.randbelow(256)}" for _ in range(secrets.randbelow(3))]
    return {
        "X-Forwarded-For": ", ".join([*invented, source]), "Forwarded": f"for={secrets.token_hex(4)}",
        "X-Real-IP": "10.0.0.1", "True-Client-IP": secrets.token_hex(4)
    }  # fmt: skip


def _in_parallel(running, cast, ask, calls=CALLS):
    """So many answers to `ask(client, n)`, which twenty-five ask for at once."""

    def hand(first):
        with running.client(cast) as client:
            return [ask(client, n) for n in range(first, calls, HANDS)]

    with ThreadPoolExecutor(HANDS) as pool:
        return [one for told in pool.map(hand, range(HANDS)) for one in told]


@pytest.mark.parametrize("door", ["recover", "lost"])
def test_a_thousand_parallel_calls_pass_a_limit_by_none(running, acme, door):
    """From all the addresses of one network, which is what any customer of a provider has."""
    source = f"2001:db8:0:{secrets.token_hex(2)}"

    def ask(client, n):
        to = {"to": f"{uuid4().hex}@example.org"}
        return client.post(f"/inbox/{door}", json=to, headers=_forged(f"{source}::{n:x}")).status_code

    told = _in_one_window(lambda: _in_parallel(running, acme, ask))
    assert {one for one in told if one >= 500} == set()
    assert 403 not in told, "an answer that comes before the count says nothing of it"
    assert 1 <= sum(one != 429 for one in told) <= attempt.GUESSES + 1


def _link(running, cast) -> tuple[str, str]:
    """→ a new customer, and the secret of their link."""
    with running.api(cast) as api:
        who = api.post("customers", json={"name": "Wilhelmina Ork"}).raise_for_status().json()["id"]
        made = api.post(f"customers/{who}/enrolments", json={"send_by": "show"}).raise_for_status().json()
    return who, made["url"].rsplit("/", 1)[-1]


def _refusals(cast, whom) -> list[tuple[str, int]]:
    with cast.inside():
        rows = Entry.objects.filter(kind="device.refused", customer_id=whom).order_by("index")
        codes = [json.loads(bytes(row.leaf))["codes"] for row in rows]
    return [(one["reason"], one["count"]) for one in codes]


def test_a_thousand_enrolments_from_one_address(running, acme):
    """With a link that was used: the right code, a handful of entries, not a word of whose it was; and whoever comes from
    elsewhere meanwhile gets in."""

    def storm():
        source, elsewhere = f"2001:db8:0:{secrets.token_hex(2)}::1", f"2001:db8:4:{secrets.token_hex(2)}::1"
        (whose, spent), (_, good) = _link(running, acme), _link(running, acme)
        body = Handset(acme.host).enrolment(spent)

        def ask(client, n):
            honest = n == CALLS // 2
            from_where, asked = (elsewhere, Handset(acme.host).enrolment(good)) if honest else (source, body)
            answer = client.post("/inbox/enrol", json=asked, headers=_forged(from_where))
            return honest, answer.status_code, answer.json().get("code"), answer.text + str(answer.headers)

        with running.client(acme) as client:
            assert client.post("/inbox/enrol", json=body, headers=_forged(source)).status_code == 201
        return whose, spent, _in_parallel(running, acme, ask)

    whose, spent, told = _in_one_window(storm)
    assert [status for honest, status, _, _ in told if honest] == [201]
    told = [rest for honest, *rest in told if not honest]
    assert {(status, code) for status, code, _ in told} == {(401, "enrolment_spent"), (429, "too_many")}
    assert sum(status == 401 for status, *_ in told) == attempt.GUESSES
    assert not any(word in text for *_, text in told for word in (whose, "Wilhelmina", spent))
    assert _refusals(acme, whose) == [("enrolment_spent", 1), ("enrolment_spent", 10)]


def test_one_link_from_a_hundred_addresses_at_once_is_three_entries(running, acme):
    def storm():
        whose, secret = _link(running, acme)
        body, base = Handset(acme.host).enrolment(secret), secrets.token_hex(2)

        def ask(client, n):
            return client.post("/inbox/enrol", json=body, headers=_forged(f"2001:db8:{base}:{n:x}::1")).status_code

        return whose, _in_parallel(running, acme, ask, 130)

    whose, told = _in_one_window(storm)
    assert (told.count(201), told.count(401)) == (1, 129)
    assert sorted(_refusals(acme, whose)) == [("enrolment_spent", count) for count in (1, 10, 100)]


def test_another_source_is_not_kept_out_by_it(running, acme):
    """What one network did is not held against another: a lock-out would help whoever wants people locked out."""
    with running.client(acme) as client:
        answer = client.post("/inbox/recover", json={"to": "a@example.org"},
                             headers={"X-Forwarded-For": f"2001:db8:1:{secrets.token_hex(2)}::1"})  # fmt: skip
    assert answer.status_code == 202


# ── what a stop-watch tells ───────────────────────────────────────────────────────────────────────────────────────
def _distance(one: list[float], other: list[float]) -> float:
    """Kolmogorov and Smirnov's: how far apart the two distributions are at most."""
    one, other = sorted(one), sorted(other)
    return max(abs(bisect_right(one, at) / len(one) - bisect_right(other, at) / len(other)) for at in one + other)


def _tell_apart(known, unknown) -> float:
    """Taken in turns, so that whatever else this machine does falls on both."""
    taken: tuple[list[float], list[float]] = ([], [])
    for n in range(PAIRS):
        for which, call in sorted(enumerate((known, unknown)), key=lambda _: secrets.randbits(8)):
            began = time.perf_counter()
            call(n)
            taken[which].append(time.perf_counter() - began)
    return _distance(*taken)


def same(known, unknown) -> bool:
    """Whether a thousandth's chance would have to be believed three times over to call them different."""
    limit = 1.95 * (2 / PAIRS) ** 0.5
    return any(_tell_apart(known, unknown) < limit for _ in range(3))


_sources = (f"2001:db8:2:{n:x}::1" for n in itertools.count(1))


@pytest.mark.parametrize("door", ["recover", "lost"])
def test_time_does_not_tell_who_is_a_customer(acme, door):
    for n in range(PAIRS):
        acme.customer(email=f"{door}.known{n}@example.org")
    client = browser.visitor(acme)
    seen = set()

    def ask(kind, n):
        answer = client.post(f"/inbox/{door}", {"to": f"{door}.{kind}{n}@example.org"}, content_type="application/json",
                             REMOTE_ADDR=next(_sources))  # fmt: skip
        seen.add((answer.status_code, answer.content))

    ask("warm", 0)
    assert same(lambda n: ask("known", n), lambda n: ask("other", n))
    assert len(seen) == 1


def test_time_does_not_tell_whether_another_business_has_it(acme, globex):
    theirs = [globex.customer() for _ in range(10)]
    client = browser.program(acme)
    seen = set()

    def ask(customer):
        answer = client.get(f"/api/v1/customers/{customer}")
        seen.add((answer.status_code, answer.content))

    ask(uuid4())
    assert same(lambda n: ask(theirs[n % 10]), lambda n: ask(uuid4()))
    assert len(seen) == 1


def test_the_stop_watch_sees_a_difference():
    """A millisecond on two would be seen."""
    assert not same(lambda n: time.sleep(0.003), lambda n: time.sleep(0.002))
