"""The ledger: entries a second one commit at a time and in chunks, integration, proofs, and the check of all of it."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from bench import _house, _report
from bench._report import Figure

SINGLE_SECONDS = 8.0
CHUNKS, CHUNK = 60, 1000
PROOFS = 500


def main() -> list[dict[str, object]]:
    with _house.opened() as house:
        from portal.kernel import tenancy

        with tenancy.tenant_scope(house.place):
            return _report.show(_measure(house))


def _measure(house: _house.House) -> list[Figure]:
    raw_single = _raw_single()
    single = per_second(lambda: _append(house, 1), SINGLE_SECONDS)
    raw_chunks = _raw_chunks()
    started = time.perf_counter()
    for _ in range(CHUNKS):
        _append(house, CHUNK)
    chunked = CHUNKS * CHUNK / (time.perf_counter() - started)
    size, integrating = _integrate()
    hashing = _hash_all(size)
    return [
        Figure(name="entries, one a commit", value=single, unit="/s", limit=raw_single, limit_of="INSERT + COMMIT"),
        Figure(name=f"entries, {CHUNK:,} a commit", value=chunked, unit="/s", limit=raw_chunks, limit_of="COPY"),
        Figure(name="integration and signing", value=size / integrating, unit="leaves/s", limit=hashing, limit_of="SHA-256 loop"),
        _proofs(house, size),
        Figure(name="check of the whole ledger", value=size / _check(), unit="leaves/s", limit=hashing, limit_of="SHA-256 loop"),
    ]  # fmt: skip


def per_second(act: Callable[[], object], seconds: float) -> float:
    started, count = time.perf_counter(), 0
    while (spent := time.perf_counter() - started) < seconds:
        act()
        count += 1
    return count / spent


def _append(house: _house.House, count: int) -> None:
    from portal.kernel import unit

    with unit.work() as u:
        for _ in range(count):
            u.entry(unit.Draft("staff.signed_in", house.author.label, codes={"method": "password"}))


def _integrate() -> tuple[int, float]:
    from archive.flows import tree

    started = time.perf_counter()
    done = tree.integrate(now=datetime.now(UTC))
    return done.size, time.perf_counter() - started


def _proofs(house: _house.House, size: int) -> Figure:
    from archive.queries import proofs

    spent = []
    for _ in range(PROOFS):
        index = random.randrange(size)
        started = time.perf_counter()
        proofs.get_proof_for(house.officer, index)
        spent.append((time.perf_counter() - started) * 1000)
    rest = f"p99 {_report.percentile(spent, 99):.2f} ms over {size:,} entries"
    return Figure(name="a proof, median", value=_report.median(spent), unit="ms", aim=5, less=True, note=rest)


def _check() -> float:
    from archive.queries import verification

    started = time.perf_counter()
    report = verification.verify()
    if not report.is_whole:
        raise RuntimeError(f"the ledger is not whole: {report.faults}")
    return time.perf_counter() - started


# ── limits ────────────────────────────────────────────────────────────────────────────────────────────────────────────
_COLUMNS = '"index", id, kind, "time", actor, subject_id, customer_id, message_id, run_id, leaf, detail'


def _raw_table() -> None:
    """Entries as they are, in a table of the same shape and indexes."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_entry")
        cursor.execute("CREATE TABLE bench_entry (LIKE archive_entry INCLUDING ALL)")


def _raw_row(index: int) -> tuple[Any, ...]:
    from portal.kernel import ids

    return (index, ids.uuid7(), "staff.signed_in", datetime.now(UTC), "staff", None, None, None, None, b"x" * 220, None)


def _raw_single() -> float:
    from django.db import connection

    _raw_table()
    numbers = iter(range(10**9))
    marks = ",".join(["%s"] * 11)

    def insert() -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO bench_entry ({_COLUMNS}) VALUES ({marks})", _raw_row(next(numbers)))

    return per_second(insert, 4.0)


def _raw_chunks() -> float:
    from django.db import connection

    _raw_table()
    rows = [_raw_row(n) for n in range(CHUNKS * CHUNK)]
    started = time.perf_counter()
    for start in range(0, len(rows), CHUNK):
        with connection.cursor() as cursor, cursor.copy(f"COPY bench_entry ({_COLUMNS}) FROM STDIN") as copy:
            for row in rows[start : start + CHUNK]:
                copy.write_row(row)
    return len(rows) / (time.perf_counter() - started)


def _hash_all(size: int) -> float:
    """Two hashes a leaf: its own, and one inner node."""
    leaf, node = b"\0" + b"x" * 220, b"\1" + b"x" * 64
    started = time.perf_counter()
    for _ in range(size):
        sha256(leaf).digest()
        sha256(node).digest()
    return size / (time.perf_counter() - started)
