"""A way back for an owner who lost everything, where no other owner is left to let them in.

It sets an owner's password, so it is what somebody who has talked an operator round would want. What stands against that:

    asked     by the operator, at the command line; the link is made, and opens 72 hours later. An entry, and a mail to owners and
              officers at once. Nothing is taken from the owner meanwhile: a false request shuts nobody out
    stopped   by the owner, by signing in as always or with a button; by an officer, with the button
    used      once, for a week: a new password; second factors, sessions and keys of before are gone

What is looked at when it is asked for is looked at again when the link is used: still an owner, and still the only one.
Never: a word of the business in the mail or in the operator's hands; a way back for anybody but an owner.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from portal.accounts.models import User
from portal.kernel import clock, jobs, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal, not_found

WAITS_FOR = timedelta(hours=72)


@dataclass(frozen=True)
class Asked:
    user_id: UUID
    opens_at: datetime


def ask(*, actor: Actor, now: datetime, email: str) -> Asked:
    """Asked again, it begins to wait anew, and the link before is void."""
    if actor.kind != "operator":
        raise Refusal("not_allowed", "Only the operator of the installation asks for this.", Kind.FORBIDDEN)
    with unit.work() as u:
        owners = list(User.objects.select_for_update().filter(role=User.Role.OWNER, is_active=True).order_by("id"))
        user = next((one for one in owners if one.email == email.strip().lower()), None)
        if user is None:
            raise not_found("owner")
        if len(owners) > 1:
            raise Refusal(
                "other_owner", "This business has another owner, who lets them in again: Settings, Staff, New link.", Kind.CONFLICT
            )  # fmt: skip
        user.invited_at = now + WAITS_FOR
        user.save(update_fields=["invited_at"])
        u.entry(_draft("staff.way_back_asked", actor, user.id, opens_at=clock.text(user.invited_at)))
        jobs.enqueue("portal.accounts.jobs.tell_of_way_back", user.id)
    return Asked(user.id, user.invited_at)


def stop(*, actor: Actor, now: datetime, user_id: UUID) -> None:
    """By whom it concerns, or by somebody who decides as a second person. For others there is none."""
    concerns = actor.own_id("staff") == user_id or actor.may("approval.decide")
    if not concerns or not void(actor=actor, user_id=user_id):
        raise not_found("way back")


def void(*, actor: Actor, user_id: UUID) -> bool:
    """Also where they are in by themself: whoever is in needs no way back. → whether there was one."""
    with unit.work() as u:
        waiting = User.objects.filter(id=user_id, is_active=True, invited_at__isnull=False)
        if not waiting.update(invited_at=None):
            return False
        u.entry(_draft("staff.way_back_stopped", actor, user_id))
    return True


def is_still_wanted(user: User) -> bool:
    """In the caller's unit, the person's row being locked: an owner still, and nobody else could let them in."""
    others = User.objects.filter(role=User.Role.OWNER, is_active=True).exclude(id=user.id)
    return user.role == User.Role.OWNER and not others.exists()


def _draft(kind: str, actor: Actor, user_id: UUID, **codes: str) -> unit.Draft:
    return unit.Draft(kind, actor.label, codes={"staff": str(user_id), **codes})
