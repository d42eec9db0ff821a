"""Which businesses are being closed, and what is left of those that were."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from portal.kernel import tenancy
from tenants.models import Business, Closing


@dataclass(frozen=True, slots=True)
class Standing:
    """How far one is. `codes`: see `tenants.models.Closing`."""

    place: tenancy.Place
    state: str
    agreed_at: datetime
    closes_at: datetime
    entered_at: datetime
    token_sha256: str
    certificate: str
    codes: dict[str, Any] = field(default_factory=dict)


def standing_of(business_id: UUID) -> Standing | None:
    """None: nobody closes it."""
    return next(iter(_found(business_id=business_id)), None)


def under_way(now: datetime) -> list[Standing]:
    """What the clock carries on; one that still waits is not among them."""
    return [one for one in _found() if one.state != "closed" and (one.state != "waiting" or one.closes_at <= now)]


def certificates() -> dict[UUID, str]:
    """Of every closed business."""
    return dict(_rows(state=Closing.State.CLOSED).values_list("business_id", "certificate"))


def _found(**which: object) -> list[Standing]:
    rows = list(_rows(**which).order_by("business_id"))
    places = {one.id: one.place for one in Business.objects.filter(id__in=[row.business_id for row in rows])}
    return [
        Standing(
            places[row.business_id], row.state, row.agreed_at, row.closes_at, row.entered_at, row.token_sha256,
            row.certificate, row.codes,
        )
        for row in rows
    ]  # fmt: skip


def _rows(**which: object):  # type: ignore[no-untyped-def]
    if not tenancy.is_anywhere():  # the table stands in `public`, which every search path ends with
        connection.set_schema_to_public()
    return Closing.objects.filter(**which)
