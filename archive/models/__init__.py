from archive.models.approval import Approval
from archive.models.disposal import Bucket, Certificate, DisposalPolicy, DisposalRun, Disposed, Review
from archive.models.hold import DisposalGuard, Hold
from archive.models.ledger import Checkpoint, Entry, Epoch, Head, Tile
from archive.models.recipient import OfficerKey, OfficerShare, Recipient, Unlock, UnlockAttempt
from archive.models.record import Batch, IndexKey, Record
from archive.models.rule import Rule
from archive.models.search import AskedSearch, SearchDay, SearchRow, SearchState

__all__ = [
    "Approval", "AskedSearch", "Batch", "Bucket", "Certificate", "Checkpoint", "DisposalGuard", "DisposalPolicy", "DisposalRun",
    "Disposed", "Entry", "Epoch", "Head", "Hold", "IndexKey", "OfficerKey", "OfficerShare", "Recipient", "Record",
    "Review", "Rule", "SearchDay", "SearchRow", "SearchState", "Tile", "Unlock", "UnlockAttempt",
]  # fmt: skip
