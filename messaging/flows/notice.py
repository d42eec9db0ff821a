"""Notices: queued with what they tell of, claimed by a worker, settled by what the provider said.

At least once, with a stable key. A notice is claimed in a transaction of its own before any byte leaves, so that a worker that
dies in between leaves a row that says *sending*; past its lease nobody knows whether it left: that is *ambiguous*, and it is sent
again only by a way that knows a repeat. Everything that decides is looked at again at the claim (`queries.outgoing`).

Never done here: a word of a message opened; a byte sent inside a transaction; a sender made to wait.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from archive.ledger import entry
from messaging.flows import consent, link, subscription
from messaging.models import Channel, Enrolment, FactorCode, Notice
from messaging.notices import OPTED_OUT, TROUBLE, Answer, Became, Outgoing
from messaging.queries import outgoing
from messaging.rules import consent as rules
from messaging.rules import telling
from portal.kernel import ids, jobs, unit
from portal.kernel.actors import CLOCK, SYSTEM

LEASE = timedelta(minutes=3)  # longer than a worker may take with what it claimed
POSTPONED = timedelta(minutes=1)  # those behind one that met trouble
KEPT_FOR = timedelta(days=90)
SWEPT = 5000
JOBS = {telling.EMAIL: "send_mails", telling.SMS: "send_texts", telling.PUSH: "send_pushes"}
FALLS_BACK = frozenset({"arrived", "reminder", "device"})  # a link that was asked for goes where it was asked to
_MAY_HAVE_LEFT = frozenset({Notice.State.SENDING, Notice.State.AMBIGUOUS})


@dataclass(frozen=True)
class New:
    """A notice to be queued; one that is settled already says why nothing goes out."""

    customer_id: UUID
    about_id: UUID
    purpose: str
    channel: str
    due_at: datetime
    until: datetime
    enrolment_id: UUID | None = None
    state: str = Notice.State.WAITING
    reason: str = ""


@dataclass(frozen=True)
class Claimed:
    """A notice that this worker alone may send. `was`: its state before; `has_another`: there are other ways to tell."""

    row: Notice
    outgoing: Outgoing
    was: str
    has_another: bool


def queue(u: unit.Unit, *, now: datetime, new: Sequence[New]) -> None:
    """In the caller's unit. What was told by that channel already is left alone."""
    Notice.objects.bulk_create([_row(one, now) for one in new], ignore_conflicts=True)
    for channel in sorted({one.channel for one in new if one.state == Notice.State.WAITING and one.due_at <= now}):
        call(channel)


def call(channel: str) -> None:
    """Let a worker look at what is due by this channel. A hint: the clock puts it back."""
    jobs.enqueue(f"messaging.jobs.{JOBS[channel]}", queue="notices")


def due_channels(*, now: datetime) -> list[str]:
    found = Notice.objects.filter(channel__in=list(JOBS), due_at__lte=now).values_list("channel", flat=True)
    return sorted(set(found.distinct()))


def claim(*, now: datetime, channel: str, limit: int, knows_repeats: bool) -> list[Claimed]:
    """Take what is due by one channel: several workers never take the same. What needs no telling any more is settled here."""
    with unit.work() as u:
        due = Notice.objects.select_for_update(skip_locked=True).filter(channel=channel, due_at__lte=now)
        rows = list(due.order_by("due_at")[:limit])
        verdicts = outgoing.look_again(rows, now)
        taken = [one for row in rows if (one := _claim(row, verdicts[row.id], now, knows_repeats))]
        _save(rows)
        _pass_on(u, {row: verdicts[row.id].others for row in rows if row.state == Notice.State.FAILED}, now)
    return taken


def settle(*, now: datetime, answers: Sequence[tuple[Claimed, Answer]], knows_repeats: bool) -> None:
    """What became of those that were tried. A claim whose lease ran out is whoever's who took it over."""
    by_id = {claimed.row.id: (claimed, answer) for claimed, answer in answers}
    with unit.work() as u:
        gone = {
            device: row.tried_at for row, answer in ((one.row, told) for one, told in answers) for device in answer.gone
        }
        subscription.forget(u, tried={device: tried_at or now for device, tried_at in gone.items()})
        held = Notice.objects.select_for_update().filter(id__in=by_id, state=Notice.State.SENDING).order_by("id")
        rows = [row for row in held if row.attempts == by_id[row.id][0].row.attempts]
        for row in rows:
            _became(row, *by_id[row.id], now, knows_repeats)
        _save(rows)
        link.mark_sent(
            now=now, enrolment_ids=[row.enrolment_id for row in rows if row.enrolment_id and row.state == "sent"]
        )
        codes = [row.about_id for row in rows if row.purpose == Notice.Purpose.CODE and row.state == "sent"]
        FactorCode.objects.filter(id__in=codes).update(sealed_code=None)
        _note(u, rows)
        failed = [row for row in rows if row.state == Notice.State.FAILED]
        verdicts = outgoing.look_again(failed, now)
        _obey(u, failed, now)
        _pass_on(u, {row: verdicts[row.id].others for row in failed}, now)
        _remember_health(rows, now)


def arrived(row: Notice, now: datetime) -> None:
    """In the caller's unit, the row locked: the provider says that it is there."""
    _close(row, Notice.State.DELIVERED, "", now)
    _save([row])


def came_back(u: unit.Unit, row: Notice, why: str, now: datetime) -> None:
    """In the caller's unit, the row locked: what had left did not arrive. Another way has its turn while there is something to
    tell; an opt-out is obeyed."""
    _close(row, Notice.State.FAILED, why, now)
    _save([row])
    _note(u, [row])
    _obey(u, [row], now)
    _pass_on(u, {row: outgoing.look_again([row], now)[row.id].others}, now)


def give_back(*, now: datetime, claimed: Sequence[Claimed]) -> None:
    """Not tried: one before them met trouble that waits for these too."""
    with unit.work():
        for one in claimed:
            was = Notice.State.AMBIGUOUS if one.was in _MAY_HAVE_LEFT else Notice.State.WAITING
            Notice.objects.filter(id=one.row.id, state=Notice.State.SENDING, attempts=one.row.attempts).update(
                state=was, attempts=one.row.attempts - 1, due_at=now + POSTPONED
            )


def move_end(*, about_id: UUID, until: datetime) -> None:
    """In the caller's unit: what a notice tells of ends later now."""
    Notice.objects.filter(about_id=about_id, due_at__isnull=False).update(until=until)


def sweep(*, now: datetime) -> None:
    old = Notice.objects.filter(created_at__lt=now - KEPT_FOR).order_by("created_at").values_list("id", flat=True)
    Notice.objects.filter(id__in=list(old[:SWEPT])).delete()


def _row(one: New, now: datetime) -> Notice:
    waits = one.state == Notice.State.WAITING
    return Notice(
        id=ids.uuid7(), customer_id=one.customer_id, about_id=one.about_id, purpose=one.purpose, channel=one.channel,
        enrolment_id=one.enrolment_id, state=one.state, reason=one.reason, created_at=now, until=one.until,
        due_at=one.due_at if waits else None, settled_at=None if waits else now,
    )  # fmt: skip


def _claim(row: Notice, verdict: outgoing.Verdict, now: datetime, knows_repeats: bool) -> Claimed | None:
    was = row.state
    may_try = verdict.outgoing is not None and (knows_repeats or was != Notice.State.SENDING)
    if may_try and verdict.outgoing is not None:
        row.state, row.tried_at, row.due_at, row.attempts = Notice.State.SENDING, now, now + LEASE, row.attempts + 1
        return Claimed(row, verdict.outgoing, was, bool(verdict.others) and row.purpose in FALLS_BACK)
    if was in _MAY_HAVE_LEFT:
        _close(row, Notice.State.AMBIGUOUS, row.reason, now)
    elif verdict.later is None:
        _close(row, verdict.state, verdict.reason, now)
    else:
        row.due_at, row.reason = verdict.later, verdict.reason
    return None


def _close(row: Notice, state: str, reason: str, now: datetime) -> None:
    row.state, row.reason, row.due_at, row.settled_at = state, reason, None, now


def _became(row: Notice, claimed: Claimed, answer: Answer, now: datetime, knows_repeats: bool) -> None:
    if answer.became is Became.SENT:
        row.reference = answer.reference
        _close(row, Notice.State.SENT, "", now)
    elif answer.became is Became.FAILED:
        _close(row, Notice.State.FAILED, answer.why, now)
    else:
        _try_again(row, claimed, answer, now, knows_repeats)


def _try_again(row: Notice, claimed: Claimed, answer: Answer, now: datetime, knows_repeats: bool) -> None:
    is_unsure = answer.became is Became.AMBIGUOUS or claimed.was in _MAY_HAVE_LEFT
    again = telling.again_at(
        now=now, attempts=row.attempts, first_at=row.created_at, until=row.until, has_another=claimed.has_another,
        wait=timedelta(seconds=answer.wait),
    )  # fmt: skip
    if again is None or (answer.became is Became.AMBIGUOUS and not knows_repeats):
        _close(row, Notice.State.AMBIGUOUS if is_unsure else Notice.State.FAILED, answer.why, now)
        return
    row.reason, row.due_at = answer.why, again
    row.state = Notice.State.AMBIGUOUS if is_unsure else Notice.State.WAITING


def _save(rows: Sequence[Notice]) -> None:
    changed = ["state", "reason", "reference", "attempts", "due_at", "tried_at", "settled_at"]
    Notice.objects.bulk_update(rows, changed, batch_size=500)


def _pass_on(u: unit.Unit, failed: dict[Notice, tuple[str, ...]], now: datetime) -> None:
    """By the next way in the customer's order that was not used for this yet."""
    falling = {row: others for row, others in failed.items() if row.purpose in FALLS_BACK and row.until > now}
    if not falling:
        return
    about = [row.about_id for row in falling]
    used = defaultdict(set)
    for key in Notice.objects.filter(about_id__in=about).values_list("about_id", "customer_id", "purpose", "channel"):
        used[key[:3]].add(key[3])
    next_way = {
        row: telling.after(others, used[row.about_id, row.customer_id, row.purpose]) for row, others in falling.items()
    }
    links = _fresh_links(u, {row: way for row, way in next_way.items() if way and row.enrolment_id}, now)
    queue(u, now=now, new=[
        New(row.customer_id, row.about_id, row.purpose, way, now, row.until, links.get(row.customer_id, row.enrolment_id))
        for row, way in next_way.items()
        if way
    ])  # fmt: skip


def _obey(u: unit.Unit, failed: Sequence[Notice], now: datetime) -> None:
    """The provider knows of an opt-out that we do not: it was said to the provider, and is as good."""
    for row in failed:
        if row.reason == OPTED_OUT:
            said = consent.Given(rules.ALL, row.channel, "provider", given=False)
            consent.note(actor=SYSTEM, now=now, customer_id=row.customer_id, given=[said])


def _fresh_links(u: unit.Unit, passing: dict[Notice, str], now: datetime) -> dict[UUID, UUID]:
    """For those whose link left with a notice that then came back: its secret is not here any more."""
    spent = Enrolment.objects.filter(id__in=[row.enrolment_id for row in passing], sealed_secret=None, used_at=None)
    subjects = dict(spent.values_list("customer_id", "customer__subject_id"))
    wanted = {row.customer_id: way for row, way in passing.items() if row.customer_id in subjects}
    return link.make(u, actor=CLOCK, now=now, to=[(pk, subjects[pk], way) for pk, way in wanted.items()])


def _note(u: unit.Unit, rows: Sequence[Notice]) -> None:
    """One leaf for each way, purpose and end: the count and the hash of what was told of; the list is its sealed detail."""
    groups = defaultdict(list)
    for row in rows:
        if row.due_at is None:
            groups[row.purpose, row.channel, row.state].append(row.about_id)
    for (purpose, channel, state), about in sorted(groups.items()):
        count, digest = entry.digest_ids(about)
        u.entry(unit.Draft(
            "notices", CLOCK.label, codes={"purpose": purpose, "channel": channel, "state": state}, count=count,
            ids_sha256=digest, detail={"ids": [str(one) for one in sorted(about)]},
        ))  # fmt: skip


def _remember_health(rows: Sequence[Notice], now: datetime) -> None:
    """A way that does not work says so until something went out by it again."""
    for channel in sorted({row.channel for row in rows}):
        ours = [row for row in rows if row.channel == channel]
        if any(row.state == Notice.State.SENT for row in ours):
            Channel.objects.filter(kind=channel, failing_since__isnull=False).update(failing_since=None, failing_why="")
        elif why := next((row.reason for row in ours if row.reason in TROUBLE), ""):
            Channel.objects.get_or_create(kind=channel, defaults={"changed_at": now})
            Channel.objects.filter(kind=channel).update(failing_why=why)
            Channel.objects.filter(kind=channel, failing_since__isnull=True).update(failing_since=now)
