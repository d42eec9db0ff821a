from archive.models.approval import Approval
from archive.models.blob import Blob
from archive.models.case import (
    Case,
    CaseItem,
    Collection,
    RecordTag,
    Supervision,
    SupervisionGap,
    SupervisionState,
)
from archive.models.disposal import Bucket, Certificate, DisposalPolicy, DisposalRun, Disposed, Review
from archive.models.export import Export
from archive.models.hold import DisposalGuard, Hold
from archive.models.keeper import Keeper
from archive.models.ledger import Checkpoint, Entry, Epoch, Head, Tile
from archive.models.mirror import Mirror
from archive.models.recipient import OfficerKey, OfficerShare, Recipient, Unlock, UnlockAttempt
from archive.models.record import Batch, IndexKey, Record
from archive.models.rule import Rule
from archive.models.search import AskedSearch, SearchDay, SearchRow, SearchState
from archive.models.viewing import Viewing

__all__ = [
    "Approval", "AskedSearch", "Batch", "Blob", "Bucket", "Case", "CaseItem", "Certificate", "Checkpoint", "Collection",
    "DisposalGuard", "DisposalPolicy", "DisposalRun", "Disposed", "Entry", "Epoch", "Export", "Head", "Hold",
    "IndexKey", "Keeper", "Mirror", "OfficerKey", "OfficerShare", "Recipient", "Record", "RecordTag", "Review", "Rule",
    "SearchDay", "SearchRow", "SearchState", "Supervision", "SupervisionGap", "SupervisionState", "Tile", "Unlock",
    "UnlockAttempt", "Viewing",
]  # fmt: skip
