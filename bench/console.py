"""Every page of the console at the server: how long it takes and how often it asks the database, with 100,000 customers who
were all written to and an archive of 1,000,000 records. EBB_BENCH_CUSTOMERS and EBB_BENCH_RECORDS make it smaller.

A page is asked for in this process, through every middleware, by an owner or an officer. The limit is a page that shows nothing
of the business (the sign-in page): what any page pays.
"""

import os
import re
import time
from collections.abc import Iterator
from typing import Any

from bench import _house, _report
from bench._report import Figure

CUSTOMERS = int(os.environ.get("EBB_BENCH_CUSTOMERS", "100000"))
RECORDS = int(os.environ.get("EBB_BENCH_RECORDS", "1000000"))
TIMES = 25
MOST_MS, MOST_QUERIES = 100, 12
SHOWN = 12  # of the slowest pages
TEXT = "Your appointment on Monday was moved to ten. Please bring the letter of your doctor."


def main() -> list[dict[str, object]]:
    with _house.opened() as house:
        from portal.kernel import tenancy

        os.environ["EBB_BENCH_RECORDS"] = str(RECORDS)
        with tenancy.tenant_scope(house.place):
            things = _filled(house)
        return _report.show(_measure(house, things))


def _filled(house: _house.House) -> dict[str, Any]:
    """→ one of each thing that a page can name."""
    from bench import archive, campaign
    from messaging.flows import audience
    from messaging.models import Campaign, Message
    from portal.kernel import clock
    from portal.testing import crowd

    people = crowd.gather(CUSTOMERS)
    everyone = audience.create(actor=house.author, now=clock.now(), name="Everyone", wanted={})
    phone = house.phones(people[:1])[0]
    house.start("worker-bulk")
    campaign.run(house, TEXT)
    house.stop()
    sealed = archive.Filler()
    for _ in sealed.fill(max(0, RECORDS - CUSTOMERS)):
        pass
    campaign.sql("VACUUM ANALYZE")
    return {
        "customer_id": people[0], "message_id": Message.objects.earliest("id").id,
        "campaign_id": Campaign.objects.earliest("id").id, "audience_id": everyone, "device_id": phone.device,
        "index": 5, "number": 1,
    }  # fmt: skip


def _measure(house: _house.House, things: dict[str, Any]) -> Iterator[Figure]:
    owner, officer = _signed_in(house, house.author), _signed_in(house, house.officer)
    spent = {
        path: _spent(client, path) for path in _paths(things) for client in (owner, officer) if _is_there(client, path)
    }
    limit = _report.percentile(_spent(owner.__class__(HTTP_HOST=house.host), "/console/sign-in/").ms, 95)
    slowest = sorted(spent, key=lambda path: -_report.percentile(spent[path].ms, 95))
    for path in slowest[:SHOWN]:
        yield Figure(
            name=_short(path), value=_report.percentile(spent[path].ms, 95), unit="ms", aim=MOST_MS, less=True, limit=limit,
            limit_of="the sign-in page", note=f"p50 {_report.median(spent[path].ms):.1f} ms, {spent[path].queries} queries",
        )  # fmt: skip
    yield Figure(name="pages asked for", value=len(spent), unit="pages")
    over = [path for path in spent if _report.percentile(spent[path].ms, 95) > MOST_MS]
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


def _signed_in(house: _house.House, actor: Any) -> Any:
    from django.test import Client

    from portal.accounts.models import User
    from portal.kernel import tenancy

    client = Client(HTTP_HOST=house.host, raise_request_exception=False)
    with tenancy.tenant_scope(house.place):
        client.force_login(User.objects.get(id=actor.id))
    return client


def _is_there(client: Any, path: str) -> bool:
    return bool(client.get(path).status_code == 200)


def _spent(client: Any, path: str) -> Spent:
    from django.db import connection

    asked: list[str] = []

    def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        asked.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(count):
        client.get(path).close()
    ms = []
    for _ in range(TIMES):
        began = time.perf_counter()
        client.get(path).close()
        ms.append((time.perf_counter() - began) * 1000)
    return Spent(ms, sum(not sql.startswith(("SET ", "SAVEPOINT", "RELEASE")) for sql in asked))


def _short(path: str) -> str:
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "…", path.removeprefix("/console"))
