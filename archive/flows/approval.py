"""Acts that need a second person. One mechanism for the whole product.

    open ─ approve → done, or failed where the act is not possible any more
         ─ refuse, withdraw, seven days → refused, withdrawn, expired
    cooling (nobody else may decide) ─ 72 hours → done or failed;  withdraw → withdrawn

An act registers itself once, where it is implemented. `carry_out` runs in the approval's own transaction, under its row's
lock: two who approve at once carry it out once. It checks everything again, since days may have passed; what it refuses is
undone and the request is `failed`. A refusal because something is away (the keyring) decides nothing: it can be tried again.

Never: a request decided by who asked, or by who made the API key that asked; a reason in a leaf or an e-mail.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction

from archive.models import Approval
from archive.queries import approvals, colleagues
from archive.rules import acts
from portal.kernel import clock, ids, jobs, keys, unit
from portal.kernel.actors import CLOCK, Actor
from portal.kernel.errors import Kind, Refusal, not_found

LIVES_FOR = timedelta(days=7)
COOL_OFF = timedelta(hours=72)
LONGEST_REASON = 1000

State = Approval.State
Act = acts.Act
register = acts.register  # at start, in the app's `ready`: the clock carries acts out too
log = logging.getLogger("ebb.archive")


@dataclass(frozen=True, slots=True)
class Asked:
    """`state` is open, or cooling where nobody else can decide; then `acts_at` is when it happens by itself."""

    id: UUID
    state: str
    acts_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """`failure` is the code of the refusal that stopped an approved act (state `failed`)."""

    id: UUID
    state: str
    failure: str = ""
    message: str = ""


def ask(*, actor: Actor, now: datetime, kind: str, target: UUID, codes: acts.Codes | None = None, reason: str) -> Asked:
    """Ask for an act. The reason is required; it is sealed. One request for an act on a target waits at a time."""
    act = _known(kind)
    actor.require(act.permission)
    words = _checked(reason)
    row = Approval(
        id=ids.uuid7(), kind=kind, target_id=target, codes=dict(codes or {}), asked_by=actor.label,
        person_id=colleagues.people.behind(actor), asked_at=now, expires_at=now + LIVES_FOR, state=State.OPEN,
    )  # fmt: skip
    if not colleagues.people.deciders(act.deciding) - acts.involved(row):
        row.state, row.acts_at = State.COOLING, now + COOL_OFF
    row.reason = keys.seal_field(approvals.REASON, row.id, words.encode())
    with unit.work() as u:
        _insert(row)
        u.entry(_draft("approval.asked", actor, row, {"reason": words}))
        if row.acts_at is not None:
            u.entry(_draft("approval.cooling", actor, row, until=clock.text(row.acts_at)))
            jobs.enqueue("archive.jobs.tell_of_cooling", row.id)
    return Asked(row.id, row.state, row.acts_at)


def approve(*, actor: Actor, now: datetime, approval_id: UUID) -> Decided:
    """Another person says yes: the act is carried out now, in this transaction, as theirs."""
    with unit.work() as u:
        row = _open_row(actor, now, approval_id)
        u.entry(_draft("approval.approved", actor, row))
        return _carry_out(u, row, actor=actor, by=actor, now=now)


def refuse(*, actor: Actor, now: datetime, approval_id: UUID) -> Decided:
    """Another person says no."""
    with unit.work() as u:
        row = _open_row(actor, now, approval_id)
        u.entry(_draft("approval.refused", actor, row))
        return _settle(row, State.REFUSED, actor, now)


def withdraw(*, actor: Actor, now: datetime, approval_id: UUID) -> Decided:
    """Taken back by anyone whom it concerns: who asked, an owner, or whoever may do the act. A cool-off ends so too."""
    with unit.work() as u:
        row = _row(approval_id)
        if not acts.may_withdraw(actor, row):
            raise not_found("request")
        _must_wait(row)
        u.entry(_draft("approval.withdrawn", actor, row))
        return _settle(row, State.WITHDRAWN, actor, now)


def moot(*, actor: Actor, now: datetime, kind: str, target: UUID) -> None:
    """What was asked for cannot be any more, because the target itself was called off. Call it before the target is locked: who
    approves locks the request first, too. In the caller's unit."""
    waiting = approvals.get_waiting_id(kind, target)
    with unit.work() as u:
        row = Approval.objects.select_for_update().filter(id=waiting).first()
        if row is not None and row.state in Approval.WAITING:
            u.entry(_draft("approval.withdrawn", actor, row))
            _settle(row, State.WITHDRAWN, actor, now)


def sweep(*, now: datetime) -> int:
    """What ran out, and what has cooled off. For the clock; each in its own transaction, so that none stops another."""
    due = Approval.objects.filter(state=State.OPEN, expires_at__lte=now) | Approval.objects.filter(
        state=State.COOLING, acts_at__lte=now
    )
    return sum(_end(approval_id, now) for approval_id in due.order_by("asked_at").values_list("id", flat=True))


def _end(approval_id: UUID, now: datetime) -> bool:
    """An end that breaks is told and tried again at the next round; the others go on."""
    try:
        with unit.work() as u:
            row = _row(approval_id)
            if row.state == State.COOLING and row.acts_at is not None and row.acts_at <= now:
                _act_alone(u, row, now)
            elif row.state == State.OPEN and row.expires_at <= now:
                u.entry(_draft("approval.expired", CLOCK, row))
                _settle(row, State.EXPIRED, CLOCK, now)
    except Exception as error:  # noqa: BLE001 (whatever broke, the others must end)
        log.error("an approval could not be ended", extra={"approval": str(approval_id), "error": type(error).__name__})
        return False
    return True


def _act_alone(u: unit.Unit, row: Approval, now: datetime) -> None:
    """The cool-off is over. Whoever asked must still be there and still be allowed to."""
    actor = colleagues.people.actor_of(row.person_id) if row.person_id else None
    if actor is None or not actor.may(_known(row.kind).permission):
        _fail(u, row, CLOCK, now, Refusal("asker_left", "Whoever asked may not do this any more.", Kind.FORBIDDEN))
        return
    u.entry(_draft("approval.approved", CLOCK, row, by="cool-off"))
    _carry_out(u, row, actor=actor, by=CLOCK, now=now)


def _carry_out(u: unit.Unit, row: Approval, *, actor: Actor, by: Actor, now: datetime) -> Decided:
    """The act in a part of its own: what it refuses takes back all that it did, and nothing else."""
    try:
        with unit.work():
            _known(row.kind).carry_out(actor=actor, now=now, target_id=row.target_id, codes=row.codes)
    except Refusal as refusal:
        if refusal.kind is Kind.UNAVAILABLE:
            raise
        return _fail(u, row, by, now, refusal)
    return _settle(row, State.DONE, by, now)


def _fail(u: unit.Unit, row: Approval, by: Actor, now: datetime, refusal: Refusal) -> Decided:
    u.entry(_draft("approval.failed", by, row, why=refusal.code))
    row.failure = refusal.code
    _settle(row, State.FAILED, by, now)
    return Decided(row.id, row.state, refusal.code, refusal.message)


def _settle(row: Approval, state: str, by: Actor, now: datetime) -> Decided:
    row.state, row.decided_by, row.decided_at = state, by.label, now
    row.save(update_fields=["state", "decided_by", "decided_at", "failure"])
    act = acts.get(row.kind)
    if state != State.DONE and act is not None and act.let_go is not None:
        act.let_go(actor=by, now=now, target_id=row.target_id, codes=row.codes)
    return Decided(row.id, row.state)


def _open_row(actor: Actor, now: datetime, approval_id: UUID) -> Approval:
    """The row, locked, and that this person may decide it now."""
    row = _row(approval_id)
    if actor.kind != "staff":
        raise Refusal("not_allowed", "Only a person can decide this, in the console.", Kind.FORBIDDEN)
    actor.require(acts.DECIDE)
    actor.require(_known(row.kind).deciding)
    if not acts.may_decide(actor, row):
        raise Refusal("own_request", "You asked for this yourself: somebody else decides it.", Kind.FORBIDDEN)
    _must_wait(row)
    if row.state == State.COOLING:
        raise Refusal("approval_cooling", "This waits out its cool-off. You can only take it back.", Kind.CONFLICT)
    if row.expires_at <= now:
        raise Refusal("approval_expired", "This request ran out. It has to be asked for again.", Kind.GONE)
    return row


def _row(approval_id: UUID) -> Approval:
    row = Approval.objects.select_for_update().filter(id=approval_id).first()
    if row is None:
        raise not_found("request")
    return row


def _must_wait(row: Approval) -> None:
    if row.state not in Approval.WAITING:
        raise Refusal("approval_decided", "This was decided already.", Kind.CONFLICT, state=row.state)


def _insert(row: Approval) -> None:
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        raise Refusal(
            "approval_open", "This was asked for already and waits for a decision. Take that request back first.",
            Kind.CONFLICT,
        ) from None  # fmt: skip


def _checked(reason: str) -> str:
    words = reason.strip()
    if not words:
        raise Refusal("reason_missing", "Say why. Whoever decides reads it.", field="reason")
    if len(words) > LONGEST_REASON:
        raise Refusal("reason_too_long", f"Say it in {LONGEST_REASON} characters.", field="reason")
    return words


def _known(kind: str) -> acts.Act:
    act = acts.get(kind)
    if act is None:
        raise Refusal("unknown_act", "This release does not know that act any more.", Kind.CONFLICT)
    return act


def _draft(
    kind: str, actor: Actor, row: Approval, detail: dict[str, object] | None = None, **codes: str
) -> unit.Draft:  # fmt: skip
    told = {**row.codes, "approval": str(row.id), "act": row.kind, "target": str(row.target_id), **codes}
    return unit.Draft(kind, actor.label, codes=told, detail=detail)
