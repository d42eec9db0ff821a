"""Rows into a table the short way: one INSERT for a few, COPY for many. Inside the caller's transaction."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection

COPY_FROM = 24  # rows; below this COPY's extra round trips cost more than they save


class _Local(threading.local):
    waiting: list[tuple[str, list[Any]]] | None = None


_local = _Local()


def insert(table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """`table` and `columns` are constants of the code, never input. Values are adapted by psycopg."""
    if not rows:
        return
    if len(rows) < COPY_FROM:
        _insert(table, columns, rows)
    else:
        _copy(table, columns, rows)


@contextmanager
def together() -> Iterator[None]:
    """The small inserts of this block go to the server as one message, at its end: one wait instead of one each."""
    _local.waiting = waiting = []
    try:
        yield
    finally:
        _local.waiting = None
    if waiting:
        _execute(";".join(sql for sql, _ in waiting), [value for _, values in waiting for value in values])


def _insert(table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    one = "(" + ",".join(["%s"] * len(columns)) + ")"
    sql = f"INSERT INTO {table} ({_names(columns)}) VALUES "  # noqa: S608 - constants of the code, never input
    sql += ",".join([one] * len(rows))
    values = [value for row in rows for value in row]
    if _local.waiting is None:
        _execute(sql, values)
    else:
        _local.waiting.append((sql, values))


def _execute(sql: str, values: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def _copy(table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({_names(columns)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _names(columns: Sequence[str]) -> str:
    return ",".join(f'"{name}"' for name in columns)
