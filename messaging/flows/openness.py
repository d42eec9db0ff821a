"""What the business tells its customers of what it keeps, beyond what it must."""

from datetime import datetime

from messaging.models import Policy
from messaging.queries import policy
from portal.kernel import unit
from portal.kernel.actors import Actor


def change(*, actor: Actor, now: datetime, tells_holds: bool) -> None:
    """May a customer see that a hold keeps copies of their messages longer? A hold may be secret: from birth the answer is no,
    and only who answers for the business says yes."""
    actor.require("business.govern")
    with unit.work() as u:
        row = Policy.objects.select_for_update().get(id=1)
        if row.tells_holds == tells_holds:
            return
        row.tells_holds = tells_holds
        row.save(update_fields=["tells_holds"])
        u.entry(unit.Draft("settings.changed", actor.label, codes={"tells_holds": tells_holds}))
        u.after_commit(policy.forget)
