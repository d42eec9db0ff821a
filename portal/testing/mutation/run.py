"""A run: pytest collects the tests of a group and hands them to us instead of to its own loop."""

import contextlib
import ctypes
import itertools
import os
import random
import resource
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from portal.kernel import tenancy
from portal.testing.mutation import births, copies, groups, plant
from portal.testing.mutation.faults import Fault
from portal.testing.mutation.groups import Group

CPU, WAITING = 3.0, 30.0  # seconds a test may take more than ten times what it took: at work, and in all
MEMORY = 8 << 30  # bytes of address space that a child may take
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 1 << 18  # of sched.h and mount.h
KILLED, SURVIVED, UNFIT, LATE = 1, 0, 2, 3


@dataclass
class Score:
    """`alike` of those that can be made change nothing and are not tried; `survived` are those that no test noticed, those first
    that no test even reaches."""

    made: int = 0
    alike: int = 0
    killed: int = 0
    survived: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def tried(self) -> int:
        return self.killed + len(self.survived)

    @property
    def share(self) -> float:
        return self.killed / self.tried if self.tried else 1.0


@dataclass
class Run:
    """The plugin. `sample` is how many faults are tried, all if None."""

    group: Group
    chance: random.Random
    sample: int | None = None
    only: str = ""
    score: Score = field(default_factory=Score)
    reach: dict[tuple[str, int], set[int]] = field(default_factory=lambda: defaultdict(set))  # (file, line): tests
    spent: dict[int, float] = field(default_factory=dict)
    items: list[pytest.Item] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        began = time.monotonic()
        self.items = [one for one in session.items if not one.get_closest_marker("skip")]
        made, alike = [fault for fault in self.group.faults() if self.only in str(fault)], groups.alike()
        chosen = [fault for fault in made if fault.name not in alike]
        self.score.made, self.score.alike = len(made), len(made) - len(chosen)
        if self.sample is not None:
            chosen = self.chance.sample(chosen, min(self.sample, len(chosen)))
        births.take_over()
        self._run_as_it_is(session)
        if self._asks_for("fresh", self.spent):
            births.make_ahead()
        if self._in_a_child(None, sorted(self.spent, key=self.spent.__getitem__), session) != SURVIVED:
            raise pytest.UsageError(
                "the tests fail in a child without any fault: no child's answer would mean anything"
            )
        for fault in chosen:
            self._try(fault, session)
        session.testscollected = len(self.items)
        self.score.seconds = time.monotonic() - began
        return True

    # ── as it is ──────────────────────────────────────────────────────────────────────────────────────────────────
    def _run_as_it_is(self, session: pytest.Session) -> None:
        """Which test reaches which line, and how long it takes. What belongs to the session stays open for the children."""
        files = {str(path) for _, path in self.group.files()}
        now = -1

        def look(frame: Any, _: str, __: object) -> Callable[..., Any] | None:
            if frame.f_code.co_filename not in files:
                return None
            self.reach[frame.f_code.co_filename, frame.f_lineno].add(now)
            return look

        for now, (item, following) in enumerate(_with_following(self.items, session)):
            started = time.perf_counter()
            threading.settrace(look)
            sys.settrace(look)
            try:
                reports = _protocol(item, following)
            finally:
                sys.settrace(None)
                threading.settrace(None)  # type: ignore[arg-type]
            self.spent[now] = time.perf_counter() - started
            for report in reports:
                if report.failed:
                    raise pytest.UsageError(f"{item.nodeid} fails without any fault: {report.longrepr}")

    # ── with a fault ──────────────────────────────────────────────────────────────────────────────────────────────
    def _try(self, fault: Fault, session: pytest.Session) -> None:
        function = plant.function_of(fault.module, fault.function)
        reached = sorted(self._reached(fault), key=self.spent.__getitem__)
        if not reached:
            if function is not None:
                self.score.survived.insert(0, f"{fault} (no test reaches it)")
            return
        alone = [number for number in reached if not self._asks_for("house", [number])]
        outcome = self._outcome(fault, alone, session) if alone else SURVIVED
        if outcome == SURVIVED and len(alone) < len(reached):
            outcome = self._outcome(fault, [number for number in reached if number not in alone], session)
        if outcome == KILLED:
            self.score.killed += 1
        elif outcome == SURVIVED:
            _say(session, f"survived  {fault}, which {len(reached)} tests reach")
            self.score.survived.append(str(fault))

    def _outcome(self, fault: Fault, tests: list[int], session: pytest.Session) -> int:
        """What takes too long is tried once more: it may be the machine that stood still. Then it hangs, which is noticed."""
        for _ in range(2):
            if (outcome := self._in_a_child(fault, tests, session)) != LATE:
                return outcome
        return KILLED

    def _reached(self, fault: Fault) -> set[int]:
        return set().union(*(self.reach.get((str(fault.path), line), set()) for line in fault.lines))

    def _in_a_child(self, fault: Fault | None, reached: list[int], session: pytest.Session) -> int:
        """A fault may make a loop endless, eat the memory or end the process: each is noticed, and what it started ends with it."""
        sys.stdout.flush()
        with self._copy(reached) as copy:
            child = os.fork()
            if child == 0:
                os._exit(self._child(copy, fault, reached, session))
            _, status = os.waitpid(child, 0)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
        if not os.WIFSIGNALED(status):
            return os.waitstatus_to_exitcode(status)
        return LATE if os.WTERMSIG(status) == signal.SIGALRM else KILLED

    def _copy(self, reached: list[int]) -> contextlib.AbstractContextManager[copies.Copy | None]:
        return copies.of(next(self.numbers)) if self._asks_for("house", reached) else contextlib.nullcontext()

    def _asks_for(self, fixture: str, tests: Iterable[int]) -> bool:
        return any(fixture in getattr(self.items[number], "fixturenames", ()) for number in tests)

    def _child(self, copy: copies.Copy | None, fault: Fault | None, reached: list[int], session: pytest.Session) -> int:
        try:
            os.setsid()
            for ends in (signal.SIGALRM, signal.SIGPROF):
                signal.signal(ends, signal.SIG_DFL)  # the kernel ends it, whatever it waits in
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            _leave_what_is_the_parents()
            if copy:
                copy.use()
            if fault and not plant.plant(fault):
                return UNFIT
            items = [self.items[number] for number in reached]
            for number, (item, following) in zip(reached, _with_following(items, session), strict=True):
                signal.setitimer(signal.ITIMER_PROF, CPU + 10 * self.spent[number])
                signal.setitimer(signal.ITIMER_REAL, WAITING + 10 * self.spent[number])
                failed = [report for report in _protocol(item, following) if report.failed]
                if failed and fault is None:
                    _say(session, f"{item.nodeid} fails in a child: {failed[0].longreprtext}")
                if failed:
                    return KILLED
        except BaseException:  # noqa: BLE001 - whatever a fault does, it was noticed
            return KILLED
        return SURVIVED


def _with_following(items: list[pytest.Item], session: pytest.Session) -> Iterator[tuple[pytest.Item, pytest.Item]]:
    """The session stands after the last: it keeps its own fixtures, and all others are torn down."""
    return zip(items, [*items[1:], session], strict=True)


def _protocol(item: pytest.Item, following: pytest.Item) -> Sequence[pytest.TestReport]:
    return runtestprotocol(item, log=False, nextitem=following)


def _say(session: pytest.Session, text: str) -> None:
    """Past what pytest holds back: a run takes minutes."""
    capture = session.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
        print(text, file=sys.stderr, flush=True)


def _leave_what_is_the_parents() -> None:
    """Its connections stay its own, its threads did not come along, and what a killed test had mounted goes with the child."""
    tenancy._pool = ThreadPoolExecutor(max_workers=8)  # noqa: SLF001 - there is no other way in
    libc = ctypes.CDLL(None)
    if os.geteuid() == 0 and libc.unshare(CLONE_NEWNS) == 0:
        libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None)
    from django.conf import settings

    if settings.configured:
        from django.db import connections

        for one in connections.all(initialized_only=True):
            one.connection = None


def _decide_what_hypothesis_does() -> None:
    """The same cases in every child, no time limit that a busy machine reaches, no search for the shortest failure."""
    import hypothesis

    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    hypothesis.settings.register_profile("mutation", deadline=None, derandomize=True, database=None, phases=phases)
    hypothesis.settings.load_profile("mutation")


def of(group: Group, *, chance: random.Random, sample: int | None = None, only: str = "") -> Score:
    run = Run(group, chance, sample, only)
    _decide_what_hypothesis_does()
    code = pytest.main(
        ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--no-header", *group.tests], plugins=[run]
    )
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise SystemExit(int(code))
    return run.score
