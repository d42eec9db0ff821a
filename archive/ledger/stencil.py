"""Many leaves that differ in ids and hashes only: a chunk of a campaign.

`entry.encode` checks every field of every leaf. Where thousands share a kind, an actor, a time, a class and codes, a stencil
checks what they share once and only fills the holes: the same bytes, several times as fast.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from archive.ledger import canonical, entry

PATTERNS = {
    attribute: pattern for _, attribute, pattern, _ in entry.FIELDS if pattern in (entry.UUID_TEXT, entry.HASH_TEXT)
}


@dataclass(frozen=True, slots=True)
class Stencil:
    """A leaf with holes for UUIDs and hashes; made by `cut`."""

    _template: str
    _in_order: Callable[[tuple[str, ...]], Any]
    _matches: Callable[[str], re.Match[str] | None]

    def fill(self, *values: str) -> bytes:
        """The exact bytes of the leaf with `values` in its holes, in the order `cut` was given; EntryInvalid."""
        try:
            if self._matches("\n".join(values)):  # no value holds a newline, so none can stand for two
                text: str = self._template % self._in_order(values)
                return text.encode("ascii")
        except TypeError as error:
            raise entry.EntryInvalid("a hole of a leaf takes text") from error
        raise entry.EntryInvalid("a value does not fit its hole in a leaf")


def cut(leaf: entry.Leaf, *holes: str) -> Stencil:
    """A stencil from a valid `leaf`, whose attributes named by `holes` (at least one) are left open.

    Every hole must hold a value in `leaf`, so that the shape is one that `entry.encode` accepts. Their lengths are fixed:
    what fits under the limit of a leaf once fits always.
    """
    values = canonical.parse(entry.encode(leaf))
    for hole in holes:
        if hole not in PATTERNS or hole not in values:
            raise entry.EntryInvalid(f"{hole} is no hole of this leaf")
    parts = [f'"{name}":' + ('"%s"' if name in holes else _spell(value)) for name, value in values.items()]
    in_leaf = [name for name in values if name in holes]
    grammar = re.compile("\n".join(PATTERNS[hole] for hole in holes))
    return Stencil("{" + ",".join(parts) + "}", itemgetter(*map(holes.index, in_leaf)), grammar.fullmatch)


def _spell(value: object) -> str:
    return canonical.write(value).decode("ascii").replace("%", "%%")
