"""The review queue: records whose end has passed and whose rule wants people to look before they go.

They are shown by rule and month; a decision is made on a group as it was seen: what joined it later waits. With two or
three stages each is another person's. An approval disposes of nothing: the next run does, and asks everything again.

R1  Nobody approves twice; a record is approved once as many people as the policy says have approved it.
R2  Keeping longer takes the guard, moves the record to the month of its new end and is a promise from then on, like that
    of its sending.
R3  Each slice is one transaction with its entry `disposal.reviewed`, whose ids are the records it decided on.
"""

import hashlib
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from archive.flows import guard, rewrap
from archive.models import DisposalPolicy, Record, Review
from archive.rules import events, retention
from portal.kernel import unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal

SLICE = 2000

_APPROVE = """
    UPDATE archive_review
       SET approved_by = approved_by || %s::uuid, is_approved = cardinality(approved_by) + 1 >= %s
     WHERE message_id = ANY(%s) AND NOT is_approved AND NOT (approved_by @> ARRAY[%s::uuid])
    RETURNING message_id
"""


@dataclass(frozen=True, slots=True)
class Group:
    """Those of a rule (its code) and month (of their end) that stood in the queue at `seen_at`."""

    rule: str
    month: str
    seen_at: datetime


def approve(*, actor: Actor, now: datetime, group: Group) -> int:
    """Say that they may go. → how many were approved by this person now. Refuses who approved all of them before."""
    person = _person(actor)
    stages = (DisposalPolicy.objects.filter(id=1).first() or DisposalPolicy()).review_stages

    def decide(chosen: list[UUID]) -> list[UUID]:
        with connection.cursor() as cursor:
            cursor.execute(_APPROVE, [person, stages, chosen, person])
            return [row[0] for row in cursor.fetchall()]

    done = _in_slices(actor, group, "approve", decide)
    if not done:
        raise Refusal(
            "review_decided", "You approved these already, or nobody needs to any more. Where several people review, "
            "another one is next.", Kind.CONFLICT,
        )  # fmt: skip
    return done


def extend(*, actor: Actor, now: datetime, group: Group, until: datetime) -> int:
    """Keep them until a later instant. → how many."""
    _person(actor)
    if until <= now:
        raise Refusal("end_in_the_past", "Choose a day that is still to come.", field="until")

    def decide(chosen: list[UUID]) -> list[UUID]:
        there = set(Record.objects.filter(message_id__in=chosen).values_list("message_id", flat=True))
        moved = rewrap.move({pk: rewrap.Target(retention.month_of(until), until) for pk in sorted(there)})
        kept = sorted(there - set(moved.stuck))
        events.tell_moved([(pk, until, group.rule) for pk in kept])
        Review.objects.filter(message_id__in=kept).delete()
        return kept

    return _in_slices(actor, group, "extend", decide, until=until.date().isoformat())


def _in_slices(
    actor: Actor, group: Group, decision: str, decide: Callable[[list[UUID]], list[UUID]], **codes: str
) -> int:  # fmt: skip
    """By the group's ids in order, so that it ends whatever each slice decides."""
    done, after = 0, None
    while True:
        with unit.work() as u:
            guard.lock()
            chosen = _chosen(group, after)
            if not chosen:
                return done
            decided = sorted(decide(chosen))
            if decided:
                u.entry(_draft(actor, group, decision, decided, codes))
        done, after = done + len(decided), chosen[-1]


def _chosen(group: Group, after: UUID | None) -> list[UUID]:
    rows = Review.objects.filter(rule=group.rule, month=group.month, since__lte=group.seen_at)
    if after is not None:
        rows = rows.filter(message_id__gt=after)
    return list(rows.order_by("message_id").values_list("message_id", flat=True)[:SLICE])


def _person(actor: Actor) -> UUID:
    actor.require("disposal.manage")
    if actor.kind != "staff" or actor.id is None:
        raise Refusal("not_allowed", "Only a person can review.", Kind.FORBIDDEN)
    return actor.id


def _draft(actor: Actor, group: Group, decision: str, decided: list[UUID], codes: dict[str, str]) -> unit.Draft:
    listed = b"".join(pk.bytes for pk in decided)
    return unit.Draft(
        "disposal.reviewed", actor.label, count=len(decided), ids_sha256=hashlib.sha256(listed).hexdigest(),
        codes={"decision": decision, "rule": group.rule, "month": group.month, **codes},
        detail={"ids": b64encode(listed).decode()},
    )  # fmt: skip
