"""What the two kinds of sockets share: one receive loop, frames of a bounded size, malformed ones counted, floods cut off."""

import logging
from typing import Any

from channels.consumer import AsyncConsumer

from messaging import hub
from messaging.sockets import protocol, wire
from messaging.sockets.protocol import Frame
from messaging.sockets.wire import Wire
from portal.web import problems

log = logging.getLogger("ebb.sockets")

MALFORMED, TOO_LARGE, TOO_MANY, FAULT = 4400, 1009, 4429, 1011


def closes_with(error: Exception) -> int:
    """The code that an error ends a socket with. Never 4403 for trouble of ours: it would mean "revoked" to the device."""
    refusal = problems.refusal_for(error)
    if refusal is None:
        log.error("socket_failed", exc_info=error)
        return FAULT
    return problems.close_code(refusal)


class Listener(AsyncConsumer):
    """One receive loop and no task of its own: a thousand idle sockets should be cheap. Whoever inherits says how a text is
    read (`parse`) and what a frame does (`handle`)."""

    hub: hub.Hub
    line: Wire

    def parse(self, text: object) -> Frame:
        raise NotImplementedError

    async def handle(self, frame: Frame) -> None:
        raise NotImplementedError

    async def listen(self, receive: Any) -> None:
        while True:
            event = await receive()
            if event["type"] == "websocket.disconnect":
                return
            if self.line.stage != wire.CLOSED:
                await self.take(event.get("text"))

    async def take(self, text: str | None) -> None:
        """One frame. Malformed ones are answered; ten in a row, or too many of any, end the socket."""
        if text is not None and len(text) > protocol.FRAME_LIMIT // 4 and len(text.encode()) > protocol.FRAME_LIMIT:
            self.line.close(TOO_LARGE)
            return
        try:
            frame = self.parse(text)
        except protocol.Malformed:
            self.count_malformed()
            return
        self.line.malformed = 0
        if not self.afford(protocol.cost(frame)):
            self.line.close(TOO_MANY)
            return
        await self.handle(frame)

    def count_malformed(self) -> None:
        self.line.malformed += 1
        if self.line.malformed >= protocol.MALFORMED_LIMIT:
            self.line.close(MALFORMED)
        else:
            self.error("malformed")

    def afford(self, cost: float) -> bool:
        """A bucket of tokens that fills again: bursts are fine, floods are not."""
        now, line = self.hub.steady(), self.line
        if not line.refilled:
            line.tokens = protocol.BURST
        line.tokens = min(protocol.BURST, line.tokens + max(0.0, now - line.refilled) * protocol.A_SECOND) - cost
        line.refilled = now
        return line.tokens >= 0

    def error(self, code: str, **fields: str) -> None:
        self.line.write(hub.frame("error", code=code, **fields))
