"""T9 for campaigns: thousands of random moves on a handful of campaigns under a fake clock, against a model in plain Python.

After each step: nobody has two messages of a run, its counts and its ledger add up, entries = records = messages, nothing left a
campaign that was a draft, waited, was paused or over, and each state follows from the one before by what was done. The same seed is
the same life; `EBB_SEED` and `EBB_STEPS` live another. Planted bugs have to be found.
"""

import contextlib
import os
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from unittest import mock
from uuid import UUID

import pytest
from django.db import connection

from archive.flows import alike, approval
from archive.models import Approval
from messaging.flows import campaign, chunk, customer, launch, run
from messaging.models import Campaign, Customer, Message, Policy, Run
from messaging.queries import campaigns, policy
from messaging.tests.campaign.conftest import Desk
from portal.kernel import clock
from portal.kernel.errors import Refusal

FULL = os.environ.get("EBB_FULL") == "1"
STEPS = int(os.environ.get("EBB_STEPS", "10000" if FULL else "400"))
SEED = int(os.environ.get("EBB_SEED") or (random.randrange(1 << 31) if FULL else 20_261_128))
FOUND_WITHIN = 400
KNOWN = 8  # campaigns that moves still choose from
SECOND_PERSON_FROM = 9
OVER = {"cancelled", "finished", "failed"}
# From the contract, not from the code: where a move may lead, from which states.
MAY = {
    "pause": {"scheduled": {"paused"}, "running": {"paused"}},
    "resume": {"paused": {"running", "scheduled"}},
    "cancel": {state: {"cancelled"} for state in ("draft", "approving", "scheduled", "running", "paused")},
    "resend": {state: {"running"} for state in ("running", "finished", "failed")},
    "approve": {"approving": {"scheduled", "draft"}},  # a draft where its time has passed
    "refuse": {"approving": {"draft"}},
}
BY_ITSELF = {"scheduled": {"scheduled", "running", "finished", "failed"}, "running": {"running", "finished", "failed"}}
WEIGHTS = {
    "write": 10, "pause": 8, "resume": 12, "cancel": 3, "resend": 8, "approve": 6, "refuse": 1, "work": 12, "slice": 20,
    "crash": 10,
    "wait": 14, "newcomer": 5, "leave": 2, "know": 4,
}  # fmt: skip


class Died(BaseException):
    """A worker is killed: nothing catches it, its transaction is undone."""


class Broken(AssertionError):
    pass


def must(holds: object, seen: str, *about: object) -> None:
    if not holds:
        raise Broken(": ".join([seen, *map(str, about)]))


@dataclass
class Life:
    """One life of the desk. `due` is when a campaign may begin; `state` and `sent` what was seen of it last."""

    desk: Desk
    dice: random.Random
    known: list[UUID] = field(default_factory=list)
    due: dict[UUID, datetime] = field(default_factory=dict)
    timed: dict[UUID, datetime] = field(default_factory=dict)  # the instant that its author chose
    state: dict[UUID, str] = field(default_factory=dict)
    sent: Counter[UUID] = field(default_factory=Counter)
    gone: dict[UUID, datetime] = field(default_factory=dict)  # customers who left, and when
    moves: Counter[str] = field(default_factory=Counter)

    def step(self) -> None:
        name = self.dice.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        pk = self.dice.choice(self.known) if self.known else None
        if pk is None and name in MAY:
            return
        self.moves[name] += 1
        getattr(self, f"_{name}", lambda: self._verb(name, pk))()
        self.desk.at.advance(seconds=1)
        self.look(name, pk)

    # ── moves ─────────────────────────────────────────────────────────────────────────────────────────────────────────
    def _write(self) -> None:
        body = "Come in, {{nick}}." if self.dice.random() < 0.5 else "Come in."
        later = self.dice.choice([None, 60, 3600])
        at = clock.now() + timedelta(seconds=later) if later else None
        pk = self.desk.write(body=body, gone_after=7 * 86400, **({"send_at": at} if at else {}))
        undo = self.dice.choice([0, 10, 120])
        people = len(self.people())
        started = self.desk.do(launch.schedule, pk) if at else self.desk.do(launch.send, pk, undo_for=undo)
        wanted = "approving" if people >= SECOND_PERSON_FROM else "scheduled"
        must(started.state == wanted, "a campaign began in the wrong state", people, started.state)
        if at:
            self.timed[pk] = at
        self.due[pk] = at or clock.now() + timedelta(seconds=undo)
        self.state[pk] = wanted
        self.known = [*self.known, pk][-KNOWN:]

    def _verb(self, name: str, pk: UUID) -> None:
        may = self.state[pk] in MAY[name]
        try:
            self._do(name, pk)
        except Refusal as refusal:
            must(not may or refusal.code == "nobody_failed", f"{name} was refused", self.state[pk], refusal.code)
            return
        must(may, f"{name} was done", self.state[pk])
        now = self.desk.state(pk)
        must(now in MAY[name][self.state[pk]], f"{name} led to the wrong state", self.state[pk], now)
        late = self.timed.get(pk, clock.now()) < clock.now()
        must(name != "approve" or (now == "draft") == late, "a yes led to the wrong state", now, self.timed.get(pk))
        self.state[pk] = now

    def _do(self, name: str, pk: UUID) -> None:
        if name not in {"approve", "refuse"}:
            self.desk.do(getattr(campaign, name), pk)
            return
        with self.desk.cast.inside():
            asked = Approval.objects.filter(target_id=pk, state="open").first()
            if asked is None:
                raise Refusal("nothing_asked", "Nothing was asked.")
            flow = {"approve": approval.approve, "refuse": approval.refuse}[name]
            flow(actor=self.desk.cast.owner, now=clock.now(), approval_id=asked.id)
        if name == "approve":
            self.due[pk] = max(self.due[pk], clock.now())

    def _work(self) -> None:
        self.desk.work()

    def _slice(self) -> None:
        """One worker has one turn: it begins what is due, or sends one chunk, or finishes."""
        with self.desk.cast.inside():
            for pk in list(Run.objects.active().order_by("due_at").values_list("id", flat=True))[:3]:
                now = clock.now()
                if not run.begin(now=now, run_id=pk):
                    run.open_due(now=now, run_id=pk)
                    if chunk.send_next(now=now, run_id=pk) is None:
                        run.finish(now=now, run_id=pk)

    def _crash(self) -> None:
        """Killed before a commit, or right after one."""
        left = self.dice.randrange(3)

        def bomb(real):  # type: ignore[no-untyped-def]
            def act(*args: object, **kwargs: object) -> object:
                nonlocal left
                left -= 1
                done = real(*args, **kwargs)
                if left < 0:
                    raise Died
                return done

            return act

        where, name = self.dice.choice([(chunk, "_done"), (run, "_expand"), (chunk, "send_next"), (run, "settle")])
        with mock.patch.object(where, name, bomb(getattr(where, name))), contextlib.suppress(Died):
            self.desk.work()

    def _wait(self) -> None:
        self.desk.at.advance(seconds=self.dice.choice([5, 30, 120, 900, 4000]))

    def _newcomer(self) -> None:
        if len(self.people()) < 2 * SECOND_PERSON_FROM:
            self.desk.cast.customer(**({"fields": {"nick": "Jo"}} if self.dice.random() < 0.6 else {}))

    def _leave(self) -> None:
        if len(people := self.people()) > 3:
            pk = self.dice.choice(people)
            with self.desk.cast.inside():
                customer.erase(actor=self.desk.cast.owner, now=clock.now(), customer_id=pk)
            self.gone[pk] = clock.now()

    def _know(self) -> None:
        """What was missing is filled in: resending reaches them now."""
        for pk in self.people()[:4]:
            with self.desk.cast.inside():
                details = customer.Details(fields={"nick": "Jo"})
                customer.change(actor=self.desk.cast.owner, now=clock.now(), customer_id=pk, details=details)

    def people(self) -> list[UUID]:
        with self.desk.cast.inside():
            return list(Customer.objects.filter(state="active").order_by("id").values_list("id", flat=True))

    # ── what must hold ────────────────────────────────────────────────────────────────────────────────────────────────
    def look(self, name: str, moved: UUID | None) -> None:
        with self.desk.cast.inside():
            states = dict(Campaign.objects.filter(id__in=self.known).values_list("id", "state"))
            for pk in self.known:
                self._look_at(pk, name, states[pk])

    def _look_at(self, pk: UUID, name: str, state: str) -> None:
        before = self.state[pk]
        must(state in BY_ITSELF.get(before, {before}), f"during {name} a campaign went astray", before, state)
        runs = list(Run.objects.filter(campaign_id=pk))
        sent = sum(self._look_at_run(one) for one in runs)
        if sent > self.sent[pk]:
            must(before in {"scheduled", "running"}, "something was sent though it was", before, name)
            must(self.due[pk] <= clock.now(), "something was sent before its time", self.due[pk], clock.now())
        must(sent >= self.sent[pk], "messages are lost", pk)
        self.state[pk], self.sent[pk] = state, sent

    def _look_at_run(self, one: Run) -> int:
        rows = list(Message.objects.filter(run_id=one.id).values_list("id", "customer_id", "sent_at"))
        must(len({who for _, who, _ in rows}) == len(rows), "somebody has two messages of one run", one.id)
        late = [who for _, who, at in rows if who in self.gone and at > self.gone[who]]
        must(not late, "somebody who had left was written to", late)
        if one.started_at is None:
            must(not rows, "a run that has not begun sent something", one.id)
            return 0
        found = campaigns.progress([one.id]).get(one.id, campaigns.Progress())
        must(found.done + found.left == one.recipients, "the counts do not add up", found, one.recipients)
        must(found.sent == len(rows), "the counts are not the messages", found.sent, len(rows))
        ledger = campaigns.ledger(one, now=clock.now(), limit=1000)
        must(len(ledger) == one.recipients + one.excluded, "the ledger is not its rows", len(ledger))
        must(
            {line.message for line in ledger if line.message} == {pk for pk, *_ in rows},
            "the ledger names others",
            one.id,
        )
        waiting = sum(line.state == "pending" for line in ledger)
        must(
            waiting == (0 if one.state == "cancelled" else found.left),
            "the ledger waits for others",
            waiting,
            found.left,
        )
        must(
            _archived(one.id) == (len(rows), len(rows)),
            "entries, records and messages differ",
            _archived(one.id),
            len(rows),
        )
        return len(rows)


def _archived(run_id: UUID) -> tuple[int, int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM archive_entry WHERE run_id = %s AND kind = 'message.sent'", [run_id])
        entries = cursor.fetchone()[0]
        cursor.execute(
            "SELECT count(*) FROM archive_record r JOIN messaging_message m ON m.id = r.message_id WHERE m.run_id = %s",
            [run_id],
        )
        return entries, cursor.fetchone()[0]


def live(desk: Desk, seed: int, steps: int) -> tuple[Life, str]:
    """→ the life, and what broke in it."""
    found = Life(desk, random.Random(seed))
    for number in range(steps):
        try:
            found.step()
        except Exception as error:  # noqa: BLE001 - a fault of the product's is a find, as a broken promise is
            return found, f"step {number}: {type(error).__name__}: {error}"
    return found, ""


@pytest.fixture
def lived(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(run, "CHUNK", 2)
    with desk.cast.inside():
        Policy.objects.update_or_create(id=1, defaults={"second_person_from": SECOND_PERSON_FROM})
        policy.forget()
    return desk


def test_unbroken_they_keep_their_promises(lived: Desk) -> None:
    found, broke = live(lived, SEED, STEPS)
    print(f"seed {SEED}: {dict(found.moves)}; {sum(found.sent.values())} sent; {Counter(found.state.values())}")
    assert not broke, f"EBB_SEED={SEED}: {broke}"
    assert set(found.moves) == set(WEIGHTS)
    for pk in found.known:  # and what goes on ends
        if found.state[pk] == "paused":
            found._verb("resume", pk)
    lived.at.advance(hours=2)
    lived.work()
    found.look("the end", None)
    assert {found.state[pk] for pk in found.known} <= OVER | {"approving", "draft"}


def pause_is_not_heard():  # type: ignore[no-untyped-def]
    """The campaign says that it is paused, its runs go on."""

    def stop(row: Campaign) -> None:
        row.state = Campaign.State.PAUSED
        row.save(update_fields=["state"])

    return mock.patch.object(run, "stop", stop)


def undo_is_no_time():  # type: ignore[no-untyped-def]
    """It goes out at once, whatever time there was to take it back."""
    real = launch._plan
    return mock.patch.object(
        launch,
        "_plan",
        lambda u, actor, row, verb, undo_for, recipients, now: real(u, actor, row, verb, 0, recipients, now),
    )


def nobody_is_asked():  # type: ignore[no-untyped-def]
    """However many get it, no second person agrees."""
    return mock.patch.object(launch, "_needs_second", return_value=False)


def sent_without_an_entry():  # type: ignore[no-untyped-def]
    """A chunk's messages are stored, its records and entries are not."""
    return mock.patch.object(alike, "keep", return_value=None)


def resent_to_everybody():  # type: ignore[no-untyped-def]
    """Trying again forgets who has it already."""

    def again(newest: Run, now: datetime) -> int:
        people = sorted(campaigns.ledger(newest, now=now, limit=1000), key=lambda line: line.customer)
        campaign._cut(newest, [line.customer for line in people], now)
        return len(people)

    return mock.patch.object(campaign, "_cut_again", again)


@pytest.mark.parametrize(
    "plant",
    [
        pause_is_not_heard,
        undo_is_no_time,
        nobody_is_asked,
        sent_without_an_entry,
        resent_to_everybody,
    ],
)
def test_a_planted_bug_is_found(lived: Desk, plant) -> None:  # type: ignore[no-untyped-def]
    with plant():
        _, broke = live(lived, SEED, FOUND_WITHIN)
    print(f"{plant.__name__}: {broke}")
    assert broke, f"{plant.__doc__} lived through {FOUND_WITHIN} steps"
