"""Requests for acts that need a second person, as people read them."""

from uuid import UUID

from django.db.models import QuerySet

from archive.models import Approval
from archive.rules import acts
from portal.kernel import keys
from portal.kernel.actors import Actor
from portal.sealing import errors as sealing

REASON = "approval.reason"


def get_waiting_for(actor: Actor) -> "QuerySet[Approval]":
    """Those that concern this person: what they asked for, and what they could do or decide."""
    return _for(actor).filter(state__in=Approval.WAITING)


def get_settled_for(actor: Actor) -> "QuerySet[Approval]":
    return _for(actor).exclude(state__in=Approval.WAITING)


def get_waiting_id(kind: str, target: UUID) -> UUID | None:
    """The request for an act on a target that waits now: there is one at a time."""
    waiting = Approval.objects.filter(kind=kind, target_id=target, state__in=Approval.WAITING)
    return waiting.values_list("id", flat=True).first()


def to_decide(actor: Actor) -> "QuerySet[Approval]":
    """Open requests that wait for this very person: as `acts.may_decide` says it of one."""
    if actor.kind != "staff" or not actor.may(acts.DECIDE):
        return Approval.objects.none()
    rows = Approval.objects.filter(state=Approval.State.OPEN, kind__in=acts.kinds_for(actor))
    return rows.exclude(asked_by=actor.label).exclude(person_id=actor.id)


def reason_of(row: Approval) -> str:
    """The words, sealed at rest. Empty where they cannot be opened."""
    try:
        return keys.open_field(REASON, row.id, row.reason).decode()
    except (sealing.SealingError, UnicodeDecodeError):
        return ""


def _for(actor: Actor) -> "QuerySet[Approval]":
    if actor.kind == "staff" and actor.role == "owner":
        return Approval.objects.all()
    own = Approval.objects.filter(asked_by=actor.label)
    return own | Approval.objects.filter(kind__in=acts.kinds_for(actor))
