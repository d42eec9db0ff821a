"""Rows into a table the short way: one INSERT for a few, COPY for many. Inside the caller's transaction.

COPY takes text: fields apart by tabs, rows by newlines, `\\N` for NULL, a backslash before what would be read otherwise
(https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.2). It is written here, a value by its type, because
psycopg asks several questions about every value: 12 µs a row instead of 4.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db import connection

from portal.kernel import planned

COPY_FROM = 24  # rows; below this COPY's extra round trips cost more than they save
ROWS_AT_ONCE = 100  # the server takes these in while the next are written


def insert(table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """`table` and `columns` are constants of the code, never input. Values are None, text, bytes, numbers, booleans, UUIDs
    and aware times; an array is text as PostgreSQL reads it."""
    if not rows:
        return
    if len(rows) < COPY_FROM:
        _insert(table, columns, rows)
    else:
        _copy(table, columns, rows)


def _insert(table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    one = "(" + ",".join(["%s"] * len(columns)) + ")"
    sql = f"INSERT INTO {table} ({_names(columns)}) VALUES "  # noqa: S608 - constants of the code, never input
    sql += ",".join([one] * len(rows))
    values: list[Any] = [value for row in rows for value in row]
    if len(rows) == 1:
        planned.run(sql, values)  # what every single send writes
        return
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def _copy(table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({_names(columns)}) FROM STDIN") as copy:
        for start in range(0, len(rows), ROWS_AT_ONCE):
            copy.write("".join([line(row) for row in rows[start : start + ROWS_AT_ONCE]]).encode())


def _names(columns: Sequence[str]) -> str:
    return ",".join(f'"{name}"' for name in columns)


# ── COPY's text ───────────────────────────────────────────────────────────────────────────────────────────────────────
def line(row: Sequence[object]) -> str:
    """One row as COPY takes it; TypeError for a value of a type that has no spelling here."""
    return "\t".join([_SPELLINGS[value.__class__](value) for value in row]) + "\n"


def _text(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _bytes(value: bytes) -> str:
    return "\\\\x" + value.hex()


def _time(at: datetime) -> str:
    return _utc(at) if at.tzinfo is UTC else str(at)


@lru_cache(maxsize=256)
def _utc(at: datetime) -> str:
    """The rows of a chunk share their times. Of UTC only: two times of another zone can be equal and an hour apart."""
    return str(at)


class _Spellings(dict[type, Callable[[Any], str]]):
    """By exact type; a subclass (a choice is a str) is spelled as the nearest class above it."""

    def __missing__(self, wanted: type) -> Callable[[Any], str]:
        for base in wanted.__mro__:
            if base in self:
                self[wanted] = self[base]
                return self[base]
        raise TypeError(f"COPY has no spelling here for {wanted.__name__}")


_SPELLINGS = _Spellings(
    {
        type(None): lambda value: "\\N",
        str: _text,
        bytes: _bytes,
        memoryview: _bytes,
        int: int.__repr__,
        bool: lambda value: "t" if value else "f",
        UUID: attrgetter("hex"),
        datetime: _time,
    }
)
