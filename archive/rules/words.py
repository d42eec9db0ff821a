"""Which words of a text can be searched for later: cut, lower-cased, stemmed. Pure; nothing is kept between calls.

Nobody says which language a message is in, so a word counts under its stem in each language Ebb stems, and as itself; a
query goes the same way and so meets at least one. What one record holds is bounded.
"""

import re
import threading
import unicodedata
from collections.abc import Mapping
from typing import Any

import snowballstemmer

try:
    import Stemmer
except ImportError:  # no build for this Python: the same algorithms in Python, forty times slower, word for word equal
    Stemmer = None

LANGUAGES = ("english", "german", "spanish", "french", "dutch")
MOST_WORDS = 100  # of a query
MOST_HASHES = 2000  # of a record, from the words that come first: some hundreds of distinct words
LONGEST = 40
SEARCHED = ("subject", "body")

_WORD = re.compile(r"[^\W_]+")
_BREAK = re.compile(r"[\n.,;:!?()]+")


class _Stemmers(threading.local):
    """A stemmer keeps the word it works on in itself, so each thread has its own."""

    def __init__(self) -> None:
        self.all = [_stemmer(language) for language in LANGUAGES]


def _stemmer(language: str) -> Any:
    """In C with its own cache off, since that would keep words; else in Python."""
    return Stemmer.Stemmer(language, 0) if Stemmer else snowballstemmer.stemmer(language)


_stemmers = _Stemmers()


def segments(content: Mapping[str, object]) -> list[str]:
    """What of a snapshot can be searched for, folded and cut at punctuation. A campaign's messages share most of their segments,
    so whoever remembers by segment does little for each."""
    return _BREAK.split(fold("\n".join(texts(content))))


def texts(content: Mapping[str, object]) -> list[str]:
    """What of a snapshot can be searched for: its subject, its body, the answers it offers, the names of its attachments."""
    found = [text for key in SEARCHED if isinstance(text := content.get(key), str)]
    return found + _answers(content.get("answers")) + _attachment_names(content.get("attachments"))


def of_segment(folded: str) -> list[str]:
    """Distinct words in order of appearance; longer ones than `LONGEST` are no words."""
    return [word for word in dict.fromkeys(_WORD.findall(folded)) if len(word) <= LONGEST]


def of_text(text: str) -> list[str]:
    """The words of a query, at most `MOST_WORDS`."""
    return of_segment(fold(text))[:MOST_WORDS]


def of_phrase(text: str) -> list[str]:
    """Every word in its order, as a phrase is compared: case and punctuation aside, no stems."""
    return _WORD.findall(fold(text))


def first_place(text: str, wanted: set[str]) -> int:
    """Where the first word stands that shares a stem with one of `wanted`; 0 where none does."""
    forms = {form for word in wanted for form in stems(word)}
    places = (found.start() for found in _WORD.finditer(text) if not forms.isdisjoint(stems(fold(found[0]))))
    return next(places, 0)


def fold(text: str) -> str:
    """Lower case, compatibility forms folded (NFKC)."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).lower()


def stems(word: str) -> set[str]:
    """The word and its stem in each language; numbers only as themselves."""
    if not word.isalpha():
        return {word}
    return {word, *(stemmer.stemWord(word) for stemmer in _stemmers.all)}


def _answers(answers: object) -> list[str]:
    return [text for text in answers if isinstance(text, str)] if isinstance(answers, list) else []


def _attachment_names(attachments: object) -> list[str]:
    if not isinstance(attachments, list):
        return []
    return [item["name"] for item in attachments if isinstance(item, dict) and isinstance(item.get("name"), str)]
