"""Disposal of records whose time is over, by the real job in a worker of its own, while somebody of the same business sends."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from bench import _house, _report
from bench._report import Figure

DUE = 300_000
YEARS = timedelta(days=8 * 366)  # longer ago than the default rule keeps
QUIET = 20.0
PATIENCE = 300.0


def part(house: _house.House, size: int, filler: "object") -> Iterator[Figure]:
    """As many due records as there are others, up to `DUE`, on top of them."""
    from archive.flows import disposal
    from archive.models import DisposalPolicy, DisposalRun
    from bench.expire import Probe
    from portal.kernel import clock

    count = min(size, DUE)
    _fill_due(filler, count)
    limit = _raw_delete(count)
    DisposalPolicy.objects.update_or_create(id=1, defaults={"ceiling_percent": 100, "ceiling_count": 10**8})
    customer = house.customers(1)[0]
    if "worker-bulk" not in house.children:
        _start_worker(house)
    quiet, busy = Probe(house, customer), Probe(house, customer)
    quiet.run_for(QUIET)
    run_id = disposal.begin(actor=house.officer, now=clock.now()).id
    sender = threading.Thread(target=_send_while, args=(busy, run_id))
    sender.start()
    sender.join(PATIENCE)
    run = DisposalRun.objects.get(id=run_id)
    if run.state != "finished" or run.disposed != count:
        raise RuntimeError(f"the run is {run.state} and disposed of {run.disposed:,} of {count:,}")
    yield Figure(
        name=f"{size:,}: disposal", value=_rate(run_id), unit="/s", gate=20_000, aim=20_000, limit=limit, limit_of="batched DELETE",
        note=f"{count:,} records in slices of {disposal.SLICE:,}",
    )  # fmt: skip
    before, during = _report.percentile(quiet.spent, 99), _report.percentile(busy.spent, 99)
    yield Figure(
        name=f"{size:,}: a send meanwhile, p99", value=during, unit="ms", limit=before, limit_of="while nothing runs", less=True,
        aim=1.5 * before,
        note=f"p50 {_report.median(busy.spent):.1f} and {_report.median(quiet.spent):.1f} ms, {len(busy.spent)} sends",
    )  # fmt: skip


def _send_while(probe: "object", run_id: "object") -> None:
    """Until the run is over."""
    from django.db import connection

    from archive.models import DisposalRun
    from portal.kernel import tenancy

    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        probe.run_for(0.5)  # type: ignore[attr-defined]
        with tenancy.tenant_scope(probe.house.place):  # type: ignore[attr-defined]
            if DisposalRun.objects.filter(id=run_id, state__in=["finished", "stopped", "waiting"]).exists():
                break
    connection.close()


def _rate(run_id: "object") -> float:
    """By the entries: from the run's first slice to its last."""
    import json

    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT time, leaf FROM archive_entry WHERE kind = 'archive.disposed' ORDER BY index")
        told = [(at, json.loads(bytes(leaf))) for at, leaf in cursor.fetchall()]
    slices = [(at, leaf["count"]) for at, leaf in told if leaf["codes"]["run"] == str(run_id)]
    return float(sum(count for _, count in slices[1:]) / (slices[-1][0] - slices[0][0]).total_seconds())


def _fill_due(filler: "object", count: int) -> None:
    """Records of eight years ago with their entries, taken in by search as all others."""
    from archive.flows import monthkey
    from bench import archive

    monthkey.disposal("2024-01")
    long_ago, done = datetime.now(UTC) - YEARS, 0
    while done < count:
        rows, entries = filler.chunk(min(archive.CHUNK, count - done))  # type: ignore[attr-defined]
        due = [_overdue(row, long_ago + timedelta(seconds=done + n)) for n, row in enumerate(rows)]
        now = datetime.now(UTC)  # an archive that is full goes no further in time than today
        archive.copy_in(due, [(*one[:3], now, *one[4:]) for one in entries])
        done += len(rows)
    filler.written -= count  # type: ignore[attr-defined] # they are gone when this part is over
    archive.take_in()
    archive.settle()


def _overdue(row: tuple[object, ...], at: datetime) -> tuple[object, ...]:
    from archive.flows.record import COLUMNS

    old = {"sent_at": at, "gone_at": at, "archived_until": at + timedelta(days=2557), "disposal_bucket": "2024-01"}
    return tuple(old.get(name, value) for name, value in zip(COLUMNS, row, strict=True))


def _raw_delete(count: int) -> float:
    """The same rows in a table of the same shape: deleted in slices by id, and nothing else."""
    from django.db import connection

    from archive.flows import disposal

    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_record (LIKE archive_record INCLUDING ALL)")
        cursor.execute("INSERT INTO bench_record SELECT * FROM archive_record WHERE disposal_bucket = '2024-01'")
        cursor.execute("VACUUM ANALYZE bench_record")
        started = time.perf_counter()
        for _ in range(count // disposal.SLICE + 1):
            cursor.execute(
                "DELETE FROM bench_record WHERE message_id = ANY(ARRAY("
                "SELECT message_id FROM bench_record ORDER BY archived_until LIMIT %s))", [disposal.SLICE],
            )  # fmt: skip
        spent = time.perf_counter() - started
        cursor.execute("DROP TABLE bench_record")
    return count / spent


def _start_worker(house: _house.House) -> None:
    from portal.launch import environment, serve

    env = environment.for_process(house.env, "worker") | {"Q_CLUSTER_NAME": "bulk"}
    house.children["worker-bulk"] = _house.spawn(serve.worker_command(), env, house.folder / "worker-bulk.log")
