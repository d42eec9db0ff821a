"""Crashes, backups, restores. A restore brings back the rows of the copy; what it cannot bring back is the model's own memory:
time that was seen, live buckets that are gone, and that the log had promised more than it now shows.

`restore` of a backup that lacks a disposal's decision is refused by the product (`portal/tests/test_backup.py` and its neighbours
hold that); here such a copy is not put back. The copies are of rows and rings as the real commands take them, in that order.
"""

from dataclasses import dataclass
from datetime import datetime

from archive.flows import restored as archive_restored
from archive.flows.restore import Context
from archive.models import Entry, Epoch
from archive.queries import promise
from messaging.flows import restored as messaging_restored
from portal.kernel import ids, keys, tenancy
from portal.testing.simulation import world as real
from portal.testing.simulation.acts import Side, Sim
from portal.testing.simulation.model import Model, Told
from tenants.flows import backup as memory

MOST_TICKS = 24
LSN = "simulated"


@dataclass(frozen=True)
class Kept:
    """A backup: of both businesses, with the models of that moment."""

    copies: list[real.Copy]
    models: list[Model]
    leaves: list[int]
    as_of: datetime


def crash(sim: Sim, side: Side, a: int, b: int) -> None:
    """The process dies at one of the next act's writes."""
    sim.fuse = 1 + a % MOST_TICKS


def restart(sim: Sim, side: Side, a: int, b: int) -> None:
    """It stops and starts again with nothing in memory."""
    sim.world.restart()


def backup(sim: Sim, side: Side, a: int, b: int) -> None:
    copies = []
    for one in sim.sides:
        with tenancy.tenant_scope(one.cast.place):
            copies.append(real.copy())
    now, backup_id = sim.now(), ids.uuid7()
    sizes = {one.cast.place.id.hex: {"size": one.model.entries, "decided": -1} for one in sim.sides}
    memory.record(now=now, backup_id=backup_id, started_at=now, as_of=now, lsn=LSN, ledgers=sizes)
    memory.verify(now=now, backup_id=backup_id, size=1, manifest_sha256="")
    models, leaves = [one.model.copy() for one in sim.sides], [len(one.leaves) for one in sim.sides]
    sim.backup = Kept(copies, models, leaves, now)


def restore(sim: Sim, side: Side, a: int, b: int) -> None:
    """The database is lost; the rings with it, sometimes, and then the live ring, which no backup holds."""
    kept: Kept | None = sim.backup
    if kept is None or any(_decided_since(one, size) for one, size in zip(sim.sides, kept.leaves, strict=True)):
        return
    with_rings = b % 2 == 0
    if with_rings:
        real.lose_live_ring(keys.keyring().live.high_water())
    context = Context(kept.copies[0].id, kept.as_of)
    for one, rows, model, size in zip(sim.sides, kept.copies, kept.models, kept.leaves, strict=True):
        with tenancy.tenant_scope(one.cast.place):
            _put_back(sim, one, rows, model.copy(), size, context, with_ring=with_rings)
    sim.world.restart()


def _put_back(
    sim: Sim, side: Side, rows: real.Copy, model: Model, size: int, context: Context, *, with_ring: bool
) -> None:  # fmt: skip
    promised = promise.held()
    real.put_back(rows)
    if with_ring:
        real.replace_ring(real.marked(rows))
    real.forget_caches()
    side.model, side.unlocked = model, None
    side.touched.clear()  # of the model that was: a restore before this one may not have been looked at yet
    del side.leaves[size:]
    lost = promised is not None and (promised.size > size or promised.epoch > Epoch.objects.latest("number").number)
    side.was_set_back = side.was_set_back or with_ring or lost
    now, alive = sim.now(), set(keys.keyring().live.buckets())
    archive_restored.clean(context, now)
    messaging_restored.end_unreadable(context, now)
    for told in [one for one in model.bodies() if one.bucket not in alive]:
        _cannot_be_opened(told, now)
        side.touch(told)


def _cannot_be_opened(told: Told, now: datetime) -> None:
    """What lived then and has no key now ended in honest words: nobody will get it from here any more."""
    ran_out = told.sent_at is not None and told.gone_at is not None and told.gone_at <= now
    told.has_body = False
    if told.direction == "out":
        told.decide("expired_unread" if ran_out else "failed", now)
    if not ran_out and told.ended_at is None:
        told.ended_at = now


def _decided_since(side: Side, size: int) -> bool:
    with tenancy.tenant_scope(side.cast.place):
        return Entry.objects.filter(kind="bucket.decided", index__gte=size).exists()
