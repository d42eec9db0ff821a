"""Export and verification of real records: sealed as a job draws it, open as an officer's request does, checked by the verifier."""

import gc
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench import _house
from bench._report import Figure

FEWEST, MOST = 20_000, 100_000
CHUNK = 1000


def part(house: _house.House, size: int, filler: object) -> Iterator[Figure]:
    """Records that were sealed as in life, as many as there are others (`FEWEST` to `MOST`), at the end of a ledger of `size` and
    more entries: a bundle holds a hash of each."""
    from archive.flows import batch, tree
    from archive.queries import proofs

    tree.integrate(now=datetime.now(UTC))  # the noise before them is no leaf that a verifier would read
    count = max(FEWEST, min(size, MOST))
    first, batches = proofs.published_size(), _fill(count)
    tree.integrate(now=datetime.now(UTC))
    batch.forget()
    gc.collect()
    gc.freeze()  # what this benchmark holds besides is in no worker's memory
    for word, opener in (("sealed", None), ("open", lambda one, envelope: batches[one])):
        started = time.perf_counter()
        data, vkey = _draw(first, opener)
        drawn = time.perf_counter() - started
        name = f"{size:,}: export, {word}"
        yield Figure(
            name=name,
            value=count / drawn,
            unit="/s",
            gate=5_000,
            aim=5_000,
            note=f"{count:,} records, {len(data) / count:,.0f} bytes each",
        )
        yield Figure(
            name=f"{size:,}: verification, {word}", value=count / _verify(data, vkey), unit="/s", aim=20_000,
            note="the bundle's own verify.py, from its start to its end",
        )  # fmt: skip


def _fill(count: int) -> dict[Any, bytes]:
    """The batch keys that sealed them, as an officer's key would open them."""
    from archive.flows import batch, record
    from portal.kernel import ids, tenancy, unit

    known: dict[Any, bytes] = {}
    for _ in range(count // CHUNK):
        now = datetime.now(UTC)
        with unit.work() as u:
            record.keep(u, [_snapshot(record, ids, now, n) for n in range(CHUNK)])
        held = batch._held.get(tenancy.here().id)  # noqa: SLF001 (an officer would open its envelope)
        known |= {held.batch.id: held.batch.key} if held else {}
    return known


def _snapshot(record: Any, ids: Any, now: datetime, number: int) -> Any:
    content = {
        "subject": "Your appointment", "body": f"Your appointment {number} is tomorrow at nine. Bring your card.\nAcme Clinic",
        "attachments": [], "from": {"name": "Acme Clinic", "by": "system"}, "category": "service", "format": "text",
        "to": {"name": "Test Person", "email": "test.person@example.org", "customer": str(ids.uuid4())},
    }  # fmt: skip
    return record.Snapshot(
        message_id=ids.uuid7(), customer_id=ids.uuid7(), subject_id=ids.uuid4(), kind="message.sent", actor="system",
        direction="out", category="service", sent_at=now, gone_at=now + timedelta(hours=1), rule="default",
        archived_until=now + timedelta(days=2557), content=content,
    )  # fmt: skip


def _draw(first: int, opener: Any) -> tuple[bytes, str]:
    from archive.flows import drawing
    from archive.models import Export
    from portal.kernel import ids

    row = Export(
        id=ids.uuid7(), is_sealed=opener is None, by="indexes", first=first, asked_at=datetime.now(UTC), asked_index=0
    )
    drawn = drawing.Drawing(row, opener, lambda: None)
    return b"".join(drawn.parts()), drawn.plan.vkey


def _verify(data: bytes, vkey: str) -> float:
    """As whoever was sent the bundle does it."""
    from archive.export import ship

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "verify.py").write_bytes(ship.verifier())
        (folder / "bundle.zip").write_bytes(data)
        (folder / "key").write_text(vkey)
        started = time.perf_counter()
        command = [sys.executable, "-I", "verify.py", "bundle.zip", "--vkey", "key"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stdout + done.stderr)
        return time.perf_counter() - started
