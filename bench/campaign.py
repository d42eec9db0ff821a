"""Campaigns to 100,000 customers, through the real workers: sealed, stored, archived; a thousand of them online; another business's
single sends meanwhile; and the memory of a worker, which must not follow the audience.

The limit is what PostgreSQL takes of the very same rows (their bytes copied out and in again, into tables with the same indexes,
committed chunk by chunk, on one connection). EBB_BENCH_CUSTOMERS makes it smaller.
"""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil

from bench import _client, _house, _report, _texts
from bench._report import Figure

CUSTOMERS = int(os.environ.get("EBB_BENCH_CUSTOMERS", "100000"))
FEW = CUSTOMERS // 5
ONLINE = 1000
RATE = 40  # single sends a second of the other business
TEXT = (
    "Your appointment on Monday was moved to ten. Please bring the letter of your doctor and a list of what you take. "
    "We look forward to seeing you."
)
PERSONAL = (
    "Dear {{name}}, your appointment at {{branch}} was moved to ten. Please bring the letter of your doctor and your card "
    "({{reference}}). We look forward to seeing you."
)
LIFE = 3 * 86400
TABLES = ("messaging_message", "messaging_body", "archive_record", "archive_entry")


def main() -> list[dict[str, object]]:
    with _house.opened() as house:
        from portal.kernel import tenancy
        from portal.testing import crowd

        with tenancy.tenant_scope(house.place):
            people = crowd.gather(CUSTOMERS)
            sql("VACUUM ANALYZE messaging_customer")
        online = house.phones(people[:: max(1, CUSTOMERS // ONLINE)][:ONLINE])
        other = house.neighbour()
        listening = other.phones(other.customers(10))
        house.start("web", "worker-bulk")
        return _report.show(_measure(house, online, other, listening))


def _measure(
    house: _house.House, online: list[_house.Phone], other: _house.House, listening: list[_house.Phone]
) -> Iterator[Figure]:  # fmt: skip
    few = _audience(house)
    run(house, TEXT, audience=few)  # everyone's caches are warm
    before = _memory(house)
    plain = run(house, TEXT)
    limit = _raw_copy(house)
    yield Figure(
        name=f"{CUSTOMERS:,} customers, no personal fields", value=plain.rate, unit="/s", limit=limit,
        limit_of="COPY of the same rows", gate=25_000, aim=40_000, note=plain.note,
    )  # fmt: skip
    personal = run(house, PERSONAL)
    yield Figure(
        name="the same with three fields", value=personal.rate, unit="/s", limit=limit, limit_of="COPY of the same rows",
        gate=12_000, note=personal.note,
    )  # fmt: skip
    yield Figure(
        name=f"a worker's memory, {FEW:,} to {CUSTOMERS:,} customers", value=(_memory(house) - before) / 2**20, unit="MiB",
        gate=16, less=True, note=f"more than the {before / 2**20:.0f} MiB of its peak before",
    )  # fmt: skip
    yield _reach(house, online)
    yield from _neighbour(house, other, listening, personal.seconds)
    house.start("clock")
    time.sleep(5.0)
    busy = run(house, TEXT)
    yield Figure(
        name="no personal fields, with the clock beside it", value=busy.rate, unit="/s", limit=limit,
        limit_of="COPY of the same rows", note="which signs the tree, and takes in what search needs",
    )  # fmt: skip


class _Done:
    """One campaign, from the order to send to the end of its run."""

    def __init__(self, seconds: float, sent: int, chunks: list[tuple[Any, ...]], note: str) -> None:
        self.seconds, self.sent, self.chunks, self.note = seconds, sent, chunks, note

    @property
    def rate(self) -> float:
        return self.sent / self.seconds


def _audience(house: _house.House) -> UUID:
    """A fifth of the crowd."""
    from messaging.flows import audience
    from portal.kernel import clock, tenancy

    with tenancy.tenant_scope(house.place):
        return audience.create(actor=house.author, now=clock.now(), name="Few", wanted={"language": "de"})


def run(house: _house.House, text: str, audience: UUID | None = None) -> _Done:
    from messaging.flows import campaign, launch
    from portal.kernel import clock, tenancy

    with tenancy.tenant_scope(house.place):
        wanted = campaign.Wanted(
            name="Bench",
            audience=audience,
            filter=None if audience else {},
            body=text,
            subject="Moved",
            gone_after=LIFE,
        )
        made = campaign.create(actor=house.author, now=clock.now(), wanted=wanted)
        processors = _spent(house)
        started = time.time()
        launch.send(actor=house.author, now=clock.now(), campaign_id=made.id)
        while not (ended := _ended(made.id)):
            time.sleep(0.02)
        chunks = _rows(
            "SELECT k.sent, extract(epoch FROM k.done_at) FROM messaging_runchunk k JOIN messaging_run r ON r.id = k.run_id "
            "WHERE r.campaign_id = %s ORDER BY k.done_at",
            made.id,
        )
    sent = sum(one[0] for one in chunks)
    each = (_spent(house) - processors) / sent * 1e6
    note = f"{each:.0f} µs of the workers' and PostgreSQL's processor each"
    return _Done(float(ended) - started, sent, chunks, note)


def _ended(campaign_id: UUID) -> float | None:
    found = _rows(
        "SELECT extract(epoch FROM finished_at) FROM messaging_run WHERE campaign_id = %s AND state = 'finished'",
        campaign_id,
    )
    return found[0][0] if found else None


def _reach(house: _house.House, online: list[_house.Phone]) -> Figure:
    """From the last chunk's commit to the last frame: those who are online are spread over all chunks."""
    with _client.Sockets(house.port, house.host, house.folder / "sockets.log") as held:
        held.open([phone.to_json() for phone in online])
        time.sleep(4.0)  # a resync may be under way
        held.arm(len(online))
        done = run(house, TEXT)
        found = held.result()
    last = time.time() - time.monotonic() + found["last"]
    return Figure(
        name=f"the last of {len(online):,} online, after its chunk", value=max(0.0, last - float(done.chunks[-1][1])), unit="s",
        gate=2, less=True, note=f"{found['frames']:,} frames; {done.rate:,.0f} customers/s meanwhile",
    )  # fmt: skip


def _neighbour(
    house: _house.House, other: _house.House, listening: list[_house.Phone], seconds: float
) -> Iterator[Figure]:  # fmt: skip
    """POST to frame of another business's single messages: alone, and while a campaign runs."""
    idle = _one_to_one(other, listening, max(6.0, seconds))
    with ThreadPoolExecutor(1) as pool:
        going = pool.submit(_one_to_one, other, listening, max(6.0, seconds))
        time.sleep(2.5)  # its connections are open and its first answers are not counted
        while not going.done():
            run(house, PERSONAL)
        beside = going.result()
    yield Figure(
        name=f"another business's POST to frame at {RATE}/s, p99", value=_report.percentile(beside, 99), unit="ms",
        limit=_report.percentile(idle, 99), limit_of="without the campaign", gate=2 * _report.percentile(idle, 99), less=True,
        note=f"p50 {_report.median(idle):.1f} ms alone, {_report.median(beside):.1f} ms beside it",
    )  # fmt: skip


def _one_to_one(other: _house.House, listening: list[_house.Phone], seconds: float) -> list[float]:
    from portal.kernel import tenancy

    with tenancy.tenant_scope(other.place):
        people = [
            str(row[0]) for row in _rows("SELECT id FROM messaging_customer ORDER BY id LIMIT %s", len(listening))
        ]
    bodies = [
        {"customer": people[n % len(people)], "body": text, "gone_after": 3600}
        for n, text in enumerate(_texts.bodies(500))
    ]
    plan = {
        "what": "latency", "port": other.port, "host": other.host, "path": "/api/v1/messages", "rate": RATE,
        "headers": {"Authorization": f"Bearer {other.secret}"}, "connections": 8, "seconds": seconds, "bodies": bodies,
        "phones": [phone.to_json() for phone in listening],
    }  # fmt: skip
    return list(_client.load(plan, other.folder / "load.log")["spent"])


# ── what it takes ─────────────────────────────────────────────────────────────────────────────────────────────────────
def _family(house: _house.House) -> list[psutil.Process]:
    return psutil.Process(house.children["worker-bulk"].pid).children(recursive=True)


def _spent(house: _house.House) -> float:
    """Seconds of processor time of the workers and of everything that PostgreSQL runs."""
    servers = [one for one in psutil.process_iter(["name"]) if (one.info["name"] or "").startswith("postgres")]
    mine = [one for one in servers if _is_ours(one, house)]
    total = 0.0
    for one in [*_family(house), *mine]:
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def _is_ours(process: psutil.Process, house: _house.House) -> bool:
    try:
        return str(house.folder) in process.cwd()
    except (psutil.Error, OSError):
        return False


def _memory(house: _house.House) -> int:
    """The most that any process of the cluster ever held, in bytes."""
    most = 0
    for one in _family(house):
        for line in Path(f"/proc/{one.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                most = max(most, int(line.split()[1]) * 1024)
    return most


# ── the limit ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def _raw_copy(house: _house.House, chunk: int = 4000, chunks: int = 10) -> float:
    """The rows of a chunk as COPY's binary form, into tables of the same shape and indexes, committed each time."""
    from django.db import connection, transaction

    from portal.kernel import tenancy

    with tenancy.tenant_scope(house.place), connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"DROP TABLE IF EXISTS bench_{table}")
            cursor.execute(f"CREATE TABLE bench_{table} (LIKE {table} INCLUDING ALL)")
        spent = 0.0
        for number in range(min(chunks, CUSTOMERS // chunk)):
            copied = {table: _copy_out(cursor, table, number * chunk, chunk) for table in TABLES}
            started = time.perf_counter()
            with transaction.atomic():
                for table, data in copied.items():
                    with cursor.copy(f"COPY bench_{table} FROM STDIN (FORMAT BINARY)") as copy:
                        copy.write(data)
            spent += time.perf_counter() - started
        return min(chunks, CUSTOMERS // chunk) * chunk / spent


def _copy_out(cursor: Any, table: str, offset: int, count: int) -> bytes:
    order = '"index"' if table == "archive_entry" else "1"
    rows = f"SELECT * FROM {table} ORDER BY {order} DESC OFFSET {offset} LIMIT {count}"
    with cursor.copy(f"COPY ({rows}) TO STDOUT (FORMAT BINARY)") as copy:
        return b"".join(bytes(piece) for piece in copy)


def _rows(sql: str, *values: Any) -> list[tuple[Any, ...]]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def sql(sql: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql)
