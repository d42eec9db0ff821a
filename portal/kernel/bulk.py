"""Rows into a table the short way: one INSERT for a few, COPY for many. Inside the caller's transaction."""

from collections.abc import Sequence

from django.db import connection

COPY_FROM = 24  # rows; below this COPY's extra round trips cost more than they save


def insert(table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """`table` and `columns` are constants of the code, never input. Values are adapted by psycopg."""
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
    with connection.cursor() as cursor:
        cursor.execute(sql, [value for row in rows for value in row])


def _copy(table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({_names(columns)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _names(columns: Sequence[str]) -> str:
    return ",".join(f'"{name}"' for name in columns)
