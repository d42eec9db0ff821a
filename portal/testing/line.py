"""A device's socket as a test drives it: connects, proves, and reads frames in order."""

import asyncio
import json
from types import TracebackType
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from portal.testing.handset import Handset

SECONDS = 15


class Line:
    """`async with Line(port, phone) as line:` is connected and proved; `line.state` is the first state frame."""

    def __init__(self, port: int, phone: Handset, *, origin: str | None = None, prove: bool = True) -> None:
        self.port = port
        self.phone = phone
        self.origin = f"http://{phone.host}" if origin is None else origin
        self.prove = prove
        self.state: dict[str, Any] = {}
        self.nonce = ""

    async def __aenter__(self) -> "Line":
        headers = {"Cookie": f"__Host-ebb-device={self.phone.cookie}"}
        if self.origin:
            headers["Origin"] = self.origin
        # The name resolves to loopback in browsers only: connect to the address, speak to the host.
        self.socket: ClientConnection = await connect(
            f"ws://{self.phone.host}/inbox/socket", host="127.0.0.1", port=self.port, additional_headers=headers,
            compression=None, max_size=2**24, open_timeout=SECONDS, ping_interval=None,
        )  # fmt: skip
        try:
            self.nonce = (await self.expect("challenge"))["nonce"]
            if self.prove:
                await self.send(type="prove", signature=self.phone.socket_proof(self.nonce))
                self.state = await self.expect("state")
        except BaseException:
            await self.socket.close()
            raise
        return self

    async def __aexit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.socket.close()

    async def send(self, **frame: object) -> None:
        await self.socket.send(json.dumps(frame))

    async def receive(self) -> dict[str, Any]:
        frame: dict[str, Any] = json.loads(await self._next())
        return frame

    async def expect(self, kind: str) -> dict[str, Any]:
        """The next frame of this type; pings are answered, other types are passed over."""
        while True:
            frame = await self.receive()
            if frame["type"] == kind:
                return frame
            if frame["type"] == "ping":
                await self.send(type="pong")

    async def _next(self) -> str:
        return str(await asyncio.wait_for(self.socket.recv(), SECONDS))
