"""Who holds a session of the console, for doors that stay open after the request in which somebody signed in."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.utils.crypto import constant_time_compare

from portal.accounts.backend import people
from portal.accounts.models import Session, User
from portal.accounts.sessions import SessionStore
from portal.kernel import ids
from portal.kernel.actors import Actor
from portal.web import guards

KEY_LENGTH = 100


@dataclass(frozen=True, slots=True)
class Standing:
    """A member of staff who is signed in, as they stand now, and when the session ends by itself."""

    actor: Actor
    ends_at: datetime


def get_standings(session_keys: Iterable[str], now: datetime) -> dict[str, Standing]:
    """Of many sessions, in two queries. Absent: signed out, over, of another business, of somebody who left or has another
    password since (what Django asks of a request, `contrib.auth.get_user`, asked again), or without the second factor that
    the business asks for."""
    wanted = [key for key in session_keys if 0 < len(key) <= KEY_LENGTH and key.isalnum()]
    store = SessionStore()
    held = {
        row.session_key: (store.decode(row.session_data), row.expire_date)
        for row in Session.objects.filter(session_key__in=wanted, expire_date__gt=now)
    }
    people = _people(data for data, _ in held.values())
    standings = {}
    for key, (data, ends_at) in held.items():
        user = people.get(str(data.get(SESSION_KEY)))
        if user is None or guards.is_short_of_factor(user, data):
            continue
        if BACKEND_SESSION_KEY in data and _is_of(user, data):
            standings[key] = Standing(user.actor, ends_at)
    return standings


def _people(sessions: Iterable[dict[str, object]]) -> dict[str, User]:
    found = {ids.parse_uuid(str(data.get(SESSION_KEY, ""))) for data in sessions}
    return {str(user.id): user for user in people().filter(id__in=found - {None})}


def _is_of(user: User, data: dict[str, object]) -> bool:
    """The session was made with the password they have now."""
    told = str(data.get(HASH_SESSION_KEY, ""))
    return any(constant_time_compare(told, one) for one in (user.get_session_auth_hash(), *_under_older_keys(user)))


def _under_older_keys(user: User) -> Iterable[str]:
    return user.get_session_auth_fallback_hash()
