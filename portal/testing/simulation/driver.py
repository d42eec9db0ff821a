"""Draws a history from a seed, lives it, and says how to see a failure again.

A history is a list of moves with their numbers, drawn before anything happens, so that the same seed is the same history and a
part of it still means something: `shorten` leaves out what the failure does not need.
"""

import gc
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from archive.flows import approval, limits
from messaging.flows import category
from portal.kernel import clock, tenancy
from portal.testing.simulation import choices, customers, invariants, officers, staff, trouble, upkeep
from portal.testing.simulation import world as real
from portal.testing.simulation.acts import Broken, Side, Sim, perform
from portal.testing.simulation.model import Rule

EPISODE = 2500  # steps of one life; then both businesses are newborn again
MOVES: dict[str, tuple[int, Callable[..., Any]]] = {
    "send": (90, staff.send),
    "schedule": (30, staff.schedule),
    "send_again": (20, staff.send_again),
    "recall": (25, staff.recall),
    "extend": (30, staff.extend),
    "read_as_staff": (50, staff.read_as_staff),
    "read_conversation": (10, staff.read_conversation),
    "close": (12, staff.close),
    "assign": (6, staff.assign),
    "newcomer": (12, customers.newcomer),
    "erase": (6, customers.erase),
    "enrol": (15, customers.enrol),
    "look": (50, customers.look),
    "push": (20, customers.push),
    "acknowledge": (50, customers.acknowledge),
    "reveal": (50, customers.reveal),
    "read": (30, customers.read),
    "extend_on_device": (20, customers.extend_on_device),
    "write": (18, customers.write),
    "lock_device": (10, customers.lock_device),
    "wipe": (3, customers.wipe),
    "confirm_wipe": (4, customers.confirm_wipe),
    "trespass": (12, staff.trespass),
    "wait": (320, upkeep.wait),
    "set_back": (12, upkeep.set_back),
    "destroy": (30, upkeep.destroy),
    "purge": (30, upkeep.purge),
    "send_due": (45, upkeep.send_due),
    "carry": (8, upkeep.carry),
    "sweep": (24, upkeep.sweep),
    "integrate": (8, upkeep.integrate),
    "place_hold": (8, officers.place_hold),
    "ask_release": (8, officers.ask_release),
    "keep_hold": (2, officers.keep_hold),
    "decide": (12, officers.decide),
    "decide_alone": (3, officers.decide_alone),
    "change_rule": (6, officers.change_rule),
    "retire_rule": (2, officers.retire_rule),
    "begin_disposal": (7, officers.begin_disposal),
    "dispose": (35, officers.dispose),
    "end_buckets": (2, officers.end_buckets),
    "open_record": (8, officers.open_record),
    "new_epoch": (4, officers.new_epoch),
    "crash": (32, trouble.crash),
    "restart": (3, trouble.restart),
    "backup": (2, trouble.backup),
    "restore": (1, trouble.restore),
}
NUMBERS = 1 << 16


class Move(NamedTuple):
    name: str
    side: int
    a: int
    b: int

    def __str__(self) -> str:
        return f"{self.name}({self.side}, {self.a}, {self.b})"


@dataclass
class Told:
    """How it went."""

    seed: int
    steps: int = 0
    seconds: float = 0.0
    worked: float = 0.0  # seconds of this process on a processor; PostgreSQL's own are not in it
    crashes: int = 0
    refusals: int = 0
    checked: int = 0
    disposed: int = 0
    entries: int = 0
    by_move: Counter[str] = field(default_factory=Counter)
    failure: str = ""
    promise: str = ""
    error: Exception | None = None
    history: list[Move] = field(default_factory=list)

    def __str__(self) -> str:
        rate = self.steps / self.seconds if self.seconds else 0
        return (
            f"seed {self.seed}: {self.steps} steps in {self.seconds:.0f} s ({rate:.0f}/s, {self.worked:.0f} s of a processor), "
            f"{self.crashes} crashes, {self.refusals} refusals, {self.entries} entries, {self.disposed} disposed of, "
            f"{self.checked} long looks"
        )


def draw(seed: int, steps: int) -> list[Move]:
    dice = random.Random(seed)
    names, weights = list(MOVES), [weight for weight, _ in MOVES.values()]
    chosen = dice.choices(names, weights, k=steps)
    return [Move(name, int(dice.random() < 0.15), dice.randrange(NUMBERS), dice.randrange(NUMBERS)) for name in chosen]


def run(stage: "Stage", seed: int, steps: int) -> Told:
    """Episodes of EPISODE steps until `steps` are done or something is broken."""
    told = Told(seed)
    gc.collect()
    gc.freeze()  # what was imported is not looked through again and again
    for number in range(-(-steps // EPISODE)):
        live(stage.begin(), draw(seed + number, min(EPISODE, steps - told.steps)), told)
        if told.failure:
            told.seed = seed + number
            break
    return told


def live(sim: Sim, moves: list[Move], told: Told) -> None:
    """One history. What breaks is written into `told`, with the history up to there."""
    started, worked = time.monotonic(), time.process_time()
    number = 0
    try:
        for number, move in enumerate(moves, 1):
            step(sim, move)
            told.by_move[move.name] += 1
            if number % invariants.EVERY == 0 or number == len(moves):
                _look_long(sim)
                told.checked += 1
        _end(sim)
    except Exception as error:  # noqa: BLE001 (whatever breaks is a find)
        told.error, told.failure, told.history = error, f"{type(error).__name__}: {error}", moves[:number]
        told.promise = error.promise if isinstance(error, Broken) else type(error).__name__
    finally:
        tenancy._enter(None)
    told.seconds += time.monotonic() - started
    told.worked += time.process_time() - worked
    told.steps += number
    told.crashes, told.refusals = told.crashes + sim.crashes, told.refusals + sim.refusals
    told.entries += sum(side.model.entries for side in sim.sides)
    told.disposed += sim.disposed


def step(sim: Sim, move: Move) -> None:
    """Inside the business of the move. Whoever was there last stays there: to enter it costs a statement."""
    sim.steps += 1
    side = sim.sides[move.side]
    if not tenancy.is_at(side.cast.place):
        tenancy._enter(None)
        tenancy._enter(side.cast.place)
    act = MOVES[move.name][1](sim, side, move.a, move.b)
    happened = perform(sim, side, act) if act is not None else False
    invariants.after(sim, side, act, happened=happened)


def _look_long(sim: Sim) -> None:
    for side in sim.sides:
        with tenancy.tenant_scope(side.cast.place):
            invariants.everything(sim, side)


def _end(sim: Sim) -> None:
    for side in sim.sides:
        with tenancy.tenant_scope(side.cast.place):
            invariants.at_the_end(side)


# ── a fresh pair ──────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass
class Stage:
    """Two businesses and what they were at their birth, customers, devices and first rules included: `begin` makes them so
    again, which takes a fraction of a birth."""

    newborn: Sim
    copies: list[real.Copy]

    def begin(self) -> Sim:
        world = self.newborn.world
        world.rewind()
        sides = [side.copy() for side in self.newborn.sides]
        for side, old in zip(sides, self.copies, strict=True):
            with tenancy.tenant_scope(side.cast.place):
                real.put_back(old)
                real.replace_ring(old.ring)
        _forget_backups()
        return Sim(world, sides, steps=self.newborn.steps)


@contextmanager
def stage() -> Iterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="ebb-sim-") as folder, real.opened(Path(folder)) as world:
        sim = Sim(world, [Side(one) for one in world.casts])
        copies = []
        for side in sim.sides:
            with tenancy.tenant_scope(side.cast.place):
                _furnish(sim, side)
                copies.append(real.copy())
        yield Stage(sim, copies)
        _forget_backups()


def _furnish(sim: Sim, side: Side) -> None:
    from archive.models import Rule as RuleRow
    from messaging.models import Policy

    # Whoever plays here ends devices by the dozen and asks nobody, and lets months pass between two looks at a phone.
    Policy.objects.update(ends_an_hour=30_000, idle_days=0)
    owner, now = side.cast.owner, clock.now()
    for key, purpose in (("billing", "service"), ("promo", "marketing")):
        category.create(actor=owner, now=now, key=key, name=key.title(), purpose=purpose, gone_after=None)
    first = RuleRow.objects.get(is_default=True)
    side.model.rules.append(Rule(first.id, first.code, 7 * 365, is_default=True))
    wanted = officers.Wanted(name="Default", keep_for="P10D")
    officers._was_written(side, officers._bring_in(side, now, wanted, first.id))
    if side is sim.sides[1]:
        everything = limits.Limits(ceiling_percent=100, ceiling_count=10**6, review_stages=1)
        asked = limits.change(actor=side.cast.officer, now=now, limits=everything, reason="Whatever is over may go")
        approval.approve(actor=owner, now=now, approval_id=asked.id)
    for number in range(choices.CROWD):
        _step_in(sim, side, customers.newcomer, number)
        _step_in(sim, side, customers.enrol, number)


def _step_in(sim: Sim, side: Side, move: Callable[..., Any], number: int) -> None:
    act = move(sim, side, number, number)
    invariants.after(sim, side, act, happened=bool(act and perform(sim, side, act)))
    sim.steps += 1


def _forget_backups() -> None:
    """They stand in `public`, which other tests of this run share."""
    from tenants.models import Backup, PlatformEvent

    made = Backup.objects.filter(lsn=trouble.LSN)
    for backup_id in made.values_list("id", flat=True):
        PlatformEvent.objects.filter(codes={"backup": str(backup_id)}).delete()
    made.delete()


# ── a failure, shorter ────────────────────────────────────────────────────────────────────────────────────────────────
def shorten(stage: Stage, told: Told, *, most: int = 60) -> list[Move]:
    """The shortest history found in `most` tries that breaks the same promise: parts are left out, halves first."""
    moves, tries, part = told.history, 0, max(1, len(told.history) // 2)
    while part and tries < most:
        at = 0
        while at < len(moves) - 1 and tries < most:
            shorter = moves[:at] + moves[min(at + part, len(moves) - 1) :]
            tries += 1
            if _breaks(stage, shorter, told.promise):
                moves = shorter
            else:
                at += part
        part //= 2
    return moves


def explain(stage: Stage, told: Told) -> str:
    """What a person needs to see it again: the seed, what broke, and the moves that are enough for it."""
    short = "\n".join(f"  {number}. {move}" for number, move in enumerate(shorten(stage, told), 1))
    return f"EBB_SEED={told.seed}, step {told.steps}: {told.failure}\nthe shortest history that was found:\n{short}"


def _breaks(stage: Stage, moves: list[Move], promise: str) -> bool:
    return replay(stage, moves).promise == promise


def replay(stage: Stage, moves: list[Move]) -> Told:
    told = Told(0)
    live(stage.begin(), moves, told)
    return told
