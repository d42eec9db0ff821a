"""Where somebody is signed in, for themself."""

from dataclasses import dataclass
from datetime import datetime

from portal.accounts.flows import session
from portal.accounts.models import Session
from portal.accounts.rules import browsers
from portal.kernel import keys
from portal.kernel.actors import Actor


@dataclass(frozen=True)
class Shown:
    id: str
    browser: str
    address: str
    signed_in_at: datetime | None
    used_at: datetime | None
    is_own: bool


def get_own_for(actor: Actor, *, own_key: str, now: datetime) -> list[Shown]:
    """This one first, then by last use."""
    live = Session.objects.filter(user_id=actor.id, expire_date__gt=now)
    rows = sorted(live.order_by("-used_at"), key=lambda row: row.session_key != own_key)
    return [
        Shown(
            session.name_of(row.session_key), browsers.words_of(row.browser), _address(row), row.signed_in_at, row.used_at,
            row.session_key == own_key,
        )
        for row in rows
    ]  # fmt: skip


def _address(row: Session) -> str:
    if not row.sealed_address or row.user_id is None:
        return ""
    return keys.open_field(session.ADDRESS, row.user_id, row.sealed_address).decode()
