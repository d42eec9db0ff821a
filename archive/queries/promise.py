"""What the log last promised and which keys sign for it, as the business's keyring holds them: what a restored database
cannot take back.

    log/<epoch>    Ed25519 seed (32 bytes), one an epoch
    checkpoint     canonical JSON: {"epoch", "note", "root" (hex), "size"}; changed by compare-and-swap only
"""

from dataclasses import dataclass, field

from archive.ledger import canonical, note
from portal.kernel import keys
from portal.sealing import errors

CHECKPOINT = "checkpoint"


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


def held() -> Held | None:
    """What the keyring holds; None before the first checkpoint."""
    try:
        raw = keys.business().get(CHECKPOINT)
    except errors.KeyGone:
        return None
    except errors.SealingError as error:
        raise keys.unwritable(error) from error
    value = canonical.parse(raw)
    return Held(value["epoch"], value["size"], bytes.fromhex(value["root"]), value["note"], raw)


def key(epoch: int, origin: str) -> note.SigningKey:
    try:
        return note.SigningKey(origin, keys.business().get(f"log/{epoch}"))
    except errors.SealingError as error:
        raise keys.unwritable(error) from error
