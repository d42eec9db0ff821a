"""The state of a message, derived from its times and the clock. Nothing is written when a million messages end."""

from datetime import datetime
from typing import Protocol

STATES = (
    "scheduled", "sent", "delivered", "revealed", "read", "expired_unread", "ended", "recalled", "suppressed", "failed",
)  # fmt: skip


class HasTimes(Protocol):
    sent_at: datetime | None
    delivered_at: datetime | None
    revealed_at: datetime | None
    read_at: datetime | None
    gone_at: datetime | None
    ended_at: datetime | None
    ended_reason: str
    outcome: str


def of(message: HasTimes, now: datetime) -> str:
    """One of STATES. An end by the clock needs no row to change."""
    if message.outcome in {"suppressed", "failed"}:
        return message.outcome
    if "recalled" in (message.ended_reason, message.outcome):  # what was erased undelivered was recalled, too
        return "recalled"
    if message.sent_at is None:
        return "scheduled"
    if has_ended(message, now):
        return "ended" if message.delivered_at else "expired_unread"
    return _live(message)


def has_ended(message: HasTimes, now: datetime) -> bool:
    """At or after `gone_at`, or ended early (I1)."""
    return message.ended_at is not None or (message.gone_at is not None and message.gone_at <= now)


def _live(message: HasTimes) -> str:
    if message.read_at:
        return "read"
    if message.revealed_at:
        return "revealed"
    return "delivered" if message.delivered_at else "sent"
