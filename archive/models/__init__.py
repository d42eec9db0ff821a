from archive.models.ledger import Checkpoint, Entry, Epoch, Head, Tile
from archive.models.recipient import Recipient, Unlock, UnlockAttempt
from archive.models.record import Batch, IndexKey, Record
from archive.models.rule import Rule

__all__ = [
    "Batch", "Checkpoint", "Entry", "Epoch", "Head", "IndexKey", "Recipient", "Record", "Rule", "Tile", "Unlock", "UnlockAttempt",
]  # fmt: skip
