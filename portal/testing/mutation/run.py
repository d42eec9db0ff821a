"""A run: pytest collects the tests of a group and hands them to us instead of to its own loop."""

import os
import random
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from portal.testing.mutation import faults, plant
from portal.testing.mutation.faults import Fault
from portal.testing.mutation.groups import Group

PATIENCE = 5.0  # seconds; and ten times what its tests took
KILLED, SURVIVED, UNFIT = 1, 0, 2


@dataclass
class Score:
    """`survived` are the faults that no test noticed, those first that no test even reaches."""

    made: int = 0
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
    reach: dict[CodeType, set[int]] = field(default_factory=lambda: defaultdict(set))
    spent: dict[int, float] = field(default_factory=dict)
    items: list[pytest.Item] = field(default_factory=list)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        began = time.monotonic()
        self.items = [one for one in session.items if not one.get_closest_marker("skip")]
        made = [fault for module, path in self.group.files() for fault in faults.of_module(module, path)]
        chosen = [fault for fault in made if self.only in str(fault)]
        self.score.made = len(chosen)
        if self.sample is not None:
            chosen = self.chance.sample(chosen, min(self.sample, len(chosen)))
        self._run_as_it_is({fault.module: None for fault in chosen})
        for fault in chosen:
            self._try(fault, session)
        session.testscollected = len(self.items)
        self.score.seconds = time.monotonic() - began
        return True

    # ── as it is ──────────────────────────────────────────────────────────────────────────────────────────────────
    def _run_as_it_is(self, modules: dict[str, None]) -> None:
        """Which test reaches which function, and how long it takes."""
        files = {sys.modules[one].__file__ for one in modules if one in sys.modules}
        now = -1

        def look(frame: Any, event: str, _: object) -> None:
            if event == "call" and frame.f_code.co_filename in files:
                self.reach[frame.f_code].add(now)

        for now, item in enumerate(self.items):
            started = time.perf_counter()
            threading.setprofile(look)
            sys.setprofile(look)
            try:
                reports = self._protocol(item, self.items[0])
            finally:
                sys.setprofile(None)
                threading.setprofile(None)  # type: ignore[arg-type]
            self.spent[now] = time.perf_counter() - started
            if any(report.failed for report in reports):
                raise pytest.UsageError(f"{item.nodeid} fails without any fault: {reports[-1].longrepr}")

    def _protocol(self, item: pytest.Item, following: pytest.Item) -> Sequence[pytest.TestReport]:
        return runtestprotocol(item, log=False, nextitem=following)

    # ── with a fault ──────────────────────────────────────────────────────────────────────────────────────────────
    def _try(self, fault: Fault, session: pytest.Session) -> None:
        function = plant.function_of(fault.module, fault.function)
        reached = sorted(self._reached(function), key=self.spent.__getitem__)
        if not reached:
            if function is not None:
                self.score.survived.insert(0, f"{fault} (no test reaches it)")
            return
        outcome = self._in_a_child(fault, [self.items[number] for number in reached], session, self._patience(reached))
        if outcome == KILLED:
            self.score.killed += 1
        elif outcome == SURVIVED:
            self.score.survived.append(str(fault))

    def _reached(self, function: Any) -> set[int]:
        if function is None:
            return set()
        return set().union(*(self.reach.get(code, set()) for code in plant.codes_of(function.__code__)))

    def _patience(self, reached: Sequence[int]) -> float:
        return PATIENCE + 10 * sum(self.spent[number] for number in reached)

    def _in_a_child(self, fault: Fault, items: list[pytest.Item], session: pytest.Session, patience: float) -> int:
        """A fault may make a loop endless, or end the process: both are noticed."""
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            os._exit(self._child(fault, items, session, patience))
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status) if not os.WIFSIGNALED(status) else KILLED

    def _child(self, fault: Fault, items: list[pytest.Item], session: pytest.Session, patience: float) -> int:
        try:
            signal.signal(signal.SIGALRM, lambda *_: os._exit(KILLED))
            signal.setitimer(signal.ITIMER_REAL, patience)
            _leave_connections()
            if not plant.plant(fault):
                return UNFIT
            session._setupstate.teardown_exact(items[0])  # noqa: SLF001 - what pytest's own loop does between two tests
            for item, following in zip(items, [*items[1:], items[0]], strict=True):
                if any(report.failed for report in self._protocol(item, following)):
                    return KILLED
        except BaseException:  # noqa: BLE001 - whatever a fault does, it was noticed
            return KILLED
        return SURVIVED


def _leave_connections() -> None:
    """Those of the parent stay its own."""
    from django.conf import settings

    if settings.configured:
        from django.db import connections

        for one in connections.all(initialized_only=True):
            one.connection = None


def of(group: Group, *, chance: random.Random, sample: int | None = None, only: str = "") -> Score:
    run = Run(group, chance, sample, only)
    code = pytest.main(
        ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--no-header", *group.tests], plugins=[run]
    )
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise SystemExit(int(code))
    return run.score
