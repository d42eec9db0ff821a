"""One-time links for those who have no device yet. Only the hash of a link's secret is kept, and the secret itself, sealed, until
the notice that carries it has left; nobody of the staff sees it."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from messaging.models import Enrolment
from messaging.queries import links
from messaging.rules import secrets
from portal.kernel import ids, tenancy, unit
from portal.kernel.actors import Actor

LIVES_FOR = timedelta(days=7)


def make(
    u: unit.Unit, *, actor: Actor, now: datetime, to: Sequence[tuple[UUID, UUID, str]], is_recovery: bool = False
) -> dict[UUID, UUID]:  # fmt: skip
    """In the caller's unit: a link for each (customer, subject, channel). → the enrolment's id by customer."""
    rows = [_row(now, customer_id, channel, is_recovery) for customer_id, _, channel in to]
    Enrolment.objects.bulk_create(rows)
    for (customer_id, subject_id, channel), _ in zip(to, rows, strict=True):
        u.entry(unit.Draft(
            "enrolment.issued", actor.label, subject=subject_id, customer=customer_id, codes={"send_by": channel}
        ))  # fmt: skip
    return {row.customer_id: row.id for row in rows}


def open_for(customer_ids: Collection[UUID], now: datetime, *, younger_than: timedelta = LIVES_FOR) -> set[UUID]:
    """Who has a link that is still good."""
    rows = Enrolment.objects.filter(
        customer_id__in=customer_ids, kind=Enrolment.Kind.LINK, used_at__isnull=True, cancelled_at__isnull=True,
        created_at__gt=now - younger_than, expires_at__gt=now,
    )  # fmt: skip
    return set(rows.values_list("customer_id", flat=True))


def mark_sent(*, now: datetime, enrolment_ids: Sequence[UUID]) -> None:
    """The links left the house: their secrets are emptied."""
    Enrolment.objects.filter(id__in=enrolment_ids).update(sealed_secret=None, sent_at=now)


def digest(secret: str) -> bytes:
    return secrets.digest(tenancy.here().id, secrets.ENROLMENT, secret)


def _row(now: datetime, customer_id: UUID, channel: str, is_recovery: bool) -> Enrolment:
    enrolment_id, token = ids.uuid7(), ids.token()
    return Enrolment(
        id=enrolment_id, customer_id=customer_id, kind=Enrolment.Kind.LINK, send_by=channel, is_recovery=is_recovery,
        secret_hash=digest(token), sealed_secret=links.seal(enrolment_id, token), created_at=now, expires_at=now + LIVES_FOR,
    )  # fmt: skip
