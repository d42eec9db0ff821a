"""The log's keys and the last checkpoint, both in the business's keyring: what a restored database cannot take back.

    log/<epoch>    Ed25519 seed (32 bytes), one an epoch
    checkpoint     canonical JSON: {"epoch", "note", "root" (hex), "size"}; changed by compare-and-swap only
"""

from dataclasses import dataclass, field

from archive.ledger import canonical, note
from portal.kernel import keys
from portal.kernel.errors import Kind, Refusal
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


def swap(old: Held | None, new: Held) -> bool:
    """Promise `new` if the keyring still holds `old`; durable when this returns."""
    try:
        return keys.business().compare_and_swap(CHECKPOINT, old.raw if old else None, new.encode())
    except errors.SealingError as error:
        raise keys.unwritable(error) from error


def make_key(epoch: int, origin: str) -> note.SigningKey:
    """The key of an epoch, made if there is none yet."""
    try:
        return note.SigningKey(origin, keys.business().create(f"log/{epoch}"))
    except errors.SealingError as error:
        raise keys.unwritable(error) from error


def key(epoch: int, origin: str) -> note.SigningKey:
    try:
        return note.SigningKey(origin, keys.business().get(f"log/{epoch}"))
    except errors.SealingError as error:
        raise keys.unwritable(error) from error


def refuse(code: str, message: str, **fields: object) -> Refusal:
    """How the log says that it will not sign: `log_behind`, `log_forked`, `log_gap`, `log_unfinished`."""
    return Refusal(code, message, Kind.CONFLICT, **fields)
