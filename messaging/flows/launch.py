"""Starting a campaign: checked as a whole, agreed to by a second person where the business wants one, then planned.

A yes may come days later, so everything is checked again when it is carried out: words, audience, time, and that nobody changed
the draft meanwhile. Until the first run begins nothing is written to anyone; a campaign that was sent at once can be taken back
for as long as its undo window lasts (`campaign.cancel`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from archive.flows import approval
from archive.queries import colleagues
from archive.rules import acts
from messaging.flows import campaign, campaigntext, run
from messaging.models import Campaign, Run
from messaging.queries import campaigns, policy, simulation
from messaging.rules import campaign as rules
from messaging.rules import compose, recurrence, wording
from messaging.rules import schedule as times
from portal.kernel import actors, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Refusal


@dataclass(frozen=True, slots=True)
class Started:
    """`state` scheduled, or approving: then `approval` is the request. `due_at` of the first recipient."""

    state: str
    due_at: datetime | None = None
    approval: UUID | None = None


@dataclass(frozen=True, slots=True)
class Simulated:
    count: simulation.Count
    samples: list[simulation.Sample]
    problems: list[simulation.Problem]


def schedule(*, actor: Actor, now: datetime, campaign_id: UUID, reason: str = "") -> Started:
    """Send it at the time it says."""
    return _start(actor, now, campaign_id, "schedule", 0, reason)


def send(*, actor: Actor, now: datetime, campaign_id: UUID, undo_for: int = 0, reason: str = "") -> Started:
    """Send it now, or once `undo_for` seconds are over."""
    return _start(actor, now, campaign_id, "send", undo_for, reason)


def _start(actor: Actor, now: datetime, campaign_id: UUID, verb: str, undo_for: int, reason: str) -> Started:
    actor.require("message.send")
    with unit.work() as u:
        row = campaign.locked(campaign_id)
        rules.check(verb, row.state)
        recipients = _check(row, verb, now)
        if _needs_second(recipients) and row.state == Campaign.State.DRAFT:
            return _ask(actor, now, row, verb, recipients, reason)
        return _plan(u, actor, row, verb, undo_for, recipients, now)


def simulate(*, actor: Actor, now: datetime, campaign_id: UUID) -> Simulated:
    """Who would get it, who would not and why, and how it would read. Nothing changes."""
    row = campaigns.get_campaign_for(actor, campaign_id)
    campaign.check_may_read(actor, row)
    text = _text(row, now)
    return Simulated(simulation.count(row, now), simulation.samples(row, text), simulation.problems(row, text))


def carry_out(*, actor: Actor, now: datetime, target_id: UUID, codes: acts.Codes) -> None:
    """The second person said yes. Runs in the approval's unit."""
    with unit.work() as u:
        row = campaign.locked(target_id)
        rules.check("approve", row.state)
        if row.revision != codes["revision"]:
            raise Refusal("campaign_changed", "This campaign was changed after it was asked for.")
        verb = str(codes["verb"])
        recipients = _check(row, verb, now)
        _plan(u, actor, row, verb, policy.get_policy().campaigns.undo_for, recipients, now)


def let_go(*, actor: Actor, now: datetime, target_id: UUID, codes: acts.Codes) -> None:
    """The second person said no, nobody said anything, or it was taken back: a draft again. Runs in the approval's unit."""
    Campaign.objects.filter(id=target_id, state=Campaign.State.APPROVING).update(state=Campaign.State.DRAFT)


def describe(target_id: UUID, codes: acts.Codes) -> str:
    row = Campaign.objects.filter(id=target_id).first()
    return f"Send the campaign “{campaigns.name_of(row)}” to {codes['recipients']:,} customers" if row else ""


def register() -> None:
    act = approval.Act(
        "message.send",
        "Send a campaign",
        carry_out,
        describe,
        "console:campaign",
        let_go,
        decided_by="campaign.approve",
    )
    approval.register(rules.SEND, act)


def _needs_second(recipients: int) -> bool:
    least = policy.get_policy().campaigns.second_person_from
    return least is not None and recipients >= least


def _ask(actor: Actor, now: datetime, row: Campaign, verb: str, recipients: int, reason: str) -> Started:
    row.state = Campaign.State.APPROVING
    row.save(update_fields=["state"])
    codes: dict[str, str | int | bool] = {"revision": row.revision, "verb": verb, "recipients": recipients}
    if wrote := colleagues.people.behind(actors.named(row.author)):
        codes["made_by"] = str(wrote)  # whose own work it is does not agree to it either
    words = reason or f"To {recipients:,} customers."
    asked = approval.ask(actor=actor, now=now, kind=rules.SEND, target=row.id, codes=codes, reason=words)
    return Started(row.state, approval=asked.id)


def _check(row: Campaign, verb: str, now: datetime) -> int:
    """Whether it can be sent as it is; how many would get it."""
    _text(row, now)
    if verb == "schedule" and row.send_at is None and not row.send_at_local:
        raise Refusal("no_time_to_send", "Say when to send it, or send it now.", field="send_at")
    if verb == "send" and row.repeat:
        raise Refusal("repeat_needs_time", "A campaign that repeats is scheduled, not sent.", field="repeat")
    found = simulation.count(row, now)
    if not found.recipients:
        raise Refusal("audience_empty", "Nobody would get this.", field="audience", excluded=found.excluded)
    return found.recipients


def _text(row: Campaign, now: datetime) -> wording.Compiled:
    """The words; a draft that lacks them is told so."""
    text = campaigntext.compiled(row, now)
    for one in text.wording.texts.values():
        compose.check_text(one.body, "body")
    return text


def _plan(
    u: unit.Unit, actor: Actor, row: Campaign, verb: str, undo_for: int, recipients: int, now: datetime
) -> Started:  # fmt: skip
    when = _when(row, now) if verb == "schedule" else run.When(now + timedelta(seconds=undo_for))
    if verb == "send":
        row.send_at_local, row.send_at = "", None
        for waiting in Run.objects.select_for_update().filter(campaign=row, state=Run.State.WAITING):
            waiting.delete()  # it was scheduled for later: this one goes in its place
    current = policy.get_policy()
    # What was approved is what is sent, whatever the business changes meanwhile.
    row.gone_after = row.gone_after or current.categories.get(row.category) or current.limits.gone_after
    row.state = Campaign.State.SCHEDULED
    row.save(update_fields=["state", "gone_after", "send_at", "send_at_local"])
    planned = run.plan(u, campaign=row, when=when)
    u.entry(campaign.draft("campaign.scheduled", actor, row, run=planned.id, recipients=recipients))
    if when.due_at <= now:
        run.ask(u, [planned.id], now)
    return Started(row.state, planned.due_at)


def _when(row: Campaign, now: datetime) -> run.When:
    """The first time, checked in every zone that somebody of the audience is in."""
    own = times.zone(policy.get_policy().time_zone)
    if not row.repeat and row.send_at is not None:
        times.check_ahead({"": row.send_at}, now)
        return run.When(row.send_at)
    wall = run.start_of(row)
    if row.repeat:
        wall = recurrence.first(recurrence.parse(row.repeat), wall)
    if not row.send_at_local:
        when = run.When(times.instant(wall, own), wall)
        times.check_ahead({"": when.due_at}, now)
        return when
    dues = run.instants_of(row, wall)
    times.check_ahead(dues, now)
    return run.When(min(dues.values()), wall)
