"""T9: the simulation, unbroken and broken. A failure names its seed and the shortest history that was found:
`EBB_SEED=<seed> ./run test portal/tests/test_simulation.py -k unbroken` lives it again.

A change is judged by the same histories each time, so that what fails is the change; `--full` draws histories nobody lived."""

import os
import random

import pytest

from portal.testing.simulation import bugs, driver

FULL = os.environ.get("EBB_FULL") == "1"
STEPS = int(os.environ.get("EBB_STEPS", "1000000" if FULL else "100000"))
SEED = int(os.environ.get("EBB_SEED") or (random.randrange(1 << 31) if FULL else 20_261_128))
FOUND_WITHIN = 30_000  # steps; most are found in the first hundreds, what needs a restore in the first thousands


@pytest.fixture(scope="module")
def stage(house):
    with driver.stage() as made:
        yield made


def test_unbroken_it_keeps_its_promises(stage):
    told = driver.run(stage, SEED, STEPS)
    print(told)
    print(", ".join(f"{name} {count}" for name, count in told.by_move.most_common()))
    assert not told.failure, driver.explain(stage, told)
    assert told.steps == STEPS
    assert set(told.by_move) == set(driver.MOVES), "some moves never came"
    assert min(told.crashes, told.disposed) > STEPS // 1000, "it was too quiet a life"


@pytest.mark.parametrize("plant", bugs.ALL, ids=lambda plant: plant.__name__)
def test_a_planted_bug_is_found(stage, plant):
    with plant():
        told = driver.run(stage, SEED, FOUND_WITHIN)
    assert told.failure, f"{plant.__doc__} lived through {told}"
    assert not driver.replay(stage, told.history).failure, "the same history breaks without it, too"
    print(f"{plant.__name__}: found after {told.steps} steps as {told.failure[:160]}")
