"""Time passes, is set back, and the clock's rounds come, each alone and in any order: state rows are the truth."""

from collections.abc import Callable
from datetime import timedelta

from archive.flows import approval, hold, ruleapply, subject, tree, unlock
from archive.flows import sweep as archive_sweep
from messaging.flows import customer, expiry, schedule, wipe
from portal.kernel import keys
from portal.testing.simulation.acts import Act, Side, Sim, must
from portal.testing.simulation.model import IN, OUT, WORDS_LIVE, span_of

SPANS = (1, 1, 2, 5, 5, 30, 30, 60, 300, 300, 3600, 3600, 7200, 86400, 86400, 3 * 86400, 12 * 86400, 33 * 86400)
BACK = (1, 60, 3600, 86400, 40 * 86400)
CARRY_AHEAD = timedelta(days=2)
# As `archive.flows.sweep` and the clock call them; those of disposal and of keys come less often than they may.
ROUNDS: tuple[Callable[..., object], ...] = (
    approval.sweep, approval.sweep, hold.sweep, hold.sweep, ruleapply.apply_due, subject.finish, unlock.sweep,
    customer.finish_erasures, wipe.mark_dark, archive_sweep.sweep,
)  # fmt: skip


def wait(sim: Sim, side: Side, a: int, b: int) -> None:
    """Time passes; mostly the clock sees it, and what it has seen never comes back."""
    before = sim.judged_at()
    sim.world.advance(SPANS[a % len(SPANS)] + b % 1000 / 1000)
    if b % 8:
        keys.keyring().live.mark(sim.now().timestamp())
        sim.mark = max(sim.mark, sim.now())
    side.ended = [one for one in side.model.bodies() if one.gone_at and before < one.gone_at <= sim.judged_at()]


def set_back(sim: Sim, side: Side, a: int, b: int) -> None:
    """The wall clock is wrong: earlier."""
    sim.world.set_back(BACK[a % len(BACK)])


def destroy(sim: Sim, side: Side, a: int, b: int) -> Act:
    now = _seen(sim)

    def then(_: object) -> None:
        left = keys.keyring().live.buckets()
        must(all(bucket > now.timestamp() for bucket in left), "I2", "a bucket that is over still has its key", left)

    return Act(lambda: expiry.destroy_over(now=now), then, again=True)


def purge(sim: Sim, side: Side, a: int, b: int) -> Act:
    now = _seen(sim)
    over = [one for one in side.model.bodies() if one.body_gone_at is not None and one.body_gone_at <= now]

    def then(_: object) -> None:
        for told in over:
            told.has_body = False
            if told.direction == OUT and told.sent_at:
                told.decide("expired_unread", now)
            elif told.direction == OUT and not told.outcome:
                told.end(now, "failed")
        side.touch(*over)

    return Act(lambda: expiry.purge(now=now), then, entry="messages.ended" if over else "", again=True)


def send_due(sim: Sim, side: Side, a: int, b: int) -> Act:
    """What waits and is due goes out, or fails where it can no more."""
    now = _seen(sim)
    due = [one for one in side.model.bodies() if one.send_at and one.send_at <= now and not one.sent_at]
    due = [one for one in due if one.ended_at is None]

    def then(_: object) -> None:
        for told in due:
            if told.body_gone_at is not None and told.body_gone_at > now and now.timestamp() < told.bucket:
                told.sent_at = now
                told.moves_to(now, now + timedelta(seconds=told.life))
                told.record_gone_at = told.gone_at
                side.keep(told)
            else:
                told.end(now, "failed")
        side.touch(*due)

    return Act(lambda: schedule.send_due(now=now), then, again=True)


def carry(sim: Sim, side: Side, a: int, b: int) -> Act:
    """Customers' words in open conversations move to a later bucket; those that nobody carried in time are lost."""
    now = _seen(sim)
    soon = int((now + CARRY_AHEAD).timestamp())
    words = [one for one in side.model.bodies() if one.direction == IN and one.body_gone_at is None]
    moving = [one for one in words if one.bucket < soon]

    def then(_: object) -> None:
        for told in moving:
            if now.timestamp() < told.bucket:
                told.bucket, told.bucket_span = 0, span_of(now, now + WORDS_LIVE)
            else:
                told.end(now)
        side.touch(*moving)

    return Act(lambda: expiry.carry_forward(now=now), then, again=True)


def sweep(sim: Sim, side: Side, a: int, b: int) -> Act:
    """One of the slow rounds, alone."""
    now, run = _seen(sim), ROUNDS[a % len(ROUNDS)]

    def then(_: object) -> None:
        for one in side.model.holds if run in (hold.sweep, archive_sweep.sweep) else ():
            if one.state == "releasing" and one.releases_at and one.releases_at <= now:
                one.state = "released"
        if run is wipe.mark_dark:
            _refresh_dark(side)

    return Act(lambda: run(now=now), then, again=True)


def integrate(sim: Sim, side: Side, a: int, b: int) -> Act:
    """Tree and signature; a log that was set back refuses until an officer opens a new epoch."""
    return Act(lambda: tree.integrate(now=_seen(sim)), may=not side.was_set_back, again=True)


def _seen(sim: Sim):  # type: ignore[no-untyped-def]
    """The clock marks every second: whatever it does, it has marked before."""
    now = sim.now()
    keys.keyring().live.mark(now.timestamp())
    sim.mark = max(sim.mark, now)
    return now


def _refresh_dark(side: Side) -> None:
    """Thirty days without a word: its key is revoked."""
    from messaging.models import Device

    waiting = [one for one in side.model.devices if one.state == "wiping"]
    states = dict(Device.objects.filter(id__in=[one.id for one in waiting]).values_list("id", "state"))
    for one in waiting:
        one.state = states[one.id]
