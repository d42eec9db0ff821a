"""Limits on guessing passwords. A try is counted before the password is looked at, by one atomic statement: a thousand
parallel tries count as a thousand."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import F

from portal.accounts.models import Attempt
from portal.kernel import keys, networks
from portal.kernel.errors import Kind, Refusal
from portal.sealing import blind

WINDOW = timedelta(minutes=15)
AT_ONE_PERSON = 10
FROM_ONE_ADDRESS = 60
NETWORK, PROVIDER = "sign-in/network", "provider/network"
PERSON, KNOWN = "sign-in/person", "sign-in/known"

# No volatile function and one statement: it runs the same on a sharded database.
COUNT = """
INSERT INTO accounts_attempt AS a (digest, started_at, count) VALUES (%s, %s, 1)
ON CONFLICT (digest) DO UPDATE SET
    count = CASE WHEN a.started_at <= %s THEN 1 ELSE a.count + 1 END,
    started_at = CASE WHEN a.started_at <= %s THEN excluded.started_at ELSE a.started_at END
RETURNING count
"""


def take(*, email: str, address: str, now: datetime, browser: str = "") -> None:
    """Count a try, or refuse it: too many at this person or from this address of the network. What is tried in a `browser` that
    this person is known in is counted by itself, so that a stranger's guesses do not shut them out."""
    Attempt.objects.filter(started_at__lte=now - WINDOW).delete()
    if browser:
        over = [_count(KNOWN, f"{browser}/{email}", now) > AT_ONE_PERSON]
    else:
        over = [
            _count(NETWORK, networks.of(address), now) > FROM_ONE_ADDRESS,
            _count(PERSON, email, now) > AT_ONE_PERSON,
        ]
    if any(over):
        raise too_many()


def take_proof(*, staff_id: UUID, now: datetime) -> None:
    """Count a code or a password of somebody who has got past the first door. Who does not know their password cannot get here, so
    a stranger cannot shut anybody out; and a passkey, which cannot be guessed, is not counted."""
    if _count("second-factor", str(staff_id), now) > AT_ONE_PERSON:
        raise too_many()


def take_begin(*, address: str, now: datetime) -> None:
    """Count who sets out for a provider, which costs a call to it: the same count as of what is brought back."""
    if _count(PROVIDER, networks.of(address), now) > FROM_ONE_ADDRESS:
        raise too_many()


def take_answer(*, address: str, state: str, now: datetime) -> bool:
    """Count what somebody brings from a provider. → whether this state is brought for the first time: of two at once one is."""
    Attempt.objects.filter(started_at__lte=now - WINDOW).delete()
    if _count(PROVIDER, networks.of(address), now) > FROM_ONE_ADDRESS:
        raise too_many()
    return _count("provider/state", state, now) == 1


def forgive_answer(*, address: str) -> None:
    """It was good: neither the way there nor back is anything against their network."""
    Attempt.objects.filter(digest=_digest(PROVIDER, networks.of(address)), count__gt=1).update(count=F("count") - 2)


def take_invitation(*, staff_id: UUID, invited_at: datetime, now: datetime) -> None:
    """Each link has a count of its own: who kept an old one shuts nobody out, neither of a newer link nor of a second factor."""
    if _count("invitation", f"{staff_id}/{invited_at.isoformat()}", now) > AT_ONE_PERSON:
        raise too_many()


def forgive_proof(*, staff_id: UUID) -> None:
    Attempt.objects.filter(digest=_digest("second-factor", str(staff_id))).delete()


def too_many() -> Refusal:
    return Refusal(
        "too_many_tries", "Too many tries. Wait a quarter of an hour, then try again.", Kind.TOO_MANY,
        retry_after=int(WINDOW.total_seconds()),
    )  # fmt: skip


def forgive(*, email: str, address: str, browser: str = "") -> None:
    """They knew the password: the tries before it were theirs, and this one is nothing against their network. A clinic whose
    hundred people come to work behind one address is no guesser; who guesses there as well keeps the count of what failed. Nor
    does one who comes in by a browser of theirs clear what strangers tried at them."""
    if browser:
        Attempt.objects.filter(digest=_digest(KNOWN, f"{browser}/{email}")).delete()
        return
    Attempt.objects.filter(digest=_digest(PERSON, email)).delete()
    Attempt.objects.filter(digest=_digest(NETWORK, networks.of(address)), count__gt=0).update(count=F("count") - 1)


def _count(label: str, value: str, now: datetime) -> int:
    since = now - WINDOW
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [_digest(label, value), now, since, since])
        return int(cursor.fetchone()[0])


def _digest(label: str, value: str) -> bytes:
    return blind.index(keys.business_key(), label, value.strip().lower())
