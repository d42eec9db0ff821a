"""Is a page covered? The app lock of a device, and whether this page of it was opened lately.

An opened page has a *pass*: a secret in its memory alone. So a copy of the browser's profile, which has the cookie and the key, has
no pass; and every page is opened for itself.
"""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta

from messaging.models import AppLock, Pass
from messaging.queries import policy
from messaging.queries.devices import Standing
from messaging.rules import secrets
from portal.kernel import tenancy
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal

TRIES = 5
GRACE = timedelta(seconds=30)  # the page covers itself first; this is for its word to arrive


@dataclass(frozen=True)
class Cover:
    """`lock` is what opens it: pin, passkey, or none where the business asks for one and none is set."""

    lock: str
    tries_left: int = TRIES
    credential: bytes = b""


def told(cover: Cover) -> dict[str, object]:
    """As a page hears of it: {"lock", "tries_left"}, and "credential" of a passkey."""
    found: dict[str, object] = {"lock": cover.lock, "tries_left": cover.tries_left}
    if cover.credential:
        found["credential"] = urlsafe_b64encode(cover.credential).rstrip(b"=").decode()
    return found


def covered(cover: Cover) -> Refusal:
    return Refusal("device_covered", "This page is closed by its app lock.", Kind.FORBIDDEN, **told(cover))


def of(standing: Standing, secret: str, now: datetime) -> Cover | None:
    """None: open. `secret` is the pass that the page holds, or empty."""
    row = AppLock.objects.filter(device_id=standing.id).first()
    if row is None:
        return Cover("none") if policy.get_policy().demands.app_lock == "required" else None
    if (
        secret
        and Pass.objects.filter(secret_hash=digest(secret), device_id=standing.id, used_at__gt=rests_at(now)).exists()
    ):
        return None
    return Cover(row.kind, max(0, TRIES - row.tries), bytes(row.credential))


def settings_of(actor: Actor) -> dict[str, object]:
    """For the page's own clock and its settings: {"kind" ("none", "pin", "passkey"), "after" (seconds), "required"}."""
    asked = policy.get_policy().demands
    kind = AppLock.objects.filter(device_id=actor.id).values_list("kind", flat=True).first()
    return {"kind": kind or "none", "after": asked.app_lock_after, "required": asked.app_lock == "required"}


def rests_at(now: datetime) -> datetime:
    """A page whose last act was before this is at rest."""
    return now - timedelta(seconds=policy.get_policy().demands.app_lock_after) - GRACE


def digest(secret: str) -> bytes:
    return secrets.digest(tenancy.here().id, secrets.PASS, secret)
