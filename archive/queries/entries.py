"""Listing the ledger. Keyset by index: entries are dense and ordered in time, so a range of time is a range of indexes."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from archive.models import Entry
from archive.queries import tree
from archive.rules import campaigns
from portal.kernel import clock, errors
from portal.kernel.actors import Actor

MOST = 1000
FIELDS = ("index", "kind", "time", "customer_id", "run_id", "message_id", "actor", "leaf", "detail")


@dataclass(frozen=True, slots=True)
class Filter:
    """`start` and `end` are indexes, `after` (included) and `before` (not) are times; all optional. `kind` may end in `.*`."""

    start: int | None = None
    end: int | None = None
    after: datetime | None = None
    before: datetime | None = None
    kind: str = ""
    customer: UUID | None = None
    campaign: UUID | None = None
    message: UUID | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """An entry as lists show it. `leaf` is the exact bytes; `campaign` the one it is about, whose run the leaf names."""

    index: int
    kind: str
    time: datetime
    customer: UUID | None
    campaign: UUID | None
    message: UUID | None
    actor: str
    leaf: bytes
    has_detail: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "index": self.index, "kind": self.kind, "time": clock.text(self.time), "customer": self.customer,
            "campaign": self.campaign, "leaf": base64.b64encode(self.leaf).decode(),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Page:
    """`next` is the index after the last one looked at, None at the end."""

    results: list[Header]
    next: int | None


def list_for(
    actor: Actor, asked: Filter, *, limit: int = 50, cursor: int | None = None, newest_first: bool = False
) -> Page:
    """Entries in order of index (or from the newest back); `cursor` is the `next` of the page before."""
    actor.require("archive.list")
    limit = max(1, min(limit, MOST))
    rows = _narrow(Entry.objects.all(), asked)
    if cursor is not None:
        rows = rows.filter(index__lte=cursor) if newest_first else rows.filter(index__gte=cursor)
    rows = rows.order_by("-index" if newest_first else "index")
    found = headers(list(rows.values_list(*FIELDS)[: limit + 1]))
    return Page(found[:limit], found[limit].index if len(found) > limit else None)


def get_entry_for(actor: Actor, index: int) -> Header:
    """One entry; absent and forbidden look the same to whoever may not list."""
    actor.require("archive.list")
    row = Entry.objects.filter(index=index).values_list(*FIELDS).first()
    if row is None:
        raise errors.not_found("entry")
    return headers([row])[0]


def index_at(moment: datetime) -> int:
    """The index of the first entry at or after `moment`: a search by halves over dense indexes, some twenty look-ups of the
    primary key, so that time needs no index of its own on the hot path."""
    low, high = 0, tree.entry_count()
    while low < high:
        middle = (low + high) // 2
        if Entry.objects.filter(index=middle).values_list("time", flat=True).get() < moment:
            low = middle + 1
        else:
            high = middle
    return low


def _narrow(rows: "QuerySet[Entry]", asked: Filter) -> "QuerySet[Entry]":
    starts = [value for value in (asked.start, index_at(asked.after) if asked.after else None) if value is not None]
    if starts:
        rows = rows.filter(index__gte=max(starts))
    if asked.end is not None:
        rows = rows.filter(index__lte=asked.end)
    if asked.before:
        rows = rows.filter(index__lt=index_at(asked.before))
    if asked.campaign is not None:
        rows = rows.filter(run_id__in=campaigns.runs_of([asked.campaign]))
    same = {"customer_id": asked.customer, "message_id": asked.message}
    rows = rows.filter(**{name: value for name, value in same.items() if value is not None})
    if asked.kind.endswith(".*"):
        return rows.filter(kind__startswith=asked.kind[:-1])
    return rows.filter(kind=asked.kind) if asked.kind else rows


def headers(found: Sequence[tuple[Any, ...]]) -> list[Header]:
    """Of rows of `FIELDS`; the campaigns of all of them in one look."""
    of_run = campaigns.campaigns_of(row[4] for row in found if row[4] is not None)
    return [_header(row, of_run.get(row[4])) for row in found]


def _header(row: tuple[Any, ...], campaign: UUID | None) -> Header:
    index, kind, time, customer, _, message, actor, leaf, detail = row
    return Header(index, kind, time, customer, campaign, message, actor, bytes(leaf), detail is not None)
