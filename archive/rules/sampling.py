"""Samples that anybody can draw again. Pure.

Each record of the population gets the number SHA-256(seed || its id); the smallest are the sample. The seed is random and
stands in the entry of the draw with the share and the population, so whoever has those has the sample: nobody chose it.
"""

import math
from collections.abc import Iterable, Mapping
from hashlib import sha256
from heapq import nsmallest
from uuid import UUID

WHOLE = 10_000  # shares are hundredths of a percent
STRATA = ("direction", "category", "kind")


def draw(seed: bytes, population: Mapping[str, Iterable[UUID]], share: int) -> dict[str, list[UUID]]:
    """The sample of each stratum: its share, rounded up, so that no stratum goes unseen."""
    return {stratum: _smallest(seed, list(ids), share) for stratum, ids in population.items()}


def rank(seed: bytes, record: UUID) -> int:
    """64 bits, evenly spread and known to nobody who lacks the seed."""
    return int.from_bytes(sha256(seed + record.bytes).digest()[:8], "big")


def is_in(seed: bytes, record: UUID, share: int) -> bool:
    """Whether a record that stands alone, as it arrives, is in the share."""
    return rank(seed, record) * WHOLE < share << 64


def _smallest(seed: bytes, ids: list[UUID], share: int) -> list[UUID]:
    return nsmallest(math.ceil(len(ids) * share / WHOLE), ids, key=lambda one: (rank(seed, one), one))
