"""The verifier: reads a bundle once, from its first byte to its last, believes nothing that it can compute, and says no
with the reason at the first thing that does not hold.

    leaves     every line of entries.jsonl, dense from 0; each leaf canonical, no time before that of a leaf before it;
               their tree is the one that the checkpoint states, signed by the log's key
    proofs     each the bytes that follow from that tree
    records    each line's leaf stands in the tree at its place and its content opens the leaf's commitment (open), or the
               sealed boxes have the leaf's hashes (sealed); EML and CSV are what that content gives, byte for byte
    files      open, each has the digest that is its name; sealed, each is the one that its records' leaves commit to
    range      every entry of it is there; for times, the neighbours show that nothing was left out at its ends
    missing    each record that is not there is named with a reason; nothing is both there and missing
    manifest   signed by the log's key; its hashes, counts and range are those that were found

Said with a key from outside, that is "verified"; without one, only "consistent with itself".
"""

import gc
import hashlib
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from archive.export.claims import check_times, compare, read_manifest, read_missing, read_selection
from archive.export.container import Unpacked, Zipped, blocks_of
from archive.export.crew import Mapper
from archive.export.enclosed import bare, check_file
from archive.export.leaves import HashTree
from archive.export.pieces import (
    MIXED,
    PIECE_RECORDS,
    numbered,
    read_entries,
    read_records,
    read_sealed_records,
    tally_line,
)
from archive.export.signed import LogKey, NotVerified, Tree, as_text, open_checkpoint, parse_key
from archive.export.table import write_heading

_EVERY = 2000

Progress = Callable[[str, int, int], None]
Bundle = Zipped | Unpacked


class Tools(NamedTuple):
    """Who hears how far it is, and how the pieces of the long parts are done."""

    progress: Progress
    each: Mapper


@dataclass
class Found:
    """What was read so far."""

    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    folders: dict[str, "FolderTally"] = field(default_factory=dict)
    given: "array[int]" = field(default_factory=lambda: array("Q"))  # indexes whose leaf is there
    with_record: "array[int]" = field(default_factory=lambda: array("Q"))
    records: "array[int]" = field(default_factory=lambda: array("Q"))
    is_sealed: bool | None = None
    head: list[str] = field(default_factory=list)  # times of the first two leaves that are there
    tail: list[str] = field(default_factory=list)  # and of the last two
    digests: bytearray = field(
        default_factory=bytearray
    )  # SHA-256 of each record's EML without its files, or of its leaf
    enclosed: set[str] = field(default_factory=set)  # names of the files that the records say they came with
    blobs: dict[str, str] = field(default_factory=dict)  # sealed files by name, and the digests that leaves commit to


@dataclass(frozen=True)
class Verdict:
    """What holds. `has_outside_key`: whether somebody else than the bundle said whose log it is."""

    has_outside_key: bool
    manifest: dict[str, Any]


def quiet(what: str, done: int, of: int) -> None:
    """The default listener."""


def verify(bundle: Bundle, vkey: str | None = None, progress: Progress = quiet, each: Mapper = map) -> Verdict:
    """Raises `NotVerified` unless everything holds. `each`: `map`, or what does the same in several processes (`crew`)."""
    was_on = gc.isenabled()
    gc.disable()  # Python would look for cycles in millions of short-lived tuples that form none
    try:
        return _verify(bundle, vkey, Tools(progress, each))
    finally:
        if was_on:
            gc.enable()


def _verify(bundle: Bundle, vkey: str | None, tools: Tools) -> Verdict:
    found = Found()
    key = _key(_file(bundle, found, "log.vkey"), vkey)
    checkpoint = _file(bundle, found, "checkpoint")
    stated = open_checkpoint(checkpoint, key)
    tree = _entries(bundle, found, stated, tools)
    _proofs(bundle, found, tree, as_text(checkpoint, "checkpoint"), tools)
    _records(bundle, found, tree, thread_domain(key.name), tools)
    if found.is_sealed:
        _sealed(bundle, found, tools)
        _sealed_files(bundle, found)
    elif found.records:
        _letters(bundle, found, tools)
        _files(bundle, found)
    missing = read_missing(_file(bundle, found, "missing.json"))
    _file(bundle, found, "verify.py")
    manifest = _manifest(bundle, found, key, stated)
    _claimed(manifest, found, stated.size, missing)
    bundle.finish()
    return Verdict(vkey is not None, manifest)


def thread_domain(origin: str) -> str:
    """What Message-IDs of a log's records end in: the same in each of its epochs."""
    return hashlib.sha256(origin.rpartition("/")[0].encode()).hexdigest()[:24]


def _key(inside: bytes, outside: str | None) -> LogKey:
    key = parse_key(as_text(inside, "log.vkey"), "log.vkey")
    if outside is not None and parse_key(outside, "The key you gave") != key:
        raise NotVerified(
            f"This bundle is signed under another key than the one you gave: it says to be of the log {key.name}. It is of "
            "another business, another epoch, or a forgery."
        )
    return key


# ── hashes of files ───────────────────────────────────────────────────────────────────────────────────────────────────
def _file(bundle: Bundle, found: Found, name: str) -> bytes:
    data = bundle.read(name)
    found.files[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    return data


def _tallied(found: Found, name: str, parts: Iterable[bytes]) -> Iterator[bytes]:
    digest, size = hashlib.sha256(), 0
    for part in parts:
        digest.update(part)
        size += len(part)
        yield part
    found.files[name] = {"bytes": size, "sha256": digest.hexdigest()}


class FolderTally:
    """Count, bytes and a digest over the lines `<sha256>  <name>` of a folder's files, in order of index."""

    def __init__(self) -> None:
        self._digest, self.count, self._bytes = hashlib.sha256(), 0, 0

    def add(self, name: str, data: bytes) -> None:
        self.add_lines(tally_line(name, data), 1, len(data))

    def add_lines(self, lines: bytes, count: int, size: int) -> None:
        """Of `count` files that are `size` bytes together."""
        self._digest.update(lines)
        self.count += count
        self._bytes += size

    def to_json(self) -> dict[str, Any]:
        return {"bytes": self._bytes, "count": self.count, "sha256": self._digest.hexdigest()}


# ── leaves ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _entries(bundle: Bundle, found: Found, stated: Tree, tools: Tools) -> HashTree:
    hashes = bytearray()
    blocks = blocks_of(_tallied(found, "entries.jsonl", bundle.stream("entries.jsonl")), "entries.jsonl")
    for part in tools.each(read_entries, numbered(blocks)):
        if found.tail and part.times and part.times[0] < found.tail[-1]:
            raise NotVerified(f"Entry {part.given[0]} is older than an entry before it.")
        hashes += part.hashes
        found.given.extend(part.given)
        found.with_record.extend(part.with_record)
        found.head = [*found.head, *part.times][:2]
        found.tail = [*found.tail, *part.times][-2:]
        tools.progress("entries", len(hashes) // 32, stated.size)
    tree = HashTree(hashes)
    if tree.size != stated.size or tree.root != stated.root:
        raise NotVerified(
            "The entries do not lead to the root that the checkpoint states: one was changed, lost, added or reordered."
        )
    return tree


def _proofs(bundle: Bundle, found: Found, tree: HashTree, checkpoint: str, tools: Tools) -> None:
    tally = found.folders["proofs"] = FolderTally()
    for done, index in enumerate(found.given, start=1):
        name = f"proofs/{index}.tlog-proof"
        data = bundle.read(name)
        if data != tree.proof(index, checkpoint).encode():
            raise NotVerified(f"{name} does not prove entry {index} under this checkpoint.")
        tally.add(name, data)
        if not done % _EVERY:
            tools.progress("proofs", done, len(found.given))


# ── records ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def _records(bundle: Bundle, found: Found, tree: HashTree, domain: str, tools: Tools) -> None:
    """The lines, each against its leaf, and what the CSV and the EMLs must then be."""
    table = hashlib.sha256(write_heading())
    blocks = blocks_of(_tallied(found, "records.jsonl", bundle.stream("records.jsonl")), "records.jsonl")
    for part in tools.each(read_records, ((domain, block) for block in blocks)):
        for at, index in enumerate(part.indexes):
            _stands(found, tree, index, part.leaf_hashes[32 * at : 32 * at + 32])
        if found.is_sealed is None:
            found.is_sealed = part.is_sealed
        if part.refused is not None:
            raise part.refused
        if found.is_sealed != part.is_sealed:
            raise NotVerified(MIXED)
        found.enclosed |= part.enclosed
        found.digests += part.digests
        table.update(part.rows)
        tools.progress("records", len(found.records), len(found.with_record))
    for _ in _tallied(found, "records.csv", bundle.stream("records.csv")):
        pass
    if found.files["records.csv"]["sha256"] != table.hexdigest():
        raise NotVerified("records.csv is not what the records say.")


def _stands(found: Found, tree: HashTree, index: int, leaf_hash: bytes) -> None:
    if found.records and index <= found.records[-1]:
        raise NotVerified(f"records.jsonl is out of order at record {index}.")
    at = bisect_left(found.with_record, index)
    if at == len(found.with_record) or found.with_record[at] != index or leaf_hash != tree.leaf_hash(index):
        raise NotVerified(f"Record {index} is not that of entry {index}.")
    found.records.append(index)


def _letters(bundle: Bundle, found: Found, tools: Tools) -> None:
    tally = found.folders["records"] = FolderTally()
    for done, index in enumerate(found.records, start=1):
        name = f"records/{index}.eml"
        data = bundle.read(name)
        if hashlib.sha256(bare(data, index)).digest() != found.digests[32 * done - 32 : 32 * done]:
            raise NotVerified(f"{name} is not what record {index} says.")
        tally.add(name, data)
        if not done % _EVERY:
            tools.progress("letters", done, len(found.records))


def _files(bundle: Bundle, found: Found) -> None:
    for name in sorted(found.enclosed):
        data = bundle.read(name)
        check_file(name, data)
        found.folders.setdefault("attachments", FolderTally()).add(name, data)


def _sealed_files(bundle: Bundle, found: Found) -> None:
    for name, digest in sorted(found.blobs.items()):
        data = bundle.read(name)
        if hashlib.sha256(data).hexdigest() != digest:
            raise NotVerified(f"{name} was changed: it is not the file that entries commit to.")
        found.folders.setdefault("blobs", FolderTally()).add(name, data)


def _sealed(bundle: Bundle, found: Found, tools: Tools) -> None:
    tally = found.folders.setdefault("sealed", FolderTally())
    for part in tools.each(read_sealed_records, _sealed_pieces(bundle, found)):
        for name, digest, said_in in part.blobs:
            if found.blobs.setdefault(name, digest) != digest:
                raise NotVerified(f"{said_in} names another file than a record before it by the same id.")
        tally.add_lines(part.lines, part.files, part.size)
        tools.progress("sealed", tally.count, len(found.records))


def _sealed_pieces(bundle: Bundle, found: Found) -> Iterator[list[tuple[int, bytes, bytes]]]:
    """(index, the record's bytes, the digest of its leaf), some at a time."""
    for start in range(0, len(found.records), PIECE_RECORDS):
        piece = enumerate(found.records[start : start + PIECE_RECORDS], start=start)
        yield [
            (index, bundle.read(f"sealed/{index}"), bytes(found.digests[32 * at : 32 * at + 32])) for at, index in piece
        ]


# ── claims ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _manifest(bundle: Bundle, found: Found, key: LogKey, stated: Tree) -> dict[str, Any]:
    container = {"bytes": bundle.offset, "sha256": bundle.sha256} if isinstance(bundle, Zipped) else None
    raw = bundle.read("manifest.json")
    manifest = read_manifest(raw, bundle.read("manifest.sig"), key)
    claims: dict[str, Any] = {
        "checkpoint": {"root": stated.root.hex(), "size": stated.size}, "log": key.name, "files": found.files,
        "folders": {name: tally.to_json() for name, tally in found.folders.items()},
    }  # fmt: skip
    if container is not None:
        claims["container"] = container
    compare(manifest, claims)
    return manifest


def _claimed(manifest: dict[str, Any], found: Found, size: int, missing: list[tuple[int, str]]) -> None:
    """The range is whole, and every record of it is either there or named as missing."""
    by, first, last = read_selection(manifest["selection"], size)
    named = {index for index, _ in missing}
    holes = _holes(manifest["selection"], found, size, named) if by != "query" else set()
    wanted = {index for index in found.with_record if by == "query" or first <= index <= last} | holes
    if (
        len(found.records) + len(named) != len(wanted)
        or not named.issubset(wanted)
        or not wanted.issuperset(found.records)
    ):
        raise NotVerified("A record is neither there nor named as missing, or it is both.")
    entries = len(found.given) if by == "query" else last - first + 1
    compare(manifest, {
        "complete": by != "query", "sealed": manifest["sealed"] if found.is_sealed is None else found.is_sealed,
        "counts": {"entries": entries, "missing": dict(Counter(reason for _, reason in missing)), "records": len(found.records)},
    })  # fmt: skip


def _holes(selection: dict[str, Any], found: Found, size: int, named: set[int]) -> set[int]:
    """Entries of the range whose leaf is not there: each must be named as missing."""
    first, last = selection["first"], selection["last"]
    is_time = selection["by"] == "time"
    low, high = (max(first - 1, 0), min(last + 1, size - 1)) if is_time else (first, last)
    if found.given and not low <= found.given[0] <= found.given[-1] <= high:
        raise NotVerified("The bundle holds entries that are not of its range.")
    holes = set(range(low, high + 1)).difference(found.given) if len(found.given) != high - low + 1 else set()
    if not holes <= named:
        raise NotVerified("The bundle does not hold every entry of its range.")
    if is_time:
        check_times(selection, size, found.head, found.tail)
    return holes
