"""Searches that somebody asked for: their own only. What is in one is sealed; an address names its id."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from archive.models import AskedSearch
from portal.kernel import errors, keys
from portal.kernel.actors import Actor

CONTEXT = "search"
RECENT = 10
MOST_KEPT = 100  # by one person: searches, and as many views of each list


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
    row = _own(actor).filter(id=search_id).first()
    if row is None:
        raise errors.not_found("search")
    return _open(row)


def list_kept_for(actor: Actor) -> list[Asked]:
    actor.require("archive.search")
    return [_open(row) for row in _kept(actor)]


def list_all_for(actor: Actor) -> tuple[list[Asked], list[Asked]]:
    """Those that are kept, and the newest of those that are not; in one statement."""
    actor.require("archive.search")
    recent = _own(actor).filter(is_kept=False).order_by("-id")[:RECENT]
    found = sorted((_open(row) for row in _kept(actor).union(recent, all=True)), key=lambda one: one.id, reverse=True)
    return [one for one in found if one.is_kept], [one for one in found if not one.is_kept]


def _kept(actor: Actor) -> "QuerySet[AskedSearch]":
    return _own(actor).filter(is_kept=True).order_by("-id")[:MOST_KEPT]


def list_views_for(actor: Actor, of: str) -> list[Asked]:
    """Their views of one list of the console, by name."""
    return sorted((_open(row) for row in _own(actor, of)[:MOST_KEPT]), key=lambda one: one.name.casefold())


def _own(actor: Actor, of: str = "") -> "QuerySet[AskedSearch]":
    return AskedSearch.objects.filter(staff_id=actor.own_id("staff"), of=of)


def _open(row: AskedSearch) -> Asked:
    told = json.loads(keys.open_field(CONTEXT, row.id, row.sealed))
    return Asked(row.id, told["name"], told["query"], told["reason"], told["text"], row.is_kept, row.asked_at)
