"""Devices of one web process: ten thousand that stand idle, five thousand that come back at once, a thousand that are turned
away, and how long one waits for what it has to show."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any
from uuid import UUID

import psutil

from bench import _house, _report, _texts
from bench._report import Figure

IDLE, STORM, TURNED_AWAY = 10_000, 5_000, 1_000
LINES_A_PHONE = 8
PHONES = IDLE // LINES_A_PHONE
QUIET = 30.0  # seconds in which an idle process is watched: each socket is asked for a word once in twenty
SPREAD = 12.3  # seconds: the jitter of the page's own script after a restart (socket.js)
MESSAGES, CONNECTS = 50, 200


class Crowd:
    """`with Crowd(…) as crowd: crowd.come(phones, 4.0)`. See `bench._crowd`."""

    def __init__(self, house: _house.House, port: int, host: str) -> None:
        self.house, self.port, self.host = house, port, host

    def __enter__(self) -> "Crowd":
        command = [sys.executable, "-m", "bench._crowd"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.child = _house.spawn(command, dict(os.environ), self.house.folder / "crowd.log", **pipes)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _house.end(self.child)

    def come(self, phones: Sequence[dict[str, str] | None], within: float) -> dict[str, Any]:
        found = self.ask(what="come", phones=list(phones), within=within, port=self.port, host=self.host)
        if found["failed"]:
            raise RuntimeError(f"not every device came in: {found['failed']}")
        return found

    def ask(self, **order: object) -> dict[str, Any]:
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        self.child.stdin.write(json.dumps(order).encode() + b"\n")
        self.child.stdin.flush()
        line = self.child.stdout.readline()
        if not line:
            raise RuntimeError(f"the crowd died: {(self.house.folder / 'crowd.log').read_text()[-2000:]}")
        found: dict[str, Any] = json.loads(line)
        return found


def main() -> list[dict[str, object]]:
    with _house.opened() as house:
        people = house.customers(PHONES)
        phones = [phone.to_json() for phone in house.phones(people)]
        return _report.show(_measure(house, people, phones))


def _measure(house: _house.House, people: list[UUID], phones: list[dict[str, str]]) -> Iterator[Figure]:
    yield from _idle(house, phones)
    yield _storm(house, phones)
    yield _state(house, people[0], phones[0])
    yield _turned_away(house, phones[:TURNED_AWAY])


# ── idle ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _idle(house: _house.House, phones: list[dict[str, str]]) -> Iterator[Figure]:
    house.start("web")
    with Crowd(house, house.port, house.host) as crowd:
        kib, cpu = _stand(crowd, phones, house.children["web"].pid)
    house.stop()
    with _bare(house) as (port, pid), Crowd(house, port, "localhost") as crowd:
        bare_kib, bare_cpu = _stand(crowd, [None] * len(phones), pid)
    yield Figure(
        name=f"an idle socket, of {IDLE:,}", value=kib, unit="KiB", limit=bare_kib, limit_of="bare uvicorn socket",
        gate=32, aim=25, less=True,
    )  # fmt: skip
    yield Figure(
        name=f"processor for {IDLE:,} idle sockets", value=cpu, unit="% of one", limit=bare_cpu, limit_of="bare uvicorn",
        less=True, aim=25, note="each is asked for a word every 20 s, and once a second whose messages ended",
    )  # fmt: skip


def _stand(crowd: Crowd, phones: Sequence[dict[str, str] | None], pid: int) -> tuple[float, float]:
    """→ KiB a socket, percent of one core while nothing happens."""
    process = psutil.Process(pid)
    first = len(phones)
    crowd.come(phones, first / 200)
    time.sleep(2.0)
    before = process.memory_full_info().pss
    for _ in range(LINES_A_PHONE - 1):
        crowd.come(phones, first / 400)
    time.sleep(2.0)
    kib = (process.memory_full_info().pss - before) / (first * (LINES_A_PHONE - 1)) / 1024
    used, began = sum(process.cpu_times()[:2]), time.monotonic()
    time.sleep(QUIET)
    return kib, 100 * (sum(process.cpu_times()[:2]) - used) / (time.monotonic() - began)


# ── all at once ───────────────────────────────────────────────────────────────────────────────────────────────────────
def _storm(house: _house.House, phones: list[dict[str, str]]) -> Figure:
    """A restart: every page comes back within its jitter."""
    house.start("web")
    back = (phones * LINES_A_PHONE)[:STORM]
    with Crowd(house, house.port, house.host) as crowd:
        found = crowd.come(back, SPREAD)
    house.stop()
    with _bare(house) as (port, _), Crowd(house, port, "localhost") as crowd:
        bare = crowd.come([None] * STORM, SPREAD)
    p50, p99 = _report.median(found["took"]), _report.percentile(found["took"], 99)
    return Figure(
        name=f"{STORM:,} devices back after a restart", value=found["seconds"], unit="s", limit=bare["seconds"],
        limit_of="bare handshakes", gate=30, aim=30, less=True,
        note=f"no error; from dialling to the state p50 {p50:,.0f}, p99 {p99:,.0f} ms",
    )  # fmt: skip


# ── one ───────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _state(house: _house.House, customer: UUID, phone: dict[str, str]) -> Figure:
    from messaging.flows import message
    from messaging.rules.compose import Compose
    from portal.kernel import clock, tenancy

    asked = [Compose(body=text, customer=customer, gone_after=3600) for text in _texts.bodies(MESSAGES)]
    with tenancy.tenant_scope(house.place):
        message.send_many(actor=house.author, now=clock.now(), composed=asked)
    house.start("web")
    with Crowd(house, house.port, house.host) as crowd:
        took = _one_by_one(crowd, phone)
    house.stop()
    with _bare(house) as (port, _), Crowd(house, port, "localhost") as crowd:
        bare = _one_by_one(crowd, None)
    return Figure(
        name=f"state on connect, {MESSAGES} live messages, p99", value=_report.percentile(took, 99), unit="ms",
        limit=_report.percentile(bare, 99), limit_of="bare handshake", gate=100, aim=100, less=True,
        note=f"p50 {_report.median(took):.1f} ms, from dialling; {CONNECTS} times",
    )  # fmt: skip


def _one_by_one(crowd: Crowd, phone: dict[str, str] | None) -> list[float]:
    took = []
    for _ in range(CONNECTS + 10):
        took += crowd.come([phone], 0)["took"]
        crowd.ask(what="leave")
    return took[10:]


# ── turned away ───────────────────────────────────────────────────────────────────────────────────────────────────────
def _turned_away(house: _house.House, phones: list[dict[str, str]]) -> Figure:
    """In one commit: each is closed by the wake-up that follows it. Timed from that commit to the close at the client."""
    house.start("web")
    with Crowd(house, house.port, house.host) as crowd:
        crowd.come(phones, 5.0)
        time.sleep(2.0)
        committed = _revoke(house, [UUID(phone["device"]) for phone in phones])
        ended = crowd.ask(what="ends", patience=30)
    if ended["left"] or set(ended["codes"]) != {"4403"}:
        raise RuntimeError(f"not every socket was closed as revoked: {ended['codes']}, {ended['left']} left")
    delays = [(at - committed) * 1000 for at in ended["at"]]
    house.stop()
    with _bare(house) as (port, _), Crowd(house, port, "localhost") as crowd:
        bare = max(crowd.come([None] * len(phones), 0)["took"])
    return Figure(
        name=f"{len(phones):,} sockets revoked in one commit, p99", value=_report.percentile(delays, 99), unit="ms",
        limit=bare, limit_of="as many bare handshakes at once", gate=1000, aim=1000, less=True,
        note=f"p50 {_report.median(delays):.0f} ms",
    )  # fmt: skip


def _revoke(house: _house.House, devices: list[UUID]) -> float:
    from messaging.flows import device
    from portal.kernel import actors, clock, tenancy, unit

    committed: list[float] = []
    with tenancy.tenant_scope(house.place), unit.work() as u:
        u.after_commit(lambda: committed.append(time.monotonic()))
        for one in devices:
            device.revoke(actor=actors.SYSTEM, now=clock.now(), device_id=one)
    return committed[0]


# ── limits ────────────────────────────────────────────────────────────────────────────────────────────────────────────
@contextmanager
def _bare(house: _house.House) -> Iterator[tuple[int, int]]:
    """→ the port and the process id of a server with nothing behind it."""
    port = _house.free_port()
    child = _house.spawn([sys.executable, "-m", "bench._bare", str(port)], house.env, house.folder / "bare.log")
    try:
        _house.wait_for(port, "/")
        yield port, child.pid
    finally:
        _house.end(child)
