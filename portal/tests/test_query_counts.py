"""How often each page of the console asks the database: the counts stand in `query_counts.json`, so that growth shows in review.

`EBB_COUNT=1 ./run test portal/tests/test_query_counts.py` writes them anew. No page may ask more than `MOST` times, and none more
than stands in the file, but for what depends on when it is asked.
"""

import json
import os
import secrets
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from archive.flows import tree
from portal.kernel import clock
from portal.testing import browser
from portal.testing import cast as people
from portal.testing.things import one_of_each
from portal.tests.test_routes import GUARDED, ROUTES, _path

FILE = Path(__file__).with_name("query_counts.json")
MOST = 12
OF_THE_TREE = 4  # the entries and the epoch at its end, where they are looked at
KNOWN: dict[str, int] = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
ROLES = ("owner", "officer")
counted: dict[str, int] = {}


@pytest.fixture(scope="module")
def cast(house):
    """Nobody else's: what other tests left behind would count too."""
    return people.build(f"counted-{secrets.token_hex(3)}", "Counted")


@pytest.fixture(scope="module")
def callers(cast):
    return [browser.staff(cast, role) for role in ROLES]


@pytest.fixture(scope="module")
def things(cast):
    made = {**one_of_each(cast, "counted"), "token": "x", "path": "0/000"}
    with cast.inside():
        tree.integrate(now=clock.now())  # so that a page of an entry draws its proof
    yield made
    if os.environ.get("EBB_COUNT") == "1":
        FILE.write_text(json.dumps(counted, indent=1, sort_keys=True) + "\n", encoding="utf-8")


@pytest.mark.parametrize("route", sorted(GUARDED))
def test_a_page_asks_no_more_than_it_did(callers, things, route):
    path = _path(route, things)
    worst = max(_fewest(client, path) for client in callers)
    if worst:
        counted[route] = worst
    assert worst <= min(MOST, KNOWN.get(route, MOST) + OF_THE_TREE)


def _fewest(client, path) -> int:
    """What a process remembers, an entry that is written once a minute, and a tree that was signed in between (by the clock of
    another test) are no growth: of three looks the fewest count, and of ten where that is too much."""
    looks = [_asked(client, path) for _ in range(3)]
    while min(looks) > MOST and len(looks) < 10:
        looks.append(_asked(client, path))
    return min(looks)


def _asked(client, path) -> int:
    with CaptureQueriesContext(connection) as asked:
        answer = client.get(path)
    return sum(is_asked(one["sql"] or "") for one in asked) if answer.status_code == 200 else 0


def is_asked(sql: str) -> bool:
    """Not the frame of a transaction, nor which schema is meant; nor the tiles at the tree's end, which a process looks at when
    something was signed since it last did."""
    is_frame = sql.startswith(("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK", "SET "))
    return not is_frame and "archive_tile" not in sql


def test_the_file_names_only_pages_that_are_there():
    assert sorted(set(KNOWN) - set(ROUTES)) == []
