"""Searching the archive: nobody does it in silence (I9). The entry, with the query and the reason as its sealed detail,
commits before anything is looked for.

Metadata needs no key. Words need an unlocked archive: their hashes are reckoned under every month's index key. A phrase is
looked for in the index by its words and then checked in opened records, newest first and at most `MOST_OPENED` a page: a
page that stopped there says so and goes on where it stopped. A record that does not open here (a mirror keeps it, or it was
altered) is found by its words all the same and says so: nothing is left out because it could not be checked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from archive.flows import asked as asked_flow
from archive.flows import opening, unlock, wordkeys
from archive.ledger import entry as leaves
from archive.models import Record
from archive.queries import found, predicate
from archive.queries.found import Figures, Hit, Word
from archive.rules import query as language
from archive.rules import words
from archive.rules.query import Query
from portal.kernel import unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal

PAGE = 50
MOST_OPENED = 500
AROUND = 90  # characters of a text that are shown on each side of what was found
Batch = list[Record]
Closed = dict[UUID, str]


@dataclass(frozen=True, slots=True)
class Browser:
    """What names an unlocked archive: the session's key, and the half of the officers' key from the cookie."""

    session_key: str
    half: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Shown:
    """A record that was found; `subject` and `text` where an officer asked to see them; `closed` is the code that says why it
    does not open here, so that neither its text is shown nor a phrase was checked in it."""

    hit: Hit
    subject: str = field(default="", repr=False)
    text: str = field(default="", repr=False)
    closed: str = ""


@dataclass(frozen=True, slots=True)
class Results:
    """`checked` records were opened to look for a phrase; `is_cut` says that this page stopped there and goes on with `next`.
    `unsearched` are months whose words nobody can look for."""

    query: Query
    shown: list[Shown]
    next: str
    checked: int = 0
    is_cut: bool = False
    unsearched: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Asked:
    query: Query
    words: list[Word]
    unsearched: list[str]
    session: unlock.Session | None


def search(
    *, actor: Actor, now: datetime, query: str, reason: str = "", browser: Browser | None = None, cursor: str = "",
    size: int = PAGE, with_text: bool = False,
) -> Results:  # fmt: skip
    """One page, newest first. Refuses `query_invalid`, `range_upside_down`, `archive_locked`, `reason_missing`."""
    asked = _ask(actor, now, query, reason, browser, with_text=with_text)
    phrases = [term for term in asked.query.words if term.name == language.PHRASE]
    if phrases and asked.session:
        kept, closed, after, checked, is_cut = _check(asked, phrases, asked.session, cursor, size)
    else:
        (kept, after), checked, is_cut = found.page(asked.query, asked.words, cursor, size, sealed=with_text), 0, False
        closed = {}
    if with_text and asked.session:
        shown = _with_text(actor, kept, asked)
    else:
        shown = [Shown(hit, closed=closed.get(hit.message_id, "")) for hit in found.hits(kept)]
    return Results(asked.query, shown, after, checked, is_cut, asked.unsearched)


def count(*, actor: Actor, now: datetime, query: str, browser: Browser | None = None) -> Figures:
    """Total, facets and days of what `search` has just found, and told: this writes no entry of its own. With a phrase
    they count the records that hold all of its words."""
    actor.require("archive.search")
    asked = predicate.resolve(actor, language.parse(query))
    if not asked.needs_key:
        return found.figures(asked)
    with unit.work():
        session = _unlocked(actor, now, browser)
    keys, _ = wordkeys.by_month(session)
    return found.figures(asked, wordkeys.hash_words(asked, keys))


def _ask(actor: Actor, now: datetime, text: str, reason: str, browser: Browser | None, *, with_text: bool) -> _Asked:
    """The entry, committed; and everything that the search needs."""
    actor.require("archive.search")
    asked = predicate.resolve(actor, language.parse(text))
    predicate.where(asked)  # what nobody can select is refused before it is told
    needs_key = asked.needs_key or with_text
    with unit.work() as u:
        session = _unlocked(actor, now, browser) if needs_key else None
        u.entry(_draft(actor, text, asked_flow.check_reason(reason, needs_key=needs_key), asked))
    if session is None or not asked.needs_key:
        return _Asked(asked, [], [], session)
    keys, unsearched = wordkeys.by_month(session)
    return _Asked(asked, wordkeys.hash_words(asked, keys), unsearched, session)


def _draft(actor: Actor, text: str, reason: str, asked: Query) -> unit.Draft:
    detail: dict[str, object] = {"query": text, "reason": reason}
    return unit.Draft("archive.searched", actor.label, codes={"words": asked.needs_key}, detail=detail)


def _unlocked(actor: Actor, now: datetime, browser: Browser | None) -> unlock.Session:
    if browser is None:
        raise Refusal(
            "archive_locked", "Words are sealed. Open the archive with your passphrase in the console, then search again.",
            Kind.FORBIDDEN,
        )  # fmt: skip
    return unlock.use(actor=actor, now=now, session_key=browser.session_key, half=browser.half)


# ── phrases ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def _check(
    asked: _Asked, phrases: Sequence[language.Term], session: unlock.Session, cursor: str, size: int
) -> tuple[Batch, Closed, str, int, bool]:
    """The next records in which every phrase stands, or does not where it is denied, and those in which nobody here can
    look: (them, why these, cursor, opened, stopped)."""
    kept: Batch = []
    closed: Closed = {}
    checked, last, opener = 0, cursor, opening.Opener(session)
    for row in _candidates(asked, cursor):
        if len(kept) == size or checked == MOST_OPENED:
            return kept, closed, last, checked, len(kept) < size
        checked, last = checked + 1, found.encode(row)
        content, why = opener.read(row)
        if why:
            closed[row.message_id] = why
        if why or _says(content, phrases):
            kept.append(row)
    return kept, closed, "", checked, False


def _candidates(asked: _Asked, cursor: str) -> Iterator[Record]:
    while True:
        batch, cursor = found.page(asked.query, asked.words, cursor, 100, sealed=True)
        yield from batch
        if not cursor:
            return


def _says(content: dict[str, Any], phrases: Sequence[language.Term]) -> bool:
    texts = [words.of_phrase(text) for text in words.texts(content)]
    return all(_stands(words.of_phrase(term.value), texts) != term.negated for term in phrases)


def _stands(phrase: list[str], texts: list[list[str]]) -> bool:
    """The words of the phrase, one right after the other; case and punctuation aside."""
    return any(text[at : at + len(phrase)] == phrase for text in texts for at in range(len(text) - len(phrase) + 1))


# ── text ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _with_text(actor: Actor, rows: Batch, asked: _Asked) -> list[Shown]:
    """The entry of the reading commits before a word of it is returned (I9): one for the page, its list as the detail."""
    hits = found.hits(rows)
    if not hits or asked.session is None:
        return [Shown(hit) for hit in hits]
    opener = opening.Opener(asked.session)
    read = {row.message_id: opener.read(row) for row in rows}
    opened = [hit for hit in hits if not read[hit.message_id][1]]
    if opened:
        with unit.work() as u:
            u.entry(_reading(actor, opened))
    wanted = {word for term in asked.query.words if not term.negated for word in words.of_text(term.value)}
    return [_shown(hit, *read[hit.message_id], wanted) for hit in hits]


def _shown(hit: Hit, content: dict[str, Any], closed: str, wanted: set[str]) -> Shown:
    return Shown(hit, closed=closed) if closed else Shown(hit, *_around(content, wanted))


def _reading(actor: Actor, hits: Sequence[Hit]) -> unit.Draft:
    count, digest = leaves.digest_ids(hit.message_id for hit in hits)
    detail: dict[str, object] = {"ids": [str(hit.message_id) for hit in hits]}
    return unit.Draft(
        "archive.opened", actor.label, codes={"what": "search"}, count=count, ids_sha256=digest, detail=detail
    )


def _around(content: dict[str, Any], wanted: set[str]) -> tuple[str, str]:
    """The subject, and the part of the body around the first word that was asked for, in any of its forms."""
    body = str(content.get("body") or "")
    place = words.first_place(body, wanted)
    start, end = max(0, place - AROUND), place + AROUND
    cut = " ".join(body[start:end].split())
    return str(content.get("subject") or ""), f"{'… ' if start else ''}{cut}{' …' if end < len(body) else ''}"
