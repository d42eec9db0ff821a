"""Writing a bundle: members in the order in which the verifier reads them, from a source that is asked twice.

    log.vkey  checkpoint  entries.jsonl  proofs/*  records.jsonl  records.csv
    records/*.eml attachments/*  or  sealed/* blobs/*
    missing.json  verify.py  manifest.json  manifest.sig

A ZIP stream has one member at a time, so the records are read once for the two lists (the second waits in a `Spool`) and once
for what stands in a file of its own; what differs between the readings (something was disposed of meanwhile) stops the
writing, and the half of a ZIP that is there verifies as cut short.
"""

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from archive.export import claims, ship
from archive.export.check import FolderTally, thread_domain
from archive.export.enclosed import EnclosedFile, files_of
from archive.export.letter import write_letter
from archive.export.spool import Spool
from archive.export.table import RecordLine, write_heading, write_line, write_row
from archive.export.zipstream import ZipStream

_LINES = 500  # joined before they are packed


class SourceChanged(Exception):
    """The archive changed while the bundle was written."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the bundle is. `facts` are the manifest's fields that nothing computes; `missing_leaves` is filled while writing."""

    made_at: datetime
    is_sealed: bool
    vkey: str
    checkpoint: str
    origin: str
    size: int
    root: bytes
    selection: dict[str, Any]
    facts: dict[str, Any]


Record = tuple[RecordLine, bytes] | tuple[int, str]
"""A line and its sealed form (empty in an open bundle), or an index and the reason why there is none."""


class Source(Protocol):
    def entries(self) -> Iterator[tuple[int, bytes | None, bytes]]:
        """Every index from 0: its leaf, None outside the range, and its leaf's hash."""

    def proofs(self) -> Iterator[tuple[int, str]]:
        """The proof of every leaf that is given, in order."""

    def records(self, *, boxes: bool) -> Iterator[Record]:
        """Every entry of the selection with a record, in order; without boxes, sealed forms are empty."""

    def file(self, entry: dict[str, Any]) -> bytes:
        """A file of an opened record, by what the record says of it."""

    def blob(self, name: str) -> bytes:
        """A file as it is sealed, by its id."""

    def sign(self, lines: list[str]) -> str:
        """A note of these lines, signed with the log's key."""


@dataclass(slots=True)
class Made:
    """What was written, known at the end."""

    bytes: int = 0
    sha256: str = ""
    entries: int = 0
    records: int = 0
    missing: dict[str, int] = field(default_factory=dict)


def write(plan: Plan, source: Source, made: Made, step: Callable[[int], None]) -> Iterator[bytes]:
    """The bytes of the ZIP. `step(n)` is told how many more lines were written."""
    yield from _Writer(plan, source, made, step).write()


def steps_of(size: int, given: int, records: int) -> int:
    """How many steps a bundle takes."""
    return size + given + 2 * records


class _Writer:
    def __init__(self, plan: Plan, source: Source, made: Made, step: Callable[[int], None]) -> None:
        self._plan, self._source, self._made, self._step = plan, source, made, step
        self._zip = ZipStream(plan.made_at)
        self._files: dict[str, dict[str, Any]] = {}
        self._folders: dict[str, FolderTally] = {}
        self._missing: list[tuple[int, str]] = []
        self._readings: set[bytes] = set()
        self._enclosed: dict[str, dict[str, Any]] = {}
        self._blobs: set[str] = set()

    def write(self) -> Iterator[bytes]:
        plan, made = self._plan, self._made
        yield self._file("log.vkey", f"{plan.vkey}\n".encode())
        yield self._file("checkpoint", plan.checkpoint.encode())
        yield from self._stream("entries.jsonl", joined(self._entries()))
        yield from self._proofs()
        with closing(Spool()) as table:
            yield from self._stream("records.jsonl", joined(self._lines(table)))
            yield from self._stream("records.csv", table.parts())
        yield from self._sealed() if plan.is_sealed else self._letters()
        yield from self._sealed_files() if plan.is_sealed else self._attachments()
        yield self._file("missing.json", claims.write_missing(sorted(self._missing)))
        yield self._file("verify.py", ship.verifier())
        yield from self._manifest()
        yield from self._zip.finish()
        made.bytes, made.sha256 = self._zip.offset, self._zip.sha256

    def _file(self, name: str, data: bytes) -> bytes:
        self._files[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        return self._zip.add(name, data)

    def _stream(self, name: str, parts: Iterator[bytes]) -> Iterator[bytes]:
        yield from self._zip.stream(name, self._tallied(name, parts))

    def _tallied(self, name: str, parts: Iterator[bytes]) -> Iterator[bytes]:
        digest, size = hashlib.sha256(), 0
        for part in parts:
            digest.update(part)
            size += len(part)
            yield part
        self._files[name] = {"bytes": size, "sha256": digest.hexdigest()}

    def _entries(self) -> Iterator[bytes]:
        for index, leaf, digest in self._source.entries():
            what, data = (b"leaf", leaf) if leaf is not None else (b"hash", digest)
            self._step(1)
            yield b'{"index":%d,"%s":"%s"}\n' % (index, what, base64.b64encode(data))

    def _proofs(self) -> Iterator[bytes]:
        tally = self._folders["proofs"] = FolderTally()
        for index, text in self._source.proofs():
            name, data = f"proofs/{index}.tlog-proof", text.encode()
            tally.add(name, data)
            self._step(1)
            yield self._zip.add(name, data)

    # ── records: two readings ─────────────────────────────────────────────────────────────────────────────────────────
    def _lines(self, table: Spool) -> Iterator[bytes]:
        table.add(write_heading())
        for line, _ in self._reading(boxes=False, notes=True):
            content = json.loads(line.content) if line.content is not None else None
            table.add(write_row(line.index, json.loads(line.leaf), line.until, content))
            yield write_line(line)

    def _letters(self) -> Iterator[bytes]:
        domain = thread_domain(self._plan.origin)
        for line, _ in self._reading(boxes=False):
            content = json.loads(line.content or b"{}")
            self._enclosed |= {one.path: one.entry for one in files_of(content)}
            data = write_letter(line.index, json.loads(line.leaf), line.until, content, domain, self._file_of)
            yield self._member("records", f"records/{line.index}.eml", data)

    def _file_of(self, file: EnclosedFile) -> bytes:
        return self._source.file(file.entry)

    def _attachments(self) -> Iterator[bytes]:
        for path in sorted(self._enclosed):
            yield self._member("attachments", path, self._source.file(self._enclosed[path]))

    def _sealed(self) -> Iterator[bytes]:
        for line, box in self._reading(boxes=True):
            self._blobs.update(one["id"] for one in (json.loads(box).get("blobs", ()) if b'"blobs"' in box else ()))
            yield self._member("sealed", f"sealed/{line.index}", box)

    def _sealed_files(self) -> Iterator[bytes]:
        for name in sorted(self._blobs):
            yield self._member("blobs", f"blobs/{name}", self._source.blob(name))

    def _member(self, folder: str, name: str, data: bytes) -> bytes:
        self._folders.setdefault(folder, FolderTally()).add(name, data)
        return self._zip.add(name, data)

    def _reading(self, *, boxes: bool, notes: bool = False) -> Iterator[tuple[RecordLine, bytes]]:
        """One reading of all records. All of them must find the same."""
        digest = hashlib.sha256()
        for record in self._source.records(boxes=boxes):
            self._step(1)
            if isinstance(record[0], int):
                digest.update(b"-%d" % record[0])
                if notes:
                    self._missing.append((record[0], str(record[1])))
                continue
            line: RecordLine = record[0]
            digest.update(b"+%d %s" % (line.index, (line.until or "").encode()))
            self._made.records += notes
            yield line, bytes(record[1])  # type: ignore[arg-type]
        self._readings.add(digest.digest())
        if len(self._readings) > 1:
            raise SourceChanged

    # ── claims ────────────────────────────────────────────────────────────────────────────────────────────────────────
    def _manifest(self) -> Iterator[bytes]:
        plan, made, selection = self._plan, self._made, self._plan.selection
        proofs = self._folders["proofs"].to_json()["count"]
        by_query = selection["by"] == "query"
        made.entries = proofs if by_query else selection["last"] - selection["first"] + 1
        made.missing = dict(Counter(reason for _, reason in self._missing))
        manifest = {
            **plan.facts, "format": claims.FORMAT, "sealed": plan.is_sealed, "log": plan.origin, "selection": selection,
            "checkpoint": {"root": plan.root.hex(), "size": plan.size}, "complete": not by_query,
            "counts": {"entries": made.entries, "missing": made.missing, "records": made.records},
            "files": self._files, "folders": {name: tally.to_json() for name, tally in self._folders.items()},
            "container": {"bytes": self._zip.offset, "sha256": self._zip.sha256},
        }  # fmt: skip
        data = claims.write_json(manifest)
        yield self._zip.add("manifest.json", data)
        signature = self._source.sign(claims.statement(str(manifest["export"]), data))
        yield self._zip.add("manifest.sig", signature.encode())


def joined(lines: Iterator[bytes]) -> Iterator[bytes]:
    held: list[bytes] = []
    for line in lines:
        held.append(line)
        if len(held) == _LINES:
            yield b"".join(held)
            held = []
    yield b"".join(held)
