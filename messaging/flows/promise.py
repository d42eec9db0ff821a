"""What a message says about its record: kept at least until, and by which rule. A retroactive rule moves it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection

_UPDATE = """
    UPDATE messaging_message AS m SET archived_until = n.until, rule = n.rule
      FROM unnest(%s::uuid[], %s::timestamptz[], %s::text[]) AS n (id, until, rule)
     WHERE m.id = n.id
"""


def move(moved: Sequence[tuple[UUID, datetime | None, str]]) -> None:
    """Runs in the caller's unit: nobody is told an end that is not true any more."""
    if moved:
        with connection.cursor() as cursor:
            cursor.execute(_UPDATE, [list(column) for column in zip(*moved, strict=True)])
