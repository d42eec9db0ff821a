"""A tag for many customers at once, or away from them. Slice by slice: what was cut off is asked for again, and nothing is done
twice, since a customer has a tag or has it not."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from messaging.flows import roster
from messaging.rules import tags
from portal.kernel import unit
from portal.kernel.actors import Actor

SLICE = 1000

Change = Callable[[list[str]], list[str]]


def add(*, actor: Actor, now: datetime, customer_ids: Sequence[UUID], tag: str) -> int:
    """→ how many did not have it. Refuses `too_many_tags` for a slice in which somebody has fifty."""
    one = tags.tags([tag])
    return _change(actor, now, customer_ids, lambda before: tags.tags([*before, *one]), {"act": "add"})


def remove(*, actor: Actor, now: datetime, customer_ids: Sequence[UUID], tag: str) -> int:
    """→ how many had it."""
    gone = tags.same(tags.tags([tag])[0])
    return _change(
        actor, now, customer_ids, lambda before: [one for one in before if tags.same(one) != gone], {"act": "remove"}
    )


def _change(
    actor: Actor, now: datetime, customer_ids: Sequence[UUID], change: Change, codes: dict[str, str | int | bool]
) -> int:
    actor.require("customer.manage")
    ordered = sorted(customer_ids)
    return sum(
        _slice(actor, now, ordered[start : start + SLICE], change, codes) for start in range(0, len(ordered), SLICE)
    )


def _slice(
    actor: Actor, now: datetime, customer_ids: Sequence[UUID], change: Change, codes: dict[str, str | int | bool]
) -> int:
    with unit.work() as u:
        moved = []
        for one in roster.lock("id", customer_ids):
            after = change(one.profile.tags)
            if after != one.profile.tags:
                moved.append(replace(one, profile=replace(one.profile, tags=after)))
        roster.change(moved, now)
        if moved:
            u.entry(roster.draft("customers.tagged", actor, (one.subject_id for one in moved), codes))
    return len(moved)
