"""The load client, a process of its own: `python -m bench._load` reads one plan (JSON) from stdin, answers in JSON.

rate      `connections` keep-alive connections send `bodies` in turn, each the next as soon as it has its answer
latency   at `rate` a second, evenly, from the POST's first byte to the frame at an open socket of its customer
"""

import asyncio
import json
import sys
import time
from collections import deque
from contextlib import suppress
from itertools import count
from typing import Any

import uvloop

from bench import _sockets, _wire

LATE = 10.0  # seconds after the last answer in which the last frame must come
MARK = b'"subject":"bench-'


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way."""

    def __init__(self) -> None:
        self.answers = _wire.Answers()
        self.waiting: asyncio.Future[tuple[int, bytes]] | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        for answer in self.answers.feed(data):
            if self.waiting is not None and not self.waiting.done():
                self.waiting.set_result(answer)

    def connection_lost(self, error: Exception | None) -> None:
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_exception(error or ConnectionError("closed"))

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        self.waiting = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self.waiting


async def connect(port: int) -> Connection:
    _, protocol = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    return protocol


async def rate(plan: dict[str, Any]) -> dict[str, Any]:
    requests = [_post(plan, body, n) for n, body in enumerate(plan["bodies"])]
    connections = [await connect(plan["port"]) for _ in range(plan["connections"])]
    numbers, spent, bad = count(), [], []
    warm = time.perf_counter() + plan.get("warm", 1.0)
    until = warm + plan["seconds"]

    async def go(connection: Connection) -> None:
        while (started := time.perf_counter()) < until:
            status, body = await connection.ask(requests[next(numbers) % len(requests)])
            ended = time.perf_counter()
            if status >= 300:
                bad.append((status, body[:300].decode()))
            elif started >= warm:
                spent.append((ended - started) * 1000)

    await asyncio.gather(*(go(one) for one in connections))
    return {"count": len(spent), "seconds": time.perf_counter() - warm, "spent": spent, "bad": bad[:3]}


async def latency(plan: dict[str, Any]) -> dict[str, Any]:
    """Each request names itself in its subject; its frame brings that back."""
    sent: dict[int, float] = {}
    seen: dict[int, float] = {}
    total, whole = int(plan["rate"] * plan["seconds"]), asyncio.Event()

    def take(text: bytes, at: float) -> None:
        place = text.find(MARK)
        if place >= 0:
            number = int(text[place + len(MARK) : text.index(b'"', place + len(MARK))])
            seen.setdefault(number, at)
            if len(seen) == total:
                whole.set()

    sockets = [await _sockets.listen(plan["port"], plan["host"], phone, take) for phone in plan["phones"]]
    idle = deque([await connect(plan["port"]) for _ in range(plan["connections"])])
    tasks, start, bad = set(), time.perf_counter() + 0.5, []

    async def go(number: int) -> None:
        body = {**plan["bodies"][number % len(plan["bodies"])], "subject": f"bench-{number}"}
        request = _post(plan, body, number)
        # In turn: the server closes a connection that was idle for five seconds.
        connection = idle.popleft() if idle else await connect(plan["port"])
        sent[number] = time.monotonic()  # as the sockets do
        try:
            status, answer = await connection.ask(request)
        except ConnectionError as error:
            bad.append((0, str(error)))
            return
        idle.append(connection)
        if status >= 300:
            bad.append((status, answer[:300].decode()))

    for number in range(total):
        await asyncio.sleep(max(0.0, start + number / plan["rate"] - time.perf_counter()))
        task = asyncio.create_task(go(number))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    with suppress(TimeoutError):
        await asyncio.wait_for(whole.wait(), LATE)
    warm = int(plan["rate"] * plan.get("warm", 2))
    spent = [(seen[n] - sent[n]) * 1000 for n in sorted(seen) if n >= warm]
    for one in sockets:
        one.close()
    return {"spent": spent, "missing": total - len(seen), "bad": bad[:3]}


def _post(plan: dict[str, Any], body: Any, number: int) -> bytes:
    headers = {"Host": plan["host"], "Content-Type": "application/json", **plan.get("headers", {})}
    if plan.get("keyed"):
        headers["Idempotency-Key"] = f"bench-{number}-{time.time_ns()}"
    return _wire.request(plan.get("method", "POST"), plan["path"], headers, json.dumps(body).encode())


if __name__ == "__main__":
    given = json.load(sys.stdin)
    json.dump(uvloop.run({"rate": rate, "latency": latency}[given["what"]](given)), sys.stdout)
