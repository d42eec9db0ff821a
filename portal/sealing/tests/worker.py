"""A process that uses the keyring until it is killed. It says "do" before each act and "ok" once the act returned.

python -m portal.sealing.tests.worker ROOT MASTER_HEX FIRST_BUCKET ACTS SEED [CALL]

With CALL it kills itself (SIGKILL) in the middle of that write; without, its parent does at a time of its own.
"""

import os
import random
import signal
import sys
from pathlib import Path

from portal.sealing.keyring import disk, layout
from portal.sealing.keyring.ring import Keyring


class Suicidal(disk.Disk):
    """SIGKILL at call `at`, with half of a slot written, before or after a whole call."""

    def __init__(self, at: int) -> None:
        self._left = at

    def _count(self) -> bool:
        self._left -= 1
        return self._left == 0

    def pwrite(self, fd: int, data: bytes, offset: int) -> None:
        if self._count():
            if len(data) > layout.SECTOR_BYTES:
                super().pwrite(fd, data[: len(data) // 2], offset)
            os.kill(os.getpid(), signal.SIGKILL)
        super().pwrite(fd, data, offset)

    def fsync(self, fd: int) -> None:
        if self._count():
            os.kill(os.getpid(), signal.SIGKILL)
        super().fsync(fd)


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def live_on(ring: Keyring, first: int, acts: int, chance: random.Random) -> None:
    """Create, destroy, look: buckets are never used twice, so a key that is gone must stay gone."""
    alive: list[int] = []
    for bucket in range(first, first + acts):
        say("do", "create", bucket)
        say("ok", "create", bucket, ring.live.create(bucket).hex())
        alive.append(bucket)
        if chance.random() < 0.7:
            doomed = alive.pop(chance.randrange(len(alive)))
            say("do", "destroy", doomed)
            ring.live.destroy(doomed)
            say("ok", "destroy", doomed)
    say("end")


def main(root: str, master: str, first: str, acts: str, seed: str, call: str = "0") -> None:
    io = Suicidal(int(call)) if int(call) else disk.DISK
    live_on(Keyring(Path(root), bytes.fromhex(master), io=io), int(first), int(acts), random.Random(seed))


if __name__ == "__main__":
    main(*sys.argv[1:])
