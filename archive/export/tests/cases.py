"""A log in memory, with records sealed for real, as a source of bundles."""

import base64
import io
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from archive.export import boxed, bundle, check, container, table
from archive.export.paths import Paths
from archive.ledger import checkpoint, entry, merkle, note, tiles
from portal.kernel import ids
from portal.sealing import blob, hpke
from portal.sealing import record as sealing

START = datetime(2031, 5, 5, 12, tzinfo=UTC)
BUSINESS = UUID(int=7)


@dataclass
class Kept:
    """A record and what opens it."""

    line: table.RecordLine
    box: bytes


@dataclass
class Log:
    """Leaves, their records, and the key that signs."""

    key: note.SigningKey = field(default_factory=lambda: note.generate("ebb.test/log/1"))
    leaves: list[bytes] = field(default_factory=list)
    kept: dict[int, Kept] = field(default_factory=dict)
    missing: dict[int, str] = field(default_factory=dict)
    lost_leaves: set[int] = field(default_factory=set)
    recovery: hpke.KeyPair = field(default_factory=hpke.generate)
    files: dict[str, tuple[bytes, bytes]] = field(default_factory=dict)  # id → as it is, as it is sealed
    _batch: tuple[UUID, bytes, bytes] | None = None

    @property
    def vkey(self) -> str:
        return self.key.verifier.encode()

    def at(self, index: int) -> datetime:
        return START + timedelta(seconds=index)

    def happen(self, kind: str = "staff.signed_in") -> int:
        self.leaves.append(entry.encode(entry.Leaf(id=str(ids.uuid7()), kind=kind, time=self._stamp(), actor="system")))
        return len(self.leaves) - 1

    def say(self, **content: Any) -> int:
        """A record with that content over the usual one."""
        whole = {"subject": "Hello", "body": "Your appointment is tomorrow.\nBring it.", "attachments": [],
                 "from": {"name": "Acme Clinic", "by": "system"}, "to": {"name": "Anna", "email": "anna@example.org",
                 "customer": str(ids.uuid4())}, "category": "service", "format": "text"} | content  # fmt: skip
        message, raw = ids.uuid7(), encode(whole)
        batch_id, key, envelope = self._batch = self._batch or self._new_batch()
        sealed = sealing.seal(
            key, os.urandom(32), raw, business=BUSINESS, record=message, batch=batch_id, disposal_bucket="x"
        )
        files = {(UUID(one["id"]), sha256(self.files[one["id"]][1]).digest()) for one in whole["attachments"]}
        leaf = entry.encode(entry.Leaf(
            codes={entry.FILES: entry.digest_files(files)} if files else None,
            id=str(ids.uuid7()), kind="message.sent", time=self._stamp(), actor="system", subject=str(ids.uuid4()),
            message=str(message), retention="default", gone_at=entry.format_time(self.at(len(self.leaves) + 60)),
            commitment=sealed.commitment.hex(), sealed_sha256=sealed.sealed_sha256.hex(),
            wrap_sha256=sealed.inner_sha256.hex(), batch_sha256=sha256(envelope).hexdigest(),
        ))  # fmt: skip
        opened = sealing.open_(key, sealed.inner_wrap, sealed.sealed, business=BUSINESS, record=message, batch=batch_id)
        index = len(self.leaves)
        self.leaves.append(leaf)
        parts = {"format": boxed.SEALED_FORMAT, "business": str(BUSINESS), "index": index, "message": str(message),
                 "entry": entry.decode(leaf).id, "leaf": _b64(leaf), "sealed": _b64(sealed.sealed),
                 "wrap": _b64(sealed.inner_wrap), "batch": {"id": str(batch_id), "envelope": _b64(envelope)}}  # fmt: skip
        if whole["attachments"]:
            parts["blobs"] = [{"id": str(pk), "sha256": digest.hex()} for pk, digest in sorted(files)]
        until = entry.format_time(self.at(index) + timedelta(days=2557))
        line = table.RecordLine(index, leaf, until, opened.nonce, raw)
        self.kept[index] = Kept(line, boxed.write_sealed(parts))
        return index

    def attach(self, data: bytes, name: str = "letter.pdf", kind: str = "application/pdf") -> dict[str, Any]:
        """What a record holds of a file."""
        pk = ids.uuid7()
        key, sealed = blob.seal(data, business=BUSINESS, blob=pk)
        self.files[str(pk)] = (data, sealed)
        return {"id": str(pk), "name": name, "type": kind, "bytes": len(data), "sha256": sha256(data).hexdigest(),
                "key": base64.urlsafe_b64encode(key).decode()}  # fmt: skip

    def _stamp(self) -> str:
        return entry.format_time(self.at(len(self.leaves)))

    def _new_batch(self) -> tuple[UUID, bytes, bytes]:
        batch_id, key = ids.uuid7(), os.urandom(32)
        return (
            batch_id,
            key,
            sealing.seal_batch_key(key, {"r": self.recovery.public}, business=BUSINESS, batch=batch_id),
        )

    # ── drawing ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def draw(
        self, selection: dict[str, Any] | None = None, *, sealed: bool = False, only: Sequence[int] | None = None
    ) -> bytes:
        """A bundle, whole."""
        size = len(self.leaves)
        selection = selection or (
            {"by": "query"} if only is not None else {"by": "indexes", "first": 0, "last": size - 1}
        )
        source = Source(self, self._given(selection, only), self._chosen(selection, only), sealed)
        plan = bundle.Plan(
            START, sealed, self.vkey, source.checkpoint, self.key.name, size, source.root, selection,
            {"export": str(ids.uuid7()), "business": {"id": str(BUSINESS)}, "made_at": "x", "asked_in": 0, "reader": "verify.py",
             "left_out": []},
        )  # fmt: skip
        return b"".join(bundle.write(plan, source, bundle.Made(), lambda done: None))

    def _given(self, selection: dict[str, Any], only: Sequence[int] | None) -> list[int]:
        if only is not None:
            return list(only)
        first, last, beside = selection["first"], selection["last"], selection["by"] == "time"
        low, high = max(first - beside, 0), min(last + beside, len(self.leaves) - 1)
        return [index for index in range(low, high + 1) if index not in self.lost_leaves]

    def _chosen(self, selection: dict[str, Any], only: Sequence[int] | None) -> list[int]:
        chosen = only if only is not None else range(selection["first"], selection["last"] + 1)
        return [index for index in chosen if index in self.kept or index in self.lost_leaves]


class Source:
    """What the product reads from its database."""

    def __init__(self, log: Log, given: list[int], chosen: list[int], is_sealed: bool) -> None:
        self.log, self.given, self.chosen, self.is_sealed = log, given, chosen, is_sealed
        hashes = [merkle.hash_leaf(leaf) for leaf in log.leaves]
        made = {(one.level, one.n): one.hashes for one in tiles.integrate(lambda level, n: b"", 0, hashes)}
        self.root = merkle.root(hashes)
        self.checkpoint = checkpoint.sign(checkpoint.Checkpoint(log.key.name, len(hashes), self.root), log.key)
        self.paths = Paths(lambda level, n: made[level, n], len(hashes), self.checkpoint)

    def entries(self) -> Iterator[tuple[int, bytes | None, bytes]]:
        given = set(self.given)
        for index, leaf in enumerate(self.log.leaves):
            yield index, leaf if index in given else None, merkle.hash_leaf(leaf)

    def proofs(self) -> Iterator[tuple[int, str]]:
        for index in self.given:
            yield index, self.paths.proof(index)

    def records(self, *, boxes: bool) -> Iterator[bundle.Record]:
        for index in self.chosen:
            if index in self.log.missing:
                yield index, self.log.missing[index]
                continue
            if (kept := self.log.kept.get(index)) is None:
                continue  # a portal that lost it and does not say so
            yield (kept.line._replace(nonce=b"", content=None), kept.box) if self.is_sealed else (kept.line, b"")

    def file(self, entry: dict[str, Any]) -> bytes:
        return self.log.files[entry["id"]][0]

    def blob(self, name: str) -> bytes:
        return self.log.files[name][1]

    def sign(self, lines: list[str]) -> str:
        return note.sign("".join(f"{line}\n" for line in lines), self.log.key)


def verify(data: bytes, vkey: str | None = None) -> check.Verdict:
    return check.verify(container.Zipped(io.BytesIO(data)), vkey)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def encode(content: dict[str, Any]) -> bytes:
    """As `archive.flows.record` writes what it seals."""
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
