"""What must happen on time, each in a loop of its own. State rows are the truth; several clocks at once are safe.

A loop that fails says so and goes on: nothing here decides whether an ended message is shown (reads do, I1).
"""

import functools
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import close_old_connections

from archive.flows import blob, searchindex, tree
from archive.flows import sweep as archive_sweep
from messaging.flows import (
    account,
    campaigntext,
    closing,
    customer,
    delivery,
    ending,
    expiry,
    importing,
    lookout,
    notice,
    schedule,
    sweep,
    wipe,
)
from messaging.flows import run as runs
from messaging.queries import noticehealth
from portal.kernel import clock, heartbeat, keys, tenancy, wake
from portal.kernel.errors import Refusal
from tenants.flows import signup, wakeup
from tenants.queries import closings

Act = Callable[[datetime], None]

log = logging.getLogger("ebb.clock")
FULL_SWEEP = 30.0  # seconds: every business is looked at this often even when no wake-up told of it


@dataclass(frozen=True)
class Loop:
    """`act` is called every `every` seconds, with the instant."""

    name: str
    every: float
    act: Callable[[datetime], None]


class Leap:
    """Does the wall clock still agree with the machine's own count of seconds?

    What this process does is irreversible: keys die, rows go, schedules are sent. A wall clock that suddenly stands more
    than an hour ahead is wrong, or somebody must say that it is right by starting the clock anew. Until then nothing acts,
    the clock gives no sign of life, and `/readyz` fails. (Reads hide what seems over; that is undone when time is mended.)
    """

    MOST = 3600.0

    def __init__(self, wall: Callable[[], datetime], steady: Callable[[], float]) -> None:
        self.wall, self.steady = wall, steady
        self.ahead = wall().timestamp() - steady()
        self.told = False

    def is_plausible(self) -> bool:
        ahead = self.wall().timestamp() - self.steady()
        if ahead - self.ahead > self.MOST:
            if not self.told:
                log.error(
                    "the wall clock leapt ahead: nothing is destroyed, purged or sent; mend it, or start the clock anew"
                )
            self.told = True
            return False
        # Slow corrections are followed, so that years of small ones never add up to a leap.
        self.ahead, self.told = ahead, False
        return True


def _boot_seconds() -> float:
    """Seconds since the machine started, time asleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


LEAP = Leap(clock.wall, _boot_seconds)


def mark(now: datetime) -> None:
    """Raise the keyring's high-water mark: time that was seen never comes back, not even after a restart. `now` runs on by
    the steady clock while the wall is behind the mark, and so does the mark."""
    keys.keyring().live.mark(now.timestamp())


def destroy(now: datetime) -> None:
    expiry.destroy_over(now=now)


def purge(now: datetime) -> None:
    in_each(tenancy.directory().all_ready(), purge=_purge)


def send_due(now: datetime) -> None:
    """A slice of each business in turn, until none has a whole one left: nobody waits for another's backlog, and what becomes due
    meanwhile goes, too."""
    found = (tenancy.directory().by_id(business_id) for business_id in wakeup.take_due(now=now))
    places = [place for place in found if place is not None and not place.is_winding]
    in_each(places, runs=_ask_due)
    while places:
        behind: list[tenancy.Place] = []
        in_each(places, due=functools.partial(_send_slice, behind))
        places = behind


def sweep_all(now: datetime) -> None:
    """What may be a little late: words without an end, forgotten schedules, used-up nonces and answers, dark devices."""
    in_each(
        tenancy.directory().all_ready(), carry=_carry, due=_send_due, archive=_archive, used_up=_used_up, dark=_dark,
        ending=_ending, erased=_erased, account=_account, imports=_imports,
    )  # fmt: skip


def notify(now: datetime) -> None:
    seen = noticehealth.Round()
    in_each(tenancy.directory().all_ready(), notices=_notices, health=seen.look)
    seen.remember()


def ask_for_events(now: datetime) -> None:
    in_each(tenancy.directory().all_ready(), events=_events)


def carry_uploads(now: datetime) -> None:
    in_each(tenancy.directory().all_ready(), uploads=_uploads)


def _uploads(now: datetime) -> None:
    while blob.carry(now=now) == blob.SLICE:
        pass


def _purge(now: datetime) -> None:
    while expiry.purge(now=now).bodies:
        pass


def _ask_due(now: datetime) -> None:
    runs.ask_due(now=now)


def _send_slice(behind: list[tenancy.Place], now: datetime) -> None:
    if schedule.send_due(now=now) == schedule.SLICE:
        behind.append(tenancy.here())


def _send_due(now: datetime) -> None:
    if tenancy.here().is_winding:  # nothing is sent any more
        return
    runs.ask_due(now=now)
    while schedule.send_due(now=now):
        pass


def _carry(now: datetime) -> None:
    while expiry.carry_forward(now=now):
        pass
    while campaigntext.carry_forward(now=now):
        pass


def _archive(now: datetime) -> None:
    archive_sweep.sweep(now=now)


def _used_up(now: datetime) -> None:
    sweep.used_up(now=now)


def _erased(now: datetime) -> None:
    customer.finish_erasures(now=now)


def _account(now: datetime) -> None:
    account.nightly(now=now)


def _imports(now: datetime) -> None:
    importing.sweep(now=now)


def _dark(now: datetime) -> None:
    wipe.mark_dark(now=now)


def _ending(now: datetime) -> None:
    ending.end_due(now=now)


def _notices(now: datetime) -> None:
    for _ in range(lookout.ROUNDS):
        if not lookout.look(now=now):
            break
    for channel in notice.due_channels(now=now):
        notice.call(channel)


def _events(now: datetime) -> None:
    delivery.ask_due(now=now)


def integrate(now: datetime) -> None:
    tree.integrate(now=now)


def sweep_signups(now: datetime) -> None:
    signup.sweep(now=now)


def close_businesses(now: datetime) -> None:
    """A step of each closing that is under way."""
    for standing in closings.under_way(now):
        with tenancy.tenant_scope(standing.place):
            guarded("closing", functools.partial(_close, standing))


def _close(standing: closings.Standing, now: datetime) -> None:
    closing.carry_on(now=now, standing=standing)


def watch(now: datetime) -> None:
    """Say that the clock is alive, and let the queue say it of the workers; `/readyz` reads both."""
    heartbeat.beat("clock")
    heartbeat.ask_workers()


LOOPS = (
    Loop("mark", 1.0, mark),
    Loop("destroy", 0.2, destroy),
    Loop("purge", 1.0, purge),
    Loop("due", 0.1, send_due),
    Loop("notices", 5.0, notify),
    Loop("events", 5.0, ask_for_events),
    Loop("uploads", 10.0, carry_uploads),
    Loop("sweep", FULL_SWEEP, sweep_all),
    Loop("closing", 5.0, close_businesses),
    Loop("signups", FULL_SWEEP, sweep_signups),
    Loop("watch", 2.0, watch),
)


INTEGRATE_EVERY = 1.0
SLICES_A_ROUND = 4


class Integrator:
    """Integrates a business's ledger within a second of a wake-up, and every business now and then."""

    def __init__(self) -> None:
        self.dirty: set[str] = set()
        self.swept_at = datetime(1970, 1, 1, tzinfo=UTC)
        self.ran_at = 0.0

    def run(self, stop: threading.Event) -> None:
        for event in wake.listen(timeout=1.0):
            if stop.is_set():
                return
            if event is not None and event.kind == wake.RESYNC:
                self.swept_at = datetime(1970, 1, 1, tzinfo=UTC)
            elif event is not None:
                self.dirty.add(event.schema)
            # A busy business wakes us all the time, and `None` follows each of its wake-ups: still once a second. What is
            # passed over here is looked at after the next second of silence, or the next wake-up.
            if time.monotonic() - self.ran_at < INTEGRATE_EVERY:
                continue
            self.ran_at = time.monotonic()
            if LEAP.is_plausible():
                guarded("integrate", self.integrate)

    def integrate(self, now: datetime) -> None:
        places = tenancy.directory().all_ready()
        if now - self.swept_at >= timedelta(seconds=FULL_SWEEP):
            self.swept_at, self.dirty = now, {place.schema for place in places}
        due, self.dirty = self.dirty, set()
        for place in places:
            if place.schema in due:
                with tenancy.tenant_scope(place):
                    guarded("integrate", integrate)
                    guarded("index", self.index)

    def index(self, now: datetime) -> None:
        """Search takes in what is new; a business that is far behind goes on in the next round, after the others."""
        for _ in range(SLICES_A_ROUND):
            if not searchindex.take_in().is_behind:
                return
        self.dirty.add(tenancy.here().schema)


def in_each(places: list[tenancy.Place], **acts: Act) -> None:
    """Each act in each business, and each guarded alone: one that fails takes nothing from its neighbours."""
    for place in places:
        with tenancy.tenant_scope(place):
            for name, act in acts.items():
                guarded(name, act)


def guarded(name: str, act: Callable[[datetime], None]) -> None:
    """Run one turn; a failure is told by name and code, never with content, and the loop lives on."""
    try:
        close_old_connections()
        act(clock.now())
    except Refusal as refusal:
        log.error("clock loop refused", extra={"name_of": name, "code": refusal.code})
    except Exception as error:
        log.error("clock loop failed", extra={"name_of": name}, exc_info=error)


def run_loop(loop: Loop, stop: threading.Event) -> None:
    while not stop.wait(loop.every):
        if LEAP.is_plausible():
            guarded(loop.name, loop.act)


def run(stop: threading.Event) -> None:
    """Run every loop until `stop` is set."""
    keys.keyring()
    threads = [threading.Thread(target=run_loop, args=(loop, stop), name=loop.name, daemon=True) for loop in LOOPS]
    threads.append(threading.Thread(target=Integrator().run, args=(stop,), name="integrate", daemon=True))
    for thread in threads:
        thread.start()
    stop.wait()
    for thread in threads:
        thread.join(timeout=5)
