"""Acknowledgements of this process, gathered for a tenth of a second and written as one batch a business (I3).

What is lost here with a crash is asked for again: a device that reconnects acknowledges what it still sees as
undelivered.
"""

import asyncio
import logging
from collections.abc import Iterable
from uuid import UUID

from messaging.flows import receipt
from portal.kernel import clock, tenancy

log = logging.getLogger("ebb.hub")

FLUSH_AFTER = 0.1
AGAIN_AFTER = 1.0
FLUSH_LIMIT = 2_000
BACKLOG = 100_000


class Receipts:
    def __init__(self) -> None:
        self._waiting: dict[tenancy.Place, list[receipt.Ack]] = {}
        self._tasks: dict[tenancy.Place, asyncio.Task[None]] = {}

    def add(self, place: tenancy.Place, device: UUID, messages: Iterable[UUID]) -> None:
        at = clock.now()
        waiting = self._waiting.setdefault(place, [])
        if len(waiting) < BACKLOG:
            waiting.extend(receipt.Ack(message, device, at) for message in messages)
        if place not in self._tasks:
            self._tasks[place] = asyncio.get_running_loop().create_task(self._flush_soon(place))

    async def flush_all(self) -> None:
        for place in list(self._waiting):
            await self._flush(place)

    async def _flush_soon(self, place: tenancy.Place) -> None:
        pause = FLUSH_AFTER
        try:
            while self._waiting.get(place):
                await asyncio.sleep(pause)
                pause = FLUSH_AFTER if await self._flush(place) else AGAIN_AFTER
        finally:
            del self._tasks[place]
            if not self._waiting.get(place):
                self._waiting.pop(place, None)

    async def _flush(self, place: tenancy.Place) -> bool:
        batch = self._waiting[place][:FLUSH_LIMIT]
        try:
            await tenancy.run_in_tenant(place, _deliver, batch)
        except Exception:  # the database is away: they stay here and are tried again
            log.exception("receipts could not be written")
            return False
        del self._waiting[place][: len(batch)]
        return True


def _deliver(batch: list[receipt.Ack]) -> None:
    receipt.delivered(acks=batch)
