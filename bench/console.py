"""Every page of the console at the server: how long it takes and how often it asks the database, with 100,000 customers who
were all written to and an archive of 1,000,000 records. EBB_BENCH_CUSTOMERS and EBB_BENCH_RECORDS make it smaller.

A page is asked for in this process, through every middleware, by an owner and by an officer. The limit is a page that shows
nothing of the business (the sign-in page): what any page pays. EBB_BENCH_PLANS names a file for the plans of what took longest.
"""

import logging
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import _house, _report
from bench._report import Figure

CUSTOMERS = int(os.environ.get("EBB_BENCH_CUSTOMERS", "100000"))
RECORDS = int(os.environ.get("EBB_BENCH_RECORDS", "1000000"))
TIMES = 25
MOST_MS, MOST_QUERIES = 100, 12
SLOW_MS = 10  # of one statement
SHOWN = 12  # of the slowest pages
LEAST_PAGES = 60  # that answered: fewer, and something was not made or nobody was signed in
PARTS = ("/taken", "/disposal/months")  # counted apart, after the page that shows them is there
ALIKE = 20  # records that differ in their ids and by seconds only
_COPIED = (
    "customer_id", "kind", "category", "purpose", "rule", "direction", "gone_at", "archived_until", "batch_id",
    "disposal_bucket", "sealed", "outer_wrap", "index_month", "words",
)  # fmt: skip
TEXT = "Your appointment on Monday was moved to ten. Please bring the letter of your doctor."


def main() -> list[dict[str, object]]:
    with _house.opened() as house:
        from portal.kernel import tenancy

        logging.getLogger("ebb.request").setLevel(logging.WARNING)  # else a line for each of some thousand requests
        os.environ["EBB_BENCH_RECORDS"] = str(max(1, RECORDS - CUSTOMERS) // ALIKE)  # its days are spread over so many
        with tenancy.tenant_scope(house.place):
            things = _filled(house)
        return _report.show(_measure(house, things))


def _filled(house: _house.House) -> dict[str, Any]:
    """→ one of each thing that a page can name."""
    from archive.flows import tree
    from bench import archive, campaign
    from messaging.models import Campaign, Message
    from portal.kernel import clock
    from portal.testing import crowd, things

    began = time.perf_counter()
    crowd.gather(CUSTOMERS)
    house.start("worker-bulk")
    campaign.run(house, TEXT)
    house.stop()
    for _ in archive.Filler().fill(max(0, RECORDS - CUSTOMERS) // ALIKE):
        pass
    _multiply()
    archive.take_in()
    made = things.one_of_each(_cast(house), "bench")
    tree.integrate(now=clock.now())
    campaign.sql("VACUUM ANALYZE")
    print(f"  filled in {time.perf_counter() - began:.0f} s", flush=True)
    return made | {"message_id": Message.objects.earliest("id").id, "campaign_id": Campaign.objects.earliest("id").id}


def _multiply() -> None:
    """Each record of the filler so many times, seconds apart, with its words: the database does that in a moment."""
    from bench import archive, campaign

    columns = ", ".join(_COPIED)
    campaign.sql(
        "CREATE TEMPORARY TABLE made AS SELECT gen_random_uuid() AS message_id, gen_random_uuid() AS entry_id, "
        f"sent_at + n * interval '7 seconds' AS sent_at, {columns} "
        f"FROM archive_record CROSS JOIN generate_series(1, {ALIKE - 1}) AS n WHERE run_id IS NULL"
    )
    campaign.sql(
        'INSERT INTO archive_entry ("index", id, kind, time, actor, customer_id, message_id, leaf) '
        'SELECT (SELECT max("index") FROM archive_entry) + row_number() OVER (ORDER BY sent_at), '
        f"entry_id, kind, sent_at, 'system', customer_id, message_id, convert_to('{archive.LEAF.decode()}', 'UTF8') FROM made"
    )
    campaign.sql(
        f"INSERT INTO archive_record (message_id, entry_id, sent_at, {columns}) "
        f"SELECT message_id, entry_id, sent_at, {columns} FROM made"
    )
    campaign.sql("DROP TABLE made")


def _cast(house: _house.House) -> Any:
    """The house's people, and an owner."""
    from portal.accounts.flows import staff
    from portal.kernel import actors, clock
    from portal.testing.cast import Cast

    owner = staff.add(
        actor=actors.SYSTEM, now=clock.now(), email="owner@bench.example", name="Owner", role="owner",
        password="correct horse battery",
    )  # fmt: skip
    return Cast(
        house.place, actors.staff(owner, "owner"), house.author, house.officer, house.secret,
        "words of a bench passphrase", "", "correct horse battery",
    )  # fmt: skip


def _measure(house: _house.House, things: dict[str, Any]) -> Iterator[Figure]:
    people = [_signed_in(house, role) for role in ("owner", "officer")]
    measured = [
        (path, _spent(house, client, path)) for path in _paths(things) for client in people if _is_there(client, path)
    ]
    spent = dict(sorted(measured, key=lambda pair: _report.percentile(pair[1].ms, 95)))  # of both people the slower
    stranger = people[0].__class__(HTTP_HOST=house.host)
    limit = _report.percentile(_spent(house, stranger, "/console/sign-in/").ms, 95)
    slowest = sorted(spent, key=lambda path: -_report.percentile(spent[path].ms, 95))
    for path in slowest[:SHOWN]:
        part = ", fetched after its page" if path.endswith(PARTS) else ""
        yield Figure(
            name=_short(path) + part, value=_report.percentile(spent[path].ms, 95), unit="ms", aim=MOST_MS, less=True, limit=limit,
            limit_of="the sign-in page", note=f"p50 {_report.median(spent[path].ms):.1f} ms, {spent[path].queries} queries",
        )  # fmt: skip
    yield Figure(name="pages asked for", value=len(spent), unit="pages", aim=LEAST_PAGES)
    over = [path for path in spent if _report.percentile(spent[path].ms, 95) > MOST_MS and not path.endswith(PARTS)]
    many = [path for path in spent if spent[path].queries > MOST_QUERIES]
    yield Figure(name="pages over 100 ms at p95", value=len(over), unit="pages", aim=0, less=True)
    yield Figure(
        name="pages with more than 12 queries", value=len(many), unit="pages", aim=0, less=True,
        note=", ".join(f"{_short(path)} {spent[path].queries}" for path in many),
    )  # fmt: skip


class Spent:
    def __init__(self, ms: list[float], queries: int) -> None:
        self.ms, self.queries = ms, queries


def _paths(things: dict[str, Any]) -> list[str]:
    """Of every route of the console whose things are there."""
    from portal.tests.test_routes import GUARDED

    found = []
    for route in GUARDED:
        names = re.findall(r"<\w+:(\w+)>", route)
        if set(names) <= set(things):
            found.append("/" + re.sub(r"<\w+:(\w+)>", lambda name: str(things[name[1]]), route))
    return found


def _signed_in(house: _house.House, role: str) -> Any:
    from django.test import Client

    from portal.accounts.models import User
    from portal.kernel import tenancy

    client = Client(HTTP_HOST=house.host, raise_request_exception=False)
    with tenancy.tenant_scope(house.place):
        client.force_login(User.objects.get(email=f"{role}@bench.example"))
    return client


def _is_there(client: Any, path: str) -> bool:
    return bool(client.get(path).status_code == 200)


def _spent(house: _house.House, client: Any, path: str) -> Spent:
    from django.db import connection

    from portal.tests.test_query_counts import is_asked

    asked: list[tuple[float, str, Any]] = []

    def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        started = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            asked.append(((time.perf_counter() - started) * 1000, sql, params))

    client.get(path).close()  # what is remembered for some seconds is, now
    with connection.execute_wrapper(count):
        client.get(path).close()
    _plans(house, path, asked)
    ms = []
    for _ in range(TIMES):
        began = time.perf_counter()
        client.get(path).close()
        ms.append((time.perf_counter() - began) * 1000)
    return Spent(ms, sum(is_asked(sql) for _, sql, _ in asked))


def _plans(house: _house.House, path: str, asked: list[tuple[float, str, Any]]) -> None:
    """Of the statements that took long, for whoever mends the page."""
    from django.db import connection

    from portal.kernel import tenancy

    if not (name := os.environ.get("EBB_BENCH_PLANS")):
        return
    with (
        Path(name).open("a", encoding="utf-8") as file,
        tenancy.tenant_scope(house.place),
        connection.cursor() as cursor,
    ):
        for ms, sql, params in asked:
            if ms > SLOW_MS and sql.startswith("SELECT"):
                cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {sql}", params)
                plan = "\n".join(row[0] for row in cursor.fetchall())
                file.write(f"{path}: {ms:.1f} ms\n{sql}\n{params}\n{plan}\n\n")


def _short(path: str) -> str:
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "…", path.removeprefix("/console"))
