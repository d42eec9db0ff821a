"""A crowd of devices, a process of its own: `python -m bench._crowd` reads orders (JSON, one a line), answers each in JSON.

come    opens a socket for each phone, spread evenly over `within` seconds, as pages do after a restart. → how long each took
        from its first byte to its state (ms), and what failed. A page gives up after `PATIENCE` and so does this one
ends    waits until all are closed by the server. → when each was (CLOCK_MONOTONIC), and with which codes
leave   hangs up
"""

import asyncio
import json
import struct
import sys
import time
from collections import Counter
from contextlib import suppress
from typing import Any

import uvloop

from bench._sockets import Line

PATIENCE = 30.0
CLOSE = 0x88


class Member(Line):
    """One device. `closed` is when the server said goodbye, and how."""

    def __init__(self, host: str, phone: dict[str, str] | None) -> None:
        super().__init__(host, phone, lambda text, at: None)
        self.closed: tuple[float, int] | None = None
        self.over = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        try:
            super().data_received(data)
        except ConnectionError:  # a close frame: its code is the first thing in it
            self.closed = (time.monotonic(), _code(data))
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = self.closed or (time.monotonic(), 0)
        if not self.over.done():
            self.over.set_result(None)
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(f"closed with {self.closed[1]} before it was open"))


def _code(data: bytes) -> int:
    at = data.rfind(bytes([CLOSE]))
    return int(struct.unpack(">H", data[at + 2 : at + 4])[0]) if len(data) >= at + 4 else 0


class Crowd:
    def __init__(self) -> None:
        self.members: list[Member] = []

    async def come(self, order: dict[str, Any]) -> dict[str, Any]:
        phones, began = order["phones"], time.monotonic()
        failed: Counter[str] = Counter()

        async def one(number: int, phone: dict[str, str] | None) -> float | None:
            await asyncio.sleep(order["within"] * number / len(phones))
            dialled = time.monotonic()
            try:
                async with asyncio.timeout(PATIENCE):
                    self.members.append(await self._dial(order, phone))
            except (OSError, TimeoutError) as error:
                failed[f"{type(error).__name__}: {error}"] += 1
                return None
            return (time.monotonic() - dialled) * 1000

        took = await asyncio.gather(*(one(number, phone) for number, phone in enumerate(phones)))
        spent = time.monotonic() - began
        return {"took": [ms for ms in took if ms is not None], "failed": dict(failed), "seconds": spent}

    async def _dial(self, order: dict[str, Any], phone: dict[str, str] | None) -> Member:
        loop = asyncio.get_running_loop()
        _, member = await loop.create_connection(lambda: Member(order["host"], phone), "127.0.0.1", order["port"])
        await member.ready
        return member

    async def ends(self, order: dict[str, Any]) -> dict[str, Any]:
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*(one.over for one in self.members)), order["patience"])
        closed = [one.closed for one in self.members if one.closed]
        codes = Counter(code for _, code in closed)
        return {"at": [at for at, _ in closed], "codes": codes, "left": len(self.members) - len(closed)}

    async def leave(self, order: dict[str, Any]) -> dict[str, Any]:
        for one in self.members:
            one.close()
        self.members.clear()
        return {}


async def _main() -> None:
    reader = asyncio.StreamReader(limit=2**26)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    crowd = Crowd()
    while line := await reader.readline():
        order = json.loads(line)
        print(json.dumps(await getattr(crowd, order["what"])(order)), flush=True)


if __name__ == "__main__":
    uvloop.run(_main())
