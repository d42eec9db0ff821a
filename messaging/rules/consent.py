"""What a customer agreed to and what they took back. Pure.

A *code* names what an event is about: `marketing:email`, `marketing` (every channel), `email` (every purpose), `all`.
Service needs no consent; marketing does, on some channel. An opt-out always wins: it takes effect when it is recorded,
whatever its date, it covers everything below it, and nothing lifts it but a later yes to that very code.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

ALL = "all"
NEVER = datetime.max.replace(tzinfo=UTC)  # a refusal whose time is not known is lifted by nothing
PURPOSES = ("service", "marketing", ALL)
INBOX = "inbox"  # where every message is read; the other channels only say that there is one
CHANNELS = (INBOX, "email", "sms", "push", "post", "phone", ALL)
NO_CONSENT, OPTED_OUT = "no_consent", "opted_out"
# What people answer to a text message, in the languages of the inbox. The first eight are the carriers' own (CTIA 5.1.3).
STOP, START = "stop", "start"
_KEYWORDS = {
    STOP: {
        "stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout", "stopp", "abmelden", "alto", "baja",
        "arret", "arrêt", "afmelden", "توقف", "إيقاف", "ايقاف",
    },
    START: {"start", "unstop", "anmelden", "alta", "aanmelden", "ابدأ", "ابدا"},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """One consent given or taken back. `at` is when the customer said it."""

    purpose: str
    channel: str
    is_given: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """What the events of one customer add up to, as sorted codes."""

    agreed: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


def code(purpose: str, channel: str) -> str:
    """
    >>> code("marketing", "email"), code("marketing", "all"), code("all", "sms"), code("all", "all")
    ('marketing:email', 'marketing', 'sms', 'all')
    """
    named = [part for part in (purpose, channel) if part != ALL]
    return ":".join(named) or ALL


def add_up(before: Standing, events: Iterable[Event], refused_at: Mapping[str, datetime]) -> Standing:
    """Where they stand after `events`, in the order in which they are recorded. `refused_at` is when each code was last
    refused, for those that are: a consent from before that, such as one of an old list, lifts nothing."""
    agreed, refused = set(before.agreed), {about: refused_at.get(about, NEVER) for about in before.refused}
    for event in events:
        about = code(event.purpose, event.channel)
        if not event.is_given:
            refused[about] = max(event.at, refused.get(about, event.at))
            agreed.discard(about)
        elif about not in refused or event.at > refused[about]:
            refused.pop(about, None)
            if event.purpose != ALL:  # to say yes to a channel lifts a no to it and agrees to no purpose
                agreed.add(about)
    return Standing(tuple(sorted(agreed)), tuple(sorted(refused)))


def covering(purpose: str, channel: str) -> tuple[str, ...]:
    """The refusals that cover a purpose on a channel."""
    return (ALL, purpose, channel, code(purpose, channel))


def why_not(purpose: str, agreed: Iterable[str], refused: Iterable[str]) -> str:
    """Why a message with this purpose may not be written to them: "", `opted_out` or `no_consent`."""
    taken_back = set(refused)
    if taken_back.intersection(covering(purpose, INBOX)):
        return OPTED_OUT
    if purpose != "marketing":
        return ""
    given = [one for one in agreed if one.partition(":")[0] == purpose]
    return "" if any(one.partition(":")[2] not in taken_back for one in given) else NO_CONSENT


def may_notify(purpose: str, channel: str, agreed: Iterable[str], refused: Iterable[str]) -> bool:
    """Whether an outside channel may say that there is such a message."""
    if set(refused).intersection(covering(purpose, channel)):
        return False
    return purpose != "marketing" or bool({purpose, code(purpose, channel)}.intersection(agreed))


def about(named: str) -> tuple[str, str]:
    """The purpose and the channel of a code.

    >>> about("marketing:email"), about("sms"), about("marketing"), about("all")
    (('marketing', 'email'), ('all', 'sms'), ('marketing', 'all'), ('all', 'all'))
    """
    purpose, parted, channel = named.partition(":")
    if parted:
        return purpose, channel
    return (purpose, ALL) if purpose in PURPOSES else (ALL, purpose)


@dataclass(frozen=True, slots=True)
class Choice:
    """What a customer is asked about: `said` is given, refused or "" (nothing), `is_on` what it comes to with all the rest."""

    purpose: str
    channel: str
    said: str
    is_on: bool


USUAL = (("service", ALL), ("marketing", ALL), (ALL, "email"), (ALL, "sms"))


def choices(agreed: Iterable[str], refused: Iterable[str]) -> list[Choice]:
    """The usual ones, and every other that something was said about."""
    yes, no = set(agreed), set(refused)
    others = sorted((yes | no) - {code(*one) for one in USUAL})
    return [_choice(*one, yes, no) for one in (*USUAL, *map(about, others))]


def _choice(purpose: str, channel: str, yes: set[str], no: set[str]) -> Choice:
    named = code(purpose, channel)
    said = "refused" if named in no else "given" if named in yes else ""
    if channel == ALL and purpose != ALL:
        return Choice(purpose, channel, said, not why_not(purpose, yes, no))
    is_on = not no.intersection(covering(purpose, channel)) and (purpose != "marketing" or bool({purpose, named} & yes))
    return Choice(purpose, channel, said, is_on)


def keyword(text: str) -> str:
    """`stop`, `start` or "": the whole message must be the word, or a question that has it would be taken for one.

    >>> keyword(" Stop! "), keyword("START"), keyword("stop by at nine?"), keyword("إيقاف")
    ('stop', 'start', '', 'stop')
    """
    word = text.strip().strip(".!\"'").replace("-", "").replace(" ", "").casefold()
    return next((asked for asked, known in _KEYWORDS.items() if word in known), "")
