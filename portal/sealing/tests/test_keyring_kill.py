"""T5: real processes, real kill -9, a neighbour at work on the same file. 25 kills, 500 with EBB_FULL=1."""

import os
import random
import subprocess
import sys
from pathlib import Path

from portal.sealing.keyring import layout, live
from portal.sealing.keyring.ring import Keyring
from portal.sealing.tests import carve

MASTER = bytes(range(32))
KILLS = 500 if os.environ.get("EBB_FULL") == "1" else 25
SEED = int(os.environ.get("EBB_SEED", random.SystemRandom().randrange(10**6)))
FIRST = 1_800_000_000
PROJECT = Path(__file__).parents[3]


def start(root: Path, first: int, acts: int, seed: str, call: int = 0) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "portal.sealing.tests.worker", str(root), MASTER.hex(), first, acts, seed, call]
    return subprocess.Popen([*map(str, words)], stdout=subprocess.PIPE, text=True, cwd=PROJECT)


def kill_after(process: subprocess.Popen[str], lines: int) -> list[str]:
    """Read that many lines, kill -9, and read what was said until then."""
    heard = [line for _, line in zip(range(lines), process.stdout, strict=False)]
    process.kill()
    heard += process.stdout.readlines()
    process.stdout.close()
    process.wait()
    return heard


class Model:
    """What the processes were told: the truth that the file must agree with."""

    def __init__(self) -> None:
        self.alive: dict[int, str] = {}
        self.dead: dict[int, str] = {}
        self.unsure: set[int] = set()

    def hear(self, lines: list[str]) -> None:
        doing = None
        for line in (line.split() for line in lines if line.endswith("\n")):
            if line[0] == "do":
                doing = int(line[2])
            elif line[:2] == ["ok", "create"]:
                self.alive[int(line[2])], doing = line[3], None
            elif line[:2] == ["ok", "destroy"]:
                self.dead[int(line[2])], doing = self.alive.pop(int(line[2])), None
        if doing is not None:  # it was killed in this act: both outcomes are right, once
            self.unsure.add(doing)

    def settle(self, ring: Keyring) -> None:
        """An act that was cut short is what the file says from now on."""
        found = set(ring.live.buckets())
        for bucket in self.unsure:
            key = self.alive.pop(bucket, None)
            if bucket in found:
                self.alive[bucket] = ring.live.get(bucket).hex()
                assert key in (None, self.alive[bucket])
            elif key is not None:
                self.dead[bucket] = key
        self.unsure.clear()

    def check(self, root: Path, newest: int | None = None) -> tuple[int, int, int]:
        """Lost, resurrected, carved (of the `newest` dead, or of all): all must be 0."""
        ring = Keyring(root, MASTER)
        self.settle(ring)
        found = {bucket: ring.live.get(bucket).hex() for bucket in ring.live.buckets()}
        image = (root / "live.ring").read_bytes()
        header = layout.unpack_header(image[: layout.SECTOR_BYTES])
        start = layout.slot_offset(header.idle, header.capacity)
        assert not any(image[start : start + header.capacity])
        dead = {bytes.fromhex(key) for key in list(self.dead.values())[-(newest or len(self.dead)) :]}
        lost = sum(found.get(bucket) != key for bucket, key in self.alive.items())
        carved = carve.keys_found(image, MASTER, live.FILE_ID, dead)
        return lost, len(found.keys() - self.alive.keys()), len(carved)


def test_kill_9_at_any_moment_resurrects_nothing_and_loses_nothing(tmp_path):
    chance, model, root, first = random.Random(SEED), Model(), tmp_path / "ring", FIRST
    Keyring(root, MASTER)
    kills = lost = back = carved = 0
    while kills < KILLS:
        # Half die in the middle of a chosen write, half at whatever moment the parent strikes.
        call = chance.randrange(1, 90) if kills % 2 else 0
        victim = start(root, first, 1000, f"{SEED}/{first}", call)
        neighbour = start(root, first + 5000, 6, f"{SEED}/{first}/n")
        model.hear(kill_after(victim, 10**6 if call else chance.randrange(1, 40)))
        said = neighbour.communicate()[0].splitlines(keepends=True)
        assert said[-1] == "end\n"
        model.hear(said)
        assert victim.returncode == -9
        figures = model.check(root, newest=100)
        lost, back, carved = (total + more for total, more in zip((lost, back, carved), figures, strict=True))
        kills, first = kills + 1, first + 10_000
        for bucket in sorted(model.alive)[:-40]:  # keep the file small, and destroy across processes
            Keyring(root, MASTER).live.destroy(bucket)
            model.dead[bucket] = model.alive.pop(bucket)
    assert model.check(root) == (0, 0, 0)
    print(f"seed {SEED}: {kills} kills, {len(model.dead)} keys destroyed, {len(model.alive)} alive")
    assert (lost, back, carved) == (0, 0, 0), f"lost, resurrected, carved; EBB_SEED={SEED}"


def test_several_processes_share_one_ring(tmp_path):
    """Four at once, none killed: every key that one was given is the one that all see."""
    root, model = tmp_path / "ring", Model()
    Keyring(root, MASTER)
    workers = [start(root, FIRST + n * 1000, 25, f"{SEED}/{n}") for n in range(4)]
    for worker in workers:
        model.hear(worker.communicate()[0].splitlines(keepends=True))
    assert model.check(root) == (0, 0, 0)
    assert len(model.alive) + len(model.dead) == 100


def test_processes_that_race_for_one_bucket_get_one_key(tmp_path):
    """The folder and the file are born in the same race."""
    root = tmp_path / "ring"
    workers = [start(root, FIRST, 1, "b") for _ in range(6)]  # with this seed a worker destroys nothing
    said = [line.split() for worker in workers for line in worker.communicate()[0].splitlines()]
    keys = [words[3] for words in said if words[:2] == ["ok", "create"]]
    assert len(keys) == 6
    assert {Keyring(root, MASTER).live.get(FIRST).hex()} == set(keys)
