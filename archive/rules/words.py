"""Which words of a text can be searched for later: cut, lower-cased, stemmed. Pure; nothing is kept between calls.

Nobody says which language a message is in, so a word counts under its stem in each language Ebb stems, and as itself; a
query goes the same way and so meets at least one. What one record holds is bounded.
"""

import re
import threading
import unicodedata
from collections.abc import Mapping

import snowballstemmer

LANGUAGES = ("english", "german", "spanish", "french", "dutch")
MOST_WORDS = 400  # distinct ones of a record, the first that come
LONGEST = 40
SEARCHED = ("subject", "body")

_WORD = re.compile(r"[^\W_]+")


class _Stemmers(threading.local):
    """A stemmer keeps the word it works on in itself, so each thread has its own."""

    def __init__(self) -> None:
        self.all = [snowballstemmer.stemmer(language) for language in LANGUAGES]


_stemmers = _Stemmers()


def of_content(content: Mapping[str, object]) -> list[str]:
    """The distinct words of a snapshot: subject, body and the names of attachments."""
    texts = [text for key in SEARCHED if isinstance(text := content.get(key), str)]
    texts += _attachment_names(content.get("attachments"))
    return of_text("\n".join(texts))


def of_text(text: str) -> list[str]:
    """Distinct words in order of appearance, lower case, compatibility forms folded (NFKC), at most `MOST_WORDS`."""
    folded = text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).lower()
    words = dict.fromkeys(_WORD.findall(folded))
    return [word for word in words if len(word) <= LONGEST][:MOST_WORDS]


def stems(word: str) -> set[str]:
    """The word and its stem in each language; numbers only as themselves."""
    if not word.isalpha():
        return {word}
    return {word, *(stemmer.stemWord(word) for stemmer in _stemmers.all)}


def _attachment_names(attachments: object) -> list[str]:
    if not isinstance(attachments, list):
        return []
    return [item["name"] for item in attachments if isinstance(item, dict) and isinstance(item.get("name"), str)]
