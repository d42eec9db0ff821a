"""The cast: Acme and Globex, each with owner, author, officer, an API key and customers; the second must see nothing.

The tests run on committed rows of one database: sockets, threads and other processes see what a test did, as in life.
So no test counts all rows; each makes the customers and messages it speaks of. A test that needs an untouched business
asks for `fresh`.
"""

import itertools
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connections
from django.test.utils import setup_databases

from portal.kernel import actors, clock, roles, tenancy
from portal.testing.handset import Handset

_numbers = itertools.count(1)
ROLES = ("owner", "author", "officer", "reviewer")  # who is in every cast; the others join where a test asks for them


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Cast:
    """One business and its people. `officer` and the others are Actors; `key` is the secret of an API key of all scopes."""

    place: tenancy.Place
    owner: actors.Actor
    author: actors.Actor
    officer: actors.Actor
    key: str
    passphrase: str
    recovery_text: str
    password: str
    emails: dict[str, str] = field(default_factory=dict)

    @property
    def host(self) -> str:
        return f"{self.place.slug}.{settings.EBB_BASE_HOST}"

    def inside(self) -> AbstractContextManager[tenancy.Place]:
        return tenancy.tenant_scope(self.place)

    def join(self, role: str) -> actors.Actor:
        """Somebody of one more role, made when a test first asks for one."""
        from portal.accounts.flows import staff
        from portal.accounts.queries import staff as known

        with self.inside():
            if role not in self.emails:
                self.emails[role] = f"{role}@{self.place.slug}.example"
                staff.add(
                    actor=self.owner, now=clock.now(), email=self.emails[role], name=role.title(), role=role,
                    password=self.password,
                )  # fmt: skip
            return actors.staff(known.get_id_by_email(self.emails[role]), role)  # type: ignore[arg-type]

    def customer(self, **details: object) -> UUID:
        """A new customer with a reference of their own."""
        from messaging.flows import customer

        given = {"reference": f"T-{next(_numbers)}-{secrets.token_hex(3)}", "name": "Test Customer", **details}
        with self.inside():
            return customer.create(actor=self.author, now=clock.now(), details=customer.Details(**given))  # type: ignore[arg-type]

    def send(self, customer_id: UUID, body: str = "hello", **asked: object):  # type: ignore[no-untyped-def]
        """Send as the author; the flow's `Sent`."""
        from messaging.flows import message
        from messaging.rules.compose import Compose

        with self.inside():
            composed = Compose(body=body, customer=customer_id, **asked)  # type: ignore[arg-type]
            return message.send(actor=self.author, now=clock.now(), asked=composed)

    def handset(self, *customers: UUID) -> Handset:
        """An enrolled device that serves these customers."""
        from messaging.flows import enrolment

        phone = Handset(self.host)
        for customer_id in customers:
            with self.inside():
                issued = enrolment.issue(actor=self.author, now=clock.now(), customer_id=customer_id, send_by="show")
                token = str(issued.url).rsplit("/", 1)[-1]
                body = phone.enrolment(token)
                redeemed = enrolment.redeem(
                    now=clock.now(), host=self.host, secret=token, public_key=body["public_key"], name="Test phone",
                    signature=str(body["proof"]), source=f"test-{next(_numbers)}", cookie=phone.cookie,
                )  # fmt: skip
            phone.device = str(redeemed.device_id)
            phone.cookie = redeemed.cookie or phone.cookie
        return phone

    def actor_of(self, phone: Handset, *customers: UUID) -> actors.Actor:
        return actors.device(UUID(phone.device), frozenset(customers))


def build(slug: str, name: str) -> Cast:
    """A business through its own birth, with a cheap passphrase so that the suite is quick."""
    from archive.flows import birth
    from messaging.flows import opening
    from portal.accounts.flows import key
    from portal.sealing import passphrase as sealing

    birth.COST = sealing.Cost(log2_n=10)
    password, words = "correct horse battery", "four words of passphrase"
    emails = {role: f"{role}@{slug}.example" for role in ROLES}
    people = [opening.Person(emails[role], role.title(), role, password) for role in ROLES]
    opened = opening.begin(now=clock.now(), slug=slug, name=name, people=people, passphrase=words)
    opening.finish(now=clock.now(), place=opened.place, recovery_text=opened.recovery_text)
    staff = {role: actors.staff(opened.staff[emails[role]], role) for role in ROLES}
    with tenancy.tenant_scope(opened.place):
        made = key.create(actor=actors.SYSTEM, now=clock.now(), name="Test", scopes=sorted(roles.SCOPES))
    return Cast(
        opened.place, staff["owner"], staff["author"], staff["officer"], made.secret, words, opened.recovery_text,
        password, emails,
    )  # fmt: skip


@pytest.fixture(scope="session")
def house(django_db_modify_db_settings: None, django_db_blocker) -> Iterator[None]:  # type: ignore[no-untyped-def]
    """The database of this run, open for the whole session: tests commit, as the product does.

    Not pytest-django's own set-up: that one serves only tests it wraps in a transaction."""
    django_db_blocker.unblock()
    # Passwords cost what they cost in the processes beside; here, where thousands are hashed, they were most of a run's time.
    PBKDF2PasswordHasher.iterations = 1000
    # One port for this run, so that hosts and signed statements are the same here and in the processes beside.
    settings.EBB_BASE_HOST = f"localhost:{_free_port()}"
    setup_databases(verbosity=0, interactive=False, aliases={"default"})
    yield
    connections.close_all()  # the database itself goes with the run's server


@pytest.fixture(scope="session")
def acme(house: None) -> Cast:
    return build("acme", "Acme Clinic")


@pytest.fixture(scope="session")
def globex(house: None) -> Cast:
    return build("globex", "Globex Bank")


@pytest.fixture(autouse=True)
def nobody_guessed_yet(request: pytest.FixtureRequest) -> None:
    """Enrolments, guesses and failed sign-ins are counted by address, and a whole suite comes from one: each test
    begins at zero.

    Through a connection of its own: where a browser is open, Django refuses queries in this thread."""
    named = [request.getfixturevalue(name) for name in ("acme", "globex") if name in request.fixturenames]
    shared = [one for one in named if isinstance(one, Cast)]  # an installation of its own calls its businesses so, too
    if not shared:
        return
    given = settings.DATABASES["default"]
    with psycopg.connect(
        host=given["HOST"], port=given["PORT"] or None, user=given["USER"], password=given["PASSWORD"] or None,
        dbname=given["NAME"], autocommit=True,
    ) as base:  # fmt: skip
        for one in shared:
            for table in ("messaging_attempt", "accounts_attempt"):
                base.execute(f'DELETE FROM "{one.place.schema}"."{table}"')  # noqa: S608 - of a schema's own name


@pytest.fixture
def fresh(house: None) -> Callable[[], Cast]:
    """Makes a business that nobody used yet."""
    return lambda: build(f"fresh-{next(_numbers)}-{secrets.token_hex(2)}", "Fresh Business")


@pytest.fixture
def at(house: None) -> Iterator[clock.Fake]:
    """A clock that the test moves. It starts an hour ahead of the keyring's mark: behind it, and the clock of other processes and
    a test that looks far ahead raise it, it would run on by itself."""
    fake = clock.Fake(clock.now() + timedelta(hours=1))
    with clock.use(fake):
        yield fake
