"""How many rows several questions have, asked in one statement."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

MOST = 500  # in one statement: PostgreSQL takes 1,664 columns
Asked = Mapping[str, "QuerySet[Any]"]


def count(asked: Asked) -> dict[str, int]:
    """By the names they were asked by. One that is cut (`[:1000]`) is counted no further than that."""
    listed = list(asked.items())
    found = {}
    for start in range(0, len(listed), MOST):
        found |= _count(dict(listed[start : start + MOST]))
    return found


def _count(asked: Asked) -> dict[str, int]:
    counted = [_counted(rows) for rows in asked.values()]
    sql, values = ", ".join(part for part, _ in counted), [value for _, given in counted for value in given]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {sql}", values)
        return dict(zip(asked, cursor.fetchone(), strict=True))


def _counted(rows: "QuerySet[Any]") -> tuple[str, list[Any]]:
    """No order: a number has none. A `none()` has no statement at all."""
    plain = rows if rows.query.is_sliced else rows.order_by()
    try:
        sql, given = plain.values("pk").query.sql_with_params()
    except EmptyResultSet:
        return "0", []
    return f"(SELECT count(*) FROM ({sql}) AS counted)", list(given)  # noqa: S608 - compiled by Django, values apart
