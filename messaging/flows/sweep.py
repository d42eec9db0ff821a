"""What has no more use: nonces, answers kept for repeats, old enrolments, notices and deliveries. Deleted by the clock."""

from datetime import datetime, timedelta

from messaging.flows import applock, attempt, delivery, notice
from messaging.models import Enrolment, Idempotency, Nonce


def used_up(*, now: datetime) -> None:
    attempt.sweep(now=now)
    notice.sweep(now=now)
    delivery.sweep(now=now)
    applock.sweep(now=now)
    Nonce.objects.filter(expires_at__lte=now).delete()
    Idempotency.objects.filter(expires_at__lte=now).delete()
    Enrolment.objects.filter(expires_at__lte=now - timedelta(days=30)).delete()
