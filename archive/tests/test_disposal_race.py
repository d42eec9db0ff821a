"""Disposal against a hold that is placed meanwhile, against itself, and against SIGKILL at every statement (I8)."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from archive.flows import batch, bucket, certificate, disposal, disposing, hold, tree
from archive.models import Bucket, Certificate, DisposalRun, Disposed, Entry
from archive.queries import verification
from archive.rules import events
from archive.tests.conftest import Home, keep, snapshot
from archive.tests.test_bucket import back_up
from archive.tests.test_disposal import left, open_wide, over, read
from portal.kernel import clock, tenancy
from tenants.models import Backup

SLICES, SIZE = 4, 3


@pytest.fixture(autouse=True)
def _quiet(home: Home, fake: clock.Fake, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(events, "_listeners", [])
    open_wide()
    yield
    Backup.objects.all().delete()


def begin(home: Home) -> UUID:
    begun = disposal.begin(actor=home.officer, now=clock.now())
    disposal.plan(run_id=begun.id, now=clock.now())
    return begun.id


def apart(home: Home, act: Callable[[], Any]) -> threading.Thread:
    """In a thread of its own, and so on a connection of its own."""

    def inside() -> None:
        with tenancy.tenant_scope(home.place):
            act()
        connection.close()

    other = threading.Thread(target=inside)
    other.start()
    return other


@pytest.mark.parametrize("boundary", range(SLICES + 1))
@pytest.mark.parametrize("inside", [False, True], ids=["between slices", "while one is judged"])
def test_a_hold_placed_during_a_run_never_loses_a_record(
    home: Home, fake: clock.Fake, monkeypatch: pytest.MonkeyPatch, boundary: int, inside: bool
) -> None:
    keep(*[over(category="billing") for _ in range(SLICES * SIZE)])
    fake.advance(days=6)
    run_id, there, slices = begin(home), set[object](), iter(range(100))
    others: list[threading.Thread] = []
    stood = threading.Event()

    def place() -> None:
        hold.place(actor=home.officer, now=clock.now(), name="n", reason="r", query="category:billing")
        there.update(left())  # what the world sees once the hold stands
        stood.set()

    carry_out = disposing.carry_out

    def interrupted(*args: Any, **given: Any) -> disposing.Done:
        if next(slices) == boundary and inside:
            others.append(apart(home, place))
            assert not stood.wait(0.2)  # it waits for this slice
        return carry_out(*args, **given)

    monkeypatch.setattr(disposing, "carry_out", interrupted)
    for number in range(SLICES + 3):
        if number == boundary and not inside:
            apart(home, place).join(10)
        disposal.step(run_id=run_id, now=clock.now(), slice_rows=SIZE)
        for (
            other
        ) in others:  # it stands before the next slice begins; who is first of two that wait is nobody's promise
            other.join(10)
    if stood.is_set():
        disposal.step(run_id=run_id, now=clock.now(), slice_rows=SIZE)
        done = boundary + 1 if inside else boundary
        assert len(there) == max(0, (SLICES - done) * SIZE)
        assert left() == there
    else:
        assert (inside, boundary) == (True, SLICES)  # there is no such slice
    assert verification.verify().faults in ([], [("log_behind", "")])


def test_two_workers_on_one_run_take_turns(home: Home, fake: clock.Fake) -> None:
    keep(*[over() for _ in range(30)], *[snapshot() for _ in range(5)])
    fake.advance(days=6)
    run_id = begin(home)

    def work() -> None:
        while disposal.step(run_id=run_id, now=clock.now(), slice_rows=2):
            pass

    workers = [apart(home, work) for _ in range(3)]
    for one in workers:
        one.join(30)
    run = DisposalRun.objects.get()
    assert (run.state, run.disposed, run.seen, len(left())) == ("finished", 30, 30, 5)
    assert Entry.objects.filter(kind="archive.disposed").count() == 15
    assert verification.verify().is_whole


def test_two_who_begin_begin_one(home: Home, fake: clock.Fake) -> None:
    keep(over())
    fake.advance(days=6)
    runs = [apart(home, lambda: disposal.begin(actor=home.officer, now=clock.now())) for _ in range(4)]
    for one in runs:
        one.join(10)
    assert DisposalRun.objects.count() == 1


# ── SIGKILL ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def killed_at(statement: int, act: Callable[[], Any]) -> bool:
    """Run `act` in a process that is killed right before its n-th statement. True if it was killed, False if it ended."""
    connection.close()
    child = os.fork()
    if child == 0:
        count = iter(range(1, 10**6))

        def dying(execute: Any, *args: Any) -> Any:
            if next(count) == statement:
                os.kill(os.getpid(), signal.SIGKILL)
            return execute(*args)

        code = 70
        try:
            with connection.execute_wrapper(dying):
                act()
            connection.close()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "it failed instead of being killed"
    return os.WIFSIGNALED(status)


def test_killed_at_every_statement_a_run_loses_and_repeats_nothing(home: Home, fake: clock.Fake) -> None:
    goes, held, stays = [over() for _ in range(12)], [over("held", category="billing") for _ in range(3)], [snapshot()]
    drafts = keep(*goes[:6], *held, *goes[6:], *stays)
    hold.place(actor=home.officer, now=clock.now(), name="n", reason="r", query="category:billing")
    fake.advance(days=30)
    batch.forget()
    everything = {one.message_id for one in (*goes, *held, *stays)}
    run_id = disposal.begin(actor=home.officer, now=clock.now()).id

    def work() -> None:
        disposal.plan(run_id=run_id, now=clock.now())
        while disposal.step(run_id=run_id, now=clock.now(), slice_rows=4):
            pass

    statement = 1
    while killed_at(statement, work):
        gone = set(Disposed.objects.values_list("message_id", flat=True))
        assert gone | left() == everything
        assert not gone & left()
        assert left() >= {one.message_id for one in (*held, *stays)}
        statement += 1
    assert statement > 20
    run = DisposalRun.objects.get()
    assert (run.state, run.disposed) == ("finished", 12)
    assert left() == {one.message_id for one in (*held, *stays)}
    report = verification.verify()
    assert (report.is_whole, report.disposed) == (True, 12)
    assert read(home, drafts[6].index)["body"] == "held"
    assert Bucket.objects.get(month="2031-05").disposed == 12


def test_killed_at_every_statement_a_bucket_ends_once(home: Home, fake: clock.Fake) -> None:
    keep(*[over() for _ in range(3)])
    fake.advance(days=30)
    work_id = begin(home)
    disposal.work(run_id=work_id)
    batch.forget()

    def end() -> None:
        bucket.sweep(now=clock.now())
        certificate.sweep(now=clock.now())

    statement = 1
    while killed_at(statement, end):
        statement += 1
    assert Bucket.objects.get(month="2031-05").state == "decided"
    back_up()
    statement = 1
    while killed_at(statement, end):
        statement += 1
    assert statement > 10
    kinds = Entry.objects.filter(kind__in=["bucket.decided", "bucket.destroyed", "certificate.issued"])
    assert list(kinds.order_by("index").values_list("kind", flat=True)) == [
        "bucket.decided", "bucket.destroyed", "certificate.issued",
    ]  # fmt: skip
    assert Certificate.objects.count() == 1
    row = Bucket.objects.get(month="2031-05")
    for index, kind in ((row.decided_index, "bucket.decided"), (row.destroyed_index, "bucket.destroyed")):
        assert Entry.objects.get(index=index).kind == kind
    tree.integrate(now=clock.now())
    assert verification.verify().is_whole
