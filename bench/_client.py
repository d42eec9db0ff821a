"""The client processes, as a benchmark calls them."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from bench import _house


def load(plan: dict[str, Any], log: Path) -> dict[str, Any]:
    """Run one plan of `bench._load` to its end."""
    command = [sys.executable, "-m", "bench._load"]
    child = _house.spawn(command, dict(os.environ), log, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    answer, _ = child.communicate(json.dumps(plan).encode())
    if child.returncode:
        raise RuntimeError(f"the load client failed: {log.read_text()[-2000:]}")
    found: dict[str, Any] = json.loads(answer)
    if found["bad"] or found.get("missing"):
        raise RuntimeError(f"not every message was accepted and pushed: {found['bad']}, missing {found.get('missing')}")
    return found


class Sockets:
    """A process with open sockets: `with Sockets(…) as held: held.count(n)`."""

    def __init__(self, port: int, host: str, log: Path) -> None:
        self.port, self.host, self.log = port, host, log

    def __enter__(self) -> "Sockets":
        self.child = _house.spawn(
            [sys.executable, "-m", "bench._sockets"],
            dict(os.environ),
            self.log,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _house.end(self.child)

    def open(self, phones: Sequence[dict[str, str] | None]) -> int:
        """Open one socket more for each of these; → how many are open now."""
        return int(self._ask(port=self.port, host=self.host, phones=list(phones))["open"])

    def arm(self, wanted: int) -> None:
        """From here on frames are counted; call before they are caused, and `result` after."""
        self._ask(count=wanted)

    def result(self) -> dict[str, Any]:
        return self._read()

    def _ask(self, **fields: object) -> dict[str, Any]:
        assert self.child.stdin is not None
        self.child.stdin.write(json.dumps(fields).encode() + b"\n")
        self.child.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self.child.stdout is not None
        line = self.child.stdout.readline()
        if not line:
            raise RuntimeError(f"the sockets' client died: {self.log.read_text()[-2000:]}")
        found: dict[str, Any] = json.loads(line)
        return found
