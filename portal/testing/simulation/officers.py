"""Moves of officers and owners: holds, rules, approvals, disposal, reading what is archived, a new epoch of the log."""

from datetime import timedelta
from uuid import UUID

from django.db import connection

from archive.flows import approval, bucket, disposal, epoch, hold, reading, rule, unlock
from archive.flows.rulecheck import Wanted
from archive.models import Approval, DisposalRun
from archive.models import Hold as HoldRow
from archive.models import Rule as RuleRow
from portal.kernel.errors import Refusal
from portal.testing.simulation.acts import Act, Side, Sim, must
from portal.testing.simulation.choices import CATEGORIES
from portal.testing.simulation.model import CLOSED, ENDED, SENT, Hold, Rule, pick

KEEPS = (2, 5, 10, 20, 40)
EVENTS = (SENT, SENT, ENDED, CLOSED)
SLICES = (1, 3, 10, 2000)
COOL_OFF = timedelta(hours=24)
MOST_HOLDS, MOST_RULES = 4, 5


# ── holds ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def place_hold(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    if sum(one.state != "released" for one in side.model.holds) >= MOST_HOLDS:
        return None
    who = side.model.someone(a).id if b % 3 else None
    category = CATEGORIES[b // 3 % 3]
    kind = "message.received" if who is None and not category else ""
    terms = [
        f"customer:{who}" if who else "",
        f"category:{category}" if category else "",
        f"kind:{kind}" if kind else "",
    ]
    query = " ".join(filter(None, terms))
    return Act(
        lambda: (
            hold.place(actor=side.cast.officer, now=sim.now(), name="A matter", reason="They asked.", query=query).id
        ),
        lambda pk: side.model.holds.append(Hold(pk, who, category, kind)),
        entry="hold.placed",
        found=lambda: HoldRow.objects.latest("id").id,
    )


def ask_release(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    one = pick([one for one in side.model.holds if one.state == "active"], a)
    if one is None:
        return None
    waits = Approval.objects.filter(target_id=one.id, state__in=Approval.WAITING).exists()
    return Act(
        lambda: hold.ask_release(actor=side.cast.officer, now=sim.now(), hold_id=one.id, reason="It is settled."),
        may=not waits,
        entry="approval.asked",
    )


def keep_hold(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    one = pick(side.model.holds[-4:], a)
    if one is None:
        return None

    def then(_: object) -> None:
        one.state, one.releases_at = "active", None

    return Act(
        lambda: hold.keep(actor=side.cast.officer, now=sim.now(), hold_id=one.id),
        then,
        may=one.state == "releasing",
        entry="hold.kept",
    )


# ── approvals ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def decide(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    """A second person says yes, or sometimes no."""
    now, asked = sim.now(), pick(list(Approval.objects.filter(state="open").order_by("id")), a)
    if asked is None:
        return None
    says_no = b % 5 == 0
    flow = approval.refuse if says_no else approval.approve

    def then(_: object) -> None:
        if Approval.objects.get(id=asked.id).state == "done":
            _carried_out(side, asked, now)

    return Act(
        lambda: flow(actor=side.cast.owner, now=now, approval_id=asked.id),
        then,
        may=asked.expires_at > now,
        entry="approval.refused" if says_no else "approval.approved",
    )


def decide_alone(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    """Whoever asked says yes to themself: never."""
    asked = pick(list(Approval.objects.filter(state="open", person_id=side.cast.officer.id).order_by("id")), a)
    if asked is None:
        return None
    return Act(
        lambda: approval.approve(actor=side.cast.officer, now=sim.now(), approval_id=asked.id),
        may=False,
        entry="approval.approved",
    )


def _carried_out(side: Side, asked: Approval, now) -> None:  # type: ignore[no-untyped-def]
    if asked.kind == hold.RELEASE:
        one = next(one for one in side.model.holds if one.id == asked.target_id)
        one.state, one.releases_at = "releasing", now + COOL_OFF
    elif asked.kind == rule.ACTIVATE:
        _in_force(side, asked.target_id)
    elif asked.kind == rule.RETIRE:
        _retired(side, asked.target_id)


# ── rules ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def change_rule(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    """A new rule, or the next version of one in force: written, tried, put in force."""
    active = [one for one in side.model.rules if one.state == "active"]
    before = pick(active, a) if b % 2 or len(active) >= MOST_RULES else None
    category = before.category if before else CATEGORIES[1 + b // 2 % 2]
    event = SENT if before and before.is_default else EVENTS[b // 4 % len(EVENTS)]
    wanted = Wanted(
        name=f"Rule {sim.steps}", keep_for=f"P{KEEPS[b // 16 % len(KEEPS)]}D", event=event, category=category
    )
    follows = before.id if before else None
    return Act(
        lambda: _bring_in(side, sim.now(), wanted, follows),
        lambda pk: _was_written(side, pk),
        entry="rule.created",
        found=lambda: RuleRow.objects.latest("id").id,
    )


def _bring_in(side: Side, now, wanted: Wanted, follows: UUID | None) -> UUID:  # type: ignore[no-untyped-def]
    """Three transactions, each its own; a death between them leaves a draft, which does nothing."""
    officer = side.cast.officer
    row = rule.create(actor=officer, now=now, wanted=wanted, follows=follows)
    rule.simulate(actor=officer, now=now, rule_id=row.id)
    rule.activate(actor=officer, now=now, rule_id=row.id, reason="It is time.")
    return row.id


def _was_written(side: Side, pk: UUID) -> None:
    row = RuleRow.objects.get(id=pk)
    keep = int(row.keep_for[1:-1])
    side.model.rules.append(Rule(pk, row.code, keep, row.category, row.event, is_default=row.is_default, state="draft"))
    if row.state == "active":
        _in_force(side, pk)


def retire_rule(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    one = pick([one for one in side.model.rules if one.state == "active" and not one.is_default], a)
    if one is None:
        return None
    waits = Approval.objects.filter(target_id=one.id, state__in=Approval.WAITING).exists()

    def then(_: object) -> None:
        if RuleRow.objects.get(id=one.id).state == "retired":
            one.state = "retired"

    return Act(
        lambda: rule.retire(actor=side.cast.officer, now=sim.now(), rule_id=one.id, reason="It is over."),
        then,
        may=None if waits else True,
    )


def _in_force(side: Side, rule_id: UUID) -> None:
    row = RuleRow.objects.get(id=rule_id)
    if row.follows_id:
        _retired(side, row.follows_id)
    next(one for one in side.model.rules if one.id == rule_id).state = "active"


def _retired(side: Side, rule_id: UUID) -> None:
    next(one for one in side.model.rules if one.id == rule_id).state = "retired"


# ── disposal ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def begin_disposal(sim: Sim, side: Side, a: int, b: int) -> Act:
    now = sim.now()

    def begin() -> None:
        begun = disposal.begin(actor=side.cast.officer, now=now)
        disposal.plan(run_id=begun.id, now=now)

    return Act(begin, again=True)


def dispose(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    """One slice of the run at hand: what goes must be free to go at this very moment (I8)."""
    now = sim.now()
    run = DisposalRun.objects.filter(state="running").first()
    if run is None:
        return None

    def then(_: object) -> None:
        for told in [side.model.told[pk] for pk in _tombstones(side.model.entries)]:
            why = side.model.must_stay(told, now)
            must(not why, "I8", f"disposed of although {why}", told)
            told.has_record = False
            sim.disposed += 1
            side.touch(told)

    size = SLICES[b % len(SLICES)]
    return Act(lambda: disposal.step(run_id=run.id, now=now, slice_rows=size), then, again=True)


def end_buckets(sim: Sim, side: Side, a: int, b: int) -> Act:
    """Months that are over and empty: decided, then their key goes once a backup is past the decision."""
    return Act(lambda: bucket.sweep(now=sim.now()), again=True)


def _tombstones(since: int) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT d.message_id FROM archive_disposed d JOIN archive_entry e ON e.id = d.entry_id"
            ' WHERE e."index" >= %s AND e.kind = %s',
            [since, "archive.disposed"],
        )
        return [row[0] for row in cursor.fetchall()]


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def open_record(sim: Sim, side: Side, a: int, b: int) -> Act | None:
    """With an unlocked archive: the words exactly as they were, long after they ended; and an entry that says so (I9)."""
    now, told = sim.now(), pick([one for one in list(side.model.told.values())[-300:] if one.entry >= 0], a)
    if told is None:
        return None
    sim.fuse = 0  # several transactions
    act = Act(lambda: _open(side, now, told.entry), may=told.has_record, entry="archive.opened")

    def then(opened: reading.Opened) -> None:
        must(opened.content and opened.content["body"] == told.words, "I5", f"the archive says {opened.content}", told)

    act.then = then
    return act


def _open(side: Side, now, index: int) -> reading.Opened:  # type: ignore[no-untyped-def]
    officer = side.cast.officer
    if side.unlocked is None or unlock.is_open(actor=officer, now=now, session_key="session") is None:
        got = unlock.open_(actor=officer, now=now, passphrase=side.cast.passphrase, session_key="session")
        side.unlocked = ("session", got.half)
    session, half = side.unlocked
    return reading.open_record(actor=officer, now=now, index=index, session_key=session, half=half)


# ── the log after a restore ───────────────────────────────────────────────────────────────────────────────────────────
def new_epoch(sim: Sim, side: Side, a: int, b: int) -> Act:
    """Only an officer, and only where the log refuses to go on. One that died half-way is begun again."""
    tries = 0

    def begin() -> None:
        nonlocal tries
        tries += 1
        try:
            epoch.begin(actor=side.cast.officer, now=sim.now())
        except Refusal as refusal:
            if tries == 1 or refusal.code != "log_is_whole":
                raise

    def then(_: object) -> None:
        side.was_set_back = False

    return Act(begin, then, may=side.was_set_back, again=side.was_set_back)
