"""The demo's campaigns: one that is over, one that has reached some time zones and waits for the others, one that is coming."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from messaging import jobs
from messaging.flows import audience, campaign, launch
from messaging.models import Run
from messaging.rules import campaign as rules
from portal.kernel import clock
from portal.kernel.actors import Actor

ZONES = ("Asia/Tokyo", "Europe/Berlin", "America/New_York")  # in this order the day comes to them
EARLIER = timedelta(hours=9)
TEXTS: dict[str, dict[str, tuple[str, str, str]]] = {
    "acme": {
        "over": ("Winter hours", "We open at ten until March", "Dear {{name|patient}}, from Monday on we open at ten."),
        "under way": ("Flu season", "Flu shots without an appointment", "Come by any morning this week. It takes five minutes."),
        "coming": ("Health letter", "Your monthly health letter", "What you can do this month: sleep, walk, drink water."),
    },
    "globex": {
        "over": ("New opening hours", "Saturdays from nine", "Dear {{name|customer}},\nour branches open on Saturdays, too."),
        "under way": ("Holiday notice", "Our phones on the holiday", "On the holiday our lines are closed. Cards work as always."),
        "coming": ("Statement ready", "Your statement", "Your monthly statement is in your account."),
    },
}  # fmt: skip
AUDIENCES: dict[str, tuple[str, dict[str, Any]]] = {
    "acme": ("Reads German", {"language": ["de"]}),
    "globex": ("Has a device", {"has_device": True}),
}


def seed_past(author: Actor, slug: str) -> None:
    """At the time of the clock at hand: sent, and its messages end long before today."""
    name, wanted = AUDIENCES[slug]
    audience.create(actor=author, now=clock.now(), name=name, wanted=wanted)
    jobs.work_run(_start(author, TEXTS[slug]["over"], gone_after=2 * 86400))


def seed_present(author: Actor, slug: str, then: clock.Fake, now: datetime) -> None:
    """`then` is set to some hours ago, and goes on to when the first zone's morning came."""
    words = TEXTS[slug]
    wall = (now + timedelta(hours=4)).replace(minute=0, second=0, microsecond=0, tzinfo=None)
    then.at = now - EARLIER - timedelta(hours=2)
    run_id = _start(author, words["under way"], send_at_local=wall.isoformat(), gone_after=3 * 86400)
    then.at = max(Run.objects.get(id=run_id).due_at, then.at) + timedelta(seconds=5)
    jobs.work_run(run_id)
    first = (now + timedelta(days=30)).replace(day=1, hour=9, minute=0, second=0, microsecond=0, tzinfo=None)
    _start(author, words["coming"], send_at_local=first.isoformat(), repeat="FREQ=MONTHLY", gone_after=7 * 86400)


def _start(author: Actor, words: tuple[str, str, str], **more: object) -> UUID:
    name, subject, body = words
    wanted = campaign.Wanted(name=name, filter={}, subject=subject, body=body, **more)  # type: ignore[arg-type]
    made = campaign.create(actor=author, now=clock.now(), wanted=wanted)
    start = launch.schedule if wanted.send_at_local else launch.send
    start(actor=author, now=clock.now(), campaign_id=made.id)
    return Run.objects.get(campaign_id=made.id, state=rules.RunState.WAITING).id
