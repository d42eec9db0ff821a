"""Requests to see an ended record again."""

from uuid import UUID

from django.db.models import QuerySet

from archive.models import Entry, Record, Viewing
from portal.kernel import clock, keys
from portal.kernel.actors import Actor
from portal.sealing import errors as sealing

REASON = "viewing.reason"


def get_waiting_for(actor: Actor) -> "QuerySet[Viewing]":
    """For officers: everybody's. For whoever asks: their own."""
    rows = Viewing.objects.filter(ends_at__gt=clock.now())
    return rows if actor.may("archive.open") else rows.filter(person_id=actor.id)


def get_own_for(actor: Actor, message_id: UUID) -> Viewing | None:
    """What this person asked for of one message, if it is still there."""
    return Viewing.objects.filter(message_id=message_id, person_id=actor.id, ends_at__gt=clock.now()).first()


def to_decide(actor: Actor) -> "QuerySet[Viewing]":
    """Those that wait for an officer, if this is one."""
    return get_waiting_for(actor).filter(granted_by="") if actor.may("archive.open") else Viewing.objects.none()


def is_kept(message_id: UUID) -> bool:
    """Whether there is a record to ask for."""
    return Record.objects.filter(message_id=message_id).exists()


def index_of(message_id: UUID) -> int | None:
    """Where its record's entry stands in the ledger."""
    entry_id = Record.objects.filter(message_id=message_id).values_list("entry_id", flat=True).first()
    return Entry.objects.filter(message_id=message_id, id=entry_id).values_list("index", flat=True).first()


def reason_of(row: Viewing) -> str:
    try:
        return keys.open_field(REASON, row.id, row.reason).decode()
    except (sealing.SealingError, UnicodeDecodeError):
        return ""
