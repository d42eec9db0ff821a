"""Words of a record as keyed hashes, in the sending transaction, so that nothing is missed however short it lives.

A campaign says the same words forty thousand times and stemming is slow, so hashes are remembered in the process: under
Python's own keyed hash of (business, month, word), never under the word. Bounded, and dropped with the process.
"""

from collections.abc import Mapping
from uuid import UUID

from archive.rules import words
from portal.sealing import blind

MOST_REMEMBERED = 100_000

_known: dict[int, tuple[int, ...]] = {}


def hash_content(content: Mapping[str, object], *, business: UUID, month: str, key: bytes) -> list[int]:
    """Sorted distinct 64-bit integers for `archive_record.words`."""
    scope = hash((business, month))
    found: set[int] = set()
    for word in words.of_content(content):
        place = hash((scope, word))
        hashes = _known.get(place)
        found.update(_remember(place, word, key) if hashes is None else hashes)
    return sorted(found)


def hash_query(text: str, *, key: bytes) -> list[list[int]]:
    """One list a word of the query: a record matches a word if it holds any of them."""
    return [blind.words(key, words.stems(word)) for word in words.of_text(text)]


def forget() -> None:
    """A month's key was sealed away or an index erased: what this process remembers goes too."""
    _known.clear()


def _remember(place: int, word: str, key: bytes) -> tuple[int, ...]:
    if len(_known) >= MOST_REMEMBERED:
        _known.clear()
    hashes = _known[place] = tuple(blind.words(key, words.stems(word)))
    return hashes
