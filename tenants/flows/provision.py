"""Birth of a business: row → schema → steps of each app → (officers' ceremony) → ready, last.

Runs in a job, never in a request: a schema takes a fifth of a second. Every step may run twice; what dies half-way is
taken up where it stopped. A business is served only once `ready` is set.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterator
from datetime import datetime
from uuid import UUID

from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.migrations.loader import MigrationLoader
from django_tenants.utils import schema_exists

from portal.kernel import ids, keys, tenancy
from portal.kernel.errors import Kind, Refusal
from tenants.flows import closing
from tenants.models import Business, Domain, PlatformEvent
from tenants.rules import names

Step = Callable[[tenancy.Place, datetime], None]
_steps: dict[str, Step] = {}


def register_step(name: str, step: Step) -> None:
    """An app's part of a birth: runs inside the new business, may run again, must then change nothing."""
    _steps[name] = step


def create(*, slug: str, name: str, hosts: list[str], now: datetime) -> UUID:
    """Write the business down; `build` (a job) makes its schema. The slug is an address, never a schema name."""
    names.check(slug, name)
    try:
        with transaction.atomic():
            business = Business.objects.create(
                id=ids.uuid7(), schema_name=f"t_{secrets.token_hex(10)}", slug=slug, name=name.strip(), created_at=now
            )
            for number, host in enumerate(hosts):
                Domain.objects.create(tenant=business, domain=host.lower(), is_primary=number == 0)
            _event(business.id, "business.created", now)
    except IntegrityError as error:
        raise Refusal("name_taken", "That address is taken. Choose another.", Kind.CONFLICT, field="slug") from error
    return business.id


def unfinished(*, slug: str, name: str) -> UUID | None:
    """A birth that stopped half-way, by its address and name: `build` takes it up where it stopped."""
    rows = Business.objects.filter(slug=slug, name=name.strip(), state=Business.State.PROVISIONING)
    return rows.values_list("id", flat=True).first()


def build(*, business_id: UUID, now: datetime) -> tenancy.Place:
    """Schema, tables and each app's rows and keys; idempotent. Not yet ready."""
    business = Business.objects.get(id=business_id)
    place = business.place
    if not schema_exists(place.schema):
        with connection.cursor() as cursor:
            cursor.execute(f'CREATE SCHEMA IF NOT EXISTS "{place.schema}"')
    migrate(place)
    for step in _steps.values():
        with tenancy.tenant_scope(place):
            step(place, now)
    Business.objects.filter(id=business_id).update(fingerprint=fingerprint())
    _event(business_id, "business.built", now)
    return place


def mark_ready(*, business_id: UUID, now: datetime) -> None:
    """The last act of a birth. Compare and set: only a provisioning business becomes ready."""
    changed = Business.objects.filter(id=business_id, state=Business.State.PROVISIONING).update(
        state=Business.State.READY, ready_at=now
    )
    if changed != 1:
        raise Refusal("not_provisioning", "This business is not being set up.", Kind.CONFLICT)
    _event(business_id, "business.ready", now)
    tenancy.directory().forget()


def abandon(*, business_id: UUID, now: datetime) -> None:
    """A birth that nobody finished is undone: its keys, its schema, its address. Nothing of it was ever served. Asking again is
    fine; one that became ready stays."""
    with transaction.atomic():
        business = (
            Business.objects.select_for_update().filter(id=business_id, state=Business.State.PROVISIONING).first()
        )
        if business is None:
            return
        keys.keyring().remove(business_id)
        closing.drop(business.place)
        Domain.objects.filter(tenant=business).delete()
        Business.objects.filter(id=business_id).delete()
        _event(business_id, "business.abandoned", now)


def migrate(place: tenancy.Place) -> None:
    """Bring one schema up to the code. Fails closed when the schema is missing: it never migrates `public` instead."""
    if not schema_exists(place.schema):
        raise Refusal("business_unavailable", "The schema of this business is gone.", Kind.UNAVAILABLE)
    try:
        call_command("migrate_schemas", schema_name=place.schema, tenant=True, interactive=False, verbosity=0)
    finally:
        connection.set_schema_to_public()


def migrate_behind() -> Iterator[tuple[tenancy.Place, bool]]:
    """Migrate the businesses whose fingerprint is behind the code, one after the other; the others cost one query in all.
    → each, and whether its schema was there: one that is lost stops nobody behind it."""
    wanted = fingerprint()
    built = Business.objects.exclude(fingerprint="").exclude(state=Business.State.CLOSED)  # a half-made one: `build`
    for business in list(built.exclude(fingerprint=wanted).order_by("id")):
        if not schema_exists(business.place.schema):
            yield business.place, False
            continue
        migrate(business.place)
        Business.objects.filter(id=business.id).update(fingerprint=wanted)
        yield business.place, True


def fingerprint() -> str:
    """SHA-256 of the code's leaf migrations: equal means nothing to do."""
    loader = MigrationLoader(None, ignore_no_migrations=True)
    leaves = sorted(f"{app}.{name}" for app, name in loader.graph.leaf_nodes())
    return hashlib.sha256("\n".join(leaves).encode()).hexdigest()


def _event(business_id: UUID, kind: str, now: datetime) -> None:
    PlatformEvent.objects.create(business_id=business_id, kind=kind, at=now)
