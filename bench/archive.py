"""The officer's archive at 10,000, 100,000 and 1,000,000 records of one business. Each part is a function of the house and of
how many records there are; it returns its figures.

Records are written by COPY, with the words of each under the month's real key and as unevenly spread as words are (Zipf).
Only what search, disposal and export read is real: what the sealed parts hold is noise, except where a part opens them.
"""

import itertools
import os
import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

from bench import _disposal, _export, _house, _report
from bench._report import Figure

SIZES = tuple(int(size) for size in os.environ.get("EBB_BENCH_RECORDS", "10000,100000,1000000").split(","))
CHUNK = 5000
DAYS = 365
VOCABULARY = 20_000
WORDS_A_RECORD = (8, 30)
CUSTOMERS = 20_000
LEAF = b'{"noise":"' + b"x" * 238 + b'"}'  # as long as one; lists of entries read it
ASKED = 60  # searches of each sort


def main() -> list[dict[str, object]]:
    with _house.opened() as house:
        from portal.kernel import tenancy

        with tenancy.tenant_scope(house.place):
            return _report.show(_measure(house))


def _measure(house: _house.House) -> Iterator[Figure]:
    filler = Filler()
    for size in SIZES:
        yield from filler.fill(size)
        for part in PARTS:
            yield from part(house, size, filler)


# ── records ───────────────────────────────────────────────────────────────────────────────────────────────────────────
class Filler:
    """Fills one business up to a size, and knows what it wrote: words by how common they are, customers, days."""

    def __init__(self) -> None:
        self.chance, self.written = random.Random(5), 0
        self.start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS)
        self.weights = list(itertools.accumulate(1 / (rank + 2.7) for rank in range(VOCABULARY)))
        self.customers = [_uuid(self.chance) for _ in range(CUSTOMERS)]
        self.stems: dict[tuple[str, int], tuple[int, ...]] = {}

    def fill(self, size: int) -> Iterator[Figure]:
        count, copied = size - self.written, 0.0
        while self.written < size:
            rows, entries = self.chunk(min(CHUNK, size - self.written))
            started = time.perf_counter()
            copy_in(rows, entries)
            copied += time.perf_counter() - started
        taken = take_in()
        settle()
        yield Figure(
            name=f"{size:,} records: words and counts taken in", value=count / taken, unit="/s", limit=count / copied,
            limit_of="COPY of the same records", aim=1000,
        )  # fmt: skip

    def word(self, rank: int) -> str:
        """The word of a rank, 0 the most common: letters only, so that it has stems."""
        letters, rest = "", rank + VOCABULARY
        while rest:
            rest, letter = divmod(rest, 20)
            letters += "bcdfghjklmnpqrstvwxz"[letter]
        return letters

    def chunk(self, count: int) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
        rows, entries = [], []
        first = _next_index()
        for n in range(count):
            at = self.start + timedelta(days=DAYS) * ((self.written + n) / max(SIZES))  # an archive grows by time
            message, entry = _uuid(self.chance), _uuid(self.chance)
            is_out = self.chance.random() < 0.85
            kind = "message.sent" if is_out else "message.received"
            customer = self.customers[self.chance.randrange(CUSTOMERS)]
            rows.append(self._row(message, entry, customer, kind, at, is_out=is_out))
            entries.append((first + n, entry, kind, at, "system", None, customer, message, None, LEAF, None))
        self.written += count
        return rows, entries

    def _row(
        self, message: UUID, entry: UUID, customer: UUID, kind: str, at: datetime, *, is_out: bool
    ) -> tuple[object, ...]:
        month = f"{at:%Y-%m}"
        category = self.chance.choices(("service", "reminder", "billing", "results"), (60, 25, 12, 3))[0]
        ranks = set(
            self.chance.choices(range(VOCABULARY), cum_weights=self.weights, k=self.chance.randint(*WORDS_A_RECORD))
        )
        words = sorted({one for rank in ranks for one in self._hashes(month, rank)})
        return (
            message, entry, customer, kind, category, "service", "default", "out" if is_out else "in", None, at, at,
            at + timedelta(days=2557), UUID(int=0), f"{at.year + 7}-{at:%m}", self.chance.randbytes(500),
            self.chance.randbytes(120), month, f"{{{','.join(map(str, words))}}}", None,
        )  # fmt: skip

    def _hashes(self, month: str, rank: int) -> tuple[int, ...]:
        from archive.flows import monthkey, wordindex

        found = self.stems.get((month, rank))
        if found is None:
            (hashes,) = wordindex.hash_query(self.word(rank), key=monthkey.index(month))
            found = self.stems[month, rank] = tuple(hashes)
        return found


def _uuid(chance: random.Random) -> UUID:
    return UUID(int=chance.getrandbits(128))


def _next_index() -> int:
    from archive.queries import tree

    return tree.entry_count()


def copy_in(rows: list[tuple[object, ...]], entries: list[tuple[object, ...]]) -> None:
    from django.db import transaction

    from archive.flows import ledger, record
    from portal.kernel import bulk

    with transaction.atomic():
        bulk.insert(record.TABLE, record.COLUMNS, rows)
        bulk.insert(ledger.TABLE, ledger.COLUMNS, entries)


def take_in() -> float:
    from archive.flows import searchindex

    started = time.perf_counter()
    while searchindex.take_in().is_behind:
        pass
    return time.perf_counter() - started


def settle() -> None:
    """What autovacuum does in its own time."""
    from django.db import connection

    for table in ("archive_record", "archive_searchrow", "archive_searchday", "archive_entry"):
        with connection.cursor() as cursor:
            cursor.execute(f"VACUUM (ANALYZE) {table}")


# ── search ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def search(house: _house.House, size: int, filler: Filler) -> Iterator[Figure]:
    """Pages and figures for metadata, for words from the most common to rare, and for both; each with its entry."""
    from archive.flows import search as flow
    from archive.flows import unlock

    now = datetime.now(UTC)
    half = unlock.open_(
        actor=house.officer, now=now, passphrase="words of a bench passphrase", session_key="bench"
    ).half
    browser = flow.Browser("bench", half)
    limit = _own_entry(house)

    def page(query: str) -> None:
        flow.search(actor=house.officer, now=datetime.now(UTC), query=query, reason="bench", browser=browser)

    def figures(query: str) -> None:
        flow.count(actor=house.officer, now=datetime.now(UTC), query=query, browser=browser)

    for name, make in _queries(filler).items():
        for word, act, aim in (("search", page, 100), ("facets", figures, 300)):
            spent = [_ms(act, make(n)) for n in range(ASKED)]
            yield Figure(
                name=f"{size:,}: {word}, {name}, p95", value=_report.percentile(spent, 95), unit="ms", aim=aim, less=True,
                limit=limit if word == "search" else None, limit_of="writing its entry",
                note=f"p50 {_report.median(spent):.1f} ms",
            )  # fmt: skip


def _queries(filler: Filler) -> dict[str, Callable[[int], str]]:
    chance = random.Random(9)
    days = DAYS * filler.written // max(SIZES)
    day = lambda: f"{filler.start + timedelta(days=chance.randrange(days)):%Y-%m-%d}"  # noqa: E731
    drawn = lambda: filler.word(chance.choices(range(VOCABULARY), cum_weights=filler.weights)[0])  # noqa: E731
    return {
        "everything": lambda n: "",
        "metadata": lambda n: (
            f"kind:message.sent category:billing after:{day()}",
            f"customer:{chance.choice(filler.customers)}",
            f"from:business -category:service before:{filler.start + timedelta(days=days):%Y-%m-%d}",
        )[n % 3],
        "a word as people say them": lambda n: drawn(),
        "the most common words": lambda n: filler.word(n % 5),
        "two words": lambda n: f"{drawn()} {drawn()}",
        "words and metadata": lambda n: f"{drawn()} kind:message.received after:{day()}",
    }


def _own_entry(house: _house.House) -> float:
    """What a search pays before it looks: its entry's commit."""
    from portal.kernel import unit

    def tell() -> None:
        with unit.work() as u:
            u.entry(unit.Draft("archive.searched", house.officer.label, detail={"query": "x", "reason": "bench"}))

    return _report.percentile([_ms(tell) for _ in range(50)], 95)


def _ms(act: Callable[..., object], *values: object) -> float:
    started = time.perf_counter()
    act(*values)
    return (time.perf_counter() - started) * 1000


PARTS: tuple[Callable[[_house.House, int, Filler], Iterator[Figure]], ...] = (search, _export.part, _disposal.part)
