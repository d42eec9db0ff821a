"""The archive's query language: one line of text, as terms. Pure; docs/decisions/0008 has the grammar in words.

    from: to: customer:        a customer's reference, e-mail, phone or id; from: and to: also take `business`
    kind: category: direction: campaign: message: tag: case: hold:
    after: (included) before: (not)      2026-05-01, or a time with its zone
    word   "exact phrase"      what was said: these need an unlocked archive
    -                          before any term: not this

Every term narrows, except that the same name again widens: `kind:a kind:b` is either, `-kind:a -kind:b` is neither.
A refusal says at which character and what, never what was typed: a query is content.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from uuid import UUID

from archive.rules import words
from portal.kernel.errors import Refusal

WORD, PHRASE = "word", "phrase"
BUSINESS = "business"
SIDES = ("from", "to")
PEOPLE = (*SIDES, "customer")
LONGEST = 1000
MOST_TERMS = 50
LONGEST_VALUE = 200

_FIELD = re.compile(r"([A-Za-z_]+):")
_KIND = re.compile(r"[a-z][a-z_]*(\.[a-z_]+)*(\.\*)?")
_QUOTES = str.maketrans("“”„‟″", '"' * 5)  # what phones and word processors make of a quotation mark


def invalid(position: int, sentence: str) -> Refusal:
    """`position` counts characters from 1."""
    return Refusal("query_invalid", f"At character {position}: {sentence}", field="query", position=position)


def upside_down(position: int) -> Refusal:
    return Refusal(
        "range_upside_down",
        f"At character {position}: this range ends before it begins. after: takes the first day, before: the day after the "
        "last.",
        field="query",
        position=position,
    )


def beside(refusal: Refusal) -> str:
    """Its sentence for a form's field, where no characters are counted."""
    sentence = refusal.message.removeprefix(f"At character {refusal.fields.get('position')}: ")
    if refusal.code == "range_upside_down":
        sentence = sentence.partition(". ")[0] + "."
    return sentence[:1].upper() + sentence[1:]


@dataclass(frozen=True, slots=True)
class Term:
    """`name` is a field's, or `word` or `phrase`; `value` is in its one spelling."""

    name: str
    value: str
    negated: bool = False
    position: int = field(default=1, compare=False)

    @property
    def is_words(self) -> bool:
        return self.name in {WORD, PHRASE}

    @property
    def id(self) -> UUID | None:
        """The value as an id, None where it is none."""
        return _uuid(self.value)

    @property
    def at(self) -> datetime:
        """The instant of `after:` and `before:`; a day begins at midnight UTC."""
        return _instant(self.value)

    def to_text(self) -> str:
        sign = "-" if self.negated else ""
        if self.name == WORD:
            return sign + self.value
        if self.name == PHRASE:
            return f'{sign}"{self.value}"'
        return f"{sign}{self.name}:{_quoted(self.value)}"


@dataclass(frozen=True, slots=True)
class Query:
    """What was asked for, in the order it was written. No terms: everything."""

    terms: tuple[Term, ...] = ()

    @property
    def needs_key(self) -> bool:
        """Whether words are asked for, which only an unlocked archive can find."""
        return any(term.is_words for term in self.terms)

    @property
    def metadata(self) -> "Query":
        return Query(tuple(term for term in self.terms if not term.is_words))

    @property
    def words(self) -> tuple[Term, ...]:
        return tuple(term for term in self.terms if term.is_words)

    def of(self, *names: str) -> tuple[Term, ...]:
        return tuple(term for term in self.terms if term.name in names)

    def without(self, *names: str) -> "Query":
        return Query(tuple(term for term in self.terms if term.name not in names))

    def narrowed(self, name: str, value: str) -> "Query":
        """With this term in place of all others of its name: what a facet's link asks for."""
        return Query((*self.without(name).terms, Term(name, value)))

    def to_text(self) -> str:
        return " ".join(term.to_text() for term in self.terms)


def parse(text: str) -> Query:
    """
    >>> parse('kind:message.sent -"all clear" invoice').to_text()
    'kind:message.sent -"all clear" invoice'
    """
    if len(text) > LONGEST:
        raise invalid(LONGEST + 1, f"a query has at most {LONGEST} characters.")
    _check_characters(text)
    terms = tuple(_terms(text.translate(_QUOTES)))
    if len(terms) > MOST_TERMS:
        raise invalid(terms[MOST_TERMS].position, f"a query has at most {MOST_TERMS} terms.")
    return check(Query(terms))


def parse_metadata(text: str) -> Query:
    """For holds, exports and rules: words need a key that nobody has when these are evaluated."""
    query = parse(text)
    for term in query.words:
        raise invalid(term.position, "words cannot be asked for here, only who, when and what kind.")
    return query


def check(query: Query) -> Query:
    """The same query, if its range of time is one."""
    starts = [term for term in query.terms if term.name == ("before" if term.negated else "after")]
    ends = [term for term in query.terms if term.name == ("after" if term.negated else "before")]
    if starts and ends:
        first, last = max(starts, key=lambda term: term.at), min(ends, key=lambda term: term.at)
        if first.at >= last.at:
            raise upside_down(max(first.position, last.position))
    return query


# ── cutting ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def _terms(text: str) -> Iterator[Term]:
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        term, at = _term(text, at)
        yield term


def _term(text: str, start: int) -> tuple[Term, int]:
    """The term that begins at `start`, and where it ends."""
    negated = text[start] == "-"
    at = start + negated
    named = _FIELD.match(text, at)
    if named:
        return _field(text, start, named, negated)
    if text[at : at + 1] == '"':
        value, end = _between_quotes(text, at)
        return Term(PHRASE, _searchable(value, at), negated, start + 1), end
    value, end = _bare(text, at)
    if not value:
        raise invalid(start + 1, "a minus stands alone. Put it right before what you do not want.")
    return Term(WORD, _searchable(value, at), negated, start + 1), end


def _field(text: str, start: int, named: "re.Match[str]", negated: bool) -> tuple[Term, int]:
    name, at = named[1].lower(), named.end()
    read = FIELDS.get(name)
    if read is None:
        known = ", ".join(f"{known}:" for known in FIELDS)
        raise invalid(
            named.start() + 1,
            f"nothing is called so. There are {known}. Put quotation marks around words with a colon.",
        )
    value, end = _between_quotes(text, at) if text[at : at + 1] == '"' else _bare(text, at)
    value = " ".join(value.split())
    if not value:
        raise invalid(at + 1, f"nothing stands after {name}:.")
    if len(value) > LONGEST_VALUE:
        raise invalid(at + 1, f"what stands after {name}: is too long.")
    return Term(name, read(value, at + 1), negated, start + 1), end


def _between_quotes(text: str, at: int) -> tuple[str, int]:
    end = text.find('"', at + 1)
    if end < 0:
        raise invalid(at + 1, "this quotation mark is never closed.")
    if end + 1 < len(text) and not text[end + 1].isspace():
        raise invalid(end + 2, "a space is missing after the closing quotation mark.")
    return text[at + 1 : end], end + 1


def _bare(text: str, at: int) -> tuple[str, int]:
    end = at
    while end < len(text) and not text[end].isspace():
        if text[end] == '"':
            raise invalid(end + 1, "a quotation mark stands inside a word. Put a space before it.")
        end += 1
    return text[at:end], end


def _check_characters(text: str) -> None:
    for place, character in enumerate(text, 1):
        if unicodedata.category(character) in {"Cc", "Cs"} and not character.isspace():
            raise invalid(place, "this character is no text.")


# ── values ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _searchable(value: str, at: int) -> str:
    """Words and phrases must leave something to look for; spaces in a phrase count as one."""
    value = " ".join(value.split())
    found = words.of_text(value)
    if not found:
        raise invalid(
            at + 1, f"there is nothing here to search for: a word has letters or digits, at most {words.LONGEST}."
        )
    if len(found) >= words.MOST_WORDS:
        raise invalid(at + 1, "this phrase is too long.")
    return value


def _text(value: str, position: int) -> str:
    return str(_uuid(value) or value)


def _side(value: str, position: int) -> str:
    return BUSINESS if value.lower() == BUSINESS else _text(value, position)


def _kind(value: str, position: int) -> str:
    if not _KIND.fullmatch(value.lower()):
        raise invalid(position, "a kind looks like message.sent, or message.* for all of them.")
    return value.lower()


def _direction(value: str, position: int) -> str:
    if value.lower() not in {"in", "out"}:
        raise invalid(position, "a direction is in (from a customer) or out (to a customer).")
    return value.lower()


def _id(value: str, position: int) -> str:
    found = _uuid(value)
    if found is None:
        raise invalid(position, "this is not an id. Copy it from the page of what you mean.")
    return str(found)


def _time(value: str, position: int) -> str:
    """A day stays a day; a time is written in UTC."""
    try:
        at = _instant(value)
    except (ValueError, OverflowError):
        raise invalid(position, "write a day as 2026-05-01, or a time with its zone as 2026-05-01T09:30Z.") from None
    return at.date().isoformat() if len(value) == len("2026-05-01") else at.isoformat().replace("+00:00", "Z")


def _instant(value: str) -> datetime:
    if len(value) == len("2026-05-01"):
        return datetime.combine(date.fromisoformat(value), time(), UTC)
    at = datetime.fromisoformat(value.upper())
    if at.tzinfo is None:
        raise ValueError("a time without its zone")
    return at.astimezone(UTC)


def _uuid(value: str) -> UUID | None:
    try:
        return UUID(value) if len(value) in {32, 36} else None
    except ValueError:
        return None


def _quoted(value: str) -> str:
    return f'"{value}"' if any(character.isspace() for character in value) else value


FIELDS: dict[str, Callable[[str, int], str]] = {
    "from": _side, "to": _side, "kind": _kind, "campaign": _id, "category": _text, "direction": _direction,
    "customer": _text, "message": _id, "tag": _text, "case": _text, "hold": _text, "before": _time, "after": _time,
}  # fmt: skip


def combine(terms: Iterable[Term]) -> Query:
    """A query of terms that were made, not typed."""
    return check(Query(tuple(terms)))
