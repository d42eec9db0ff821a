"""Nothing outlives whoever started it, not even after a `kill -9`.

Two means, since neither is enough alone. On Linux a process asks the kernel for a signal when its parent dies. And a
small guard process, in a session of its own, reads a pipe that only the supervisor writes to: when the pipe closes, the
supervisor is gone, however it went, and the guard ends every process group that it was told of (django-q forks, so a
signal to one process would leave its workers behind).
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable

PR_SET_PDEATHSIG = 1
GRACE_SECONDS = 8.0


def die_with_parent(number: int) -> Callable[[], None] | None:
    """For `preexec_fn`: runs in the child, after it has changed its user and before it becomes the other program."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)  # loaded before the fork: a child may not load libraries safely
    return lambda: libc.prctl(PR_SET_PDEATHSIG, number, 0, 0, 0) and None


class Leash:
    """The guard, seen from the supervisor: tell it of each process group, and let go of those that ended."""

    def __init__(self, grace: float = GRACE_SECONDS) -> None:
        self._guard = subprocess.Popen(
            [sys.executable, "-m", "portal.launch.leash", str(grace)], stdin=subprocess.PIPE, start_new_session=True
        )

    def hold(self, group: int) -> None:
        self._tell(f"+{group}\n")

    def let_go(self, group: int) -> None:
        self._tell(f"-{group}\n")

    def close(self) -> None:
        if self._guard.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._guard.stdin.close()
        self._guard.wait()

    def _tell(self, line: str) -> None:
        # A guard that somebody killed is not worth failing for: it is the second line.
        if self._guard.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._guard.stdin.write(line.encode())
                self._guard.stdin.flush()


def end_groups(groups: Iterable[int], seconds: float) -> None:
    """SIGTERM to every group, then SIGKILL to what is left of it after `seconds`."""
    remaining = {group for group in groups if signal_group(group, signal.SIGTERM)}
    deadline = time.monotonic() + seconds
    while remaining and time.monotonic() < deadline:
        time.sleep(0.05)
        remaining = {group for group in remaining if group_lives(group)}
    for group in remaining:
        signal_group(group, signal.SIGKILL)


def signal_group(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def group_lives(group: int) -> bool:
    return signal_group(group, 0)


def watch(grace: float) -> None:
    """The guard itself: reads until the pipe closes."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        act = groups.add if line.startswith("+") else groups.discard
        act(int(line[1:]))
    end_groups(groups, grace)


if __name__ == "__main__":
    watch(float(sys.argv[1]))
