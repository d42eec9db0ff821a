"""One business's sockets in this process: found by customer and by device, told of its events. Lives in the event
loop."""

import asyncio
import json
import logging
import math
import random
import threading
from collections.abc import Iterable
from uuid import UUID

from messaging import push
from messaging.flows import device as devices_flow
from messaging.flows import wipe as wipes
from messaging.queries import covers, devices, frames, messages
from messaging.sockets import line as lines
from messaging.sockets.line import Line
from portal.kernel import clock, tenancy, wake

log = logging.getLogger("ebb.hub")

LOAD_LIMIT = 500
LOAD_HERE = 32  # messages: a sender may be held up for their sockets this long, not longer
HAND_OVER = 0.001  # seconds
SPREAD = 3.0  # seconds over which a resync of everyone is spread
WIPE_WAIT = 1.0
LOOK_AT_REST = 15.0  # seconds: how often the pass of an open page is looked at again
NOT_ALLOWED = 4403
LOCK = '{"type":"lock"}'


class Room:
    """`customers` and `devices` map an id to the sockets that serve it."""

    def __init__(self, place: tenancy.Place, loop: asyncio.AbstractEventLoop) -> None:
        self.place = place
        self.loop = loop
        self.customers: dict[UUID, list[Line]] = {}
        self.devices: dict[UUID, list[Line]] = {}
        self._wanted: dict[UUID, None] = {}  # an ordered set: loaded in the order of arrival
        self._turn = threading.Lock()  # one load at a time: of two, the older state must not be written last
        self._buried: set[UUID] = set()  # called gone while a load was under way
        self._loading: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._told_until = clock.now()
        self._unsubscribe = wake.subscribe(place.schema, self._hear)

    def end(self) -> None:
        self._unsubscribe()
        if self._loading is not None:
            self._loading.cancel()

    def add(self, line: Line) -> None:
        self.devices.setdefault(line.device, []).append(line)
        for customer in line.customers:
            self.customers.setdefault(customer, []).append(line)

    def remove(self, line: Line) -> None:
        _take(self.devices, line.device, line)
        for customer in line.customers:
            _take(self.customers, customer, line)

    # ── events ────────────────────────────────────────────────────────────────────────────────────────────────
    def _hear(self, event: wake.Event) -> None:
        """From any thread. A loop that has ended hears nothing more."""
        if self.loop.is_closed():
            return
        if event.kind != push.ARRIVED or not self._load_here(event):
            self.loop.call_soon_threadsafe(self._take_event, event)

    def _take_event(self, event: wake.Event) -> None:
        if event.kind == push.ARRIVED:
            self._arrived(event)
        elif event.kind == push.ARRIVED_IN_RUN:
            self._arrived_in_run(event)
        elif event.kind == push.GONE:
            self._gone(event)
        elif event.kind == push.DEVICE:
            self._about_device(event)
        elif event.kind == push.CLOSED:
            self.close_all()
        elif event.kind == wake.RESYNC:
            self._resync_all()

    def _arrived(self, event: wake.Event) -> None:
        here = self.customers
        self._wanted.update((message, None) for message, customer in _pairs(event) if customer in here)
        self._load_waiting()

    def _arrived_in_run(self, event: wake.Event) -> None:
        """A chunk of a campaign names a range, not everybody in it: those who are here are asked for."""
        run, first, last, from_, upto = (event.ids.get(name) for name in ("run", "first", "last", "from", "upto"))
        if isinstance(from_, UUID) and isinstance(upto, UUID):
            here = [customer for customer in self.customers if from_ <= customer <= upto]
            if here:
                self._spawn(self._find_in_run(run, here, first, last))

    async def _find_in_run(self, run: object, here: list[UUID], first: object, last: object) -> None:
        try:
            found = await tenancy.run_in_tenant(self.place, messages.get_in_run, run, here, first, last)
        except Exception:  # the database is away: state will be asked for again
            log.exception("a load for the sockets of a business failed")
            self._resync_all()
            return
        self._wanted.update((message, None) for message in found)
        self._load_waiting()

    def _gone(self, event: wake.Event) -> None:
        self._say_gone(_pairs(event), str(event.ids.get("reason", "expired")))

    def _say_gone(self, pairs: Iterable[tuple[UUID, UUID]], reason: str) -> None:
        ended: dict[UUID, list[str]] = {}
        for message, customer in pairs:
            if customer in self.customers:
                ended.setdefault(customer, []).append(str(message))
                self._wanted.pop(message, None)
                if self._turn.locked():
                    self._buried.add(message)
        for customer, ids in ended.items():
            text = json.dumps({"type": "gone", "ids": ids, "reason": reason})
            for line in self.customers.get(customer, ()):
                line.bury(text)

    async def tell_ends(self) -> None:
        """What reached its end since the last look: nobody writes anything at an end, so nobody else can tell of it."""
        now = clock.now()
        ended = await tenancy.run_in_tenant(self.place, messages.get_ended, list(self.customers), self._told_until, now)
        self._told_until = now
        self._say_gone(ended, "expired")

    def _about_device(self, event: wake.Event) -> None:
        device, act = event.ids.get("device"), event.ids.get("act")
        here = list(self.devices.get(device, ())) if isinstance(device, UUID) else []
        if not here or not isinstance(device, UUID):
            return
        if act == "lock":
            self.lock(here)
        elif act == "revoke":
            self.dismiss(here)
        else:  # a wipe has an id and a refresh new customers: look first, and show nothing more meanwhile
            self._spawn(self._refresh(device, here))

    def lock(self, here: list[Line]) -> None:
        for line in here:
            line.bury(LOCK)
        self.dismiss(here)

    def dismiss(self, here: list[Line]) -> None:
        for line in here:
            self.remove(line)
            line.close(NOT_ALLOWED)

    def close_all(self) -> None:
        self.dismiss([line for of_device in list(self.devices.values()) for line in of_device])

    def wipe(self, here: list[Line], wipe_id: UUID) -> None:
        """From here on the socket gets nothing but this; it has a second to sign that it is empty."""
        for line in here:
            self.remove(line)
            line.wipe = wipe_id
            line.bury(json.dumps({"type": "wipe", "wipe": str(wipe_id)}))
            line.stage = lines.WIPING if line.stage != lines.CLOSED else line.stage
            self.loop.call_later(WIPE_WAIT, line.close, NOT_ALLOWED)

    def _resync_all(self) -> None:
        """Everyone asks again: spread, so that a reconnection is not a storm."""
        for of_device in self.devices.values():
            for line in of_device:
                self.loop.call_later(random.uniform(0, SPREAD), line.write, lines.RESYNC)  # noqa: S311 - jitter

    # ── loading ───────────────────────────────────────────────────────────────────────────────────────────────
    def _load_here(self, event: wake.Event) -> bool:
        """In the thread that sent: its connection is warm and its turn has come, two hand-overs earlier than the loop's
        task would start. → False: not its to do (another process's event, a load under way, a large one)."""
        wanted = [message for message, customer in _pairs(event) if customer in self.customers]
        if not 0 < len(wanted) <= LOAD_HERE or not tenancy.is_at(self.place) or not self._turn.acquire(blocking=False):
            return False
        loaded: list[frames.Push] | None = None
        try:
            loaded = _frames(wanted)
        except Exception:
            log.exception("a load for the sockets of a business failed")
        written = threading.Event()
        self.loop.call_soon_threadsafe(self._take_loaded, loaded, written)
        written.wait(HAND_OVER)  # or the loop would wait for Python's turn until this thread has made its answer
        return True

    def _take_loaded(self, loaded: list[frames.Push] | None, written: threading.Event) -> None:
        """None: the database is away, so everyone asks again."""
        for ready in loaded or ():
            self._write(ready)
        if loaded is None:
            self._resync_all()
        self._end_turn()
        written.set()

    def _load_waiting(self) -> None:
        if self._wanted and self._turn.acquire(blocking=False):
            self._loading = self.loop.create_task(self._load())

    def _end_turn(self) -> None:
        self._buried.clear()
        self._turn.release()
        self._load_waiting()

    async def _load(self) -> None:
        """What waits, in the order of arrival. Called with the turn."""
        try:
            while self._wanted:
                batch = list(self._wanted)[:LOAD_LIMIT]
                for message in batch:
                    del self._wanted[message]
                for ready in await tenancy.run_in_tenant(self.place, _frames, batch):
                    self._write(ready)
                self._buried.clear()
        except Exception:  # the database is away: state will be asked for again
            log.exception("a load for the sockets of a business failed")
            self._resync_all()
        finally:
            self._loading = None
            self._end_turn()

    def _write(self, ready: frames.Push) -> None:
        if ready.id in self._buried:
            return
        for line in self.customers.get(ready.customer, ()):
            if line.device in ready.devices:
                line.write(ready.text, ready.gone_at)

    # ── standing ──────────────────────────────────────────────────────────────────────────────────────────────
    async def check(self) -> None:
        """Devices that may no longer be here go; those that serve others now are told to ask again."""
        wanted = list(self.devices)
        found = await tenancy.run_in_tenant(self.place, _standings, wanted)
        if found is None:
            self.close_all()
            return
        for device in wanted:
            self._apply(device, *found.get(device, ("revoked", frozenset())))

    def look_again(self, device: UUID) -> None:
        """Something of it ended by itself just now."""
        self._spawn(self._refresh(device, list(self.devices.get(device, ()))))

    async def _refresh(self, device: UUID, here: list[Line]) -> None:
        standing = await tenancy.run_in_tenant(self.place, _standing, device)
        if standing is not None and standing.wipe_id is not None:
            self.wipe(here, standing.wipe_id)
            await tenancy.run_in_tenant(self.place, _sent, standing.wipe_id)
        elif standing is None:
            self.dismiss(here)
        else:
            await self._look_at_covers(standing, here)
            self._apply(device, standing.state, standing.customers)

    async def _look_at_covers(self, standing: devices.Standing, here: list[Line]) -> None:
        """Which of its pages rest by now. One that does is emptied, and serves nobody until it comes again with a pass."""
        for line in here:
            line.ends_at = standing.ends_at.timestamp() if standing.ends_at else math.inf
            cover = await tenancy.run_in_tenant(self.place, _cover, standing, line.pass_)
            if cover is None:
                line.rests_at = clock.now().timestamp() + LOOK_AT_REST if line.pass_ else math.inf
            elif not line.covered and line.stage != lines.CLOSED:
                self.cover(line, cover)

    def cover(self, line: Line, cover: covers.Cover) -> None:
        self.remove(line)
        line.covered, line.customers, line.pass_, line.rests_at = True, frozenset(), "", math.inf
        self.add(line)
        line.bury(json.dumps({"type": "covered", **covers.told(cover)}))

    def _apply(self, device: UUID, state: str, customers: frozenset[UUID]) -> None:
        here = list(self.devices.get(device, ()))
        if state == "locked":
            self.lock(here)
        elif state == "wiping":
            self._spawn(self._refresh(device, here))
        elif state != "active":
            self.dismiss(here)
        else:
            self._move(here, customers)

    def _move(self, here: list[Line], customers: frozenset[UUID]) -> None:
        for line in here:
            if line.covered or line.customers == customers:
                continue
            self.remove(line)
            line.customers = customers
            self.add(line)
            line.bury(lines.RESYNC)

    def _spawn(self, work) -> None:  # type: ignore[no-untyped-def]
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _frames(batch: list[UUID]) -> list[frames.Push]:
    return frames.for_push(batch, clock.now())


def _standings(wanted: list[UUID]) -> dict[UUID, tuple[str, frozenset[UUID]]] | None:
    """None: the business itself is no longer served."""
    if tenancy.directory().by_id(tenancy.here().id) is None:
        return None
    now = clock.now()
    devices_flow.see(now=now, device_ids=wanted)
    return devices.standings(wanted, now)


def _standing(device: UUID) -> devices.Standing | None:
    return devices.get_standing(device, clock.now())


def _cover(standing: devices.Standing, secret: str) -> covers.Cover | None:
    return covers.of(standing, secret, clock.now())


def _sent(wipe_id: UUID) -> None:
    wipes.mark_sent(now=clock.now(), wipe_id=wipe_id)


def _pairs(event: wake.Event) -> "zip[tuple[UUID, UUID]]":
    messages, customers = event.ids.get("messages", []), event.ids.get("customers", [])
    return zip(messages, customers, strict=False)  # type: ignore[arg-type]


def _take(shelf: dict[UUID, list[Line]], key: UUID, line: Line) -> None:
    found = shelf.get(key)
    if found is not None and line in found:
        found.remove(line)
        if not found:
            del shelf[key]
