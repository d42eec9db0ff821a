"""A checkpoint that somebody outside kept, as it is brought back: believed only by its signature."""

from dataclasses import dataclass

from archive.ledger import LedgerError, checkpoint
from archive.models import Epoch
from portal.kernel.errors import Refusal


@dataclass(frozen=True, slots=True)
class Known:
    """A tree that an epoch of this log did sign."""

    epoch: int
    size: int
    root: bytes


def read(text: str) -> Known:
    """The checkpoint in a signed note of this log. Refuses `checkpoint_foreign` for any other text."""
    note = text.replace("\r\n", "\n").strip("\n ") + "\n"
    origin = note.partition("\n")[0]
    epoch = Epoch.objects.filter(origin=origin).first()
    if epoch is None:
        raise _foreign()
    try:
        stated = checkpoint.open_(note, epoch.vkey)
    except LedgerError:
        raise _foreign() from None
    return Known(epoch.number, stated.size, stated.root)


def _foreign() -> Refusal:
    return Refusal(
        "checkpoint_foreign", "This is no checkpoint of this log, or it was changed. Paste the whole text as it came: five lines "
        "or more, from the name of the log to its signature.", field="known",
    )  # fmt: skip
