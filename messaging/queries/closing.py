"""How far the closing of this business is, and what stops it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from archive.queries import approvals
from archive.queries import closing as asked
from messaging.models import Campaign
from portal.kernel import tenancy
from portal.kernel.actors import Actor
from tenants.queries import closings

WORDS = {
    "hold": "a legal hold is in force: release it first",
    "campaign": "a campaign is being sent: let it end, or cancel it",
    "proof": "the archive was not proved to be kept elsewhere",
}


@dataclass(frozen=True, slots=True)
class Look:
    """`state` "" : nobody closes it; "asked": a second person is asked. `stops` are codes of WORDS."""

    state: str = ""
    closes_at: datetime | None = None
    entered_at: datetime | None = None
    stops: dict[str, int] = field(default_factory=dict)
    size: int = 0
    proof: dict[str, Any] | None = None
    exports: list[asked.Whole] = field(default_factory=list)


def look(actor: Actor) -> Look:
    """For who may close it."""
    actor.require("business.close")
    standing = closings.standing_of(tenancy.here().id)
    if standing is None:
        waits = approvals.get_waiting_id("business.close", tenancy.here().id)
        return Look("asked" if waits else "", stops=get_stops())
    if standing.state != "proving":
        stops = get_stops() if standing.state == "waiting" else {}
        return Look(standing.state, standing.closes_at, standing.entered_at, stops)
    size, proof, held = asked.size_of(standing), asked.proof_of(standing), asked.holds_in_force()
    stops = {code: count for code, count in (("hold", held), ("proof", int(proof is None))) if count}
    whole = asked.get_whole_exports_for(actor, size)
    return Look("proving", standing.closes_at, standing.entered_at, stops, size, proof, whole)


def get_stops() -> dict[str, int]:
    """What would stop a closing before it begins, by code: how many of each."""
    running = Campaign.objects.filter(state=Campaign.State.RUNNING).count()
    found = {"hold": asked.holds_in_force(), "campaign": running}
    return {code: count for code, count in found.items() if count}


def words(stops: dict[str, int]) -> str:
    return f"This business cannot be closed now: {'; '.join(WORDS[code] for code in sorted(stops))}."
