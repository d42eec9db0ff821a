"""What the business asks of its staff."""

from datetime import datetime

from portal.accounts.models import StaffPolicy
from portal.kernel import unit
from portal.kernel.actors import Actor


def change(*, actor: Actor, now: datetime, second_factor: bool) -> None:
    """In force with the next request of everybody: who has no second factor is led to set one up before anything else. It guards
    owners too, so it is theirs to lift."""
    actor.require("business.govern")
    with unit.work() as u:
        StaffPolicy.objects.update_or_create(id=1, defaults={"second_factor": second_factor})
        u.entry(unit.Draft("staff.policy_changed", actor.label, codes={"second_factor": second_factor}))
