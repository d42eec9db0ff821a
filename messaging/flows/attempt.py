"""Counting guesses. Each is counted in a transaction of its own before it is looked at, so a refused guess stays
counted and a thousand parallel ones are a thousand."""

import hmac
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.db.models import F

from messaging.models import Attempt
from messaging.rules import secrets
from portal.kernel import keys, networks, tenancy
from portal.kernel.errors import Kind, Refusal

GUESSES, WINDOW = 20, timedelta(minutes=15)  # of one source, at each public door

_COUNT = """
    INSERT INTO messaging_attempt (digest, count, expires_at) VALUES (%s, 1, %s)
    ON CONFLICT (digest) DO UPDATE SET count = messaging_attempt.count + 1 RETURNING count
"""


def too_many(retry_after: int) -> Refusal:
    return Refusal("too_many", "Too many tries. Wait a while and try again.", Kind.TOO_MANY, retry_after=retry_after)


def count(*, now: datetime, use: str, source: str, limit: int, window: timedelta) -> None:
    """Count one try by `source`; refuse it when it is past `limit` in this window."""
    if add(now=now, use=use, source=source, window=window) > limit:
        raise too_many(int(window.total_seconds()))


def add(*, now: datetime, use: str, source: str, window: timedelta) -> int:
    """Count one try. → how many there were in this window, this one too."""
    name, expires_at = _row(now, use, source, window)
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [name, expires_at])
        return int(cursor.fetchone()[0])


def take_back(*, now: datetime, use: str, source: str, window: timedelta) -> None:
    """The try that was counted with this `now` was no guess. What failed there stays counted."""
    name, _ = _row(now, use, source, window)
    Attempt.objects.filter(digest=name, count__gt=0).update(count=F("count") - 1)


def _row(now: datetime, use: str, source: str, window: timedelta) -> tuple[bytes, datetime]:
    """Its name, and when its window is over."""
    seconds = int(window.total_seconds())
    begins = int(now.timestamp()) // seconds * seconds
    # Keyed: a source may be an address of a person, and those can be guessed from a bare hash.
    counted = secrets.digest(tenancy.here().id, secrets.ATTEMPT, f"{use}|{networks.of(source)}|{begins}")
    return hmac.digest(keys.business_key(), counted, "sha256"), datetime.fromtimestamp(begins + seconds, UTC)


def sweep(*, now: datetime) -> int:
    return Attempt.objects.filter(expires_at__lt=now).delete()[0]
