"""Businesses for the archive's tests: a schema with the archive's tables and real keys, made in a moment and dropped after.

No transaction is wrapped around a test: commits, rollbacks and threads are what is tested here.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.db import connection

from archive.flows import batch, birth, listing, record
from archive.models import DisposalPolicy
from archive.queries import colleagues, rules
from archive.rules import campaigns
from portal.kernel import actors, clock, ids, keys, tenancy, unit, wake
from portal.sealing import passphrase
from portal.web import names

PASSPHRASE = "four words do well"
NOON = datetime(2031, 5, 5, 12, tzinfo=UTC)  # later than any mark a keyring of a test run can hold


class Deaf:
    """A wake-up layer that goes nowhere."""

    def send(self, event: wake.Event) -> None:
        pass


class Team:
    """The staff, as `accounts` would tell of them: per business, and only those whom a test lets in."""

    def __init__(self) -> None:
        self._staff: dict[UUID, dict[UUID, actors.Actor]] = {}
        self.makers: dict[UUID, UUID] = {}  # of API keys

    @property
    def staff(self) -> dict[UUID, actors.Actor]:
        return self._staff.setdefault(tenancy.here().id, {})

    def join(self, *people: actors.Actor) -> None:
        self.staff.update({one.id: one for one in people if one.id})

    def leave(self, person: actors.Actor) -> None:
        assert person.id
        del self.staff[person.id]

    def deciders(self, permission: str) -> frozenset[UUID]:
        return frozenset(pk for pk, one in self.staff.items() if one.may(permission) and one.may("approval.decide"))

    def actor_of(self, person: UUID) -> actors.Actor | None:
        return self.staff.get(person)

    def behind(self, actor: actors.Actor) -> UUID | None:
        return self.makers.get(actor.id) if actor.kind == "key" and actor.id else actor.id

    def owner_addresses(self) -> list[str]:
        return [f"{pk}@example.test" for pk, one in self.staff.items() if one.role == "owner"]

    def officers(self) -> dict[UUID, str]:
        return {pk: one.role.title() for pk, one in self.staff.items() if one.may("archive.open")}

    def reviewers(self) -> dict[UUID, str]:
        return {pk: one.role.title() for pk, one in self.staff.items() if one.may("archive.review")}


@dataclass
class Home:
    """A business with its archive, and the cast around it."""

    place: tenancy.Place
    recovery_text: str
    officer: actors.Actor
    owner: actors.Actor
    mirror: actors.Actor

    def scope(self) -> Any:
        return tenancy.tenant_scope(self.place)


@pytest.fixture(autouse=True)
def team() -> Iterator[Team]:
    """Who is staff; `home` lets its officer and owner in."""
    before, made = colleagues.people, Team()
    colleagues.register(made)
    yield made
    colleagues.register(before)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(birth, "COST", passphrase.Cost(4, 8, 1))
    monkeypatch.setattr(campaigns, "_known", [])  # nor campaigns
    wake.use(Deaf())
    yield
    wake.use(None)
    batch.forget()
    listing.forget()
    rules.forget()


@pytest.fixture
def fake() -> Iterator[clock.Fake]:
    """Noon on a Monday, until a test moves it."""
    source = clock.Fake(NOON)
    with clock.use(source):
        yield source


@pytest.fixture
def found(house: None, team: Team, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Home]]:
    """Makes businesses; `complete=False` leaves out the officers' ceremony. They have the archive's tables only, so nobody there
    knows a customer."""
    monkeypatch.setattr(names, "identify_customer", lambda actor, typed: set())
    made: list[tenancy.Place] = []

    def make(slug: str = "acme", *, complete: bool = True) -> Home:
        place = tenancy.Place(ids.uuid7(), f"t_{secrets.token_hex(10)}", slug, slug.title())
        made.append(place)
        home = _build(place, complete=complete)
        with home.scope():
            team.join(home.officer, home.owner)
        return home

    yield make
    for place in made:
        keys.keyring().remove(place.id)
        with connection.cursor() as cursor:
            cursor.execute(f'DROP SCHEMA "{place.schema}" CASCADE')


@pytest.fixture
def home(found: Callable[..., Home]) -> Iterator[Home]:
    """A finished business; the test runs inside its scope."""
    made = found()
    with made.scope():
        yield made


def _build(place: tenancy.Place, *, complete: bool) -> Home:
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE SCHEMA "{place.schema}"')
    text, officer = "", actors.staff(ids.uuid7(), "officer")
    with tenancy.tenant_scope(place):
        with connection.schema_editor() as editor:
            for model in apps.get_app_config("archive").get_models():
                editor.create_model(model)
        birth.prepare(now=clock.now())
        if complete:
            text = birth.offer(now=clock.now(), passphrase=PASSPHRASE, staff_id=officer.id).recovery_text
            birth.prove(now=clock.now(), recovery_text=text)
    scopes = frozenset({"archive.list", "archive.mirror"})
    return Home(
        place, text, officer, actors.staff(ids.uuid7(), "owner"),
        actors.key(ids.uuid7(), scopes),
    )  # fmt: skip


def snapshot(body: str = "Your appointment is tomorrow.", **changes: Any) -> record.Snapshot:
    now = clock.now()
    values: dict[str, Any] = {
        "message_id": ids.uuid7(), "customer_id": ids.uuid7(), "subject_id": ids.uuid4(), "kind": "message.sent",
        "actor": "system", "direction": "out", "category": "service", "sent_at": now, "gone_at": now + timedelta(hours=1),
        "archived_until": now + timedelta(days=2557), "rule": "default",
        "content": {"subject": "Hello", "body": body, "to": {"name": "Anna"}, "attachments": []},
    }  # fmt: skip
    return record.Snapshot(**{**values, **changes})


def keep(*snapshots: record.Snapshot) -> list[unit.Draft]:
    with unit.work() as u:
        return record.keep(u, list(snapshots) or [snapshot()])


def happen(kind: str = "staff.signed_in", **fields: Any) -> unit.Draft:
    with unit.work() as u:
        return u.entry(unit.Draft(kind, "system", **fields))


def allow(percent: int = 100, count: int = 10**6, stages: int = 1) -> None:
    """What two people would have agreed on: the limits of a disposal run."""
    values = {"ceiling_percent": percent, "ceiling_count": count, "review_stages": stages}
    DisposalPolicy.objects.update_or_create(id=1, defaults=values)


def fail_after(act: Callable[[unit.Unit], object]) -> None:
    """A unit that dies after `act`, before its commit."""
    with suppress(RuntimeError), unit.work() as u:
        act(u)
        raise RuntimeError("half-way")
