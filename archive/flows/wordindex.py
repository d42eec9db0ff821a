"""Words of a record as keyed hashes, in the sending transaction, so that nothing is missed however short it lives.

A campaign says the same words forty thousand times and stemming is slow, so hashes are remembered in the process, by word
and by segment of a text: under Python's own keyed hash of (business, month, text), never under the text. Bounded, and
dropped with the process.
"""

from collections.abc import Iterable, Mapping
from uuid import UUID

from archive.rules import words
from portal.sealing import blind

MOST_REMEMBERED = 20_000

_of_words: dict[int, tuple[int, ...]] = {}
_of_segments: dict[int, tuple[int, ...]] = {}


def hash_content(content: Mapping[str, object], *, business: UUID, month: str, key: bytes) -> list[int]:
    """Sorted distinct 64-bit integers for `archive_record.words`."""
    scope = hash((business, month))
    found: set[int] = set()
    for segment in words.segments(content):
        place = hash((scope, segment))
        hashes = _of_segments.get(place)
        found.update(_segment(place, segment, scope, key) if hashes is None else hashes)
        if len(found) >= words.MOST_HASHES:
            break
    return sorted(found)[: words.MOST_HASHES]


def hash_query(text: str, *, key: bytes) -> list[list[int]]:
    """One list a word of the query: a record matches a word if it holds any of them."""
    return [blind.words(key, words.stems(word)) for word in words.of_text(text)]


def forget() -> None:
    """A month's key was sealed away or an index erased: what this process remembers goes too."""
    _of_words.clear()
    _of_segments.clear()


def _segment(place: int, segment: str, scope: int, key: bytes) -> tuple[int, ...]:
    found: set[int] = set()
    for word in words.of_segment(segment):
        at = hash((scope, word))
        hashes = _of_words.get(at)
        found.update(_remember(_of_words, at, blind.words(key, words.stems(word))) if hashes is None else hashes)
    return _remember(_of_segments, place, found)


def _remember(where: dict[int, tuple[int, ...]], at: int, hashes: Iterable[int]) -> tuple[int, ...]:
    if len(where) >= MOST_REMEMBERED:
        where.clear()
    kept = where[at] = tuple(hashes)
    return kept
