"""How long a message lives and is kept, and the bucket it ends with: what all messages of a chunk or a batch share."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from archive.queries import rules
from messaging.flows import body
from messaging.queries import policy


@dataclass(frozen=True, slots=True)
class Terms:
    """`life` in seconds from sending; `bucket` is that of `gone_at`."""

    life: int
    gone_at: datetime
    bucket: int
    keep: rules.Retention


def of(*, category: str, life: int, at: datetime, now: datetime) -> Terms:
    """Of a message that is sent `at`, and sealed `now`."""
    gone_at = at + timedelta(seconds=life)
    return Terms(life, gone_at, body.bucket_for(now, gone_at), kept_until(category=category, at=at, gone_at=gone_at))


def kept_until(*, category: str, at: datetime, gone_at: datetime) -> rules.Retention:
    """Never before `gone_at`."""
    keep = rules.retention_for(
        category=category, kind="message.sent", at=at, purpose=policy.get_policy().purpose_of(category), gone_at=gone_at
    )
    return rules.Retention(keep.rule, max(keep.until, gone_at)) if keep.until else keep
