"""COPY's text says what an INSERT would have said, whatever stands in a value."""

import enum
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction

from portal.kernel import bulk

TEXTS = ["", "\\N", "\\.", "a\tb", "a\nb", "a\rb", "\\", "\\t", "\x01\x08\x0b\x7f", '{"é": "\U0001f600"}', "  ends  "]
HOUR_TWICE = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))
TIMES = [
    datetime(2026, 1, 2, 3, 4, 5, 6, UTC), datetime(2026, 1, 2, tzinfo=UTC), datetime.max.replace(tzinfo=UTC),
    datetime(2026, 1, 2, 3, 4, tzinfo=timezone(timedelta(hours=5, minutes=30))), HOUR_TWICE, HOUR_TWICE.replace(fold=1), None,
]  # fmt: skip


class Word(enum.StrEnum):
    SAID = "it's\n"


def read_back(kind, values):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE bulk_try (n bigint, value {kind}) ON COMMIT DROP")
        bulk.insert("bulk_try", ("n", "value"), list(enumerate(values)))
        cursor.execute("SELECT value FROM bulk_try ORDER BY n")
        return [value for (value,) in cursor.fetchall()]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("text", [*TEXTS, None, Word.SAID]), ("bytea", [b"", b"\\x00", bytes(range(256)), None]), ("timestamptz", TIMES),
        ("boolean", [True, False, None]), ("bigint", [0, -(2**63), 2**63 - 1, None]), ("uuid", [UUID(int=1), None]),
        ("bigint[]", ["{}", "{-1,2}"]),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)  # fmt: skip
def test_many_rows_are_stored_as_few_are(fresh, kind, values):
    many = values * bulk.COPY_FROM
    assert len(values) < bulk.COPY_FROM <= len(many)
    with fresh().inside():
        assert read_back(kind, many) == read_back(kind, values) * bulk.COPY_FROM


def test_a_value_without_a_spelling_is_refused():
    with pytest.raises(TypeError, match="float"):
        bulk.line([1.5])
