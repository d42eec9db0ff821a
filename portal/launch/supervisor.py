"""Keeps the processes of one machine running: starts them, restarts what dies, ends all of them together."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from portal.launch import leash

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
STEADY_SECONDS = 60.0  # a process that lived this long starts with a short pause again
STOP_SECONDS = 10.0
TICK = 0.2
LOG_LIMIT = 10 * 1024 * 1024


@dataclass
class Child:
    """One process and all that it forks: its process group is what is signalled and ended."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    log: Path | None = None
    cwd: Path | None = None
    process: "subprocess.Popen[bytes] | None" = None
    pause: float = FIRST_PAUSE
    started_at: float = 0.0
    due_at: float = field(default=0.0)

    def start(self) -> int:
        self.started_at = time.monotonic()
        with ExitStack() as stack:
            output = stack.enter_context(_open_log(self.log)) if self.log else None
            self.process = subprocess.Popen(
                self.argv, env=dict(self.env), cwd=self.cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True, preexec_fn=leash.die_with_parent(signal.SIGTERM),
            )  # fmt: skip
        return self.process.pid

    def has_died(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def postpone(self) -> None:
        now = time.monotonic()
        if now - self.started_at > STEADY_SECONDS:
            self.pause = FIRST_PAUSE
        self.due_at = now + self.pause
        self.pause = min(self.pause * 2, LONGEST_PAUSE)


class Supervisor:
    """`say` hears of every death and restart. Call `tick` often, or `run` until a signal asks to stop."""

    def __init__(
        self, children: Sequence[Child], *, say: Callable[[str], None], grace: float = leash.GRACE_SECONDS
    ) -> None:
        self.children = list(children)
        self._say = say
        self._stopping = False
        self._leash = leash.Leash(grace)

    @property
    def stopping(self) -> bool:
        return self._stopping

    def start(self) -> None:
        for child in self.children:
            self._start(child)

    def tick(self) -> None:
        now = time.monotonic()
        for child in self.children:
            if child.has_died():
                self._bury(child)
            if child.process is None and now >= child.due_at:
                self._say(f"Starting {child.name} again.")
                self._start(child)

    def run(self, each_tick: Callable[[], None] | None = None) -> None:
        while not self._stopping:
            self.tick()
            if each_tick is not None:
                each_tick()
            time.sleep(TICK)

    def ask_to_stop(self, number: int = 0, frame: FrameType | None = None) -> None:
        """A signal handler: only notes the wish, so that it is safe wherever it strikes."""
        self._stopping = True

    def listen_to_signals(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.ask_to_stop)

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        self._stopping = True
        running = [child for child in self.children if child.process is not None]
        for child in running:
            child.process.send_signal(signal.SIGTERM)  # type: ignore[union-attr]
        deadline = time.monotonic() + seconds
        for child in running:
            self._end(child, deadline)
        self._leash.close()

    def _start(self, child: Child) -> None:
        try:
            self._leash.hold(child.start())
        except OSError as error:
            self._say(f"{child.name} cannot be started: {error}.")
            child.process = None
            child.postpone()

    def _bury(self, child: Child) -> None:
        """A dead parent's forks are ended before it is started anew, or two of them would work side by side."""
        process = child.process
        assert process is not None
        leash.end_groups([process.pid], seconds=2.0)
        self._leash.let_go(process.pid)
        child.process = None
        child.postpone()
        if not self._stopping:
            where = f"; see {child.log}" if child.log else ""
            self._say(f"{child.name} ended with {_status(process.returncode)}{where}.")

    def _end(self, child: Child, deadline: float) -> None:
        """The process was asked politely and by itself (django-q's workers must not be struck in mid-job)."""
        process = child.process
        assert process is not None
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._say(f"{child.name} did not stop in time and is ended.")
        leash.signal_group(process.pid, signal.SIGKILL)
        process.wait()
        self._leash.let_go(process.pid)
        child.process = None


def _status(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"status {code}"


def _open_log(path: Path):  # type: ignore[no-untyped-def]
    """Append, readable by us alone; a file that has grown large becomes `.1`."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_LIMIT:
        path.replace(path.with_suffix(path.suffix + ".1"))
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")
