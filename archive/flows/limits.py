"""The limits of disposal: what one run may dispose of without asking, and how many people review.

L1  Stricter limits act at once. Looser ones (a higher share or number, fewer people who review) are asked for, and somebody else
    decides: the ceiling is what stops one person from emptying the archive, so one person does not raise it.
L2  Whoever agrees does so to what stood when it was asked for: limits that were changed meanwhile have to be asked for again.

A change acts on runs that begin from then on.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from archive.flows import approval
from archive.models import DisposalPolicy
from archive.rules import acts
from portal.kernel import tenancy, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal

LOOSEN = "disposal.limits"
MANAGE = "disposal.manage"


@dataclass(frozen=True, slots=True)
class Limits:
    """`ceiling_percent` of all records, `ceiling_count` records; `review_stages` people."""

    ceiling_percent: int
    ceiling_count: int
    review_stages: int


def change(*, actor: Actor, now: datetime, limits: Limits, reason: str = "") -> approval.Asked | None:
    """Set them, or ask for looser ones (then a reason is needed): None where they are in force now."""
    actor.require(MANAGE)
    _check(limits)
    with unit.work() as u:
        row = _locked()
        if not _is_looser(limits, row):
            _set(u, row, actor, limits)
            return None
        codes = {**_codes(limits), **{f"was_{name}": value for name, value in _codes(_now(row)).items()}}
        return approval.ask(actor=actor, now=now, kind=LOOSEN, target=tenancy.here().id, codes=codes, reason=reason)


def loosen(*, actor: Actor, now: datetime, target_id: UUID, codes: acts.Codes) -> None:
    """A second person said yes. Runs in the approval's unit."""
    with unit.work() as u:
        row = _locked()
        if any(codes.get(f"was_{name}") != value for name, value in _codes(_now(row)).items()):
            raise Refusal(
                "limits_changed", "The limits were changed since this was asked for. Ask again.", Kind.CONFLICT
            )
        _set(u, row, actor, Limits(*(int(codes[name]) for name in ("percent", "count", "stages"))))


def describe(target_id: UUID, codes: acts.Codes) -> str:
    return (
        f"Let a disposal run take up to {codes.get('percent')} % of all records and {codes.get('count')} records without asking, "
        f"with reviews by {codes.get('stages')} (now {codes.get('was_percent')} %, {codes.get('was_count')} records, "
        f"{codes.get('was_stages')})"
    )


def register() -> None:
    approval.register(LOOSEN, acts.Act(MANAGE, "Loosen the limits of disposal", loosen, describe))


def _locked() -> DisposalPolicy:
    return DisposalPolicy.objects.select_for_update().get_or_create(id=1)[0]


def _now(row: DisposalPolicy) -> Limits:
    return Limits(row.ceiling_percent, row.ceiling_count, row.review_stages)


def _is_looser(limits: Limits, row: DisposalPolicy) -> bool:
    is_higher = limits.ceiling_percent > row.ceiling_percent or limits.ceiling_count > row.ceiling_count
    return is_higher or limits.review_stages < row.review_stages


def _set(u: unit.Unit, row: DisposalPolicy, actor: Actor, limits: Limits) -> None:
    row.ceiling_percent, row.ceiling_count = limits.ceiling_percent, limits.ceiling_count
    row.review_stages = limits.review_stages
    row.save()
    u.entry(unit.Draft("disposal.changed", actor.label, codes=dict(_codes(limits))))


def _codes(limits: Limits) -> dict[str, int]:
    return {"percent": limits.ceiling_percent, "count": limits.ceiling_count, "stages": limits.review_stages}


def _check(limits: Limits) -> None:
    if not 1 <= limits.ceiling_percent <= 100:
        raise Refusal("bad_ceiling", "A share is a whole number from 1 to 100.", field="ceiling_percent")
    if not 1 <= limits.ceiling_count <= 10**9:
        raise Refusal("bad_ceiling", "The number is a whole number from 1 on.", field="ceiling_count")
    if not 1 <= limits.review_stages <= 3:
        raise Refusal("bad_stages", "One, two or three people review.", field="review_stages")
