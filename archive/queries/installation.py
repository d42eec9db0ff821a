"""The whole installation in one snapshot of the database: what a backup holds, said by the rows that it will hold.

Reads every business's schema by its name, over a connection of its own: the one reader that is in no business, and it
reads numbers, hashes and signed heads only.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from archive.ledger import tiles
from archive.rules import manifest
from portal.kernel import notify

_BUSINESSES = """
    SELECT b.id, b.schema_name, b.slug FROM public.tenants_business b
    WHERE b.state IN ('ready', 'winding', 'closed') AND to_regclass(quote_ident(b.schema_name) || '.archive_entry') IS NOT NULL
    ORDER BY b.id
"""
_FACTS = """
    SELECT (SELECT coalesce(max(index) + 1, 0) FROM {s}.archive_entry),
           (SELECT coalesce(max(index), -1) FROM {s}.archive_entry WHERE kind = 'bucket.decided'),
           (SELECT count(*) FROM {s}.archive_record),
           (SELECT count(*) FROM {s}.messaging_message),
           (SELECT note FROM {s}.archive_checkpoint ORDER BY epoch DESC, size DESC LIMIT 1),
           (SELECT n * 256 + length(hashes) / 32 FROM {s}.archive_tile WHERE level = 0 ORDER BY n DESC LIMIT 1)
"""
_RECOVERY = """
    SELECT public FROM {s}.archive_recipient WHERE kind = 'recovery' AND retired_at IS NULL ORDER BY created_at DESC LIMIT 1
"""
_TILE = "SELECT hashes FROM {s}.archive_tile WHERE level = %s AND n = %s"


@dataclass(frozen=True, slots=True)
class Seen:
    """`snapshot` is what pg_dump is told; it holds as long as the context that gave this."""

    snapshot: str
    as_of: datetime
    lsn: str
    database_bytes: int
    postgres: int
    businesses: dict[UUID, manifest.Ledger]
    recovery: dict[UUID, bytes]


@contextmanager
def snapshot() -> Iterator[Seen]:
    """Everything is read in one transaction, which stays open so that a dump can read the very same."""
    with psycopg.connect(notify.dsn()) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        found = connection.execute(
            "SELECT pg_export_snapshot(), clock_timestamp(), pg_current_wal_lsn()::text, "
            "pg_database_size(current_database()), current_setting('server_version_num')::int / 10000"
        ).fetchone()
        assert found is not None
        name, as_of, lsn, size, postgres = found
        yield Seen(name, as_of, lsn, size, postgres, *_businesses(connection))


def facts_of(dsn: str) -> dict[UUID, manifest.Ledger]:
    """The same facts of another database: one that a backup was restored into."""
    with psycopg.connect(dsn) as connection:
        return _businesses(connection)[0]


def _businesses(
    connection: psycopg.Connection[Any],
) -> tuple[dict[UUID, manifest.Ledger], dict[UUID, bytes]]:
    ledgers, recovery = {}, {}
    for business_id, schema, slug in connection.execute(_BUSINESSES).fetchall():
        ledgers[business_id] = _ledger(connection, schema, slug)
        found = connection.execute(_in(schema, _RECOVERY)).fetchone()
        if found:
            recovery[business_id] = bytes(found[0])
    return ledgers, recovery


def _ledger(connection: psycopg.Connection[Any], schema: str, slug: str) -> manifest.Ledger:
    row = connection.execute(_in(schema, _FACTS)).fetchone()
    assert row is not None
    entries, decided, records, messages, note, tree = row
    statement = _in(schema, _TILE)

    def read_tile(level: int, n: int) -> bytes:
        found = connection.execute(statement, [level, n]).fetchone()
        return bytes(found[0]) if found else b""

    root = tiles.root(read_tile, tree or 0).hex()
    return manifest.Ledger(slug, schema, entries, tree or 0, root, note or "", decided, records, messages)


def _in(schema: str, statement: str) -> sql.Composed:
    return sql.SQL(statement).format(s=sql.Identifier(schema))  # type: ignore[arg-type]
