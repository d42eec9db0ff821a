"""T19: faults planted into what the promises rest on, and whether the tests notice (`portal.testing.mutation`).

Full only: every fault of every group, minutes each. A fault that is known to change nothing stands in the package's `alike.json`
with its reason, and on every change it is looked whether it can still be made.
"""

import json
import os
import subprocess
import sys

import pytest

from portal.launch.environment import PROJECT
from portal.testing.mutation import groups
from portal.testing.mutation.groups import GROUPS

LEAST = 0.9


def tried(tmp_path, group: str) -> dict:
    told = tmp_path / "told.json"
    command = [sys.executable, "-m", "portal.testing.mutation", group, "--json", str(told)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, env=own_environment())
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    print(done.stdout[done.stdout.rfind(f"\n{group}, seed") :])
    return json.loads(told.read_text(encoding="utf-8"))


def own_environment() -> dict[str, str]:
    """A server and a keyring of its own: nothing of this run's."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("EBB_", "PYTEST", "DJANGO_", "DATABASE_URL"))
    }


def test_every_fault_that_is_let_off_can_be_made_and_says_why():
    made = {fault.name for group in GROUPS.values() for fault in group.faults()}
    known = groups.alike()
    assert set(known) <= made
    assert all(len(reason) > 20 for reason in known.values())


@pytest.mark.chaos
@pytest.mark.parametrize("group", GROUPS)
def test_nine_of_ten_faults_are_noticed(tmp_path, group):
    told = tried(tmp_path, group)
    assert told["killed"] >= LEAST * told["tried"], told["survived"]
