"""The end of messages. Irreversible by design.

Nobody waits for this module to be safe: every read compares `gone_at` with the clock (I1). What it does:
1. `destroy_over` destroys the keys of buckets that are over: one small write a bucket, for all businesses (I2);
2. `purge` deletes the bodies that have ended, in slices, each its own transaction, skipping rows that others hold; sets
   *expired unread* on what no device received (I3) and writes one mass entry a slice;
3. `carry_forward` moves what has no end yet (customers' words in open conversations) to a later bucket before its own ends.

Never done here: a key destroyed before its bucket's instant; a body kept because a device was slow; an archive touched.
"""

import hashlib
from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from messaging.flows import body, telling
from messaging.models import Body, Message
from messaging.queries import policy
from portal.kernel import keys, unit
from portal.kernel.actors import CLOCK
from portal.kernel.errors import Kind, Refusal
from portal.sealing import errors

UNREAD = "message.ended_unread"
SLICE = 10_000  # rows a transaction: a few hundred milliseconds, so that senders are not blocked
CARRY_AHEAD = timedelta(days=2)


# One statement, and ten thousand ids never come to Python one by one. Outcomes are set once: only on what has none. A
# schedule that never fired failed: it was missed.
_PURGE = """
    WITH ended AS (
        DELETE FROM messaging_body WHERE message_id = ANY(ARRAY(
            SELECT message_id FROM messaging_body WHERE gone_at <= %s ORDER BY gone_at LIMIT %s FOR UPDATE SKIP LOCKED))
        RETURNING message_id
    ), decided AS (
        UPDATE messaging_message AS m
           SET outcome = CASE WHEN sent_at IS NULL THEN 'failed' ELSE 'expired_unread' END,
               outcome_at = %s, notify_at = NULL,
               ended_reason = CASE WHEN sent_at IS NULL THEN 'missed' ELSE ended_reason END,
               ended_at = CASE WHEN sent_at IS NULL THEN %s ELSE ended_at END
          FROM ended WHERE m.id = ended.message_id AND outcome = '' AND direction = 'out'
        RETURNING m.id, m.customer_id, m.outcome
    )
    SELECT count(*), (SELECT count(*) FROM decided), string_agg(uuid_send(message_id), ''::bytea ORDER BY message_id),
           (SELECT array_agg(ARRAY[id, customer_id] ORDER BY id) FROM decided WHERE outcome = 'expired_unread' AND %s)
      FROM ended
"""


# What a business ends at once, all of it or what stands in no bucket of a list; by the key, not by the end. What was over by then
# ended as it would have; an outcome is set once (I3).
_END = """
    WITH ended AS (
        DELETE FROM messaging_body WHERE message_id = ANY(ARRAY(
            SELECT message_id FROM messaging_body WHERE NOT (bucket = ANY(%s)) ORDER BY message_id LIMIT %s
            FOR UPDATE SKIP LOCKED))
        RETURNING message_id
    ), decided AS (
        UPDATE messaging_message AS m
           SET outcome = CASE WHEN outcome <> '' OR direction = 'in' THEN outcome
                              WHEN sent_at IS NOT NULL AND gone_at <= %s THEN 'expired_unread' ELSE %s END,
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


@dataclass(frozen=True)
class Purged:
    """What one slice did: bodies deleted, messages that nobody received."""

    bodies: int
    unread: int


def destroy_over(*, now: datetime) -> list[int]:
    """Destroy the keys of all buckets that are over, for the whole installation. Returns them only once they are gone."""
    try:
        gone = keys.keyring().live.destroy_past(now.timestamp())
    except errors.SealingError as error:
        raise keys.unwritable(error) from error
    body.forget_over(now)
    return gone


def purge(*, now: datetime, slice_rows: int = SLICE) -> Purged:
    """Delete one slice of bodies that have ended; call again until it answers zero bodies."""
    with unit.work() as u:
        with connection.cursor() as cursor:
            cursor.execute(_PURGE, [now, slice_rows, now, now, telling.are_heard(UNREAD)])
            ended, unread, listed, told = cursor.fetchone()
        if ended:
            u.entry(mass_entry(bytes(listed), unread))
        if told:
            telling.messages(UNREAD, now, told, state="expired_unread")
    return Purged(ended, unread)


def end_early(*, now: datetime, keep: list[int], outcome: str, reason: str, slice_rows: int = SLICE) -> int:
    """Delete one slice of bodies, whatever their end, but for those in the buckets of `keep`; `outcome` is that of what nobody
    received. Call again until it answers zero."""
    with unit.work() as u:
        with connection.cursor() as cursor:
            cursor.execute(_END, [keep, slice_rows, now, outcome, now, now, reason, now, now])
            ended, listed = cursor.fetchone()
        if ended:
            u.entry(mass_entry(bytes(listed), unread=0, reason=reason))
    return int(ended)


def carry_forward(*, now: datetime, slice_rows: int = 500) -> int:
    """Move customers' words that have no end yet to a bucket a policy's days ahead. Returns how many were moved."""
    bucket = body.bucket_for(now, policy.words_live_until(now))
    soon = int((now + CARRY_AHEAD).timestamp())
    with unit.work() as u:
        rows = list(
            Body.objects.select_for_update(skip_locked=True)
            .filter(gone_at__isnull=True, bucket__lt=min(soon, bucket))
            .order_by("bucket")[:slice_rows]
        )
        lost = [row.message_id for row in rows if not _carry(row, bucket)]
        if lost:
            Message.objects.filter(id__in=lost).update(ended_at=now, ended_reason="unreadable")
            u.entry(mass_entry(b"".join(sorted(pk.bytes for pk in lost)), 0))
    return len(rows)


def _carry(row: Body, bucket: int) -> bool:
    """False where its bucket was over before anyone carried it: unreadable, and the archive has it. A keyring that cannot
    be written is no such end: the words stay, and the next round tries again."""
    try:
        row.wrap = body.rewrap(message_id=row.message_id, wrap=row.wrap, bucket=bucket)
    except Refusal as refusal:
        if refusal.kind is not Kind.GONE:
            raise
        Body.objects.filter(message_id=row.message_id).delete()
        return False
    row.bucket = bucket
    row.save(update_fields=["wrap", "bucket"])
    return True


def mass_entry(listed: bytes, unread: int, reason: str = "") -> unit.Draft:
    """One leaf for many: their count and the hash of the sorted ids (16 bytes each); the list is the sealed detail."""
    codes: dict[str, str | int | bool] = {"unread": unread} | ({"reason": reason} if reason else {})
    return unit.Draft(
        "messages.ended", CLOCK.label, count=len(listed) // 16, ids_sha256=hashlib.sha256(listed).hexdigest(),
        codes=codes, detail={"ids": b64encode(listed).decode()},
    )  # fmt: skip
