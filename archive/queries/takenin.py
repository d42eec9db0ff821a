"""How far the index of search is, and what is not in it yet. What is taken in meanwhile is in both, and missed by neither."""

from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Q, QuerySet
from django.db.models.functions import JSONArray

from archive.models import Entry, SearchState

SENT = ("message.sent", "message.received")


def upto() -> int:
    """Entries below it were taken in."""
    return SearchState.objects.filter(id=1).values_list("upto", flat=True).first() or 0


def with_rows(rows: "QuerySet[Any]", *names: str) -> tuple[int, list[Any]]:
    """`upto`, and these columns of rows of the index as of the same instant, in one statement; a day comes as its text."""
    listed = ArraySubquery(rows.values(row=JSONArray(*names)))
    return SearchState.objects.filter(id=1).values_list("upto", listed).first() or (0, [])


def late(upto: int) -> Q:
    """Records of entries that were not taken in then."""
    entries = Entry.objects.filter(index__gte=upto, kind__in=SENT, message_id__isnull=False)
    return Q(message_id__in=entries.values("message_id"))
