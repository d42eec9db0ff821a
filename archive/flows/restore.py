"""Bringing an installation back from a backup. Writes into an empty database; where it refuses, it wrote nothing.

1 files      every byte is what the manifest tells; the release is this one
2 age        no disposal is known, from the folder or from rings that stayed, that this backup does not know of
  closed     a business that was closed since, as the folder or a keyring that stayed knows, is left out: rows and ring
3 keys       every business's ring opens with the key, and was sealed with this manifest
4 place      the database is empty; rings that stayed are those of these businesses
5 rows       pg_restore; a failure empties the database again
6 rings      made anew under this installation's master key, each with a mark (`restored`) by which its log refuses to sign
7 floor      time goes on from the backup's instant at the least, so a clock that is behind revives nothing
8 each app   ends what cannot be honest any more (`register_step`), inside each business

Rings that stayed (only the database was lost) are kept: they know more than the backup. What lived is read on
where its bucket's key is still in the live ring; the log compares its own promise.

What cannot be known: what happened after the backup. Revoked devices, staff and keys, wipes, recalls and withdrawn consent
of that time are as they were before it; `docs/operations.md` says what to look at. Without `decided.json`, the other backups
and the rings, nobody can say whether a disposal came later.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.db import connection

from archive.flows import backupfiles
from archive.flows.backup import RING_MEMORY
from archive.ledger import canonical, merkle
from archive.queries import closing as certified
from archive.queries import promise
from archive.rules import manifest as rules
from portal.kernel import clock, keys, tenancy
from portal.kernel.errors import Kind, Refusal
from portal.sealing import errors, ringcopy
from portal.sealing.keyring import business as ringfile
from tenants.flows import closing, provision

Tell = Callable[[str, int, int], None]
Step = Callable[["Context", datetime], None]
_steps: dict[str, Step] = {}


@dataclass(frozen=True, slots=True)
class Context:
    """What an app's step is told."""

    backup_id: UUID
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Restored:
    id: UUID
    as_of: datetime
    businesses: int
    kept_rings: int
    left_out: int = 0  # closed after the backup was made (decision 18)


def register_step(name: str, step: Step) -> None:
    """An app's part, inside each restored business; may run again, must then change nothing."""
    _steps[name] = step


def restore(*, now: datetime, place: Path, private: bytes, tell: Tell) -> Restored:
    """The backup in the folder `place`, opened with a private key (32 bytes)."""
    whole = backupfiles.manifest_of(place)
    backupfiles.read_back(place, whole, tell=lambda done: tell("check", done, whole.size))
    check_release(whole)
    closed = {**keys.keyring().buried(), **backupfiles.closed_beside(place.parent)}
    manifest = rules.without(whole, closed)
    stayed = _stayed(manifest)
    check_age(manifest, place.parent, stayed)
    rings = _open_rings(place, manifest, private, rules.seal_of(whole))
    _check_rings(rings, stayed)
    check_empty()
    left_out = {pk: one.schema for pk, one in whole.businesses.items() if pk in closed}
    fill(place, whole, tell, without=tuple(left_out.values()))
    _make_rings(manifest, {pk: ring for pk, ring in rings.items() if pk not in stayed}, now)
    keys.keyring().live.mark(manifest.as_of.timestamp())
    for pk in left_out:
        told = certified.read(closed[pk])
        closing.bring_back(now=now, business_id=pk, certificate=closed[pk], token_sha256=told["link_sha256"])
        keys.keyring().bury(pk, closed[pk])
    context = Context(manifest.id, manifest.as_of)
    _steps_in_each(context, now)
    return Restored(manifest.id, manifest.as_of, len(manifest.businesses), len(stayed), len(left_out))


# ── may it be ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def check_release(manifest: rules.Manifest) -> None:
    if manifest.migrations != provision.fingerprint():
        raise Refusal(
            "backup_other_release", "This backup was made by another release of Ebb. Restore it with that release, then upgrade.",
            Kind.CONFLICT,
        )  # fmt: skip


def check_age(manifest: rules.Manifest, folder: Path, stayed: dict[UUID, ringfile.Values]) -> None:
    """Refuses a backup that lacks a disposal known from beside it, or from a ring that stayed."""
    known = rules.merge_decided([backupfiles.decided_beside(folder), _remembered(stayed)])
    if rules.behind(manifest, known):
        raise Refusal(
            "backup_too_old", "Records were disposed of after this backup was made, and it would bring them back. "
            "Take a newer one.", Kind.CONFLICT,
        )  # fmt: skip


def check_empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') "
            "AND n.nspname NOT LIKE 'pg\\_%%' AND n.nspname <> 'information_schema'"
        )
        if cursor.fetchone()[0]:
            raise Refusal(
                "restore_not_empty", "The database holds tables already, so nothing was written. Make an empty database, "
                "name it in DATABASE_URL, and do not migrate it.", Kind.CONFLICT,
            )  # fmt: skip


def _stayed(manifest: rules.Manifest) -> dict[UUID, ringfile.Values]:
    """The rings of these businesses that are here, as they are now."""
    ring = keys.keyring()
    try:
        return {pk: ringfile.decode(ring.business(pk).copy()) for pk in manifest.businesses if ring.holds(pk)}
    except errors.SealingError as error:
        raise keys.unwritable(error) from error


def _remembered(stayed: dict[UUID, ringfile.Values]) -> dict[str, int]:
    known = {pk.hex: canonical.parse(values[RING_MEMORY]) for pk, values in stayed.items() if RING_MEMORY in values}
    return {pk: int(value["decided"]) for pk, value in known.items()}


def _open_rings(place: Path, manifest: rules.Manifest, private: bytes, seal: bytes) -> dict[UUID, ringfile.Values]:
    opened = {}
    for pk, one in manifest.businesses.items():
        copy = (place / one.ring.name).read_bytes() if one.ring else b""
        try:
            payload = ringcopy.open_(copy, private, business=pk, backup=manifest.id, told_sha256=seal)
        except errors.Unsealable:
            raise Refusal(
                "backup_wrong_key", f"This key does not open the keys of {one.slug} in this backup: it is another installation's, "
                "or the files were changed. Nothing was written.",
            ) from None  # fmt: skip
        opened[pk] = ringfile.decode(payload)
    return opened


def _check_rings(rings: dict[UUID, ringfile.Values], stayed: dict[UUID, ringfile.Values]) -> None:
    if any(rings[pk].get(keys.BUSINESS_KEY) != values.get(keys.BUSINESS_KEY) for pk, values in stayed.items()):
        raise Refusal(
            "restore_other_keys", "The keyring folder holds other keys for a business of this backup. Name an empty folder "
            "in EBB_KEYRING.", Kind.CONFLICT,
        )  # fmt: skip


# ── doing it ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def fill(place: Path, manifest: rules.Manifest, tell: Tell, *, without: tuple[str, ...] = ()) -> None:
    """The rows into the empty database of the settings, but for the schemas of `without`."""
    connection.ensure_connection()
    server = connection.connection.info.server_version // 10000
    connection.close()
    try:
        backupfiles.restore(
            place, server=server, tell=lambda done: tell("rows", done, manifest.dump.bytes), without=without
        )  # fmt: skip
    except BaseException:
        _empty_again(manifest)
        raise


def _empty_again(manifest: rules.Manifest) -> None:
    """It was empty when we began: what a broken restore made is taken away, or the next would be refused."""
    with connection.cursor() as cursor:
        for one in manifest.businesses.values():
            cursor.execute(f'DROP SCHEMA IF EXISTS "{one.schema}" CASCADE')
        cursor.execute("DROP SCHEMA IF EXISTS public CASCADE")
        cursor.execute("CREATE SCHEMA public")


def _make_rings(manifest: rules.Manifest, rings: dict[UUID, ringfile.Values], now: datetime) -> None:
    for pk, values in rings.items():
        try:
            keys.keyring().rebirth(pk, ringfile.encode(values | _marked(values, manifest, now)))
        except errors.SealingError as error:
            raise keys.unwritable(error) from error


def _marked(values: ringfile.Values, manifest: rules.Manifest, now: datetime) -> ringfile.Values:
    """The mark by which the log refuses to sign: what was promised after the backup, nobody here knows. A log that had
    promised nothing yet gets an empty promise to go on from."""
    last = values.get(promise.CHECKPOINT) or promise.Held(1, 0, merkle.EMPTY_ROOT, "").encode()
    mark = promise.Restored(canonical.parse(last)["epoch"], manifest.id, manifest.as_of, now)
    return {promise.CHECKPOINT: last, promise.RESTORED: mark.encode()}


def _steps_in_each(context: Context, now: datetime) -> None:
    clock.set_floor(keys.keyring().live.high_water)
    tenancy.directory().forget()
    for place in tenancy.directory().all_ready():
        with tenancy.tenant_scope(place):
            for step in _steps.values():
                step(context, now)
