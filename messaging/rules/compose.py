"""What may be said, and for how long. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from portal.kernel.errors import Kind, Refusal

BODY_LIMIT = 16 * 1024  # bytes of UTF-8
SUBJECT_LIMIT = 200  # characters
VALUE_LIMIT = 4000  # characters of one variable
MOST_VALUES = 100
MOST_FILES = 5
MOST_ANSWERS = 4
ANSWER_LIMIT = 40  # characters: a button's width on a narrow phone
FORMATS = ("text", "markdown")
# C0 but newline and tab, DEL, and lone surrogates. Everything else is kept byte for byte, odd or not.
FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Compose:
    """One message as a caller asks for it. Exactly one of `customer`, `reference`, `to`, and of `body`, `template`. Lives in
    seconds."""

    body: str = ""
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
    template: UUID | None = None
    variables: Mapping[str, object] = field(default_factory=dict)
    attachments: tuple[UUID, ...] = field(default_factory=tuple)
    answers: tuple[str, ...] = field(default_factory=tuple)  # offered as buttons


@dataclass(frozen=True)
class Limits:
    gone_after: int
    maximum_gone_after: int


def check(asked: Compose, limits: Limits, now: datetime) -> None:
    """Refuse what cannot be sent, each with its own code."""
    if asked.template is None:
        check_text(asked.body, "body")
    _check_template(asked)
    check_subject(asked.subject)
    _check_one_recipient(asked)
    _check_address(asked)
    check_format(asked.format)
    if len(asked.attachments) > MOST_FILES:
        raise Refusal(
            "too_many_attachments", "A message has at most five files.", field="attachments", limit=MOST_FILES
        )
    check_answers(asked.answers)
    if asked.gone_after is not None:
        check_life(asked.gone_after, limits.maximum_gone_after, "gone_after")
    if asked.gone_after_read is not None:
        check_life(asked.gone_after_read, limits.maximum_gone_after, "gone_after_read")
    if asked.send_at is not None:
        _check_send_at(asked.send_at, now)


def check_answers(answers: tuple[str, ...]) -> None:
    """What a customer may answer by one tap: a few short lines, no two alike."""
    if len(answers) > MOST_ANSWERS:
        raise Refusal("too_many_answers", "A message offers at most four answers.", field="answers", limit=MOST_ANSWERS)
    for one in answers:
        if not one.strip() or len(one) > ANSWER_LIMIT or FORBIDDEN.search(one) or "\n" in one:
            raise Refusal("bad_answer", "An answer is one line of 1 to 40 characters.", field="answers")
    if len({one.strip() for one in answers}) < len(answers):
        raise Refusal("bad_answer", "Two answers are the same.", field="answers")


def check_count(attachments: tuple[UUID, ...]) -> None:
    if len(attachments) > MOST_FILES:
        raise Refusal(
            "too_many_attachments", "A message has at most five files.", field="attachments", limit=MOST_FILES
        )


def check_reply(text: str, attachments: tuple[UUID, ...]) -> None:
    """What a customer writes: words, or files, which may come without."""
    check_count(attachments)
    if text or not attachments:
        check_text(text, "body")


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


def check_format(form: str) -> None:
    if form not in FORMATS:
        raise Refusal("unknown_format", "The format is text or markdown.", field="format")


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


def _check_template(asked: Compose) -> None:
    if asked.template is not None and asked.body:
        raise Refusal("body_or_template", "A message has a text of its own or a template, not both.", field="template")
    if asked.variables and asked.template is None:
        raise Refusal(
            "variables_without_template",
            "A text of its own is literal: only templates have variables.",
            field="variables",
        )
    if len(asked.variables) > MOST_VALUES:
        raise Refusal("bad_value", "A call passes at most 100 variables.", field="variables")
    for value in asked.variables.values():
        if not isinstance(value, str | int | float | None):
            raise Refusal(
                "bad_value", "A variable is a text or a number; a date is written as 2026-08-03.", field="variables"
            )
        if isinstance(value, str) and (len(value) > VALUE_LIMIT or FORBIDDEN.search(value)):
            raise Refusal(
                "bad_value", "A variable's text is too long or has characters that cannot be shown.", field="variables"
            )


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
