"""A cluster of which a part is killed dies as a whole, so that it is started anew instead of living on and doing nothing."""

import os
import signal
import subprocess

import psutil
import pytest

from portal.launch import environment, leash, serve
from portal.testing.installation import until
from portal.testing.processes import build_env


@pytest.fixture
def cluster(house, tmp_path):
    command = serve.worker_command()
    assert command[-1] == "qcluster"
    env = environment.for_process(build_env(tmp_path, 1), "worker") | {
        "Q_CLUSTER_NAME": "bulk",
        "EBB_BULK_WORKERS": "2",
    }
    with (tmp_path / "log").open("wb") as log:
        child = subprocess.Popen(
            command, env=env, cwd=environment.PROJECT, stdout=log, stderr=log, start_new_session=True,
            preexec_fn=leash.die_with_parent(signal.SIGKILL),
        )  # fmt: skip
    parts = until(lambda: _parts(child.pid), 60, "the cluster did not start")
    yield child, parts
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
    child.wait(10)


def _parts(pid: int) -> list[psutil.Process]:
    """Sentinel, two workers, monitor and pusher."""
    found = psutil.Process(pid).children(recursive=True)
    return found if len(found) >= 5 else []


@pytest.mark.parametrize("number", range(1, 5))
def test_one_that_is_killed_takes_all_with_it(cluster, number):
    child, parts = cluster
    os.kill(parts[number].pid, signal.SIGKILL)
    assert child.wait(20) != 0
    until(
        lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in parts), 10, "some stayed"
    )
