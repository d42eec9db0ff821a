"""Sending over the API: one message a POST, batches of a thousand, and the way from the POST to the socket's frame."""

import sys
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from bench import _client, _house, _report, _texts
from bench._report import Figure

SECONDS = 12.0
CONNECTIONS = 16
BATCHES = 25
CUSTOMERS = 200
LISTENING = 10
LATENCY_RATE = 100


def main() -> list[dict[str, object]]:
    with _house.opened() as house:
        people = house.customers(CUSTOMERS)
        phones = house.phones(people)
        house.start("web", "clock")
        return _report.show(_measure(house, people, phones))


def _measure(house: _house.House, people: list[UUID], phones: list[_house.Phone]) -> Iterator[Figure]:
    rows, copied = _raw_rows(house), _raw_copy(house)
    answering = _bare(house, people)
    _client.load(_plan(house, people, seconds=2.0), house.folder / "load.log")  # everyone's caches are warm
    yield _single(house, people, "one message a POST", answering, gate=400, aim=600)
    yield _single(house, people, "the same with an Idempotency-Key", answering, keyed=True)
    yield Figure(
        name="  its limit at the disk", value=rows, unit="/s", note="such rows, one connection, INSERT + COMMIT"
    )
    yield _batches(house, people, copied)
    yield from _latency(house, people, phones)


def _plan(house: _house.House, people: list[UUID], **more: Any) -> dict[str, Any]:
    bodies = [
        {"customer": str(people[n % len(people)]), "body": text, "gone_after": 3600}
        for n, text in enumerate(_texts.bodies(2000))
    ]
    headers = {"Authorization": f"Bearer {house.secret}"}
    return {
        "what": "rate", "port": house.port, "host": house.host, "path": "/api/v1/messages", "headers": headers,
        "connections": CONNECTIONS, "seconds": SECONDS, "bodies": bodies, **more,
    }  # fmt: skip


def _single(
    house: _house.House, people: list[UUID], name: str, limit: float, keyed: bool = False,
    gate: float | None = None, aim: float | None = None,
) -> Figure:  # fmt: skip
    before = house.cpu("web")
    found = _client.load(_plan(house, people, keyed=keyed), house.folder / "load.log")
    value = found["count"] / found["seconds"]
    processor = (house.cpu("web") - before) * 1000 / (value * (SECONDS + 1.0))
    middle, late = _report.median(found["spent"]), _report.percentile(found["spent"], 99)
    note = f"{processor:.2f} ms of web's processor each; answered in {middle:.0f} ms, p99 {late:.0f} ms"
    return Figure(
        name=name, value=value, unit="/s", limit=limit, limit_of="bare uvicorn, JSON", gate=gate, aim=aim, note=note
    )


def _batches(house: _house.House, people: list[UUID], limit: float) -> Figure:
    texts = _texts.bodies(1000 * BATCHES)
    bodies = [
        {"messages": [
            {"customer": str(people[n % len(people)]), "body": text, "gone_after": 3600}
            for n, text in enumerate(texts[start : start + 1000])
        ]}
        for start in range(0, len(texts), 1000)
    ]  # fmt: skip
    before = house.cpu("web")
    plan = _plan(house, people, path="/api/v1/messages/batch", connections=2, bodies=bodies, seconds=10.0, warm=2.0)
    found = _client.load(plan, house.folder / "load.log")
    value = found["count"] * 1000 / found["seconds"]
    note = f"{(house.cpu('web') - before) * 1e6 / (value * 12.0):.0f} µs of web's processor a message"
    return Figure(
        name="in batches of 1,000", value=value, unit="/s", limit=limit, limit_of="COPY of such rows", gate=4000, aim=5000,
        note=note,
    )  # fmt: skip


def _latency(house: _house.House, people: list[UUID], phones: list[_house.Phone]) -> list[Figure]:
    listening = [phone.to_json() for phone in phones[:LISTENING]]
    plan = _plan(house, people[:LISTENING], what="latency", rate=LATENCY_RATE, seconds=15.0, phones=listening)
    spent = _client.load(plan, house.folder / "load.log")["spent"]
    about = f"{len(spent):,} messages to {LISTENING} open sockets"
    return [
        Figure(name=f"POST to frame at {LATENCY_RATE}/s, p50", value=_report.median(spent), unit="ms", gate=5, aim=4, less=True,
               note=about),
        Figure(name=f"POST to frame at {LATENCY_RATE}/s, p99", value=_report.percentile(spent, 99), unit="ms", gate=15, aim=12,
               less=True),
    ]  # fmt: skip


# ── limits ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _bare(house: _house.House, people: list[UUID]) -> float:
    port = _house.free_port()
    child = _house.spawn([sys.executable, "-m", "bench._bare", str(port)], house.env, house.folder / "bare.log")
    try:
        _house.wait_for(port, "/")
        found = _client.load(_plan(house, people, port=port, seconds=4.0), house.folder / "load.log")
        return float(found["count"] / found["seconds"])
    finally:
        _house.end(child)


def _shadows() -> list[tuple[str, str]]:
    """The four tables a message is written to, and tables of the same shape and indexes."""
    from django.db import connection

    tables = ("messaging_message", "messaging_body", "archive_record", "archive_entry")
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"DROP TABLE IF EXISTS bench_{table}")
            cursor.execute(f"CREATE TABLE bench_{table} (LIKE {table} INCLUDING ALL)")
    return [(table, f"bench_{table}") for table in tables]


def _sample(house: _house.House) -> None:
    """Real rows to write again: a thousand messages through the flow."""
    from messaging.flows import message
    from messaging.rules.compose import Compose
    from portal.kernel import clock

    to = house.customers(1)[0]
    asked = [Compose(body=text, customer=to, gone_after=3600) for text in _texts.bodies(1000)]
    message.send_many(actor=house.author, now=clock.now(), composed=asked)


def _raw_rows(house: _house.House, seconds: float = 4.0) -> float:
    """The four rows of one message, copied from row to table by the server, in one transaction each."""
    from django.db import connection, transaction

    from portal.kernel import tenancy

    with tenancy.tenant_scope(house.place):
        _sample(house)
        pairs = _shadows()
        with connection.cursor() as cursor:
            rows = [_rows_of(cursor, table) for table, _ in pairs]
            started, count = time.perf_counter(), 0
            while (spent := time.perf_counter() - started) < seconds and count < 1000:
                with transaction.atomic():
                    for (_, shadow), found in zip(pairs, rows, strict=True):
                        marks = ",".join(["%s"] * len(found[count]))
                        cursor.execute(f"INSERT INTO {shadow} VALUES ({marks})", found[count])
                count += 1
            return count / spent


def _rows_of(cursor: Any, table: str) -> list[tuple[Any, ...]]:
    order = '"index"' if table == "archive_entry" else "1"
    cursor.execute(f"SELECT * FROM {table} ORDER BY {order} DESC LIMIT 1000")
    return cursor.fetchall()


def _raw_copy(house: _house.House) -> float:
    """The same bytes as text, COPYed a thousand messages at a time; committed each time."""
    from django.db import connection, transaction

    from portal.kernel import tenancy

    with tenancy.tenant_scope(house.place), connection.cursor() as cursor:
        pairs = _shadows()
        texts = [_copy_out(cursor, table) for table, _ in pairs]
        spent = 0.0
        for _ in range(10):
            for _, shadow in pairs:
                cursor.execute(f"TRUNCATE {shadow}")
            started = time.perf_counter()
            with transaction.atomic():
                for (_, shadow), text in zip(pairs, texts, strict=True):
                    with cursor.copy(f"COPY {shadow} FROM STDIN") as copy:
                        copy.write(text)
            spent += time.perf_counter() - started
    return 10 * 1000 / spent


def _copy_out(cursor: Any, table: str) -> bytes:
    order = '"index"' if table == "archive_entry" else "1"
    with cursor.copy(f"COPY (SELECT * FROM {table} ORDER BY {order} DESC LIMIT 1000) TO STDOUT") as copy:
        return b"".join(bytes(piece) for piece in copy)
