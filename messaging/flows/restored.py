"""What lived when a backup was made, brought back without the keys of its buckets: ended, in honest words.

The live ring is in no backup (I2), so these bodies open for nobody; the archive has what was sent. A message that was still
to be sent failed; one that was sent and not received failed too, for this installation will never deliver it; a delivered
one ended. What was over by then ended as it would have. Each outcome is set once and never changed (I3). What has its
bucket's key in the live ring that stayed is left alone: it is read on.
"""

from datetime import datetime

from archive.flows import restore
from messaging.flows import expiry
from portal.kernel import keys

REASON = "restored"


def end_unreadable(context: restore.Context, now: datetime) -> None:
    """Runs inside the restored business; asking again finds nothing to do."""
    readable = keys.keyring().live.buckets()
    while expiry.end_early(now=now, keep=readable, outcome="failed", reason=REASON):
        pass
