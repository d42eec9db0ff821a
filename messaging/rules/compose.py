"""What may be said, and for how long. Pure."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from portal.kernel.errors import Kind, Refusal

BODY_LIMIT = 16 * 1024  # bytes of UTF-8
SUBJECT_LIMIT = 200  # characters
FORMATS = ("text", "markdown")
# C0 but newline and tab, DEL, and lone surrogates. Everything else is kept byte for byte, odd or not.
FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Compose:
    """One message as a caller asks for it. Exactly one of `customer`, `reference`, `to`. Lives in seconds."""

    body: str
    customer: UUID | None = None
    reference: str = ""
    to: str = ""
    subject: str = ""
    format: str = "text"
    gone_after: int | None = None
    gone_after_read: int | None = None
    tap_to_reveal: bool = False
    category: str = ""
    send_at: datetime | None = None
    in_reply_to: UUID | None = None
    attachments: tuple[UUID, ...] = field(default_factory=tuple)


@dataclass(frozen=True)
class Limits:
    gone_after: int
    maximum_gone_after: int


def check(asked: Compose, limits: Limits, now: datetime) -> None:
    """Refuse what cannot be sent, each with its own code."""
    check_text(asked.body, "body")
    check_subject(asked.subject)
    _check_one_recipient(asked)
    _check_address(asked)
    if asked.format not in FORMATS:
        raise Refusal("unknown_format", "The format is text or markdown.", field="format")
    if asked.attachments:
        raise Refusal("unknown_attachment", "There is no such attachment.", field="attachments")
    if asked.gone_after is not None:
        check_life(asked.gone_after, limits.maximum_gone_after, "gone_after")
    if asked.gone_after_read is not None:
        check_life(asked.gone_after_read, limits.maximum_gone_after, "gone_after_read")
    if asked.send_at is not None:
        _check_send_at(asked.send_at, now)


def check_text(text: str, name: str) -> None:
    """A body: 1 byte to 16 KiB of UTF-8, no control characters but newline and tab, no lone surrogates. Never trimmed."""
    if found := FORBIDDEN.search(text):
        raise Refusal(
            "bad_characters", "The text has a control character that cannot be shown. Take it out.",
            field=name, position=found.start(),
        )  # fmt: skip
    size = len(text.encode())
    if size == 0:
        raise Refusal("empty_body", "The message is empty. Write something.", field=name)
    if size > BODY_LIMIT:
        raise Refusal(
            "body_too_large", "The message is longer than 16 KiB. Shorten it.", Kind.TOO_LARGE,
            field=name, bytes=size, limit=BODY_LIMIT,
        )  # fmt: skip


def check_subject(subject: str) -> None:
    if not subject:
        return
    if FORBIDDEN.search(subject) or "\n" in subject:
        raise Refusal("bad_characters", "The subject has a character that cannot be shown.", field="subject")
    if len(subject) > SUBJECT_LIMIT:
        raise Refusal("subject_too_long", "The subject is longer than 200 characters. Shorten it.", field="subject")


def check_life(seconds: int, maximum: int, name: str) -> None:
    if seconds <= 0:
        raise Refusal("bad_lifetime", "A message must live for at least one second.", field=name)
    if seconds > maximum:
        raise Refusal(
            "lifetime_too_long", "That is longer than this business lets a message live.", field=name, maximum=maximum
        )


def life(asked: Compose, category_life: int | None, limits: Limits) -> int:
    """Seconds from sending to the end: as asked, else the category's, else the business's."""
    return asked.gone_after or category_life or limits.gone_after


def _check_one_recipient(asked: Compose) -> None:
    if bool(asked.customer) + bool(asked.reference) + bool(asked.to) != 1:
        raise Refusal("one_recipient", "Name exactly one of to, customer or reference.", field="to")


def _check_address(asked: Compose) -> None:
    """What names a customer is text, too: what cannot be encoded must not reach a lookup that others share."""
    for name, given in (("reference", asked.reference), ("to", asked.to)):
        if given and FORBIDDEN.search(given):
            raise Refusal("bad_characters", "A customer's name or address has no control characters.", field=name)


def _check_send_at(send_at: datetime, now: datetime) -> None:
    if send_at <= now:
        raise Refusal("send_at_past", "The time to send lies in the past. Choose a later one.", field="send_at")
    if (send_at - now).days > 366:
        raise Refusal("send_at_far", "The time to send lies more than a year ahead.", field="send_at")
