"""From how many recipients on a campaign waits for a second person.

A lower number acts at once. A higher one, or none at all, is what somebody would set who wants to send without being asked: it is
asked for itself, and an approver or another owner decides. Whoever agrees does so to what stood when it was asked for.
"""

from datetime import datetime
from uuid import UUID

from archive.flows import approval
from archive.rules import acts
from messaging.models import Policy
from messaging.queries import policy
from portal.kernel import tenancy, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal

LOOSEN = "campaign.limit"
MANAGE = "business.govern"
MOST = 10**7
NEVER = 0  # in codes


def change(*, actor: Actor, now: datetime, least: int | None, reason: str = "") -> approval.Asked | None:
    """Set it (None: nobody is ever asked), or ask for a looser one: None where it is in force now."""
    actor.require(MANAGE)
    if least is not None and not 1 <= least <= MOST:
        raise Refusal(
            "bad_recipient_limit", "A number of recipients from 1 on, or nothing.", field="second_person_from"
        )
    with unit.work() as u:
        row = _locked()
        if not _is_looser(least, row.second_person_from):
            _set(u, row, actor, least)
            return None
        codes = {"least": least or NEVER, "was": row.second_person_from or NEVER}
        return approval.ask(actor=actor, now=now, kind=LOOSEN, target=tenancy.here().id, codes=codes, reason=reason)


def loosen(*, actor: Actor, now: datetime, target_id: UUID, codes: acts.Codes) -> None:
    """A second person said yes. Runs in the approval's unit."""
    with unit.work() as u:
        row = _locked()
        if codes["was"] != (row.second_person_from or NEVER):
            raise Refusal("limits_changed", "It was changed since this was asked for. Ask again.", Kind.CONFLICT)
        _set(u, row, actor, int(codes["least"]) or None)


def describe(target_id: UUID, codes: acts.Codes) -> str:
    was = f"now from {codes['was']:,} on"
    if codes["least"] == NEVER:
        return f"Send campaigns without ever asking a second person ({was})"
    return f"Ask a second person for campaigns to {codes['least']:,} customers and more only ({was})"


def register() -> None:
    act = acts.Act(MANAGE, "Ask less often about campaigns", loosen, describe, decided_by="campaign.approve")
    approval.register(LOOSEN, act)


def _is_looser(least: int | None, was: int | None) -> bool:
    return was is not None and (least is None or least > was)


def _locked() -> Policy:
    return Policy.objects.select_for_update().get(id=1)


def _set(u: unit.Unit, row: Policy, actor: Actor, least: int | None) -> None:
    if row.second_person_from == least:
        return
    row.second_person_from = least
    row.save(update_fields=["second_person_from"])
    u.entry(unit.Draft("settings.changed", actor.label, codes={"second_person_from": least or NEVER}))
    u.after_commit(policy.forget)
