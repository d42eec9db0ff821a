"""One open socket, as the hub sees it, whoever is at its end: small (thousands of them stand idle) and written to without waiting.

A write is tried at once, in the caller's step of the event loop. Only a socket whose peer does not read makes it wait:
then one task of its own finishes that write and what queues up behind it. A queue that grows too long is thrown away
and the page told to ask again (`resync`): state, not history. Content is compared with the clock when it leaves, not
when it was queued (I1).
"""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Generator

from portal.kernel import clock, tenancy

Send = Callable[[dict[str, object]], Awaitable[None]]

QUEUE_LIMIT = 64
RESYNC = '{"type":"resync"}'

# stages
CHALLENGED, HELD, OPEN, WIPING, CLOSED = range(5)


class _Rest:
    """The rest of an awaitable whose first step was already taken."""

    __slots__ = ("first", "steps")

    def __init__(self, steps: Generator[object, None, None], first: object) -> None:
        self.steps, self.first = steps, first

    def __await__(self) -> Generator[object, None, None]:
        try:
            yield self.first
        except BaseException:
            self.steps.close()
            raise
        yield from self.steps


class Wire:
    """`due` is when the present stage, or the wait for a word of the peer, is over (seconds of the hub's steady clock)."""

    __slots__ = (
        "due", "host", "malformed", "overflowed", "ping_due", "place", "queue", "refilled", "send", "slow_since", "stage", "tokens",
        "waiting",
    )  # fmt: skip

    def __init__(self, send: Send, place: tenancy.Place, host: str) -> None:
        self.send, self.place, self.host = send, place, host
        self.stage = CHALLENGED
        self.queue: deque[tuple[str, float]] | None = None
        self.waiting: asyncio.Task[None] | None = None
        self.slow_since = math.inf
        self.overflowed = False
        self.malformed = 0
        self.tokens = 0.0
        self.due = self.ping_due = self.refilled = 0.0

    @property
    def looked_at(self) -> float:
        """When whoever is at its end has to be looked at again (seconds of the epoch)."""
        raise NotImplementedError

    def write(self, text: str, gone_at: float = math.inf) -> None:
        """Send now, or as soon as the peer reads; content that is over by then does not go."""
        if self.stage == CLOSED:
            return
        if self.waiting is not None or self.stage == HELD:
            self._keep(text, gone_at)
        elif gone_at == math.inf or gone_at > clock.now().timestamp():
            self._put({"type": "websocket.send", "text": text})

    def bury(self, text: str) -> None:
        """Say that something is gone: nothing that still waits here may contradict it."""
        if self.queue:
            self.queue.clear()
            self.overflowed = True
        self.write(text)

    def release(self, first: str, gone_at: float = math.inf) -> None:
        """The state goes first, then what arrived while it was loaded."""
        if self.stage != HELD:
            return
        self.stage = OPEN
        waiting, self.queue = self.queue, None
        self.write(first, gone_at)
        for text, end in waiting or ():
            self.write(text, end)
        if self.overflowed and self.waiting is None:
            self.overflowed = False
            self.write(RESYNC)

    def close(self, code: int) -> None:
        """Close; nothing that waits is sent any more."""
        if self.stage == CLOSED:
            return
        self.stage, self.queue = CLOSED, None
        if self.waiting is not None:
            self.waiting.cancel()
        self._put({"type": "websocket.close", "code": code})

    def _keep(self, text: str, gone_at: float) -> None:
        if self.queue is None:
            self.queue = deque()
        if len(self.queue) >= QUEUE_LIMIT:
            self.queue.clear()
            self.overflowed = True
        if not self.overflowed:
            self.queue.append((text, gone_at))

    def _put(self, message: dict[str, object]) -> None:
        """One step of the send: it ends in it unless the peer does not read."""
        steps = self.send(message).__await__()
        try:
            first = next(steps)
        except StopIteration:
            return
        except (OSError, RuntimeError):  # the peer went away a moment ago
            self.stage = CLOSED
            return
        loop = asyncio.get_running_loop()
        self.slow_since = loop.time()
        self.waiting = loop.create_task(self._finish(_Rest(steps, first)))

    async def _finish(self, rest: _Rest) -> None:
        try:
            await rest
            while self.queue and self.stage != CLOSED:
                text, gone_at = self.queue.popleft()
                if gone_at > clock.now().timestamp():
                    await self.send({"type": "websocket.send", "text": text})
            if self.overflowed and self.stage != CLOSED:
                self.overflowed = False
                await self.send({"type": "websocket.send", "text": RESYNC})
        except (OSError, RuntimeError):
            self.stage = CLOSED
        finally:
            self.waiting = None
            self.slow_since = math.inf
