"""Which retention rule a message falls under, and until when it is kept at least."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from archive.models import Rule
from archive.rules import events, retention, terms
from archive.rules.terms import Terms
from portal.kernel import tenancy
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal, not_found

FRESH_FOR = 3.0
Scope = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Retention:
    """`rule` is the code of the rule that decides, as leaves carry it, `name` its name for people, `keep_for` and `event`
    what it says; `until` None for an end not known yet."""

    rule: str
    until: datetime | None
    name: str = ""
    keep_for: str = ""
    event: str = events.SENT


@dataclass(frozen=True, slots=True)
class _Known:
    fresh_until: float
    rules: tuple[Terms, ...]
    covering: dict[Scope, tuple[Terms, ...]] = field(default_factory=dict)


_known: dict[UUID, _Known] = {}


def retention_for(
    *, category: str, kind: str, at: datetime, purpose: str = "service", gone_at: datetime | None = None
) -> Retention:
    """The rule that decides for a message of this category, kind and purpose that is sent `at` and ends at `gone_at` (None:
    not known yet). Every message asks, so the rules are remembered for a few seconds: one that just got longer still holds
    when its records come up for disposal, where rules are asked again (`queries.ends`)."""
    rules = _covering((category, kind, purpose))
    starts = {events.SENT: at, events.ENDED: gone_at}
    until, rule = terms.latest([(one.end(starts.get(one.event)), one) for one in rules])
    return Retention(rule.code, until, rule.name, rule.keep_for, rule.event)


def forget() -> None:
    """A rule changed in this process (the others see it within `FRESH_FOR` seconds)."""
    _known.clear()


def terms_of(row: Rule) -> Terms:
    return Terms(
        code=row.code, keep=retention.parse(row.keep_for), event=row.event, action=row.action, category=row.category,
        kind=row.kind, purpose=row.purpose, name=row.name, keep_for=row.keep_for, is_default=row.is_default,
        is_locked=row.is_locked,
    )  # fmt: skip


def in_order(rows: Iterable[Rule]) -> list[Rule]:
    """The narrowest scope first, then the older; the default last."""
    return sorted(rows, key=lambda row: (row.is_default, -_narrowness(row), row.id))


def in_force() -> list[Rule]:
    """The rules in force, read now, in the order in which they are shown."""
    return in_order(Rule.objects.filter(state=Rule.State.ACTIVE))


def check_may_see(actor: Actor) -> None:
    """A program that writes rules need not be given both scopes."""
    if not actor.may("retention.manage"):
        actor.require("retention.view")


def get_rule_for(actor: Actor, rule_id: UUID) -> Rule:
    check_may_see(actor)
    row = Rule.objects.filter(id=rule_id).first()
    if row is None:
        raise not_found("rule")
    return row


def _narrowness(row: Rule) -> int:
    return sum(part != "" for part in (row.category, row.kind, row.purpose))


def _covering(scope: Scope) -> tuple[Terms, ...]:
    business = tenancy.here().id
    known = _known.get(business)
    if known is None or known.fresh_until < time.monotonic():
        known = _known[business] = _Known(time.monotonic() + FRESH_FOR, tuple(map(terms_of, in_force())))
    found = known.covering.get(scope)
    if found is None:
        category, kind, purpose = scope
        found = known.covering[scope] = terms.covering(known.rules, category=category, kind=kind, purpose=purpose)
    if not found:
        raise Refusal("archive_not_ready", "This business has no retention rule yet.", Kind.UNAVAILABLE)
    return found
