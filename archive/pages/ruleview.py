"""Retention rules in words: what a rule covers, how long it keeps, which of two wins."""

from collections.abc import Iterable, Mapping
from typing import Any

from archive.flows.rulecheck import Wanted
from archive.models import Approval, Rule
from archive.queries import ends, rules, simulation
from archive.rules import endings, events, overlaps, retention, scopes, terms
from archive.rules.overlaps import Overlap
from archive.rules.terms import Terms
from portal.kernel.actors import Actor
from portal.web import names

EVENTS = (
    (events.SENT, "it was sent"),
    (events.ENDED, "it ended on devices"),
    (events.CONVERSATION_CLOSED, "its conversation was closed"),
    (events.CUSTOMER_CLOSED, "the customer was closed"),
)
ACTIONS = ((terms.DISPOSE, "Dispose of it"), (terms.REVIEW, "People look first"))
UNITS = (("D", "days"), ("W", "weeks"), ("M", "months"), ("Y", "years"))


def keeps(keep_for: str, event: str) -> str:
    """ "6 years after it was sent"."""
    said = dict(EVENTS).get(event) or f"the date “{event.removeprefix(events.FIELD)}” of the customer"
    return f"{retention.words(retention.parse(keep_for))} after {said}"


def covers(rule: Rule | Terms, categories: Mapping[str, str]) -> str:
    """ "Everything", or what of it."""
    parts = [
        f"category {categories.get(rule.category, rule.category)}" if rule.category else "",
        scopes.KINDS.get(rule.kind, rule.kind) if rule.kind else "",
        f"{rule.purpose} purpose" if rule.purpose else "",
    ]
    text = ", ".join(part for part in parts if part)
    if text:
        return text[0].upper() + text[1:]
    return "What no other rule covers" if rule.is_default and not rule.is_locked else "Everything"


def shown(rows: Iterable[Rule], categories: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """Rules as the pages show them, without who did what."""
    known = scopes.categories() if categories is None else categories
    return [_shown(row, known) for row in rows]


def with_people(rows: Iterable[Rule]) -> list[dict[str, Any]]:
    """The same, and by name who wrote, activated, locked and retired each."""
    listed = list(rows)
    people = names.actors({label for row in listed for label in _labels(row).values() if label})
    return [
        {**one, **{act: people.get(label, label) for act, label in _labels(row).items()}}
        for row, one in zip(listed, shown(listed), strict=True)
    ]


def _labels(row: Rule) -> dict[str, str]:
    return {
        "created_by": row.created_by, "activated_by": row.activated_by, "locked_by": row.locked_by, "retired_by": row.retired_by,
    }  # fmt: skip


def _shown(row: Rule, categories: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": row.id, "code": row.code, "name": row.name, "state": row.state, "covers": covers(row, categories),
        "keeps": keeps(row.keep_for, row.event), "keep_for": row.keep_for, "action": row.action, "is_default": row.is_default,
        "is_locked": row.is_locked, "is_thrown_away": row.state == Rule.State.RETIRED and row.activated_at is None,
        "created_at": row.created_at, "simulated_at": row.simulated_at, "activated_at": row.activated_at,
        "retired_at": row.retired_at, "locked_at": row.locked_at, "is_retroactive": row.is_retroactive,
        "applied_count": row.applied_count, "applied_at": row.applied_at,
    }  # fmt: skip


def overlapping(found: Iterable[Overlap], ids: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Pairs in words: which wins, and why."""
    return [
        {
            "one": _named(pair.one, ids), "other": _named(pair.other, ids),
            "wins": _named(pair.wins, ids) if pair.wins else None,
            "keeps": keeps(pair.wins.keep_for, pair.wins.event) if pair.wins else "",
        }
        for pair in found
    ]  # fmt: skip


def _named(rule: Terms, ids: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": rule.name, "id": ids.get(rule.code)}


def conflicts(row: Rule) -> list[dict[str, Any]]:
    """Of one rule, with those in force."""
    active = rules.in_force()
    others = [rules.terms_of(one) for one in active if one.id != row.follows_id]
    ids = {one.code: one.id for one in [*active, row]}
    return overlapping(overlaps.with_one(rules.terms_of(row), others), ids)


def all_conflicts(active: list[Rule]) -> list[dict[str, Any]]:
    return overlapping(overlaps.find([rules.terms_of(one) for one in active]), {one.code: one.id for one in active})


def versions(row: Rule) -> list[Rule]:
    """The whole family, the newest first."""
    family = row.code.partition(".")[0]
    rows = [one for one in Rule.objects.filter(code__startswith=family) if one.code.partition(".")[0] == family]
    return sorted(rows, key=lambda one: one.id, reverse=True)


def told(found: simulation.Result) -> dict[str, Any]:
    """A simulation as the page draws it."""
    by_code = ends.read_book().by_code
    decided = [
        {"name": f"“{by_code[code].name}”" if code in by_code else "this rule", "count": n}
        for code, n in found.decided.items()
    ]
    return {
        "found": found, "bars": endings.bars(found.months), "width": endings.WIDTH, "height": endings.HEIGHT,
        "decided": decided,
    }  # fmt: skip


def waiting_for(row: Rule, reader: Actor) -> dict[str, Any] | None:
    """The request that waits for a second person, and whose it is."""
    asked = Approval.objects.filter(target_id=row.id, state__in=Approval.WAITING).order_by("-asked_at").first()
    if asked is None:
        return None
    return {
        "asked_at": asked.asked_at, "acts_at": asked.acts_at, "is_own": asked.person_id == reader.id,
        "asked_by": names.actors([asked.asked_by]).get(asked.asked_by, asked.asked_by),
    }  # fmt: skip


def values_of(wanted: Wanted) -> dict[str, str]:
    """A rule as the form shows it: a number and a unit where it is that simple."""
    number, unit = _simple(wanted.keep_for)
    is_field = wanted.event.startswith(events.FIELD)
    return {
        "name": wanted.name, "number": number, "unit": unit, "from": "field" if is_field else wanted.event,
        "field": wanted.event.removeprefix(events.FIELD) if is_field else "", "action": wanted.action,
        "category": wanted.category, "kind": wanted.kind, "purpose": wanted.purpose,
    }  # fmt: skip


def _simple(keep_for: str) -> tuple[str, str]:
    """P18M → 18, M. What has several parts is written in days or months, whichever it has."""
    body, unit = keep_for[1:-1], keep_for[-1:]
    if body.isdigit():
        return body, unit
    span = retention.parse(keep_for)
    return (str(span.months), "M") if not span.days else (str(span.months * 31 + span.days), "D")


def csv_rows(rows: Iterable[Rule]) -> list[dict[str, Any]]:
    return [
        {
            "code": row.code, "name": row.name, "state": row.state, "category": row.category, "kind": row.kind,
            "purpose": row.purpose, "keep_for": row.keep_for, "from": row.event, "action": row.action,
            "locked_at": row.locked_at, "created_at": row.created_at, "activated_at": row.activated_at,
            "retired_at": row.retired_at,
        }
        for row in rows
    ]  # fmt: skip
