"""One public row a business: when its next scheduled send is due. A hint; losing it delays until the next sweep."""

from datetime import datetime
from uuid import UUID

from django.db import connection

from tenants.models import Wakeup


def lower(*, business_id: UUID, due_at: datetime) -> None:
    """Bring the wake-up forward to `due_at`, never back. Runs in the caller's unit."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO public.tenants_wakeup (business_id, due_at) VALUES (%s, %s) "
            "ON CONFLICT (business_id) DO UPDATE SET due_at = LEAST(tenants_wakeup.due_at, EXCLUDED.due_at)",
            [business_id, due_at],
        )


def take_due(*, now: datetime) -> list[UUID]:
    """The businesses with something due; their hints are taken away. Two clocks never take the same hint twice."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM public.tenants_wakeup WHERE business_id IN (SELECT business_id FROM public.tenants_wakeup "
            "WHERE due_at <= %s ORDER BY due_at LIMIT 50 FOR UPDATE SKIP LOCKED) RETURNING business_id",
            [now],
        )
        return [row[0] for row in cursor.fetchall()]


def next_due_at() -> datetime | None:
    return Wakeup.objects.order_by("due_at").values_list("due_at", flat=True).first()
