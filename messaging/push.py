"""The only speaker to the wake-up layer. Everything is told after the unit's commit, by ids and codes; a wake-up that
is lost only delays."""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from portal.kernel import tenancy, unit, wake

Pair = tuple[UUID, UUID]  # message, customer
Act = Literal["lock", "wipe", "revoke", "refresh"]

ARRIVED = "arrived"
ARRIVED_IN_RUN = "arrived_in_run"
GONE = "gone"
DEVICE = "device"
CLOSED = "closed"  # the business is no longer served: whoever closes it publishes this for its schema


def arrived(u: unit.Unit, pairs: Sequence[Pair]) -> None:
    """These messages are there, or changed in a way a device shows (revealed elsewhere, extended)."""
    _tell(u, ARRIVED, pairs)


def arrived_in_run(u: unit.Unit, run: UUID, messages: tuple[bytes, bytes], customers: tuple[bytes, bytes]) -> None:
    """A chunk of a run: the first and last id of its messages and of its customers. Whoever has sockets looks for its own
    between them: an event is as small as that, however many were written to."""
    schema = tenancy.here().schema
    first, last = (UUID(bytes=one) for one in messages)
    from_, upto = (UUID(bytes=one) for one in customers)
    ids = {"run": run, "first": first, "last": last, "from": from_, "upto": upto}
    u.after_commit(lambda: wake.publish(schema, ARRIVED_IN_RUN, **ids))


def gone(u: unit.Unit, pairs: Sequence[Pair], reason: str) -> None:
    """These are over: pages empty themselves. `reason` is a code: recalled, erased, expired, read."""
    _tell(u, GONE, pairs, reason=reason)


def device(u: unit.Unit, device_id: UUID, act: Act) -> None:
    """Something about the device itself: `refresh` means that whom it serves changed."""
    schema = tenancy.here().schema
    u.after_commit(lambda: wake.publish(schema, DEVICE, device=device_id, act=act))


def _tell(u: unit.Unit, kind: str, pairs: Sequence[Pair], **codes: str) -> None:
    if not pairs:
        return
    schema = tenancy.here().schema
    messages, customers = [message for message, _ in pairs], [customer for _, customer in pairs]
    u.after_commit(lambda: wake.publish(schema, kind, messages=messages, customers=customers, **codes))
