"""Sockets of devices as a lean client holds them.

As a process of its own (`python -m bench._sockets`): opens the sockets of a plan (JSON, one line on stdin), says so, and
for each number that then comes in tells when the first and the last of that many frames arrived (CLOCK_MONOTONIC, which
all processes of a machine share).
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import uvloop
from cryptography.hazmat.primitives.asymmetric import ec

from bench import _wire
from portal.testing.handset import Handset

Take = Callable[[bytes, float], None]
AT_ONCE = 16


class Line(asyncio.Protocol):
    """Challenge, proof, state; then every text frame goes to `take` with its instant. `phone` None: a bare server."""

    def __init__(self, host: str, phone: dict[str, str] | None, take: Take) -> None:
        self.host, self.phone, self.take = host, phone, take
        self.frames = _wire.Frames()
        self.is_open = False
        self.upgraded = False
        self.ready = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        cookie = self.phone["cookie"] if self.phone else ""
        transport.write(_wire.handshake(self.host, "/inbox/socket", cookie))

    def data_received(self, data: bytes) -> None:
        at = time.monotonic()
        if not self.upgraded:
            data = self._upgrade(data)
        for text in self.frames.feed(data):
            if self.is_open:
                self._hear(text, at)
            else:
                self._prove(text)

    def _upgrade(self, data: bytes) -> bytes:
        head, found, rest = (self.frames.rest + data).partition(b"\r\n\r\n")
        if not found:
            self.frames.rest = head
            return b""
        self.frames.rest = b""
        if not head.startswith(b"HTTP/1.1 101"):
            self.ready.set_exception(ConnectionError(head.decode()))
            return b""
        self.upgraded = True
        if self.phone is None:
            self._open()
        return rest

    def _hear(self, text: bytes, at: float) -> None:
        if text.startswith(b'{"type":"ping"'):
            self.transport.write(_wire.frame(type="pong"))
        else:
            self.take(text, at)

    def _prove(self, text: bytes) -> None:
        said = json.loads(text)
        if said["type"] == "challenge" and self.phone is not None:
            key = ec.derive_private_key(int(self.phone["key"], 16), ec.SECP256R1())
            signature = Handset(self.host, device=self.phone["device"], key=key).socket_proof(said["nonce"])
            self.transport.write(_wire.frame(type="prove", signature=signature))
        elif said["type"] == "state":
            self._open()

    def _open(self) -> None:
        self.is_open = True
        if not self.ready.done():
            self.ready.set_result(self)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(error or ConnectionError("closed before it was open"))

    def close(self) -> None:
        self.transport.close()


async def listen(port: int, host: str, phone: dict[str, str] | None, take: Take) -> Line:
    """An open, proved socket."""
    loop = asyncio.get_running_loop()
    _, line = await loop.create_connection(lambda: Line(host, phone, take), "127.0.0.1", port)
    await line.ready
    return line


class Counter:
    """When the first and the last of `wanted` frames came."""

    def __init__(self) -> None:
        self.arm(0)

    def arm(self, wanted: int) -> None:
        self.wanted, self.count, self.first, self.bytes = wanted, 0, 0.0, 0
        self.done = asyncio.get_running_loop().create_future() if wanted else None

    def take(self, text: bytes, at: float) -> None:
        if not self.count:
            self.first, self.bytes = at, len(text)
        self.count += 1
        if self.count == self.wanted and self.done is not None:
            self.done.set_result(time.monotonic())


async def _main() -> None:
    reader = asyncio.StreamReader(limit=2**26)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    plan = json.loads(await reader.readline())
    counter, gate = Counter(), asyncio.Semaphore(AT_ONCE)

    async def one(phone: dict[str, str] | None) -> Line:
        async with gate:
            return await listen(plan["port"], plan["host"], phone, counter.take)

    lines = []
    while True:
        lines += await asyncio.gather(*(one(phone) for phone in plan["phones"]))
        _say(open=len(lines))
        while (wanted := json.loads(await reader.readline() or "null")) is not None and "count" in wanted:
            counter.arm(wanted["count"])
            _say(armed=True)
            last = await counter.done  # type: ignore[misc]
            _say(first=counter.first, last=last, frames=counter.count, bytes=counter.bytes)
        if wanted is None:
            return
        plan = wanted


def _say(**fields: object) -> None:
    print(json.dumps(fields), flush=True)


if __name__ == "__main__":
    uvloop.run(_main())
