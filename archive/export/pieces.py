"""The long parts of a bundle, piece by piece: each piece is read alone, without what lies before it, so that several processes
can do it. Whoever puts the pieces together (`check`) holds them against each other and against the tree."""

import binascii
import hashlib
import hmac
import re
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from archive.export.boxed import SEALED_FORMAT, Sealed, read_sealed
from archive.export.enclosed import digest_files, files_of
from archive.export.leaves import decode_leaf, hash_leaf
from archive.export.letter import write_letter
from archive.export.signed import NotVerified, parse_json, unbase64
from archive.export.table import RecordLine, read_content, read_line, write_row

PIECE_RECORDS = 200
MIXED = "records.jsonl mixes sealed records with open ones."
_LEAF = re.compile(rb'\{"index":(0|[1-9][0-9]{0,17}),"leaf":"([A-Za-z0-9+/=]+)"\}')
# 32 bytes in the one spelling of their base64: the last of its 43 signs stands for four bits.
_HASH = re.compile(rb'\{"index":(0|[1-9][0-9]{0,17}),"hash":"([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)"\}')


# ── entries.jsonl ─────────────────────────────────────────────────────────────────────────────────────────────────────
class EntryPart(NamedTuple):
    """`hashes`: of the leaves, 32 bytes each. `given`: indexes whose leaf is there; `with_record`: those that have a record.
    `times`: of the first two leaves and the last two, each once."""

    hashes: bytes
    given: "array[int]"
    with_record: "array[int]"
    times: list[str]


def numbered(blocks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Each block of lines with the number of its first."""
    first = 0
    for block in blocks:
        yield first, block
        first += block.count(b"\n")


def read_entries(piece: tuple[int, bytes]) -> EntryPart:
    """Lines in their one form, dense from the given number on, no leaf older than one before it."""
    first, block = piece
    hashes: list[bytes] = []
    times: list[str] = []
    given, with_record = array("Q"), array("Q")
    for index, line in enumerate(block[:-1].split(b"\n"), start=first):
        if (plain := _HASH.fullmatch(line)) and int(plain[1]) == index:
            hashes.append(binascii.a2b_base64(plain[2]))
            continue
        found = _LEAF.fullmatch(line)
        if not found or int(found[1]) != index:
            raise NotVerified(
                f"entries.jsonl holds another line than that of entry {index}: one is missing or changed."
            )
        raw = unbase64(found[2], "entries.jsonl")
        leaf = decode_leaf(raw, index)
        if times and leaf["time"] < times[-1]:
            raise NotVerified(f"Entry {index} is older than an entry before it.")
        times.append(leaf["time"])
        given.append(index)
        if "sealed_sha256" in leaf:
            with_record.append(index)
        hashes.append(hash_leaf(raw))
    return EntryPart(b"".join(hashes), given, with_record, times if len(times) < 5 else times[:2] + times[-2:])


# ── records.jsonl ─────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass
class RecordPart:
    """What the lines of a block say. `refused`: why the last of `indexes` is refused, once it is known to stand in the tree."""

    indexes: "array[int]" = field(default_factory=lambda: array("Q"))
    leaf_hashes: bytearray = field(default_factory=bytearray)
    is_sealed: bool | None = None
    rows: bytes = b""  # of records.csv
    digests: bytearray = field(default_factory=bytearray)  # SHA-256 of each EML without its files, or of the leaf
    enclosed: set[str] = field(default_factory=set)
    refused: Exception | None = None


def read_records(piece: tuple[str, bytes]) -> RecordPart:
    """`piece`: what Message-IDs end in, and whole lines."""
    domain, block = piece
    part, rows = RecordPart(), []
    for raw in block[:-1].split(b"\n"):
        try:
            line = read_line(raw + b"\n")
            part.indexes.append(line.index)
            part.leaf_hashes += hash_leaf(line.leaf)
            rows.append(_read_record(part, line, domain))
        except Exception as error:  # noqa: BLE001 - a leaf that is in no tree may be anything: whoever knows the tree speaks first
            part.refused = error
            break
    part.rows = b"".join(rows)
    return part


def _read_record(part: RecordPart, line: RecordLine, domain: str) -> bytes:
    """→ its row of records.csv."""
    leaf: dict[str, Any] = parse_json(line.leaf)  # its form is checked where it stands in the tree
    if part.is_sealed is None:
        part.is_sealed = line.content is None
    if part.is_sealed != (line.content is None):
        raise NotVerified(MIXED)
    content = _opened(leaf, line.index, line.nonce, line.content)
    part.enclosed.update(one.path for one in files_of(content))
    kept = line.leaf if content is None else write_letter(line.index, leaf, line.until, content, domain)
    part.digests += hashlib.sha256(kept).digest()
    return write_row(line.index, leaf, line.until, content)


def _opened(leaf: dict[str, Any], index: int, nonce: bytes, content: bytes | None) -> dict[str, Any] | None:
    if content is None:
        return None
    if not hmac.compare_digest(hmac.digest(nonce, content, "sha256").hex(), str(leaf.get("commitment"))):
        raise NotVerified(f"Record {index} was changed: its content does not open the commitment of its entry.")
    return read_content(content, index)


# ── sealed/ ───────────────────────────────────────────────────────────────────────────────────────────────────────────
class SealedPart(NamedTuple):
    """`lines`, `files` (how many), `size`: for the folder's tally. `blobs`: (name, digest, the record that says so)."""

    lines: bytes
    files: int
    size: int
    blobs: list[tuple[str, str, str]]


def read_sealed_records(piece: list[tuple[int, bytes, bytes]]) -> SealedPart:
    """`piece`: (index, bytes, digest of the leaf), each of which must be of that entry."""
    envelopes: dict[bytes, bytes] = {}
    lines, blobs = [], []
    for index, data, leaf_digest in piece:
        name = f"sealed/{index}"
        parts = read_sealed(data, name, envelopes)
        _check_sealed(parts, name, index, leaf_digest)
        blobs += [(f"blobs/{blob_id}", digest, name) for blob_id, digest in parts.blobs]
        lines.append(tally_line(name, data))
    return SealedPart(b"".join(lines), len(piece), sum(len(data) for _, data, _ in piece), blobs)


def tally_line(name: str, data: bytes) -> bytes:
    return f"{hashlib.sha256(data).hexdigest()}  {name}\n".encode()


def _check_sealed(parts: Sealed, name: str, index: int, leaf_digest: bytes) -> None:
    if parts.format != SEALED_FORMAT:
        raise NotVerified(f"{name} is of a version that this verifier does not know.")
    if parts.index != index or hashlib.sha256(parts.leaf).digest() != leaf_digest:
        raise NotVerified(f"{name} is the record of another entry.")
    leaf = parse_json(parts.leaf)
    for part in ("sealed", "wrap", "envelope"):
        said = leaf.get("batch_sha256" if part == "envelope" else f"{part}_sha256")
        if hashlib.sha256(getattr(parts, part)).hexdigest() != said:
            raise NotVerified(f"{name} was changed: its {part} is not what entry {index} commits to.")
    if digest_files(parts.blobs) != leaf.get("codes", {}).get("files_sha256"):
        raise NotVerified(f"{name} was changed: its files are not those that entry {index} commits to.")
    if (parts.entry, parts.message) != (leaf["id"], leaf.get("message")):
        raise NotVerified(f"{name} is the record of another message.")
