"""Searches that somebody asked for: their own only. What is in one is sealed; an address names its id."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from archive.models import AskedSearch
from portal.kernel import errors, keys
from portal.kernel.actors import Actor

CONTEXT = "search"
RECENT = 10


@dataclass(frozen=True, slots=True)
class Asked:
    id: UUID
    name: str = field(repr=False)
    query: str = field(repr=False)
    reason: str = field(repr=False)
    with_text: bool
    is_kept: bool
    asked_at: datetime


def get_asked_for(actor: Actor, search_id: UUID) -> Asked:
    """One's own; anybody else's looks as if it did not exist."""
    actor.require("archive.search")
    row = AskedSearch.objects.filter(id=search_id, staff_id=actor.id).first()
    if row is None:
        raise errors.not_found("search")
    return _open(row)


def list_kept_for(actor: Actor) -> list[Asked]:
    actor.require("archive.search")
    return [_open(row) for row in AskedSearch.objects.filter(staff_id=actor.id, is_kept=True).order_by("-id")[:100]]


def list_recent_for(actor: Actor) -> list[Asked]:
    actor.require("archive.search")
    rows = AskedSearch.objects.filter(staff_id=actor.id, is_kept=False).order_by("-id")[:RECENT]
    return [_open(row) for row in rows]


def _open(row: AskedSearch) -> Asked:
    told = json.loads(keys.open_field(CONTEXT, row.id, row.sealed))
    return Asked(row.id, told["name"], told["query"], told["reason"], told["text"], row.is_kept, row.asked_at)
