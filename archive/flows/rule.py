"""Retention rules: written, tried, put in force, locked, retired. Every change takes the guard, like a hold and a disposal.

    draft ── simulated ── active ──────────────── retired (or followed by its next version)
                             └── locked, one way

R1  What was promised stands: a record's end is the latest of its promise and of every rule in force that covers it. So a new
    rule acts on what is sent from then on, and on what is there only where it keeps longer.
R2  Where a change lets any record go sooner, a second person decides: a rule that is made retroactive, or one that leaves
    and kept records longer than their promise. It is looked at again when they say yes.
R3  A locked rule stays, or is followed by one that keeps everything of its scope at least as long: for everybody, by any
    door. A narrower rule beside it only adds to it.
R4  There is one default rule in force, always.
Irreversible: a lock; what a disposal does by a retroactive rule (`flows.ruleapply` moves the ends).
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from archive.flows import approval, guard, rulecheck
from archive.flows.rulecheck import Wanted
from archive.models import Rule
from archive.queries import ends, rules, simulation, weakening
from archive.rules import acts, terms
from portal.kernel import ids, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal, not_found

MANAGE = "retention.manage"
ACTIVATE, RETIRE = "rule.activate", "rule.retire"
SAID = ("keep_for", "from", "action", "category", "kind", "purpose")
Codes = dict[str, str | int | bool]
State = Rule.State


@dataclass(frozen=True, slots=True)
class Changed:
    """`state` is the rule's, or approving while a second person has to say yes to `approval`."""

    id: UUID
    state: str
    approval: UUID | None = None


def create(*, actor: Actor, now: datetime, wanted: Wanted, follows: UUID | None = None) -> Rule:
    """Write a draft: of a new rule, or of the next version of one in force."""
    actor.require(MANAGE)
    rulecheck.check(wanted)
    with unit.work() as u:
        guard.lock()
        before = _followed(follows, wanted) if follows else None
        row = Rule(
            id=ids.uuid7(), code=_next_code(before), state=State.DRAFT, follows_id=follows, created_at=now,
            created_by=actor.label, is_default=bool(before and before.is_default),
        )  # fmt: skip
        _fill(row, wanted)
        row.save(force_insert=True)
        u.entry(_draft("rule.created", actor, row, _codes(row), {"name": row.name}))
    return row


def change(*, actor: Actor, now: datetime, rule_id: UUID, wanted: Wanted) -> Rule:
    """Change a draft. It has to be simulated again."""
    actor.require(MANAGE)
    rulecheck.check(wanted)
    with unit.work() as u:
        guard.lock()
        row = _locked(rule_id)
        _must_be_draft(row)
        if row.follows_id:
            _followed(row.follows_id, wanted)
        _fill(row, wanted)
        row.changed_at, row.simulated_at = now, None
        row.save()
        u.entry(_draft("rule.changed", actor, row, _codes(row), {"name": row.name}))
    return row


def simulate(*, actor: Actor, now: datetime, rule_id: UUID) -> simulation.Result:
    """Try it on the real records. Changes nothing but that it was tried, which is an entry."""
    actor.require(MANAGE)
    row = rules.get_rule_for(actor, rule_id)
    found = simulation.run(rules.terms_of(row), _code_of(row.follows_id), now)
    with unit.work() as u:
        guard.lock()
        row = _locked(rule_id)
        if row.state == State.DRAFT:
            row.simulated_at = now
            row.save(update_fields=["simulated_at"])
        counts: Codes = {
            "matched": found.matched,
            "held": found.held,
            "freed": found.freed,
            "exact": not found.is_estimate,
        }
        u.entry(_draft("rule.simulated", actor, row, counts))
    return found


def activate(
    *, actor: Actor, now: datetime, rule_id: UUID, retroactive: bool = False, reason: str = ""
) -> Changed:  # fmt: skip
    """Put it in force; `approving` where a second person has to agree (then a reason is needed). Again changes nothing."""
    actor.require(MANAGE)
    with unit.work() as u:
        guard.lock()
        row = _locked(rule_id)
        if row.state == State.ACTIVE:
            return Changed(row.id, row.state)
        after = _must_fit(row)
        if not _frees(row, after, retroactive):
            return _activate(u, row, actor, now, retroactive=False)
        asked = approval.ask(
            actor=actor, now=now, kind=ACTIVATE, target=row.id, reason=reason,
            codes={"rule": row.code, **_codes(row), "retroactive": retroactive},
        )  # fmt: skip
    return Changed(rule_id, "approving", asked.id)


def retire(*, actor: Actor, now: datetime, rule_id: UUID, reason: str = "") -> Changed:
    """Take it out of force; a draft is thrown away. `approving` where records would go sooner. Again changes nothing."""
    actor.require(MANAGE)
    with unit.work() as u:
        guard.lock()
        row = _locked(rule_id)
        if row.state == State.RETIRED:
            return Changed(row.id, row.state)
        _may_retire(row)
        book = ends.read_book()
        if row.state == State.DRAFT or not weakening.frees(book, ends.without(book, row.code)):
            return _retire(u, row, actor, now)
        asked = approval.ask(actor=actor, now=now, kind=RETIRE, target=row.id, codes={"rule": row.code}, reason=reason)
    return Changed(rule_id, "approving", asked.id)


def lock(*, actor: Actor, now: datetime, rule_id: UUID) -> Changed:
    """One way: from now on it can only be followed by a rule that keeps at least as long. Again changes nothing."""
    actor.require(MANAGE)
    with unit.work() as u:
        guard.lock()
        row = _locked(rule_id)
        if row.state != State.ACTIVE:
            raise Refusal("rule_not_active", "Only a rule in force can be locked.", Kind.CONFLICT, state=row.state)
        if not row.is_locked:
            row.is_locked, row.locked_at, row.locked_by = True, now, actor.label
            row.save(update_fields=["is_locked", "locked_at", "locked_by"])
            u.entry(_draft("rule.locked", actor, row))
            u.after_commit(rules.forget)
    return Changed(row.id, row.state)


def register() -> None:
    page = "console:archive_rule"
    approval.register(ACTIVATE, acts.Act(MANAGE, "Put a retention rule in force", _carry_activation, describe, page))
    approval.register(RETIRE, acts.Act(MANAGE, "Retire a retention rule", _carry_retirement, describe, page))


def describe(target_id: UUID, codes: acts.Codes) -> str:
    row = Rule.objects.filter(id=target_id).first()
    if row is None:
        return ""
    if codes.get("retroactive"):
        return f"Put “{row.name}” in force, for records that are there already too: some will go sooner"
    return f"“{row.name}”: records that it, or the rule before it, keeps now will go sooner"


# ── parts ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _carry_activation(*, actor: Actor, now: datetime, target_id: UUID, codes: acts.Codes) -> None:
    """The second person said yes. Everything is checked again: meanwhile it may have been changed."""
    with unit.work() as u:
        guard.lock()
        row = _locked(target_id)
        if row.state != State.ACTIVE:
            _must_fit(row)
            _must_be_as_asked(row, codes)
            _activate(u, row, actor, now, retroactive=bool(codes.get("retroactive")))


def _carry_retirement(*, actor: Actor, now: datetime, target_id: UUID, codes: acts.Codes) -> None:
    with unit.work() as u:
        guard.lock()
        row = _locked(target_id)
        if row.state != State.RETIRED:
            _may_retire(row)
            _retire(u, row, actor, now)


def _activate(u: unit.Unit, row: Rule, actor: Actor, now: datetime, *, retroactive: bool) -> Changed:
    if row.follows_id:
        _end_version(Rule.objects.get(id=row.follows_id), actor, now)
        row.is_locked, row.locked_at, row.locked_by = _inherited_lock(row.follows_id)
    row.state, row.activated_at, row.activated_by, row.is_retroactive = State.ACTIVE, now, actor.label, retroactive
    row.save()
    u.entry(_draft("rule.activated", actor, row, {**_codes(row), "retroactive": retroactive}))
    u.after_commit(rules.forget)
    return Changed(row.id, row.state)


def _retire(u: unit.Unit, row: Rule, actor: Actor, now: datetime) -> Changed:
    _end_version(row, actor, now)
    u.entry(_draft("rule.retired", actor, row))
    u.after_commit(rules.forget)
    return Changed(row.id, row.state)


def _end_version(row: Rule, actor: Actor, now: datetime) -> None:
    row.state, row.retired_at, row.retired_by = State.RETIRED, now, actor.label
    row.save(update_fields=["state", "retired_at", "retired_by"])


def _inherited_lock(before: UUID) -> tuple[bool, datetime | None, str]:
    """The next version of a locked rule is locked too, or one step more would be a way out."""
    row = Rule.objects.get(id=before)
    return row.is_locked, row.locked_at, row.locked_by


def _must_fit(row: Rule) -> ends.Book:
    """That the draft may come into force now, and the rules as they would be then."""
    _must_be_draft(row)
    if row.simulated_at is None:
        raise Refusal(
            "rule_not_simulated", "Simulate this rule first: since its last change nobody has looked at what it does.",
            Kind.CONFLICT,
        )  # fmt: skip
    if row.follows_id:
        _followed(row.follows_id, rulecheck.wanted_of(row))
    return ends.with_rule(ends.read_book(), rules.terms_of(row), _code_of(row.follows_id))


def _must_be_as_asked(row: Rule, codes: acts.Codes) -> None:
    """Whoever agreed did so to what the rule said then."""
    is_ = _codes(row)
    if any(codes.get(name) != is_.get(name) for name in SAID):
        raise Refusal("rule_changed", "This rule was changed since it was asked for. Ask again.", Kind.CONFLICT)


def _frees(row: Rule, after: ends.Book, retroactive: bool) -> bool:
    """Retroactive is asked for where there is anything that it could touch."""
    rule = rules.terms_of(row)
    if retroactive and rulecheck.records_of(rule).exclude(rule=rule.code).exists():
        return True
    return weakening.frees(ends.read_book(), after)


def _may_retire(row: Rule) -> None:
    if row.is_locked:
        raise rule_locked()
    if row.is_default and row.state == State.ACTIVE:
        raise Refusal(
            "last_default", "The default rule stays: it covers what no other rule covers. Write its next version instead.",
            Kind.CONFLICT,
        )  # fmt: skip


def _followed(rule_id: UUID, wanted: Wanted) -> Rule:
    """The version before, which must still be in force, and which the new one must not weaken once it is locked."""
    row = Rule.objects.select_for_update().filter(id=rule_id).first()
    if row is None:
        raise not_found("rule")
    if row.state != State.ACTIVE:
        raise Refusal(
            "rule_superseded",
            "The rule it follows is not in force any more. Begin from the one that is.",
            Kind.CONFLICT,
        )
    if row.is_default and any(wanted.scope):
        raise Refusal(
            "default_has_no_scope", "The default rule covers everything. Write another rule for a part.", field="scope"
        )
    if row.is_locked and not terms.keeps_as_long(rulecheck.terms_of(wanted), rules.terms_of(row)):
        raise rule_locked()
    return row


def rule_locked() -> Refusal:
    return Refusal(
        "rule_locked", "This rule is locked: it can only be followed by one of at least its scope, counted from the same "
        "event, that keeps at least as long. Nobody can undo a lock.", Kind.CONFLICT,
    )  # fmt: skip


def _must_be_draft(row: Rule) -> None:
    if row.state != State.DRAFT:
        raise Refusal(
            "rule_not_draft", "This rule was in force already and is never changed. Write its next version.", Kind.CONFLICT,
            state=row.state,
        )  # fmt: skip


def _fill(row: Rule, wanted: Wanted) -> None:
    row.name, row.keep_for, row.event, row.action = wanted.name, wanted.keep_for, wanted.event, wanted.action
    row.category, row.kind, row.purpose = wanted.scope


def _next_code(before: Rule | None) -> str:
    """What leaves will call it: `rule-2`, its next version `rule-2.2`. Under the guard, so nobody else counts meanwhile."""
    if before is None:
        return f"rule-{Rule.objects.filter(is_default=False, follows_id=None).count() + 1}"
    family = before.code.partition(".")[0]
    return f"{family}.{Rule.objects.filter(Q(code=family) | Q(code__startswith=f'{family}.')).count() + 1}"


def _code_of(rule_id: UUID | None) -> str:
    return Rule.objects.filter(id=rule_id).values_list("code", flat=True).first() or "" if rule_id else ""


def _locked(rule_id: UUID) -> Rule:
    row = Rule.objects.select_for_update().filter(id=rule_id).first()
    if row is None:
        raise not_found("rule")
    return row


def _codes(row: Rule) -> Codes:
    said = {"category": row.category, "kind": row.kind, "purpose": row.purpose}
    return {"keep_for": row.keep_for, "from": row.event, "action": row.action} | {k: v for k, v in said.items() if v}


def _draft(
    kind: str, actor: Actor, row: Rule, codes: Codes | None = None, detail: dict[str, object] | None = None
) -> unit.Draft:  # fmt: skip
    return unit.Draft(kind, actor.label, codes={"rule": row.code, **(codes or {})}, detail=detail)
