"""Which retention rules have a say in the same records, and which of two wins. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from archive.rules import terms
from archive.rules.terms import Terms


@dataclass(frozen=True, slots=True)
class Overlap:
    """`wins` is the one of the two that always ends later; None where it depends on the record."""

    one: Terms
    other: Terms
    wins: Terms | None


def find(rules: Sequence[Terms]) -> list[Overlap]:
    """Every pair that meets somewhere. A default that is not locked stands back, so it meets nobody."""
    speaking = [rule for rule in rules if not rule.is_default or rule.is_locked]
    return [Overlap(a, b, _winner(a, b)) for a, b in combinations(speaking, 2) if _meet(a, b)]


def with_one(rule: Terms, rules: Sequence[Terms]) -> list[Overlap]:
    """Those of one rule with each of the others."""
    return [
        found for found in find([rule, *(other for other in rules if other.code != rule.code)]) if rule is found.one
    ]


def _meet(a: Terms, b: Terms) -> bool:
    return all(mine == its or "" in (mine, its) for mine, its in zip(a.scope, b.scope, strict=True))


def _winner(a: Terms, b: Terms) -> Terms | None:
    if terms.outlasts(a, b):
        return a
    return b if terms.outlasts(b, a) else None
