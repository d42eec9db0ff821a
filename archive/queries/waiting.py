"""What waits in the archive for this person: questions whose rows are counted, looking at them is no reading."""

from typing import Any

from django.db.models import QuerySet

from archive.models import Review
from archive.queries import approvals, cases, viewings
from portal.kernel.actors import Actor

MOST = 1000  # a first page does not count further


def to_decide(actor: Actor) -> "dict[str, QuerySet[Any]]":
    """Requests and viewings that this person could decide, none for whoever decides nothing: what the rail counts together."""
    return {"approvals": approvals.to_decide(actor), "viewings": viewings.to_decide(actor)}


def to_review(actor: Actor) -> "dict[str, QuerySet[Any]]":
    """Records of open cases without a decision, and records that are over and ask for people; counted up to `MOST`."""
    asked: dict[str, QuerySet[Any]] = {}
    if actor.may("archive.review"):
        asked["in_cases"] = cases.to_review(actor)[:MOST]
    if actor.may("disposal.manage"):
        asked["before_disposal"] = Review.objects.filter(is_approved=False)[:MOST]
    return asked
