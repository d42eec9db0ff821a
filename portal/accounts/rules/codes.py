"""Codes of an app (TOTP, RFC 6238): six digits, SHA-1, thirty seconds, as every app makes them. Pure.

A code is good in its own period, and in the one before and after it, for clocks that differ. Which period it was of is what the
caller remembers, so that no code opens twice.
"""

import base64
import hmac
import re

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

DIGITS, PERIOD, AROUND = 6, 30, 1
SECRET_BYTES = 20
RECOVERY_CODES = 10
CODE = re.compile(rf"[0-9]{{{DIGITS}}}")


def period_of(secret: bytes, code: str, seconds: float) -> int | None:
    """The period whose code this is, if it is one of those around `seconds` since the epoch. All are looked at."""
    app, now = _app(secret), int(seconds) // PERIOD
    found = None
    for period in range(now - AROUND, now + AROUND + 1):
        if hmac.compare_digest(app.generate(period * PERIOD), code.encode()):
            found = period
    return found


def code_at(secret: bytes, seconds: float) -> str:
    return _app(secret).generate(int(seconds)).decode()


def address(secret: bytes, person: str, business: str) -> str:
    """`otpauth://…`, what an app reads from the picture."""
    return _app(secret).get_provisioning_uri(person, business)


def text_of(secret: bytes) -> str:
    """For who types it: base32 in groups of four."""
    text = base64.b32encode(secret).decode()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def _app(secret: bytes) -> TOTP:
    return TOTP(secret, DIGITS, SHA1(), PERIOD)  # noqa: S303 (the RFC's; HMAC does not rest on collisions)
