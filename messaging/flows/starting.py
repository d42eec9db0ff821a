"""Starting a business from the installation's own page: the letter, and what its link leads through after the business is built.
The rows are `tenants.flows.signup`'s; people, keys and `ready` are those of every opening (`messaging.flows.opening`)."""

from datetime import datetime
from uuid import UUID

from django.conf import settings

from messaging.flows import opening
from messaging.flows.opening import Person
from messaging.rules import contact
from portal.kernel import mail, tenancy
from portal.kernel.errors import Kind, Refusal
from tenants.flows import signup
from tenants.queries import signups


def ask(*, now: datetime, email: str, source: str) -> None:
    signup.ask(now=now, email=contact.email(email), source=source)


def link_of(signup_id: UUID) -> str:
    return f"{settings.EBB_SCHEME}://{settings.EBB_BASE_HOST}/start/{signups.token_of(signup_id)}/"


def send_link(*, signup_id: UUID, now: datetime) -> None:
    """For a worker. Raises OSError."""
    try:
        row = signups.get(signup_id, now)
    except Refusal:  # it waited for longer than its link opens
        return
    mail.send_of_installation(row.email, "site/mail/start", "Start your business on Ebb", link=link_of(signup_id))


def equip(*, now: datetime, signup_id: UUID, person: str, password: str, passphrase: str) -> str:
    """Its owner, and the keys of its archive. → the recovery key, which is kept nowhere. Until `finish` it may be done again."""
    row = signups.get(signup_id, now)
    owner = Person(row.email, person, "owner", password)
    return opening.equip(now=now, place=_built(row), people=[owner], passphrase=passphrase).recovery_text


def finish(*, now: datetime, signup_id: UUID, recovery_text: str) -> None:
    """The recovery key given back once: from here on the business is served."""
    opening.finish(now=now, place=_built(signups.get(signup_id, now)), recovery_text=recovery_text)


def _built(row: signups.Signup) -> tenancy.Place:
    birth = signups.birth_of(row)
    if birth is None or not birth.is_built:
        raise Refusal("not_built", "This business is still being built. Wait a moment.", Kind.CONFLICT)
    if birth.is_served:
        raise Refusal("already_served", "This business is there already. Sign in.", Kind.CONFLICT)
    return birth.place
