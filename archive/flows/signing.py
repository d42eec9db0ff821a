"""Promising: the one way a checkpoint gets into the keyring, and the one way an epoch gets its key."""

from archive.ledger import note
from archive.queries import promise
from portal.kernel import keys
from portal.kernel.errors import Kind, Refusal
from portal.sealing import errors


def swap(old: promise.Held | None, new: promise.Held) -> bool:
    """Promise `new` if the keyring still holds `old`; durable when this returns."""
    try:
        return keys.business().compare_and_swap(promise.CHECKPOINT, old.raw if old else None, new.encode())
    except errors.SealingError as error:
        raise keys.unwritable(error) from error


def make_key(epoch: int, origin: str) -> note.SigningKey:
    """The key of an epoch, made if there is none yet."""
    try:
        return note.SigningKey(origin, keys.business().create(f"log/{epoch}"))
    except errors.SealingError as error:
        raise keys.unwritable(error) from error


def refuse(code: str, message: str, **fields: object) -> Refusal:
    """How the log says that it will not sign: `log_behind`, `log_forked`, `log_gap`, `log_unfinished`."""
    return Refusal(code, message, Kind.CONFLICT, **fields)
