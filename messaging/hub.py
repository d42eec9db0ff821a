"""This web process's sockets, and what they are told.

One subscription a business with a socket here. An event names ids; the hub loads what its own sockets need, once,
checking device, customer, business and liveness in that same query, and writes to the sockets directly. What arrives
while a load is under way waits for the next, so a storm of sends becomes a few large loads. One task looks after all
sockets: time-outs, pings, and every minute whether each device, and each member of staff, may still be here.
"""

import asyncio
import json
import logging
import math
import time
from collections.abc import Callable

from messaging.queries.devices import Standing
from messaging.room import LOOK_AT_REST, Room
from messaging.sockets import line as lines
from messaging.sockets.line import Line
from messaging.sockets.receipts import Receipts
from messaging.sockets.wire import Wire
from messaging.staffroom import StaffLine, Staffroom
from portal.kernel import clock, wake

log = logging.getLogger("ebb.hub")

PROVE_WITHIN = 10.0
PING_EVERY = 20.0
SILENT_FOR = 60.0
SLOW_FOR = 20.0
CHECK_EVERY = 60.0
LINES_A_DEVICE = 8
LINES_A_PERSON = 40  # of staff: each open page of the console is one
PING = '{"type":"ping"}'

NOT_PROVED, NOT_ALLOWED, TIMED_OUT, TOO_MANY = 4401, 4403, 4408, 4429


class Hub:
    """`steady` is a clock that only runs forward; tests give their own."""

    def __init__(self, loop: asyncio.AbstractEventLoop, steady: Callable[[], float] = time.monotonic) -> None:
        self.loop = loop
        self.steady = steady
        self.lines: set[Wire] = set()
        self.rooms: dict[str, Room] = {}
        self.staffrooms: dict[str, Staffroom] = {}
        self.receipts = Receipts()
        self._tasks: list[asyncio.Task[None]] = []
        self._checked = steady()

    def start(self) -> None:
        """Hear the other processes and look after the sockets, once a process."""
        if not self._tasks:
            self._tasks = [self.loop.create_task(wake.run()), self.loop.create_task(self._look_after())]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await self.receipts.flush_all()
        for room in [*self.rooms.values(), *self.staffrooms.values()]:
            room.end()
        self.rooms.clear()
        self.staffrooms.clear()

    def challenge(self, line: Line) -> None:
        self.start()
        line.due = self.steady() + PROVE_WITHIN
        self.lines.add(line)

    def join(self, line: Line) -> bool:
        """Proved: from here on events reach it, held back until its state is written. → False: too many of one
        device."""
        room = self.rooms.get(line.place.schema)
        if room is None:
            room = self.rooms[line.place.schema] = Room(line.place, self.loop)
        if len(room.devices.get(line.device, ())) >= LINES_A_DEVICE:
            return False
        line.stage = lines.HELD
        self.heard(line)
        line.ping_due = self.steady() + PING_EVERY
        room.add(line)
        return True

    def serve(self, line: Line, standing: Standing, covered: bool) -> None:
        """Whom it serves and until when, as loaded after it was subscribed: news of these reach it from here on; of nobody while
        the app lock covers it."""
        room = self.rooms.get(line.place.schema)
        line.ends_at = standing.ends_at.timestamp() if standing.ends_at else math.inf
        line.covered = covered
        line.rests_at = clock.now().timestamp() + LOOK_AT_REST if line.pass_ and not covered else math.inf
        wanted = frozenset() if covered else standing.customers
        if room is not None and line.stage == lines.HELD and line.customers != wanted:
            room.remove(line)
            line.customers = wanted
            room.add(line)

    def leave(self, line: Line) -> None:
        self.lines.discard(line)
        line.stage = lines.CLOSED
        line.queue = None
        room = self.rooms.get(line.place.schema)
        if room is not None:
            room.remove(line)
            if not room.devices:
                room.end()
                del self.rooms[line.place.schema]

    def join_staff(self, line: StaffLine) -> bool:
        """Signed in: events of the business reach it from here on. → False: too many open pages of one person."""
        self.start()
        room = self.staffrooms.get(line.place.schema)
        if room is None:
            room = self.staffrooms[line.place.schema] = Staffroom(line.place, self.loop)
        if sum(other.staff == line.staff for other in room.lines) >= LINES_A_PERSON:
            return False
        line.stage = lines.OPEN
        self.heard(line)
        line.ping_due = self.steady() + PING_EVERY
        self.lines.add(line)
        room.add(line)
        return True

    def leave_staff(self, line: StaffLine) -> None:
        self.lines.discard(line)
        line.stage = lines.CLOSED
        room = self.staffrooms.get(line.place.schema)
        if room is not None:
            room.lines.discard(line)
            if not room.lines:
                room.end()
                del self.staffrooms[line.place.schema]

    def heard(self, line: Wire) -> None:
        line.due = self.steady() + SILENT_FOR

    # ── looking after ─────────────────────────────────────────────────────────────────────────────────────────
    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            try:
                self.tick()
                await self.tell_ends()
                if self.steady() - self._checked >= CHECK_EVERY:
                    self._checked = self.steady()
                    await self.check()
            except Exception:  # one bad second must not leave a thousand sockets alone
                log.exception("looking after the sockets failed once")

    def tick(self) -> None:
        """Every socket, once a second: late, silent and slow ones are closed, quiet ones are asked for a word."""
        now, loop_now, instant = self.steady(), self.loop.time(), clock.now().timestamp()
        for line in list(self.lines):
            if now >= line.due:
                line.close(NOT_PROVED if line.stage == lines.CHALLENGED else TIMED_OUT)
            elif loop_now - line.slow_since > SLOW_FOR:
                line.close(TIMED_OUT)
            elif line.stage == lines.OPEN and instant >= line.looked_at:
                self._look_again(line)
            elif line.stage == lines.OPEN and now >= line.ping_due:
                line.ping_due = now + PING_EVERY
                line.write(PING)

    def _look_again(self, line: Wire) -> None:
        """Something of it ended by itself just now: a grant, an app lock's pass, a session."""
        if isinstance(line, StaffLine):
            line.ends_at = math.inf
            self.staffrooms[line.place.schema].look_soon()
        elif isinstance(line, Line):
            line.ends_at = line.rests_at = math.inf
            self.rooms[line.place.schema].look_again(line.device)

    async def tell_ends(self) -> None:
        """A business whose database fails must not keep the others from being told, or checked."""
        told = await asyncio.gather(*(room.tell_ends() for room in list(self.rooms.values())), return_exceptions=True)
        for error in told:
            if isinstance(error, Exception):
                log.error("ends could not be told", exc_info=error)

    async def check(self) -> None:
        """May each device still be here, and for whom? One query a business. And the staff?"""
        for staffroom in self.staffrooms.values():
            staffroom.look_soon()
        await asyncio.gather(*(room.check() for room in list(self.rooms.values())), return_exceptions=True)


_hub: Hub | None = None


def current() -> Hub:
    """The hub of the running loop; a process has one loop."""
    global _hub
    loop = asyncio.get_running_loop()
    if _hub is None or _hub.loop is not loop:
        _hub = Hub(loop)
    return _hub


def use(hub: Hub | None) -> None:
    """For tests: a hub with a clock of its own."""
    global _hub
    _hub = hub


def frame(kind: str, **fields: object) -> str:
    return json.dumps({"type": kind, **fields}, ensure_ascii=False, separators=(",", ":"))
