"""One-time links: how their secret is kept until it is sent, and where they lead."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from datetime import datetime
from uuid import UUID

from messaging.rules import secrets
from portal.kernel import keys, mail

CONTEXT = "enrolment.secret"
CODE = "factor.code"
SIGNED_BYTES = 48  # an id and an HMAC-SHA-256: 64 characters, no padding


def seal(enrolment_id: UUID, token: str) -> bytes:
    return keys.seal_field(CONTEXT, enrolment_id, token.encode())


def open_(enrolment_id: UUID, sealed: bytes) -> str:
    return keys.open_field(CONTEXT, enrolment_id, bytes(sealed)).decode()


def url_of(token: str) -> str:
    return f"{mail.base_url()}/inbox/enrol/{token}"


def inbox_url() -> str:
    return f"{mail.base_url()}/inbox/"


def seal_code(code_id: UUID, code: str) -> bytes:
    """A code that is asked for beside a link, until it was sent."""
    return keys.seal_field(CODE, code_id, code.encode())


def open_code(code_id: UUID, sealed: bytes) -> str:
    return keys.open_field(CODE, code_id, bytes(sealed)).decode()


# ── links that end lost devices: an id and what the business key makes of it, so that neither stands in the database ──
def lost_url(link_id: UUID) -> str:
    return f"{mail.base_url()}/inbox/lost/{_signed(link_id, secrets.LOST)}"


def lost_of(token: str) -> UUID | None:
    """Which link this is the secret of; None for what is none."""
    found = id_in(token)
    return found if found and hmac.compare_digest(_signed(found, secrets.LOST).encode(), token.encode()) else None


def lost_pass(link_id: UUID, used_at: datetime) -> str:
    """For the page of a link that was used at that instant."""
    return _signed(link_id, f"{secrets.LOST_PASS}|{used_at.isoformat()}")


def is_lost_pass(given: str, link_id: UUID, used_at: datetime) -> bool:
    return hmac.compare_digest(lost_pass(link_id, used_at).encode(), given.encode())


def id_in(signed: str) -> UUID | None:
    """The id that something signed speaks of, unproved."""
    try:
        raw = urlsafe_b64decode(signed.encode("ascii"))
    except (ValueError, Error):
        return None
    return UUID(bytes=raw[:16]) if len(raw) == SIGNED_BYTES else None


def _signed(link_id: UUID, use: str) -> str:
    return urlsafe_b64encode(
        link_id.bytes + hmac.digest(keys.business_key(), use.encode() + link_id.bytes, "sha256")
    ).decode()
