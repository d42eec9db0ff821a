"""What is about to be sent: planned runs, the days on which a campaign repeats, single messages by day. No words, no names of
customers."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from messaging.flows import run as runs
from messaging.models import Campaign, Message, Run
from messaging.queries import campaigns, policy
from messaging.rules import recurrence, schedule
from portal.kernel.actors import Actor

MOST = 500  # campaigns looked at; the calendar says so where there are more


@dataclass(frozen=True, slots=True)
class Coming:
    """One sending. `repeats`: a later occurrence, which has no run yet. `is_local`: each recipient's own wall time."""

    at: datetime
    campaign: UUID
    name: str
    state: str
    is_local: bool
    repeats: bool


def get_runs_for(actor: Actor, *, now: datetime, until: datetime) -> list[Coming]:
    """Planned runs and the further occurrences of those that repeat, in order of time."""
    actor.require("campaign.view")
    rows = Run.objects.filter(state__in=[Run.State.WAITING, Run.State.PAUSED], started_at=None, due_at__lt=until)
    found = []
    for run in rows.select_related("campaign").order_by("due_at")[:MOST]:
        name = campaigns.name_of(run.campaign)
        found.append(
            Coming(run.due_at, run.campaign_id, name, run.campaign.state, bool(run.campaign.send_at_local), False)
        )
        found += [
            Coming(at, run.campaign_id, name, run.campaign.state, bool(run.campaign.send_at_local), True)
            for at in _occurrences(run.campaign, run, until)
        ]
    return sorted((one for one in found if one.at >= now), key=lambda one: one.at)


def _occurrences(campaign: Campaign, run: Run, until: datetime) -> list[datetime]:
    """After this run; as instants in the business's zone, which for a local one is where most of them are near."""
    if not campaign.repeat or not run.wall:
        return []
    own, rule = schedule.zone(policy.get_policy().time_zone), recurrence.parse(campaign.repeat)
    start, wall = runs.start_of(campaign), datetime.fromisoformat(run.wall)
    found: list[datetime] = []
    while len(found) < recurrence.NEXT and (following := recurrence.after(rule, start, wall)) is not None:
        wall = following
        if (at := schedule.instant(wall, own)) >= until:
            break
        found.append(at)
    return found


def count_messages_for(actor: Actor, *, start: date, end: date, zone: ZoneInfo) -> Counter[date]:
    """Scheduled single messages by the day on which they go out, in the business's zone."""
    actor.require("message.view")
    first = datetime.combine(start, datetime.min.time(), zone)
    last = datetime.combine(end + timedelta(days=1), datetime.min.time(), zone)
    due = Message.objects.filter(sent_at=None, ended_at=None, send_at__gte=first, send_at__lt=last)
    return Counter(at.astimezone(zone).date() for at in due.values_list("send_at", flat=True).iterator(5000))
