"""Making a backup of the whole installation: the database in one snapshot, then every business's keyring, sealed.

Order, and why:
1 snapshot   one transaction says how far each ledger is; pg_dump reads that very transaction.
2 dump       first the rows, then the keys: a key that the dump needs is in the copy. (One destroyed in between belonged to
             a disposal, whose records were gone before.)
3 rings      each sealed to the installation's backup key and to the business's recovery key, tied to the manifest. The
             live ring is never read: what ended stays ended (I2).
4 read back  every file, every block of the dump; only then the folder gets its name.
5 memory     `decided.json` and `closed.json` beside it and each business's ring remember the last disposal it knows of, then
             `tenants_backup` and an entry in each ledger. Disposal relies on step 5, so it comes last.

Killed before the name: nothing is left but a hidden folder that the next run removes. Killed after it: a good backup that
nothing relies on.
"""

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from archive.flows import backupfiles, backupkey
from archive.ledger import canonical
from archive.queries import installation
from archive.rules import manifest as rules
from archive.rules import retention
from portal.kernel import clock, ids, keys, tenancy, unit
from portal.kernel.errors import Kind, Refusal
from portal.sealing import errors, ringcopy
from tenants.flows import backup as memory
from tenants.flows import provision
from tenants.queries import closings

RING_MEMORY = "backup"
Tell = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Made:
    """`place` is the folder; `removed` counts older backups that were taken away."""

    id: UUID
    place: Path
    as_of: datetime
    bytes: int
    businesses: int
    removed: int


def silent(step: str, done: int, of: int) -> None:
    """The default listener."""


def make(
    *, now: datetime, folder: Path, keep: int | None = None, keep_for: retention.Duration | None = None, tell: Tell = silent,
    drill: Callable[[Path], None] | None = None,
) -> Made:  # fmt: skip
    """One verified backup in `folder`; `drill` may try it further before anything relies on it, and raise."""
    public, started = backupkey.public(), time.monotonic()
    with _alone(folder):
        with backupfiles.making(folder, backup_id := ids.uuid7()) as draft:
            manifest = _write(draft, backup_id, now, public, tell)
            place = folder / rules.name_of(backup_id, manifest.as_of)
            backupfiles.settle(draft, place)
        if drill:
            _drilled(place, drill)
        done_at = now + timedelta(seconds=time.monotonic() - started)
        _remember(folder, place, manifest, done_at, is_drilled=drill is not None)
        removed = _remove_old(folder, done_at, keep, keep_for)
    return Made(backup_id, place, manifest.as_of, manifest.size, len(manifest.businesses), removed)


def _write(draft: Path, backup_id: UUID, now: datetime, public: bytes, tell: Tell) -> rules.Manifest:
    with installation.snapshot() as seen:
        _check_keys(seen)
        dump = backupfiles.dump(
            draft,
            snapshot=seen.snapshot,
            server=seen.postgres,
            tell=lambda done: tell("dump", done, seen.database_bytes),
        )
    bare = rules.Manifest(
        backup_id, now, seen.as_of, seen.lsn, provision.fingerprint(), seen.postgres, dump, seen.businesses
    )
    rings = {pk: replace(one, ring=_ring(draft, bare, pk, seen, public)) for pk, one in seen.businesses.items()}
    manifest = replace(bare, businesses=rings)
    backupfiles.write(draft, rules.MANIFEST, rules.encode(manifest))
    backupfiles.read_back(draft, manifest, tell=lambda done: tell("read back", done, manifest.size))
    backupfiles.read_through(draft, server=seen.postgres)
    return manifest


def _check_keys(seen: installation.Seen) -> None:
    """Before an hour of dumping: without its keyring, or a recovery key, a business could not be restored."""
    for pk, one in seen.businesses.items():
        if not keys.keyring().holds(pk) or pk not in seen.recovery:
            raise Refusal(
                "backup_keys_missing", f"The keys of {one.slug} are missing, so a backup could not bring it back. "
                "Put its keyring file back first.", Kind.UNAVAILABLE,
            )  # fmt: skip


def _ring(draft: Path, bare: rules.Manifest, pk: UUID, seen: installation.Seen, public: bytes) -> rules.File:
    try:
        payload = keys.business(pk).copy()
    except errors.SealingError as error:
        raise keys.unwritable(error) from error
    recipients = {ringcopy.INSTALLATION: public, ringcopy.RECOVERY: seen.recovery[pk]}
    copy = ringcopy.seal(payload, recipients, business=pk, backup=bare.id, told_sha256=rules.seal_of(bare))
    return backupfiles.write(draft, f"{rules.RINGS}/{pk.hex}.ring", copy)


def _drilled(place: Path, drill: Callable[[Path], None]) -> None:
    """One that fails its drill is not kept: it would look like a good one."""
    try:
        drill(place)
    except BaseException:
        backupfiles.remove(place)
        raise


# ── what is remembered of it ──────────────────────────────────────────────────────────────────────────────────────────
def _remember(folder: Path, place: Path, manifest: rules.Manifest, now: datetime, *, is_drilled: bool) -> None:
    backupfiles.remember_decided(folder, manifest.decided)
    backupfiles.remember_closed(folder, closings.certificates())
    for pk, one in manifest.businesses.items():
        _remember_in_ring(pk, one, manifest)
    memory.record(
        now=now, backup_id=manifest.id, started_at=manifest.started_at, as_of=manifest.as_of, lsn=manifest.lsn,
        ledgers={pk.hex: _sizes(one) for pk, one in manifest.businesses.items()},
    )  # fmt: skip
    digest = hashlib.sha256((place / rules.MANIFEST).read_bytes()).hexdigest()
    drilled_at = now if is_drilled else None
    memory.verify(now=now, backup_id=manifest.id, size=manifest.size, manifest_sha256=digest, drilled_at=drilled_at)
    for pk, one in manifest.businesses.items():
        _enter(pk, one, manifest)


def _sizes(one: rules.Ledger) -> dict[str, object]:
    return {"size": one.entries, "tree": one.tree, "root": one.root, "decided": one.decided}


def _remember_in_ring(pk: UUID, one: rules.Ledger, manifest: rules.Manifest) -> None:
    """Where only the database is lost, the ring that stayed says which backups are too old for it."""
    ring = keys.business(pk)
    new = canonical.encode({"as_of": clock.text(manifest.as_of), "decided": one.decided, "size": one.entries})
    try:
        old = ring.get(RING_MEMORY) if ring.names(RING_MEMORY) else None
        ring.compare_and_swap(RING_MEMORY, old, new)
    except errors.SealingError as error:
        raise keys.unwritable(error) from error


def _enter(pk: UUID, one: rules.Ledger, manifest: rules.Manifest) -> None:
    """`backup.made` in the business's own ledger. A closed business writes none any more."""
    place = tenancy.directory().by_id(pk)
    if place is None:
        return
    codes: dict[str, str | int | bool] = {
        "backup": str(manifest.id), "as_of": clock.text(manifest.as_of), "size": one.entries, "root": one.root,
        "tree": one.tree,
    }  # fmt: skip
    with tenancy.tenant_scope(place), unit.work() as u:
        u.entry(unit.Draft("backup.made", "system", codes=codes))


# ── age limits ────────────────────────────────────────────────────────────────────────────────────────────────────────
def _remove_old(folder: Path, now: datetime, keep: int | None, keep_for: retention.Duration | None) -> int:
    """Older ones than asked for go: the newest `keep`, or those younger than `keep_for`, stay. The newest always stays."""
    places = backupfiles.kept_in(folder)
    doomed = places[:-keep] if keep else []
    if keep_for:
        doomed += [place for place in places[:-1] if _is_over(place, keep_for, now)]
    for place in sorted(set(doomed)):
        backup_id = backupfiles.manifest_of(place).id
        backupfiles.remove(place)
        memory.forget(now=now, backup_id=backup_id)
    return len(set(doomed))


def _is_over(place: Path, keep_for: retention.Duration, now: datetime) -> bool:
    return retention.end_of(backupfiles.manifest_of(place).as_of, keep_for) <= now


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two backups into one folder at once would take each other's drafts for leftovers."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Refusal("backup_folder", f"The folder cannot be used: {error.strerror}.", Kind.UNAVAILABLE) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Refusal("backup_running", "Another backup is being made in this folder.", Kind.CONFLICT) from None
    finally:
        os.close(fd)
