"""Opening a sealed bundle with a recovery key, on any machine that has the product. Needs no database and no keyring.

Every record is opened against its leaf: HMAC-SHA256(nonce, content) must be the leaf's commitment, which the bundle's
signed checkpoint covers. So verify first, open then.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from archive.export import check, claims, container
from archive.export.letter import write_letter
from archive.export.signed import NotVerified
from archive.export.table import RecordLine, read_line, write_heading, write_line, write_row
from portal.sealing import envelope, errors
from portal.sealing import record as sealing

BATCHES = 64


@dataclass(frozen=True, slots=True)
class Opened:
    """What was opened; `closed` are the indexes that this key does not open."""

    records: int
    closed: list[int]


class Opener:
    """Opens sealed records with one private key, whichever recipient of the envelope it is."""

    def __init__(self, private: bytes) -> None:
        self._private = private
        self._keys: dict[str, bytes] = {}

    def open_(self, parts: dict[str, Any]) -> tuple[bytes, bytes]:
        """(nonce, content) of what `check.read_sealed` gives. Raises a SealingError, or NotVerified for another content."""
        business, message, batch = UUID(parts["business"]), UUID(parts["message"]), UUID(parts["batch"])
        key = self._key(parts["envelope"], business, batch)
        opened = sealing.open_(key, parts["wrap"], parts["sealed"], business=business, record=message, batch=batch)
        if sealing.commit(opened.nonce, opened.content).hex() != json.loads(parts["leaf"])["commitment"]:
            raise NotVerified(f"Record {parts['index']} does not open its entry's commitment.")
        return opened.nonce, opened.content

    def _key(self, sealed: bytes, business: UUID, batch: UUID) -> bytes:
        found = self._keys.get(str(batch))
        if found is None:
            if len(self._keys) >= BATCHES:
                self._keys.clear()
            found = self._keys[str(batch)] = self._find(sealed, business, batch)
        return found

    def _find(self, sealed: bytes, business: UUID, batch: UUID) -> bytes:
        for key_id in envelope.recipients_of(sealed):
            try:
                return sealing.open_batch_key(sealed, key_id, self._private, business=business, batch=batch)
            except errors.Unsealable:
                continue
        raise errors.Unsealable("This key is not among the recipients of the envelope.")


def open_bundle(bundle: Path, private: bytes, out: Path, say: Callable[[int], None]) -> Opened:
    """Write `records/`, `records.jsonl` and `records.csv` of a sealed bundle that verifies into a folder that is not there yet."""
    out.mkdir(mode=0o700, parents=True)
    (out / "records").mkdir(mode=0o700)
    opener, closed, count = Opener(private), list[int](), 0
    with (out / "records.jsonl").open("wb") as lines, (out / "records.csv").open("wb") as rows:
        rows.write(write_heading())
        for line, parts, domain in _records(bundle):
            try:
                nonce, content = opener.open_(parts)
            except errors.SealingError:
                closed.append(line.index)
                continue
            leaf, whole = json.loads(line.leaf), json.loads(content)
            lines.write(write_line(line._replace(nonce=nonce, content=content)))
            rows.write(write_row(line.index, leaf, line.until, whole))
            (out / "records" / f"{line.index}.eml").write_bytes(
                write_letter(line.index, leaf, line.until, whole, domain)
            )
            count += 1
            say(count)
    (out / "missing.json").write_bytes(claims.write_missing([(index, "not_openable") for index in closed]))
    return Opened(count, closed)


def _records(bundle: Path) -> Iterator[tuple[RecordLine, dict[str, Any], str]]:
    """Each record of a sealed bundle, in order, from a ZIP or a folder that was verified before."""
    if bundle.is_dir():
        yield from _walk(container.Unpacked(bundle))
        return
    with bundle.open("rb") as file:
        yield from _walk(container.Zipped(file))


def _walk(read: check.Bundle) -> Iterator[tuple[RecordLine, dict[str, Any], str]]:
    domain = check.thread_domain(read.read("log.vkey").split(b"+")[0].decode())
    read.read("checkpoint")
    given = []
    for line in container.lines_of(read.stream("entries.jsonl"), "entries.jsonl"):
        index, what = line[len(b'{"index":') :].split(b",", 1)
        if what.startswith(b'"leaf"'):
            given.append(int(index))
    for at in given:
        read.read(f"proofs/{at}.tlog-proof")
    kept = [read_line(line) for line in container.lines_of(read.stream("records.jsonl"), "records.jsonl")]
    for _part in read.stream("records.csv"):
        pass
    for one in kept:
        name = f"sealed/{one.index}"
        yield one, check.read_sealed(read.read(name), name), domain
