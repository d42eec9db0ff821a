"""Importing customers from a CSV file: upload, dry run, applying, the same file again; and what an audience costs then."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

from bench import _house, _report
from bench._report import Figure

ROWS = 100_000
HEADER = "reference,name,email,phone,language,time_zone,tags,plan,visits,marketing"


def main() -> list[dict[str, object]]:
    with _house.opened() as house:
        from portal.kernel import tenancy

        with tenancy.tenant_scope(house.place):
            return _report.show(_measure(house))


def _measure(house: _house.House) -> Iterator[Figure]:
    from messaging.flows import importing
    from portal.kernel import clock

    raw, copied = _file(), _raw_copy()
    spent, job = _timed(lambda: importing.upload(actor=house.author, now=clock.now(), name="bench.csv", raw=raw))
    yield Figure(
        name="upload: read, sealed, stored", value=ROWS / spent, unit="rows/s", note=f"{len(raw) / 1e6:.1f} MB"
    )
    yield _work(house, job, "dry run, all new")
    spent = _apply(house, job)
    yield Figure(
        name="applied, all new", value=ROWS / spent, unit="rows/s", limit=copied,
        limit_of="COPY of such rows", gate=5000, note="one worker",
    )  # fmt: skip
    job = importing.upload(
        actor=house.author, now=clock.now(), name="bench.csv", raw=raw.replace(b",gold,", b",platinum,")
    )
    yield _work(house, job, "dry run, a third changed")
    yield Figure(name="applied, a third changed", value=ROWS / _apply(house, job), unit="rows/s", gate=5000)
    yield from _audiences()


def _timed(act: Any) -> tuple[float, Any]:
    began = time.perf_counter()
    found = act()
    return time.perf_counter() - began, found


def _work(house: _house.House, job: UUID, name: str) -> Figure:
    from dataclasses import replace

    from messaging.flows import importing
    from messaging.queries import imports
    from portal.kernel import clock

    meaning = imports.open_(imports.get_import_for(house.author, job)).meaning
    meaning = replace(meaning, source="bench", country="DE")
    importing.begin_check(actor=house.author, now=clock.now(), import_id=job, meaning=meaning)
    spent, _ = _timed(lambda: importing.work(import_id=job, until=clock.now() + timedelta(minutes=30)))
    found = imports.figures_of(imports.get_import_for(house.author, job))
    note = f"{found.new:,} new, {found.changed:,} changed, {found.unchanged:,} unchanged, {found.wrong:,} wrong"
    return Figure(name=name, value=ROWS / spent, unit="rows/s", note=note)


def _apply(house: _house.House, job: UUID) -> float:
    from messaging.flows import importing
    from portal.kernel import clock

    importing.apply(actor=house.author, now=clock.now(), import_id=job)
    return _timed(lambda: importing.work(import_id=job, until=clock.now() + timedelta(minutes=30)))[0]


def _file() -> bytes:
    plans = ("gold", "silver", "basic")
    rows = (
        f"B-{n},Customer Number {n},customer.{n}@bench.example,0151 {10000000 + n},de,Europe/Berlin,"
        f'"north, vip",{plans[n % 3]},{n % 40},{"yes" if n % 2 else ""}'
        for n in range(ROWS)
    )
    return "\n".join([HEADER, *rows]).encode()


def _raw_copy() -> float:
    """Rows of the same size into a table of the same shape and indexes, in slices of a thousand, each committed."""
    from django.db import connection, transaction

    from messaging.flows import roster
    from portal.kernel import bulk, clock, ids

    now = clock.now()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_customer (LIKE messaging_customer INCLUDING ALL)")
    rows = [
        (ids.uuid7(), ids.uuid4(), "active", b"x" * 290, ids.uuid7().bytes, ids.uuid7().bytes, ids.uuid7().bytes,
         f"{{{n},{n + 1},{n + 2},{n + 3}}}", "{marketing:email}", "{}", "de", "Europe/Berlin", None, now, now, None)
        for n in range(20_000)
    ]  # fmt: skip
    began = time.perf_counter()
    for start in range(0, len(rows), 1000):
        with transaction.atomic():
            bulk.insert("bench_customer", roster.COLUMNS, rows[start : start + 1000])
    return len(rows) / (time.perf_counter() - began)


def _audiences() -> Iterator[Figure]:
    from messaging.queries import audiences

    asked: dict[str, dict[str, Any]] = {
        "everyone": {},
        "a tag": {"tags": {"any": ["vip"]}},
        "tag, field, consent": {
            "tags": {"all": ["vip"]},
            "fields": {"plan": "silver"},
            "consent": {"purpose": "marketing"},
        },
        "never written to": {"never_written_to": True},
    }
    for name, wanted in asked.items():
        spent = _report.median([_timed(lambda wanted=wanted: audiences.count(wanted))[0] for _ in range(5)])
        note = f"{audiences.count(wanted):,} of {ROWS:,}"
        yield Figure(name=f"audience's count: {name}", value=spent * 1000, unit="ms", less=True, note=note)
    spent = _report.median([_timed(lambda: audiences.sample({}, ROWS))[0] for _ in range(5)])
    yield Figure(name="audience's sample: everyone", value=spent * 1000, unit="ms", less=True)
