"""The words of a campaign on the wheel: sealed when they are written, carried to a later bucket while they wait, given their end
when nothing of the campaign waits any more.

Irreversible: once its bucket is over the text opens for nobody; a campaign that still waited for it can only be written anew. So
the clock moves it two days before that. Never: a text kept beyond the last message that says it.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from archive.flows import blob
from messaging.flows import body
from messaging.models import Campaign
from messaging.rules import wording
from portal.kernel import unit
from portal.kernel.errors import Kind, Refusal

WAITS_FOR = timedelta(days=30)  # the bucket of a text without an end lies this far ahead
CARRY_AHEAD = timedelta(days=2)
SLICE = 500

FIELDS = ["bucket", "wrap", "sealed", "text_until"]


def put(row: Campaign, content: body.Content, now: datetime) -> None:
    """Seal the words into the row, which the caller saves."""
    row.bucket = body.bucket_for(now, now + WAITS_FOR)
    sealed = body.seal(message_id=row.id, customer_id=row.id, content=content, bucket=row.bucket)
    row.wrap, row.sealed, row.text_until = sealed.wrap, sealed.sealed, None


def read(row: Campaign, now: datetime) -> body.Content:
    """The words; a refusal once they are over."""
    if row.bucket is None or (row.text_until is not None and row.text_until <= now):
        raise Refusal("gone", "The words of this campaign are gone, like its messages.", Kind.GONE)
    return body.open_(body.Row(row.id, row.id, bytes(row.wrap), bytes(row.sealed)))


def compiled(row: Campaign, now: datetime) -> wording.Compiled:
    """The words, parsed once, to be written to many."""
    return wording.Compiled(wording.from_json(cast("dict[str, Any]", read(row, now)["text"])))


def files(row: Campaign, now: datetime) -> list[dict[str, Any]]:
    """Its files, each with the key that opens it: of the words, on the wheel like them."""
    return cast("list[dict[str, Any]]", read(row, now).get("files", []))


def end_at(row: Campaign, now: datetime, until: datetime) -> None:
    """Nothing waits for the words any more: they end with the last message. The caller saves the row (`FIELDS`)."""
    if row.bucket is None:
        return
    if until <= now:
        wipe(row)
        return
    row.text_until = until
    _move(row, body.bucket_for(now, until))


def wait_again(row: Campaign, now: datetime) -> None:
    """Something waits again (a resend): the words stay while it does. Refuses `gone`. The caller saves the row."""
    read(row, now)
    bucket = body.bucket_for(now, now + WAITS_FOR)
    row.wrap = body.rewrap(message_id=row.id, wrap=bytes(row.wrap), bucket=bucket)
    row.bucket, row.text_until = bucket, None


def wipe(row: Campaign) -> None:
    row.bucket, row.wrap, row.sealed = None, b"", b""


def carry_forward(*, now: datetime) -> int:
    """For the clock: texts that wait go to a later bucket, those that are over go. How many were moved or ended."""
    soon = int((now + CARRY_AHEAD).timestamp())
    due = Campaign.objects.filter(bucket__lt=soon, text_until=None) | Campaign.objects.filter(
        bucket__isnull=False, text_until__lte=now
    )
    return sum(_carry(campaign_id, now) for campaign_id in due.values_list("id", flat=True)[:SLICE])


def _carry(campaign_id: UUID, now: datetime) -> bool:
    with unit.work():
        row = Campaign.objects.select_for_update().filter(id=campaign_id, bucket__isnull=False).first()
        if row is None:
            return False
        if row.text_until is not None:
            if row.text_until > now:
                return False
            wipe(row)
        else:
            _hold_files(row, now)
            _move(row, body.bucket_for(now, now + WAITS_FOR))
        row.save(update_fields=FIELDS)
    return True


def _hold_files(row: Campaign, now: datetime) -> None:
    """What may still be sent keeps its files; a text that nobody can open any more keeps none."""
    with suppress(Refusal):
        blob.hold(wanted=[UUID(one["id"]) for one in files(row, now)], until=now + WAITS_FOR)


def _move(row: Campaign, bucket: int) -> None:
    """A keyring that cannot be written is no end: the next round tries again. A bucket that was over before anyone came is."""
    try:
        row.wrap = body.rewrap(message_id=row.id, wrap=bytes(row.wrap), bucket=bucket)
        row.bucket = bucket
    except Refusal as refusal:
        if refusal.kind is not Kind.GONE:
            raise
        wipe(row)
