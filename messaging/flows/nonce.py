"""Nonces of HTTP proofs: single use, 60 seconds. Spending one is one DELETE, so two calls with the same one cannot
both win."""

from datetime import datetime, timedelta
from uuid import UUID

from messaging.flows import device, refusal
from messaging.models import Nonce
from messaging.queries import devices
from messaging.rules import proof, secrets
from portal.kernel import ids, tenancy
from portal.kernel.errors import Kind, Refusal

LIVES_FOR = timedelta(seconds=60)
SEEN_EVERY = timedelta(minutes=1)
OPEN_LIMIT = 64  # of one device: more than any page asks for at once


def issue(*, now: datetime, cookie: str) -> str:
    """A nonce for the device that the cookie names, in whatever state: what it may do with it is decided when it is
    spent."""
    standing = devices.get_by_cookie(cookie, now)
    if standing is None:
        raise devices.unknown()
    open_ones = Nonce.objects.filter(device_id=standing.id, expires_at__gt=now).count()
    if open_ones >= OPEN_LIMIT:
        raise Refusal("too_many", "Too many requests at once. Wait a minute.", Kind.TOO_MANY, retry_after=60)
    nonce = ids.token()
    Nonce.objects.create(device_id=standing.id, secret_hash=_digest(nonce), expires_at=now + LIVES_FOR)
    return nonce


def spend(
    *, now: datetime, host: str, cookie: str, header: str, method: str, path: str, body: bytes
) -> devices.Standing:  # fmt: skip
    """The device that proved this very request (`Ebb-Proof: <nonce>.<signature>`), or a refusal. Used up either way."""
    standing = devices.get_by_cookie(cookie, now)
    if standing is None:
        raise devices.unknown()
    nonce, _, signature = header.partition(".")
    try:
        if not take(standing.id, nonce, now):
            raise proof.not_proved()
        proof.verify(standing.public_key, proof.http(host, standing.id, nonce, method, path, body), signature)
    except Refusal:
        refusal.of_device(now=now, device_id=standing.id)
        raise
    if standing.is_active and (standing.seen_at is None or standing.seen_at <= now - SEEN_EVERY):
        device.see(now=now, device_ids=[standing.id])
    return standing


def sweep(*, now: datetime) -> int:
    """What nobody spent. → how many rows went."""
    return Nonce.objects.filter(expires_at__lt=now).delete()[0]


def take(device_id: UUID, nonce: str, now: datetime) -> bool:
    """Whether it was one of this device's; used up with that."""
    gone, _ = Nonce.objects.filter(device_id=device_id, secret_hash=_digest(nonce), expires_at__gt=now).delete()
    return gone == 1


def _digest(nonce: str) -> bytes:
    return secrets.digest(tenancy.here().id, secrets.NONCE, nonce)
