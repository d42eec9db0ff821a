"""What leaves the house: "you have a message", a link, and nothing else.

A *way* takes one notice and says what became of it: sent, ambiguous (the bytes left and no answer came), retry (it did not
leave, or was told to come back) or failed, with a code. It knows no database and remembers nothing; it never gets a word of a
message, so there is none to leak. The notice's id is the key by which a provider knows a repeat.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from portal.sealing import webpush


class Became(StrEnum):
    SENT = "sent"
    AMBIGUOUS = "ambiguous"
    RETRY = "retry"
    FAILED = "failed"


# Why, as codes. Those of TROUBLE are the provider's or ours, not the recipient's: the others in the queue will meet them too.
BAD_ADDRESS, OPTED_OUT, REFUSED, UNSUBSCRIBED = "bad_address", "opted_out", "refused", "unsubscribed"
AWAY, CREDENTIALS, BUSY, NO_ANSWER, NOT_SET_UP = (
    "provider_away",
    "credentials",
    "provider_busy",
    "no_answer",
    "not_set_up",
)
TROUBLE = frozenset({AWAY, CREDENTIALS, BUSY, NO_ANSWER, NOT_SET_UP})


@dataclass(frozen=True)
class Answer:
    """`reference` is the provider's own id of what it took; `wait` the seconds it asked for; `gone` the devices that their push
    service does not know any more."""

    became: Became
    why: str = ""
    reference: str = ""
    wait: int = 0
    gone: tuple[UUID, ...] = ()


@dataclass(frozen=True)
class Target:
    """A device that is pushed to: by which address, sealed for which browser."""

    device: UUID
    endpoint: str
    browser: webpush.Browser


@dataclass(frozen=True)
class Outgoing:
    """One notice on its way. `saying` names the words; `url` opens the inbox, or is the one-time link, which works until
    `link_until` (words, in the recipient's zone). After `until`, `left` seconds away, nobody needs to hear it."""

    id: UUID
    to: str
    saying: str
    language: str
    sender: str
    url: str
    until: datetime
    left: int
    link_until: str = ""
    code: str = ""
    targets: tuple[Target, ...] = ()  # of a push, which has no other address


@dataclass(frozen=True)
class Account:
    """What the business is known by at its provider."""

    account: str = ""
    secret: str = ""
    sender: str = ""
    hook_url: str = ""


class Way(Protocol):
    """`knows_repeats`: whether a second try with the same id is harmless. `at_once`: how many may be on their way.
    `is_one_provider`: whether its trouble waits for all the others in the queue, too."""

    knows_repeats: bool
    at_once: int
    is_one_provider: bool

    def send(self, notice: Outgoing) -> Answer: ...

    def close(self) -> None: ...


def sent(reference: str = "") -> Answer:
    return Answer(Became.SENT, reference=reference[:80])


def retry(why: str, wait: int = 0) -> Answer:
    return Answer(Became.RETRY, why, wait=wait)


def failed(why: str) -> Answer:
    return Answer(Became.FAILED, why)


def unsure() -> Answer:
    return Answer(Became.AMBIGUOUS, NO_ANSWER)


def is_trouble(answers: Sequence[Answer]) -> bool:
    return any(answer.why in TROUBLE for answer in answers)
