"""What a bundle is drawn from: entries, proofs and records of a selection, in order, a thousand at a time.

No statement spans two pieces: whoever draws may stop between them for as long as it takes, and no snapshot stays open.
Nothing is believed on the way: each leaf is held against the tree, each record against its leaf; what does not fit, or is
not there, comes as an index and the reason.
"""

import base64
import json
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from archive.export import boxed, bundle
from archive.export.enclosed import files_of
from archive.export.leaves import hash_leaf
from archive.export.paths import Paths
from archive.export.table import RecordLine
from archive.flows import blob
from archive.ledger import note
from archive.models import Batch, Blob, Checkpoint, Disposed, Entry, Record, Tile
from archive.queries import entries, predicate, promise, sealed, tree
from archive.rules.query import Query
from portal.kernel import clock, keys, tenancy
from portal.kernel.errors import Kind, Refusal
from portal.sealing import errors
from portal.sealing import record as sealing

WITH_RECORD = ("message.sent", "message.received")
SPAN = 4096  # entries at a time
PIECE = 1000  # records at a time
_ROW = (
    "entry_id",
    "message_id",
    "batch_id",
    "disposal_bucket",
    "archived_until",
    "mirrored_at",
    "sealed",
    "outer_wrap",
    "blobs",
)
HELD_BYTES = 32 * 1024 * 1024  # of files: neighbours of a campaign share theirs

DAMAGED = "Parts of the stored tree are missing, so nothing can be proved. Tell who runs this installation."

Opener = Callable[[UUID, bytes], bytes]
"""(batch, envelope) → batch key. Raises a SealingError for one that it has no key for."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A selection. `given` are the indexes whose leaves go into the bundle, `first` to `last` what was asked for; a query
    has `picked`, the indexes that it found, in their place."""

    by: str
    first: int
    last: int
    given: range
    picked: "array[int] | None" = None
    times: tuple[datetime, datetime] | None = None

    def to_json(self) -> dict[str, Any]:
        if self.by == "query":
            return {"by": "query"}
        told: dict[str, Any] = {"by": self.by, "first": self.first, "last": self.last}
        if self.times:
            told |= {"after": clock.text(self.times[0]), "before": clock.text(self.times[1])}
        return told

    @property
    def entry_count(self) -> int:
        return len(self.picked) if self.picked is not None else max(0, self.last - self.first + 1)

    @property
    def given_count(self) -> int:
        return len(self.picked) if self.picked is not None else len(self.given)


def choose_indexes(first: int, last: int | None, size: int) -> Chosen:
    end = size - 1 if last is None else min(last, size - 1)
    start = min(first, end + 1)
    return Chosen("indexes", start, end, range(start, end + 1))


def choose_time(after: datetime, before: datetime, size: int) -> Chosen:
    """With the neighbours of the range, which show that nothing was left out at its ends."""
    first = min(entries.index_at(after), size)
    last = min(entries.index_at(before), size) - 1
    given = range(max(first - 1, 0), min(last + 1, size - 1) + 1)
    return Chosen("time", first, last, given, times=(after, before))


def choose_query(asked: Query, size: int) -> Chosen:
    found = predicate.select(asked).values("message_id")
    rows = Entry.objects.filter(message_id__in=found, kind__in=WITH_RECORD, index__lt=size).order_by("index")
    return Chosen("query", 0, -1, range(0), array("Q", rows.values_list("index", flat=True)))


def count_records(chosen: Chosen) -> int:
    """How many records are to be looked for."""
    if chosen.picked is not None:
        return len(chosen.picked)
    return Entry.objects.filter(index__range=(chosen.first, chosen.last), kind__in=WITH_RECORD).count()


@dataclass(slots=True)
class Source:
    """As `archive.export.bundle.Source`. Without an opener the records stay sealed. `pause` is called between pieces."""

    chosen: Chosen
    checkpoint: Checkpoint
    origin: str
    opener: Opener | None = None
    pause: Callable[[], None] = lambda: None
    _boxes: bool = True
    _altered: list[int] = field(default_factory=list)
    _disposal: dict[str, bytes | None] = field(default_factory=dict)
    _envelopes: dict[UUID, bytes] = field(default_factory=dict)
    _files: dict[str, bytes] = field(default_factory=dict)
    _whole: dict[str, bool] = field(default_factory=dict)
    _stored: dict[UUID, bytes] = field(default_factory=dict)  # SHA-256 of the files of a piece, as they are sealed

    # ── entries ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def entries(self) -> Iterator[tuple[int, bytes | None, bytes]]:
        for start in range(0, self.checkpoint.size, SPAN):
            end = min(start + SPAN, self.checkpoint.size)
            hashes, leaves = _hashes(start, end), dict(self._leaves(start, end))
            for index in range(start, end):
                digest, leaf = hashes[(index - start) * 32 :][:32], leaves.get(index)
                fits = leaf is not None and hash_leaf(leaf) == digest
                if self._gives(index) and not fits:
                    self._altered.append(index)
                yield index, leaf if fits else None, digest

    def proofs(self) -> Iterator[tuple[int, str]]:
        paths, altered = Paths(tree.read_tile, self.checkpoint.size, self.checkpoint.note), set(self._altered)
        for index in self.chosen.picked if self.chosen.picked is not None else self.chosen.given:
            if index not in altered:
                yield index, paths.proof(index)

    def sign(self, lines: list[str]) -> str:
        return note.sign("".join(f"{line}\n" for line in lines), promise.key(self.checkpoint.epoch, self.origin))

    def file(self, entry: dict[str, Any]) -> bytes:
        """Refuses nothing: a file that went meanwhile stops the writing."""
        pk = str(entry["id"])
        if pk not in self._files:
            try:
                data = blob.read(entry)
            except Refusal as refusal:
                raise bundle.SourceChanged from refusal
            if sum(map(len, self._files.values())) + len(data) > HELD_BYTES:
                self._files.clear()
            self._files[pk] = data
        return self._files[pk]

    def blob(self, name: str) -> bytes:
        found = Blob.objects.filter(id=UUID(name)).values_list("sealed", flat=True).first()
        if found is None:
            raise bundle.SourceChanged
        return bytes(found)

    def _gives(self, index: int) -> bool:
        return index in self.chosen.given if self.chosen.picked is None else _holds(self.chosen.picked, index)

    def _leaves(self, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        rows = self._within(start, end)
        return (
            ((index, bytes(leaf)) for index, leaf in rows.values_list("index", "leaf"))
            if rows is not None
            else iter(())
        )

    def _within(self, start: int, end: int) -> "QuerySet[Entry] | None":
        """The entries of this span whose leaves are given."""
        given, picked = self.chosen.given, self.chosen.picked
        if picked is not None:
            some = picked[bisect_left(picked, start) : bisect_left(picked, end)]
            return Entry.objects.filter(index__in=some.tolist()) if some else None
        low, high = max(start, given.start), min(end, given.stop)
        return Entry.objects.filter(index__gte=low, index__lt=high) if low < high else None

    # ── records ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def records(self, *, boxes: bool) -> Iterator[bundle.Record]:
        self._boxes = boxes
        for found in self._pieces():
            self.pause()
            lost = [index for index in self._altered if found.start <= index < found.stop]
            yield from sorted([*self._piece(found), *((index, "altered") for index in lost)], key=_index)

    def _pieces(self) -> Iterator[range]:
        """Ranges of indexes that hold about a thousand records each at most."""
        picked = self.chosen.picked
        if picked is None:
            for start in range(self.chosen.first, self.chosen.last + 1, PIECE):
                yield range(start, min(start + PIECE, self.chosen.last + 1))
            return
        for at in range(0, len(picked), PIECE):
            yield range(picked[at], picked[min(at + PIECE, len(picked)) - 1] + 1)

    def _piece(self, indexes: range) -> Iterator[bundle.Record]:
        rows = Entry.objects.filter(index__gte=indexes.start, index__lt=indexes.stop, kind__in=WITH_RECORD)
        if self.chosen.picked is not None:
            picked = self.chosen.picked
            rows = rows.filter(
                index__in=picked[bisect_left(picked, indexes.start) : bisect_left(picked, indexes.stop)].tolist()
            )
        altered = set(self._altered)
        listed = [
            one
            for one in rows.order_by("index").values_list("index", "id", "message_id", "leaf")
            if one[0] not in altered
        ]
        found = {
            row[0]: row for row in Record.objects.filter(entry_id__in=[one[1] for one in listed]).values_list(*_ROW)
        }
        gone = _disposed([one[2] for one in listed if one[1] not in found])
        self._load({row[2] for row in found.values()})
        named = {pk for row in found.values() for pk in row[8] or ()}
        self._stored = sealed.stored_files(named)
        for index, entry_id, message_id, leaf in listed:
            row = found.get(entry_id)
            if row is None:
                yield index, "disposed" if message_id in gone else "lost"
            else:
                yield self._record(index, bytes(leaf), row)

    def _record(self, index: int, leaf: bytes, row: tuple[Any, ...]) -> bundle.Record:
        entry_id, message_id, batch_id, bucket, until, mirrored_at, box, outer, files = row
        if mirrored_at is not None:
            return index, "mirrored"
        if not self._stored.keys() >= set(files or ()):
            return index, "lost"
        box, envelope = bytes(box), self._envelopes.get(batch_id, b"")
        inner = self._peel(message_id, batch_id, bucket, bytes(outer))
        if isinstance(inner, str):
            return index, inner
        stated = json.loads(leaf)
        digests = {pk: self._stored[pk] for pk in files or ()}
        same = (stated["id"], stated.get("message")) == (str(entry_id), str(message_id))
        same = same and _fits(stated, box, inner, envelope) and sealed.states_files(stated.get("codes"), digests)
        if not (same and (self.opener or all(map(self._is_as_sealed, digests)))):
            return index, "altered"
        line = RecordLine(index, leaf, clock.text(until) if until else None, b"", None)
        if self.opener is None:
            return line, _sealed(line, stated, box, inner, batch_id, envelope, digests) if self._boxes else b""
        return self._opened(line, stated, box, inner, batch_id, envelope)

    def _opened(
        self, line: RecordLine, stated: dict[str, Any], box: bytes, inner: bytes, batch_id: UUID, envelope: bytes
    ) -> bundle.Record:
        try:
            key = self.opener(batch_id, envelope)  # type: ignore[misc]
        except errors.SealingError:
            return line.index, "not_openable"
        try:
            opened = sealing.open_(
                key, inner, box, business=tenancy.here().id, record=UUID(stated["message"]), batch=batch_id
            )
        except errors.SealingError:
            return line.index, "altered"
        if sealing.commit(opened.nonce, opened.content).hex() != stated["commitment"]:
            return line.index, "altered"
        if not all(self._is_whole(one.entry) for one in files_of(json.loads(opened.content))):
            return line.index, "altered"
        return line._replace(nonce=opened.nonce, content=opened.content), b""

    def _is_whole(self, entry: dict[str, Any]) -> bool:
        """Each file is opened once to see that it is what its records say."""
        known = f"{entry['id']} {entry['sha256']}"
        if known not in self._whole:
            try:
                self._whole[known] = (
                    bool(self.file(entry)) and sha256(self._files[str(entry["id"])]).hexdigest() == entry["sha256"]
                )
            except bundle.SourceChanged:
                self._whole[known] = False
        return self._whole[known]

    def _is_as_sealed(self, pk: UUID) -> bool:
        """Each sealed file is hashed once."""
        known = str(pk)
        if known not in self._whole:
            row = Blob.objects.filter(id=pk).first()
            self._whole[known] = row is not None and sealed.is_whole(row)
        return self._whole[known]

    def _peel(self, message_id: UUID, batch_id: UUID, bucket: str, outer: bytes) -> bytes | str:
        """The inner wrap, or why there is none."""
        if bucket not in self._disposal:
            try:
                self._disposal[bucket] = keys.business().get(f"disposal/{bucket}")
            except errors.KeyGone:
                self._disposal[bucket] = None
        key = self._disposal[bucket]
        if key is None:
            return "disposed"
        try:
            return sealing.peel(
                key, outer, business=tenancy.here().id, record=message_id, batch=batch_id, disposal_bucket=bucket
            )
        except errors.SealingError:
            return "altered"

    def _load(self, batches: set[UUID]) -> None:
        """The envelopes of a piece: neighbours share theirs."""
        missing = batches - self._envelopes.keys()
        self._envelopes = {one: envelope for one, envelope in self._envelopes.items() if one in batches}
        if missing:
            rows = Batch.objects.filter(id__in=missing).values_list("id", "envelope")
            self._envelopes |= {one: bytes(envelope) for one, envelope in rows}


def _hashes(start: int, end: int) -> bytes:
    """Leaf hashes from the tiles; `start` is the first of a tile."""
    rows = Tile.objects.filter(level=0, n__gte=start // 256, n__lte=(end - 1) // 256).order_by("n")
    found = b"".join(bytes(hashes) for hashes in rows.values_list("hashes", flat=True))
    if len(found) < 32 * (end - start):
        raise Refusal("log_damaged", DAMAGED, Kind.UNAVAILABLE)
    return found


def _disposed(messages: Sequence[UUID | None]) -> set[UUID]:
    wanted = [one for one in messages if one]
    return set(Disposed.objects.filter(message_id__in=wanted).values_list("message_id", flat=True)) if wanted else set()


def _holds(picked: "array[int]", index: int) -> bool:
    at = bisect_left(picked, index)
    return at < len(picked) and picked[at] == index


def _index(record: bundle.Record) -> int:
    return record[0] if isinstance(record[0], int) else record[0].index


def _fits(stated: dict[str, Any], box: bytes, inner: bytes, envelope: bytes) -> bool:
    said = (stated["sealed_sha256"], stated["wrap_sha256"], stated["batch_sha256"])
    return said == tuple(sha256(part).hexdigest() for part in (box, inner, envelope))


def _sealed(
    line: RecordLine,
    stated: dict[str, Any],
    box: bytes,
    inner: bytes,
    batch_id: UUID,
    envelope: bytes,
    files: dict[UUID, bytes],
) -> bytes:
    """As `GET …/sealed` answers it."""
    return boxed.write_sealed({
        **sealed.named_files(files),
        "format": boxed.SEALED_FORMAT, "business": str(tenancy.here().id), "index": line.index, "entry": stated["id"],
        "message": stated["message"], "leaf": _base64(line.leaf), "sealed": _base64(box), "wrap": _base64(inner),
        "batch": {"id": str(batch_id), "envelope": _base64(envelope)},
    })  # fmt: skip


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
