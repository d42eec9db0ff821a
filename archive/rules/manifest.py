"""What a backup says of itself, and when it may be restored. Pure.

    <folder>/ebb-<UTC time>-<8 digits>/     0700, its files 0600
        manifest.json     this
        database.dump     pg_dump, custom format
        rings/<hex>.ring  the sealed copy of a business's keyring (`portal.sealing.ringcopy`)
    <folder>/decided.json                   for each business the last decided disposal that any backup here knew of
    <folder>/closed.json                    the certificate of each business that was closed: it is not restored (decision 18)

*Decided* is the index of a business's last `bucket.decided` entry. Keys of a disposal are destroyed only once a verified
backup holds that entry, so a backup that lacks it could bring back what was disposed of: it is refused.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from uuid import UUID

FORMAT = "ebb-backup@v1"
MANIFEST, DUMP, RINGS, DECIDED = "manifest.json", "database.dump", "rings", "decided.json"
CLOSED = "closed.json"
NAME = re.compile(r"ebb-[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")
NONE_DECIDED = -1


class ManifestError(Exception):
    """The manifest cannot be read. Says what is wrong, in a sentence."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of the backup, as it was written."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """One business in the snapshot. `tree` entries of `entries` stand in tiles, with `root` over them (hex)."""

    slug: str
    schema: str
    entries: int
    tree: int
    root: str
    checkpoint: str
    decided: int
    records: int
    messages: int
    ring: File | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    id: UUID
    started_at: datetime
    as_of: datetime
    lsn: str
    migrations: str
    postgres: int
    dump: File
    businesses: dict[UUID, Ledger] = field(default_factory=dict)

    @property
    def files(self) -> list[File]:
        return [self.dump, *(one.ring for one in self.businesses.values() if one.ring)]

    @property
    def size(self) -> int:
        return sum(file.bytes for file in self.files)

    @property
    def decided(self) -> dict[str, int]:
        return {pk.hex: one.decided for pk, one in self.businesses.items()}


def name_of(backup_id: UUID, as_of: datetime) -> str:
    """The folder's name: sorts by time, and says nothing else."""
    return f"ebb-{as_of:%Y%m%dT%H%M%SZ}-{backup_id.hex[-8:]}"


def encode(manifest: Manifest) -> bytes:
    told = {
        "format": FORMAT, "id": str(manifest.id), "started_at": manifest.started_at.isoformat(),
        "as_of": manifest.as_of.isoformat(), "lsn": manifest.lsn, "migrations": manifest.migrations,
        "postgres": manifest.postgres, "dump": asdict(manifest.dump),
        "businesses": {pk.hex: asdict(one) for pk, one in manifest.businesses.items()},
    }  # fmt: skip
    return json.dumps(told, indent=1, sort_keys=True).encode() + b"\n"


def seal_of(manifest: Manifest) -> bytes:
    """SHA-256 of everything it tells but of the keyrings' copies, which are sealed with it: so a changed word shows too."""
    bare = {pk: replace(one, ring=None) for pk, one in manifest.businesses.items()}
    return hashlib.sha256(encode(replace(manifest, businesses=bare))).digest()


def decode(data: bytes) -> Manifest:
    try:
        told = json.loads(data)
        known = told["format"]
    except (ValueError, KeyError, TypeError):
        raise ManifestError("its manifest is not readable") from None
    if known != FORMAT:
        raise ManifestError("it was made by another release of Ebb, in a format that this one does not know")
    try:
        return _read(told)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ManifestError("its manifest is incomplete") from None


def behind(manifest: Manifest, decided: Mapping[str, int]) -> list[str]:
    """The businesses (hex) of which this backup lacks a decided disposal that is known from elsewhere."""
    return sorted(pk.hex for pk, one in manifest.businesses.items() if one.entries <= decided.get(pk.hex, NONE_DECIDED))


def without(manifest: Manifest, closed: Iterable[UUID]) -> Manifest:
    """What may be restored of it."""
    gone = set(closed)
    return replace(manifest, businesses={pk: one for pk, one in manifest.businesses.items() if pk not in gone})


def merge_decided(known: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The latest decision of each business among what several places remember."""
    merged: dict[str, int] = {}
    for one in known:
        for business, index in one.items():
            merged[business] = max(index, merged.get(business, NONE_DECIDED))
    return merged


def _read(told: dict) -> Manifest:  # type: ignore[type-arg]
    return Manifest(
        UUID(told["id"]), _instant(told["started_at"]), _instant(told["as_of"]), str(told["lsn"]),
        str(told["migrations"]), int(told["postgres"]), _file(told["dump"]),
        {UUID(pk): _ledger(one) for pk, one in told["businesses"].items()},
    )  # fmt: skip


def _ledger(told: dict) -> Ledger:  # type: ignore[type-arg]
    return Ledger(**{**told, "ring": _file(told["ring"]) if told["ring"] else None})


def _file(told: dict) -> File:  # type: ignore[type-arg]
    """A name with a path in it would read files that are none of the backup's."""
    file = File(str(told["name"]), int(told["bytes"]), str(told["sha256"]))
    if file.name != DUMP and not re.fullmatch(rf"{RINGS}/[0-9a-f]{{32}}\.ring", file.name):
        raise ValueError(file.name)
    return file


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(text)
    return at
