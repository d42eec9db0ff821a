"""Statements that run with every message: bound at the server, which keeps their plan by connection.

Django's own cursors write values into the text, so the server plans each statement anew, and for a join of four tables
that takes longer than reading it. A plan is never another business's: the server plans again when the search path differs
from the one it planned for.
"""

from collections.abc import Sequence
from typing import Any

import psycopg
from django.db import connection

AFTER = 2  # runs on a connection before its plan is kept


def fetch(sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    """All rows of one statement, which is a constant of the code."""
    with connection.cursor() as cursor:
        cursor.cursor = psycopg.Cursor(_keeping_plans(connection.connection))
        cursor.execute(sql, values)
        return cursor.fetchall()


def fetch_bytes(sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    """As `fetch`, with bytea as `bytes` and without a way through text: for thousands of rows."""
    with connection.cursor() as cursor:
        cursor.cursor = psycopg.Cursor(_keeping_plans(connection.connection))
        cursor.cursor.format = psycopg.pq.Format.BINARY
        cursor.execute(sql, values)
        return cursor.fetchall()


def run(sql: str, values: Sequence[Any]) -> None:
    """One statement that answers nothing, a constant of the code."""
    with connection.cursor() as cursor:
        cursor.cursor = psycopg.Cursor(_keeping_plans(connection.connection))
        cursor.execute(sql, values)


def _keeping_plans(raw: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    """Left to itself the server would plan most of them again and again, since few rows cost less than it guesses."""
    if raw.prepare_threshold is None:
        raw.execute("SET plan_cache_mode = force_generic_plan")
        raw.prepare_threshold = AFTER
    return raw
