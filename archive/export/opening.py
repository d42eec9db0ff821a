"""Opening a sealed bundle with a recovery key, on any machine that has the product. Needs no database and no keyring.

Every record is opened against its leaf: HMAC-SHA256(nonce, content) must be the leaf's commitment, which the bundle's
signed checkpoint covers. So verify first, open then.
"""

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from archive.export import boxed, check, claims, container
from archive.export.enclosed import EnclosedFile, check_file, files_of
from archive.export.letter import write_letter
from archive.export.signed import NotVerified
from archive.export.table import RecordLine, read_line, write_heading, write_line, write_row
from portal.sealing import blob, envelope, errors
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

    def open_(self, parts: boxed.Sealed) -> tuple[bytes, bytes]:
        """(nonce, content) of what `boxed.read_sealed` gives. Raises a SealingError, or NotVerified for another content."""
        business, message, batch = UUID(parts.business), UUID(parts.message), UUID(parts.batch)
        key = self._key(parts.envelope, business, batch)
        opened = sealing.open_(key, parts.wrap, parts.sealed, business=business, record=message, batch=batch)
        if sealing.commit(opened.nonce, opened.content).hex() != json.loads(parts.leaf)["commitment"]:
            raise NotVerified(f"Record {parts.index} does not open its entry's commitment.")
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
    """Write `records/`, `attachments/`, `records.jsonl` and `records.csv` of a sealed bundle that verifies into a folder that is
    not there yet."""
    out.mkdir(mode=0o700, parents=True)
    (out / "records").mkdir(mode=0o700)
    opener, closed, count, waiting = Opener(private), list[int](), 0, Waiting(out)
    with (out / "records.jsonl").open("wb") as lines, (out / "records.csv").open("wb") as rows:
        rows.write(write_heading())
        for line, parts, domain in _records(bundle, waiting):
            try:
                nonce, content = opener.open_(parts)
            except errors.SealingError:
                closed.append(line.index)
                continue
            leaf, whole = json.loads(line.leaf), json.loads(content)
            lines.write(write_line(line._replace(nonce=nonce, content=content)))
            rows.write(write_row(line.index, leaf, line.until, whole))
            waiting.write(_Letter(line.index, leaf, line.until, whole, domain), UUID(parts.business))
            count += 1
            say(count)
    (out / "missing.json").write_bytes(claims.write_missing([(index, "not_openable") for index in closed]))
    return Opened(count, closed)


class _Letter(NamedTuple):
    index: int  # type: ignore[assignment]  # as in `RecordLine`
    leaf: dict[str, Any]
    until: str | None
    content: dict[str, Any]
    domain: str


class Waiting:
    """Letters whose files come later in the bundle; each file lies in `attachments/` once it is opened."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._letters: list[_Letter] = []
        self._wanted: dict[str, EnclosedFile] = {}
        self._business: UUID | None = None

    def write(self, letter: _Letter, business: UUID) -> None:
        files = files_of(letter.content)
        self._wanted |= {str(one.entry.get("id")): one for one in files}
        self._business = business
        if files:
            self._letters.append(letter)
        else:
            self._put(letter)

    def take(self, name: str, sealed: bytes) -> None:
        """A file as it is sealed. One that no opened record names stays closed."""
        file = self._wanted.get(name)
        if file is None or self._business is None:
            return
        key = urlsafe_b64decode(str(file.entry["key"]))
        try:
            data = b"".join(blob.open_(key, sealed, business=self._business, blob=UUID(name)))
        except errors.SealingError as error:
            raise NotVerified(f"blobs/{name} does not open to what its records say.") from error
        check_file(file.path, data)
        (self._out / "attachments").mkdir(mode=0o700, exist_ok=True)
        (self._out / file.path).write_bytes(data)

    def finish(self) -> None:
        for letter in self._letters:
            self._put(letter)

    def _put(self, letter: _Letter) -> None:
        data = write_letter(*letter, lambda file: (self._out / file.path).read_bytes())
        (self._out / "records" / f"{letter.index}.eml").write_bytes(data)


def _records(bundle: Path, waiting: Waiting) -> Iterator[tuple[RecordLine, boxed.Sealed, str]]:
    """Each record of a sealed bundle, in order, from a ZIP or a folder that was verified before."""
    if bundle.is_dir():
        yield from _walk(container.Unpacked(bundle), waiting)
        return
    with bundle.open("rb") as file:
        yield from _walk(container.Zipped(file), waiting)


def _lines(parts: Iterable[bytes], name: str) -> Iterator[bytes]:
    for block in container.blocks_of(parts, name):
        yield from (line + b"\n" for line in block[:-1].split(b"\n"))


def _walk(read: check.Bundle, waiting: Waiting) -> Iterator[tuple[RecordLine, boxed.Sealed, str]]:
    domain = check.thread_domain(read.read("log.vkey").split(b"+")[0].decode())
    read.read("checkpoint")
    given = []
    for line in _lines(read.stream("entries.jsonl"), "entries.jsonl"):
        index, what = line[len(b'{"index":') :].split(b",", 1)
        if what.startswith(b'"leaf"'):
            given.append(int(index))
    for at in given:
        read.read(f"proofs/{at}.tlog-proof")
    kept = [read_line(line) for line in _lines(read.stream("records.jsonl"), "records.jsonl")]
    for _part in read.stream("records.csv"):
        pass
    named: set[str] = set()
    for one in kept:
        name = f"sealed/{one.index}"
        parts = boxed.read_sealed(read.read(name), name)
        named.update(blob_id for blob_id, _ in parts.blobs)
        yield one, parts, domain
    for blob_id in sorted(named):
        waiting.take(blob_id, read.read(f"blobs/{blob_id}"))
    waiting.finish()
