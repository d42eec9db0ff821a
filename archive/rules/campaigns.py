"""Which runs belong to a campaign. A leaf names the run; people and programs name the campaign, whose runs `messaging` knows: it
registers itself at start, so that the archive asks without importing it. What nobody knows stands for itself.
"""

from collections.abc import Callable, Iterable, Mapping
from uuid import UUID

RunsOf = Callable[[list[UUID]], Iterable[UUID]]
CampaignsOf = Callable[[list[UUID]], Mapping[UUID, UUID]]

_known: list[tuple[RunsOf, CampaignsOf]] = []


def register(runs: RunsOf, campaigns: CampaignsOf) -> None:
    """The runs of these campaigns; and the campaign of each of these runs."""
    _known[:] = [(runs, campaigns)]


def runs_of(named: Iterable[UUID]) -> list[UUID]:
    """What entries and records may hold for these ids, of campaigns or of runs."""
    ids = list(named)
    return [*ids, *(_known[0][0](ids) if _known else ())]


def campaigns_of(runs: Iterable[UUID]) -> Mapping[UUID, UUID]:
    """The campaign of each run; an id that is none of a run stands for itself."""
    ids = list(set(runs))
    return {one: one for one in ids} | dict(_known[0][1](ids) if ids and _known else {})
