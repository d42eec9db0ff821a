"""What waits in the archive for this person, and whether its log stands still: counts only, looking at them is no reading."""

from dataclasses import dataclass

from archive.models import Review
from archive.queries import approvals, cases, viewings
from portal.kernel.actors import Actor

MOST = 1000  # a first page does not count further


@dataclass(frozen=True, slots=True)
class Waiting:
    """Requests and viewings to decide, records of open cases without a decision, records that are over and ask for people;
    each 0 for whoever could not act on it, and at most `MOST`."""

    to_decide: int = 0
    in_cases: int = 0
    before_disposal: int = 0


def get_waiting_for(actor: Actor) -> Waiting:
    if not actor.may("archive.list"):
        return Waiting()
    return Waiting(
        approvals.count_to_decide(actor) + viewings.count_to_decide(actor),
        cases.count_to_review(actor, MOST) if actor.may("archive.review") else 0,
        Review.objects.filter(is_approved=False)[:MOST].count() if actor.may("disposal.manage") else 0,
    )
