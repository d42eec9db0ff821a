"""Rules of supervision as they are read, how far the looking is, and what it could not look at."""

import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from archive.models import Case, Supervision, SupervisionGap, SupervisionState
from archive.queries import tree
from portal.kernel import keys
from portal.kernel.actors import Actor
from portal.sealing import errors as sealing

NAME, WORDS = "supervision.name", "supervision.words"


@dataclass(frozen=True, slots=True)
class Reach:
    """Every entry below `upto` was looked at; `behind` are not yet."""

    upto: int
    behind: int
    looked_at: datetime | None


def get_rules_for(actor: Actor) -> "QuerySet[Supervision]":
    actor.require("case.manage")
    return Supervision.objects.all()


def get_standing_for(actor: Actor) -> UUID | None:
    """The case that supervision feeds, once there is one."""
    actor.require("archive.review")
    return Case.objects.filter(is_standing=True).values_list("id", flat=True).first()


def get_gaps_for(actor: Actor) -> list[SupervisionGap]:
    """Oldest month first."""
    actor.require("case.manage")
    return list(SupervisionGap.objects.order_by("month"))


def reach() -> Reach:
    state = SupervisionState.objects.filter(id=1).first()
    upto = state.upto if state else 0
    return Reach(upto, tree.entry_count() - upto, state.looked_at if state else None)


def names_by_code() -> dict[str, str]:
    """What a rule's code on an item means to a person."""
    return {row.code: name_of(row) for row in Supervision.objects.only("id", "code", "sealed_name")}


def name_of(row: Supervision) -> str:
    try:
        return keys.open_field(NAME, row.id, row.sealed_name).decode()
    except (sealing.SealingError, UnicodeDecodeError):
        return ""


def lines_of(row: Supervision) -> list[str]:
    """Refuses to guess: a rule whose words cannot be opened must stop the looking, not find nothing."""
    return list(json.loads(keys.open_field(WORDS, row.id, row.sealed_words)))
