"""The recovery key as a file that a person keeps: text, one line of comment, one line of key.

    # Acme Clinic: recovery key of the archive, 2026-03-01. Keep it offline, print it, tell nobody.
    EBB-RECOVERY-1:xwing-hkdf-sha256-aes256gcm:<32 bytes, base64url>:<first 8 hex digits of SHA-256 of the rest>

The check digits find a slip of the pen, nothing more: the file is a secret, not a certificate.
"""

import base64
import binascii
import hashlib
import hmac

from portal.sealing import errors, hpke

MARKER = "EBB-RECOVERY-1"
CHECK_DIGITS = 8


def encode(private: bytes, comment: str) -> str:
    """The text of the file, with a newline at its end. The comment is folded into one line."""
    if len(private) != hpke.PRIVATE_BYTES:
        raise ValueError(f"A recovery key has {hpke.PRIVATE_BYTES} bytes.")
    key = base64.urlsafe_b64encode(private).rstrip(b"=").decode()
    line = f"{MARKER}:{hpke.SUITE_ID}:{key}"
    return f"# {' '.join(comment.split())}\n{line}:{_check(line)}\n"


def decode(text: str) -> bytes:
    """The private key (32 bytes). Raises `RecoveryKeyUnreadable` with what is wrong, never with the key."""
    marker, suite, key, check = _fields(text)
    if marker != MARKER:
        raise errors.RecoveryKeyUnreadable("This recovery key was made by a newer release of Ebb.")
    if suite != hpke.SUITE_ID:
        raise errors.RecoveryKeyUnreadable("This recovery key belongs to a suite that this release does not know.")
    if not hmac.compare_digest(check.lower().encode(), _check(f"{marker}:{suite}:{key}").encode()):
        raise errors.RecoveryKeyUnreadable("A character of the recovery key is wrong: its check digits differ.")
    return _raw(key)


def _fields(text: str) -> list[str]:
    lines = [line.strip() for line in text.lstrip("\ufeff").splitlines()]
    keys = [line for line in lines if line and not line.startswith("#")]
    if len(keys) != 1 or not keys[0].startswith("EBB-RECOVERY-"):
        raise errors.RecoveryKeyUnreadable(f"This is not a recovery key: one line must start with {MARKER}.")
    fields = keys[0].split(":")
    if len(fields) != 4:
        raise errors.RecoveryKeyUnreadable("The recovery key is cut short: its line has four parts.")
    return fields


def _raw(key: str) -> bytes:
    try:
        raw = base64.b64decode(key + "=" * (-len(key) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != hpke.PRIVATE_BYTES:
        raise errors.RecoveryKeyUnreadable("The recovery key has the wrong length.")
    return raw


def _check(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()[:CHECK_DIGITS]
