"""What the log last promised and which keys sign for it, as the business's keyring holds them: what a restored database
cannot take back.

    log/<epoch>    Ed25519 seed (32 bytes), one an epoch
    checkpoint     canonical JSON: {"epoch", "note", "root" (hex), "size"}; changed by compare-and-swap only
    restored       canonical JSON: {"as_of", "at", "backup", "epoch"}: the ring itself came from a backup. What was promised
                   after it is not known here, so that epoch signs nothing more
"""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from archive.ledger import canonical, note
from portal.kernel import clock, keys
from portal.sealing import errors

CHECKPOINT = "checkpoint"
RESTORED = "restored"


@dataclass(frozen=True, slots=True)
class Held:
    """The last tree this installation promised, as the keyring holds it. `note` is empty right after an epoch began."""

    epoch: int
    size: int
    root: bytes
    note: str
    raw: bytes | None = field(default=None, compare=False)

    def encode(self) -> bytes:
        return canonical.encode({"epoch": self.epoch, "note": self.note, "root": self.root.hex(), "size": self.size})


@dataclass(frozen=True, slots=True)
class Restored:
    """This keyring came from a backup that is consistent at `as_of`, while `epoch` was in force."""

    epoch: int
    backup: UUID
    as_of: datetime
    at: datetime

    def encode(self) -> bytes:
        told = {
            "as_of": clock.text(self.as_of),
            "at": clock.text(self.at),
            "backup": str(self.backup),
            "epoch": self.epoch,
        }
        return canonical.encode(told)


def restored() -> Restored | None:
    """The mark of a restore, as long as no epoch was opened after it."""
    last, raw = held(), _get(RESTORED)
    if raw is None:
        return None
    value = canonical.parse(raw)
    if last is not None and last.epoch > value["epoch"]:
        return None
    as_of, at = (datetime.fromisoformat(value[name]) for name in ("as_of", "at"))
    return Restored(value["epoch"], UUID(value["backup"]), as_of, at)


def held() -> Held | None:
    """What the keyring holds; None before the first checkpoint."""
    raw = _get(CHECKPOINT)
    if raw is None:
        return None
    value = canonical.parse(raw)
    return Held(value["epoch"], value["size"], bytes.fromhex(value["root"]), value["note"], raw)


def key(epoch: int, origin: str) -> note.SigningKey:
    try:
        return note.SigningKey(origin, keys.business().get(f"log/{epoch}"))
    except errors.SealingError as error:
        raise keys.unwritable(error) from error


def _get(name: str) -> bytes | None:
    try:
        return keys.business().get(name)
    except errors.KeyGone:
        return None
    except errors.SealingError as error:
        raise keys.unwritable(error) from error
