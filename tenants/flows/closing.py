"""The rows of a closing, in `public`, and the end of a schema. What is done inside the business is `archive.flows.closing`'s and
`messaging.flows.closing`'s; decision 18 draws the states.

A state changes by compare and set: whoever comes second changes nothing. Irreversible: `drop`.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from portal.kernel import tenancy
from portal.kernel.errors import Kind, Refusal
from tenants.models import Business, Closing, PlatformEvent, Wakeup

State = Closing.State


def agree(*, now: datetime, business_id: UUID, closes_at: datetime, token_sha256: str) -> None:
    """Two people agreed. In the caller's unit."""
    made = Closing.objects.get_or_create(
        business_id=business_id,
        defaults={"agreed_at": now, "closes_at": closes_at, "entered_at": now, "token_sha256": token_sha256},
    )[1]
    if not made:
        raise Refusal("closing_agreed", "The closing of this business was agreed already.", Kind.CONFLICT)
    _event("business.closing", business_id, now)


def call_off(*, now: datetime, business_id: UUID) -> None:
    """The business stays as it is. Only while it waits. In the caller's unit."""
    if not Closing.objects.filter(business_id=business_id, state=State.WAITING).delete()[0]:
        raise Refusal("closing_begun", "The closing cannot be called off any more.", Kind.CONFLICT)
    _event("business.kept", business_id, now)


def enter(*, now: datetime, business_id: UUID, state: str, after: str, **codes: Any) -> bool:
    """From one state to the next, with what is known by then. False: it was not in `after`."""
    with transaction.atomic():
        row = Closing.objects.select_for_update().filter(business_id=business_id, state=after).first()
        if row is None:
            return False
        Closing.objects.filter(business_id=business_id).update(
            state=state, entered_at=now, codes={**row.codes, **codes}
        )
        if business := _SERVED.get(state):
            Business.objects.filter(id=business_id).update(state=business)
        _event(f"business.{state}", business_id, now)
    tenancy.directory().forget()
    return True


def note(*, business_id: UUID, **codes: Any) -> None:
    """What is known by now; what was noted before stays as it was."""
    with transaction.atomic():
        row = Closing.objects.select_for_update().get(business_id=business_id)
        Closing.objects.filter(business_id=business_id).update(codes={**codes, **row.codes})


def certify(*, business_id: UUID, certificate: str) -> None:
    """Once: a second one would tell another time."""
    Closing.objects.filter(business_id=business_id, certificate="").update(certificate=certificate)


def drop(place: tenancy.Place) -> None:
    """The schema, with all that is in it, and what `public` hints of it. Asking again is fine."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f'DROP SCHEMA IF EXISTS "{place.schema}" CASCADE')
    Wakeup.objects.filter(business_id=place.id).delete()


def bring_back(*, now: datetime, business_id: UUID, certificate: str, token_sha256: str) -> None:
    """After a restore: a business that was closed after the backup was made is closed, and its certificate stands."""
    values = {
        "state": State.CLOSED, "certificate": certificate, "token_sha256": token_sha256, "entered_at": now,
    }  # fmt: skip
    with transaction.atomic():
        Business.objects.filter(id=business_id).update(state=Business.State.CLOSED)
        begun = {"agreed_at": now, "closes_at": now}
        Closing.objects.update_or_create(business_id=business_id, defaults=values, create_defaults={**begun, **values})
        _event("business.left_out", business_id, now)
    drop(Business.objects.get(id=business_id).place)  # what is read without its schema still gets an empty one
    tenancy.directory().forget()


_SERVED: dict[str, str] = {State.WINDING: Business.State.WINDING, State.SEALING: Business.State.CLOSED}


def _event(kind: str, business_id: UUID, now: datetime) -> None:
    PlatformEvent.objects.create(kind=kind, business_id=business_id, at=now)
