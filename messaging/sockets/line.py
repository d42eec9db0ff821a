"""A device's socket: whom it serves, and what its app lock lets it see. How it is written to: `wire.py`."""

import math
from uuid import UUID

from messaging.sockets.wire import CHALLENGED, CLOSED, HELD, OPEN, RESYNC, WIPING, Send, Wire
from portal.kernel import tenancy

__all__ = ["CHALLENGED", "CLOSED", "HELD", "OPEN", "RESYNC", "WIPING", "Line"]


class Line(Wire):
    """`ends_at` is when its device, or the first of its grants, ends by itself (seconds of the epoch). While it is
    `covered` by the app lock it serves nobody and hears of locks and wipes only; `rests_at` is when its page's pass is
    looked at again."""

    __slots__ = ("covered", "customers", "device", "ends_at", "nonce", "pass_", "rests_at", "wipe")

    def __init__(self, send: Send, place: tenancy.Place, host: str, device: UUID, nonce: str) -> None:
        super().__init__(send, place, host)
        self.device, self.nonce = device, nonce
        self.customers: frozenset[UUID] = frozenset()
        self.ends_at = self.rests_at = math.inf
        self.pass_, self.covered = "", False
        self.wipe: UUID | None = None

    @property
    def looked_at(self) -> float:
        return min(self.ends_at, self.rests_at)
