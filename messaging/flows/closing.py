"""Closing a business: asked for by an owner, agreed to by a second person, called off, carried on by the clock.

The whole of it is drawn in decision 18; what becomes of the archive is `archive.flows.closing`'s. Here: who may ask and what stops
it; that customers are shut out and everything that lives ends; the one function by which the clock carries it on, a step a round.

Irreversible: from *winding* on, what lived was ended and devices' keys are revoked. Never: a step on a state that was read before a
transaction; a campaign cut off in its middle (one that runs keeps the end of *waiting* from coming).
"""

import logging
from datetime import datetime, timedelta
from uuid import UUID

from archive.flows import approval
from archive.flows import closing as archive
from archive.rules import acts
from messaging.flows import campaign, device, expiry
from messaging.models import Body, Campaign, Device
from messaging.queries import closing as stops
from messaging.rules import typed
from portal.kernel import clock, jobs, keys, tenancy, unit
from portal.kernel.actors import CLOCK, Actor
from portal.kernel.errors import Kind, Refusal
from portal.sealing import blind
from portal.web import closed
from tenants.flows import closing as rows
from tenants.queries import closings

CLOSE = "business.close"
WAITS_FOR = timedelta(days=14)
REASON = "closed"
DEVICES = 200  # a transaction
OVER = (Campaign.State.CANCELLED, Campaign.State.FINISHED, Campaign.State.FAILED)

log = logging.getLogger("ebb.closing")


def ask(*, actor: Actor, now: datetime, name: str, reason: str) -> approval.Asked:
    """Ask a second person to close this business. `name` is its name, typed: nobody does this by mistake."""
    actor.require("business.govern")
    place = tenancy.here()
    typed.check_name(name, place.name, field="name")
    _check()
    return approval.ask(actor=actor, now=now, kind=CLOSE, target=place.id, reason=reason)


def carry_out(*, actor: Actor, now: datetime, target_id: UUID, codes: acts.Codes) -> None:
    """The second person said yes: the fourteen days begin. Runs in the approval's unit."""
    _check()
    closes_at = now + WAITS_FOR
    with unit.work() as u:
        rows.agree(
            now=now, business_id=target_id, closes_at=closes_at, token_sha256=closed.digest(token()),
        )  # fmt: skip
        u.entry(unit.Draft("business.closing", actor.label, codes={"closes_at": clock.text(closes_at)}))
        jobs.enqueue("messaging.jobs.tell_of_closing", target_id)
        u.after_commit(tenancy.directory().forget)


def call_off(*, actor: Actor, now: datetime) -> None:
    """By whoever could have agreed. Nothing has happened yet."""
    actor.require(CLOSE)
    with unit.work() as u:
        rows.call_off(now=now, business_id=tenancy.here().id)
        u.entry(unit.Draft("business.kept", actor.label))
        u.after_commit(tenancy.directory().forget)


def token() -> str:
    """Of the link under which the certificate will be: made of the business key, so that it can be told until that key dies."""
    return blind.index(keys.business_key(), "closing", str(tenancy.here().id)).hex()


def carry_on(*, now: datetime, standing: closings.Standing) -> bool:
    """For the clock, inside the business: one step. → whether something was done."""
    return _STEPS[standing.state](now, standing)


def describe(target_id: UUID, codes: acts.Codes) -> str:
    return f"Close {tenancy.here().name} {WAITS_FOR.days} days from now, and destroy all that is kept here"


def register() -> None:
    approval.register(CLOSE, acts.Act(CLOSE, "Close the business", carry_out, describe))


# ── steps ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _begin(now: datetime, standing: closings.Standing) -> bool:
    """The days are over. What stops it is asked again."""
    if now < standing.closes_at or stops.get_stops():
        return False
    with unit.work() as u:
        u.entry(unit.Draft("business.winding", CLOCK.label))
        begun = rows.enter(now=now, business_id=standing.place.id, state="winding", after="waiting")
        if not begun:
            raise Refusal("closing_moved", "Another clock was faster.", Kind.CONFLICT)
        u.after_commit(tenancy.directory().forget)
    return True


def _wind_up(now: datetime, standing: closings.Standing) -> bool:
    """Until nothing lives. What was under way when the doors closed is ended, too: so not before it has."""
    while _cancel_campaigns(now) or expiry.end_early(now=now, keep=[], outcome="recalled", reason=REASON):
        pass
    while _end_devices(now):
        pass
    if (
        now < standing.entered_at + archive.SETTLES_FOR or Body.objects.exists()
    ):  # one that somebody held is not ended yet
        return False
    head = archive.head(now=now)
    return rows.enter(now=now, business_id=standing.place.id, state="proving", after="winding", head=head)


def _prove(now: datetime, standing: closings.Standing) -> bool:
    return archive.seal(now=now, standing=standing)


def _destroy(now: datetime, standing: closings.Standing) -> bool:
    return archive.destroy(now=now, standing=standing)


_STEPS = {"waiting": _begin, "winding": _wind_up, "proving": _prove, "sealing": _destroy}


def _cancel_campaigns(now: datetime) -> int:
    left = list(Campaign.objects.exclude(state__in=OVER).order_by("id").values_list("id", flat=True)[:DEVICES])
    for campaign_id in left:
        campaign.cancel(actor=CLOCK, now=now, campaign_id=campaign_id)
    return len(left)


def _end_devices(now: datetime) -> int:
    with unit.work() as u:
        found = Device.objects.select_for_update(skip_locked=True).exclude(state=Device.State.REVOKED).order_by("id")
        ended = list(found[:DEVICES])
        for row in ended:
            device.end_within(u, actor=CLOCK, now=now, row=row, reason=REASON)
    return len(ended)


def _check() -> None:
    """What stops a closing now. A request that waits for its second person is looked at again when they say yes."""
    if closings.standing_of(tenancy.here().id) is not None:
        raise Refusal("closing_agreed", "The closing of this business was agreed already.", Kind.CONFLICT)
    if found := stops.get_stops():
        raise Refusal("closing_stopped", stops.words(found), Kind.CONFLICT, stops=sorted(found))
