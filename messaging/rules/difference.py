"""What changed between two texts, as a reader sees it: words that went, words that came. Pure, and bounded in time."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

MOST_WORDS = 600  # of a changed passage: a longer one is shown as gone and come, whole
_PARTS = re.compile(r"\s+|[^\s]+")

SAME, GONE, CAME = "same", "gone", "came"


@dataclass(frozen=True, slots=True)
class Piece:
    """`kind` is same, gone or came."""

    kind: str
    text: str


def between(before: str, after: str) -> list[Piece]:
    """Line by line first, then word by word within what changed; neighbours of a kind are one piece."""
    return _joined(_compared(before.splitlines(keepends=True), after.splitlines(keepends=True), _by_words))


def _compared(before: list[str], after: list[str], deeper) -> Iterator[Piece]:  # type: ignore[no-untyped-def]
    for tag, a, b, c, d in SequenceMatcher(None, before, after).get_opcodes():
        old, new = "".join(before[a:b]), "".join(after[c:d])
        if tag == "equal":
            yield Piece(SAME, old)
        elif tag == "replace":
            yield from deeper(old, new)
        else:
            yield Piece(GONE, old) if old else Piece(CAME, new)


def _by_words(old: str, new: str) -> Iterator[Piece]:
    before, after = _PARTS.findall(old), _PARTS.findall(new)
    if len(before) > MOST_WORDS or len(after) > MOST_WORDS:
        yield from _whole(old, new)
    else:
        yield from _compared(before, after, _whole)


def _whole(old: str, new: str) -> Iterator[Piece]:
    yield from (Piece(GONE, old), Piece(CAME, new))


def _joined(pieces: Iterator[Piece]) -> list[Piece]:
    found: list[Piece] = []
    for piece in pieces:
        if found and found[-1].kind == piece.kind:
            found[-1] = Piece(piece.kind, found[-1].text + piece.text)
        else:
            found.append(piece)
    return found
