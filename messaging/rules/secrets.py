"""How secrets are remembered: by a hash that names the business and the use, so that one kept for another opens
nothing."""

import hashlib
from uuid import UUID

COOKIE = "device.cookie"
ENROLMENT = "enrolment"
NONCE = "nonce"
LOST, LOST_PASS = "ebb/v1/lost", "ebb/v1/lost.pass"
ATTEMPT = "attempt"
PASS = "pass"  # noqa: S105 - the name of a use
PIN = "ebb/v1/pin"


def digest(business: UUID, use: str, secret: str) -> bytes:
    """SHA-256; the secrets are random and long (a code has 50 bits, lives 15 minutes and its guesses are counted)."""
    return hashlib.sha256(b"\0".join((f"ebb/v1/{use}".encode(), business.bytes, secret.encode()))).digest()
