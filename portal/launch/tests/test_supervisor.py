"""What dies is started again; nothing is left behind, however the supervisor goes."""

import os
import select
import signal
import subprocess
import sys

import psutil
import pytest

from portal.launch.environment import PROJECT
from portal.launch.supervisor import LONGEST_PAUSE, Child, Supervisor

# A process like django-q's: it forks, its fork ignores a polite signal, and both tell their numbers.
FORKING = """
import os, signal, sys
other = os.fork()
if other == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True: signal.pause()
with open(sys.argv[1], "w") as pipe: pipe.write(f"{os.getpid()} {other}\\n")
signal.pause()
"""
SUPERVISING = """
import os, sys
from portal.launch.supervisor import Child, Supervisor
child = Child("forking", [sys.executable, "-c", sys.argv[1], sys.argv[2]], os.environ)
supervisor = Supervisor([child], say=print, grace=1)
supervisor.listen_to_signals()
supervisor.start()
supervisor.run()
supervisor.stop(1)
"""


class Pipe:
    """A named pipe through which the children tell who they are."""

    def __init__(self, path):
        os.mkfifo(path)
        self.path = path
        self._file = os.open(path, os.O_RDWR)

    def family(self) -> list[psutil.Process]:
        assert select.select([self._file], [], [], 20)[0], "no child came up"
        return [psutil.Process(int(pid)) for pid in os.read(self._file, 100).split()]


@pytest.fixture
def pipe(tmp_path):
    return Pipe(tmp_path / "family")


@pytest.fixture
def said():
    return []


@pytest.fixture
def supervisor(pipe, said):
    child = Child("forking", [sys.executable, "-c", FORKING, str(pipe.path)], os.environ, pause=0)
    supervisor = Supervisor([child], say=said.append)
    supervisor.start()
    yield supervisor
    supervisor.stop(2)


def gone(processes) -> bool:
    return psutil.wait_procs(processes, timeout=20)[1] == []


def test_a_child_that_dies_is_started_again_and_its_forks_are_ended(supervisor, pipe, said):
    child, fork = pipe.family()
    child.kill()
    supervisor.children[0].process.wait(10)
    supervisor.tick()
    assert gone([fork])
    supervisor.tick()
    assert pipe.family()[0].pid != child.pid
    assert said == ["forking ended with signal SIGKILL.", "Starting forking again."]


def test_a_child_that_dies_again_and_again_is_started_more_and_more_slowly():
    child = Child("broken", ["false"], {})
    pauses = []
    for _ in range(10):
        pauses.append(child.pause)
        child.started_at = float("inf")
        child.postpone()
    assert pauses[:4] == [0.5, 1.0, 2.0, 4.0]
    assert pauses[-1] == LONGEST_PAUSE


def test_a_program_that_cannot_be_started_is_said_and_tried_again(said):
    supervisor = Supervisor([Child("missing", ["/nowhere/program"], {}, pause=0)], say=said.append)
    supervisor.start()
    supervisor.tick()
    supervisor.stop()
    assert said[0].startswith("missing cannot be started")
    assert len(said) == 3


def test_a_stop_ends_the_forks_too(supervisor, pipe):
    family = pipe.family()
    supervisor.stop(2)
    assert gone(family)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_when_the_supervisor_is_told_to_go_or_is_killed(pipe, number):
    with subprocess.Popen([sys.executable, "-c", SUPERVISING, FORKING, str(pipe.path)], cwd=PROJECT) as supervising:
        family = pipe.family()
        guard = [process for process in psutil.Process(supervising.pid).children() if process not in family]
        supervising.send_signal(number)
    assert gone(family + guard)


def test_logs_are_for_us_alone(tmp_path):
    child = Child("echo", ["echo", "a line"], os.environ, log=tmp_path / "log" / "echo.log")
    child.start()
    child.process.wait(10)
    assert child.log.read_text() == "a line\n"
    assert child.log.stat().st_mode & 0o077 == 0
