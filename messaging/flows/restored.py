"""What lived when a backup was made, brought back without the keys of its buckets: ended, in honest words.

The live ring is in no backup (I2), so these bodies open for nobody; the archive has what was sent. A message that was still
to be sent failed; one that was sent and not received failed too, for this installation will never deliver it; a delivered
one ended. What was over by then ended as it would have. Each outcome is set once and never changed (I3). What has its
bucket's key in the live ring that stayed is left alone: it is read on.
"""

from datetime import datetime

from django.db import connection

from archive.flows import restore
from messaging.flows import expiry
from portal.kernel import keys, unit

REASON = "restored"
# As `expiry.purge`, one statement a slice; by the key, not by the end, since none of these opens whatever its end is.
_END = """
    WITH ended AS (
        DELETE FROM messaging_body WHERE message_id = ANY(ARRAY(
            SELECT message_id FROM messaging_body WHERE NOT (bucket = ANY(%s)) ORDER BY message_id LIMIT %s
            FOR UPDATE SKIP LOCKED))
        RETURNING message_id
    ), decided AS (
        UPDATE messaging_message AS m
           SET outcome = CASE WHEN outcome <> '' OR direction = 'in' THEN outcome
                              WHEN sent_at IS NOT NULL AND gone_at <= %s THEN 'expired_unread' ELSE 'failed' END,
               outcome_at = CASE WHEN outcome <> '' OR direction = 'in' THEN outcome_at ELSE %s END,
               ended_reason = CASE WHEN ended_at IS NOT NULL OR (sent_at IS NOT NULL AND gone_at <= %s) THEN ended_reason
                                   ELSE %s END,
               ended_at = CASE WHEN ended_at IS NOT NULL OR (sent_at IS NOT NULL AND gone_at <= %s) THEN ended_at ELSE %s END,
               notify_at = NULL
          FROM ended WHERE m.id = ended.message_id
        RETURNING 1
    )
    SELECT count(*), string_agg(uuid_send(message_id), ''::bytea ORDER BY message_id) FROM ended
"""


def end_unreadable(context: restore.Context, now: datetime) -> None:
    """Runs inside the restored business; asking again finds nothing to do."""
    readable = keys.keyring().live.buckets()
    while _slice(now, readable):
        pass


def _slice(now: datetime, readable: list[int]) -> int:
    with unit.work() as u:
        with connection.cursor() as cursor:
            cursor.execute(_END, [readable, expiry.SLICE, now, now, now, REASON, now, now])
            ended, listed = cursor.fetchone()
        if ended:
            u.entry(expiry.mass_entry(bytes(listed), unread=0, reason=REASON))
    return int(ended)
