"""The process's keyring, bound to the settings. Everything else about keys is in `portal.sealing`."""

from functools import lru_cache
from pathlib import Path
from uuid import UUID

from django.conf import settings

from portal.kernel import clock, tenancy
from portal.kernel.errors import Kind, Refusal
from portal.sealing import errors, field
from portal.sealing.keyring.business import BusinessKeyring
from portal.sealing.keyring.ring import Keyring

BUSINESS_KEY = "business"
GENERATION = 1


@lru_cache(maxsize=1)
def keyring() -> Keyring:
    """Opened once a process; gives the clock its floor, so that time never runs backwards."""
    try:
        ring = Keyring(Path(settings.EBB_KEYRING), settings.EBB_MASTER_KEY)
        clock.set_floor(ring.live.high_water)
    except errors.SealingError as error:
        raise unwritable(error) from error
    return ring


def business(business_id: UUID | None = None) -> BusinessKeyring:
    return keyring().business(business_id or tenancy.here().id)


def business_key() -> bytes:
    """The business key of the business at hand: seals profiles, salts the wheel, keys the blind indexes."""
    return business().get(BUSINESS_KEY)


def seal_field(context: str, owner: UUID, plain: bytes) -> bytes:
    """Seal a field under the business key (profiles, names)."""
    return field.seal(business_key(), context, owner, plain)


def open_field(context: str, owner: UUID, sealed: bytes) -> bytes:
    return field.open_(business_key(), context, owner, bytes(sealed))


def unwritable(error: errors.SealingError) -> Refusal:
    """How every trouble of the keyring is told: a stable code, nothing of what was being sealed."""
    return Refusal(
        error.code, "The keys cannot be used right now, so nothing was sent or changed. Try again; if it stays, "
        "tell whoever runs this installation.", Kind.UNAVAILABLE,
    )  # fmt: skip
