"""A drill: the backup's rows in a scratch database, counted, and every ledger recomputed from its leaves. Needs no key, and
shows that the dump restores and that its ledgers are whole; that the keys open shows only a restore with the key."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
from psycopg import sql

from archive.flows import backupfiles, restore
from archive.ledger import merkle
from archive.queries import installation
from archive.rules import manifest as rules
from portal.kernel import notify


@dataclass(frozen=True, slots=True)
class Checked:
    businesses: int
    entries: int


def check(*, place: Path, tell: restore.Tell = lambda *_: None) -> Checked:
    """Into the database of the settings, which must be empty, and is a scratch one. Raises `backup_altered`."""
    manifest = backupfiles.manifest_of(place)
    backupfiles.read_back(place, manifest, tell=lambda done: tell("check", done, manifest.size))
    restore.check_empty()
    restore.fill(place, manifest, tell)
    found = installation.facts_of(notify.dsn())
    for pk, told in manifest.businesses.items():
        if found.get(pk) != replace(told, ring=None):
            raise backupfiles.altered(f"{told.slug} does not hold what its manifest says")
        _recompute(told)
    return Checked(len(found), sum(one.entries for one in found.values()))


def _recompute(told: rules.Ledger) -> None:
    with psycopg.connect(notify.dsn()) as connection, connection.cursor(name="leaves") as cursor:
        cursor.itersize = 5_000
        statement = "SELECT index, leaf FROM {s}.archive_entry WHERE index < %s ORDER BY index"
        cursor.execute(sql.SQL(statement).format(s=sql.Identifier(told.schema)), [told.tree])
        root = merkle.root(_hashes(cursor, told))
    if root.hex() != told.root:
        raise backupfiles.altered(f"the entries of {told.slug} do not make the tree that was signed")


def _hashes(rows: Iterator[tuple[int, bytes]], told: rules.Ledger) -> Iterator[bytes]:
    for expected, (index, leaf) in enumerate(rows):
        if index != expected:
            raise backupfiles.altered(f"entries of {told.slug} are missing")
        yield merkle.hash_leaf(bytes(leaf))
