"""One step of the simulation: a real flow is called, and what it must have changed is written into the model.

A flow that refuses must have been expected to, and the other way round. One that dies half-way (`Crash`) happened whole or not
at all: its entry in the ledger, which commits with it, says which (I5). The clock's own acts are simply done again, as its next
round does them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from portal.kernel import clock
from portal.kernel.errors import Refusal
from portal.testing import cast
from portal.testing.simulation import world as real
from portal.testing.simulation.model import Model, Told


class Broken(AssertionError):
    """A promise was not kept: its number, and what was seen."""

    def __init__(self, promise: str, seen: str) -> None:
        super().__init__(f"{promise}: {seen}")
        self.promise = promise


def must(holds: object, promise: str, seen: str, *about: object) -> None:
    """`about` is spelled out only where it is broken: this is asked thousands of times a second."""
    if not holds:
        raise Broken(promise, ": ".join([seen, *map(str, about)]))


@dataclass
class Side:
    """One business as the simulation sees it: its cast, its model, and what the step at hand touched."""

    cast: cast.Cast
    model: Model = field(default_factory=Model)
    touched: list[Told] = field(default_factory=list)
    kinds: list[tuple[str, str, str]] = field(default_factory=list)  # kind, actor, message of this step's entries
    leaves: list[bytes] = field(default_factory=list)  # a hash of each leaf that was ever seen
    unlocked: tuple[str, str] | None = None  # session and half of an officer's key
    was_set_back: bool = False  # by a restore: the log signs nothing before a new epoch
    ended: list[Told] = field(default_factory=list)  # what the step's passing of time ended

    def copy(self) -> "Side":
        """The same business with a model of its own. Only between steps."""
        return Side(self.cast, self.model.copy(), leaves=list(self.leaves), was_set_back=self.was_set_back)

    def touch(self, *told: Told) -> None:
        self.touched += told

    def add(self, told: Told) -> None:
        self.model.told[told.id] = told
        self.touch(told)

    def sent(self, told: Told, pk: UUID, now: datetime) -> None:
        told.id, told.sent_at = pk, now
        told.moves_to(now, now + timedelta(seconds=told.life))
        told.record_gone_at = told.gone_at
        self.keep(told)
        self.add(told)

    def keep(self, told: Told) -> None:
        """Archived as it was sent, with the end that is promised at this moment (I5)."""
        assert told.sent_at
        told.has_record = True
        told.until = self.model.promise(told.category, told.sent_at, told.gone_at)

    def extended(self, told: Told, now: datetime, end: datetime) -> None:
        told.moves_to(now, end)
        told.gets_end(end)
        self.touch(told)


@dataclass
class Sim:
    """Everything: the world, both sides, the time that was seen, and the steps so far."""

    world: real.World
    sides: list[Side]
    mark: datetime = real.BIRTH
    steps: int = 0
    fuse: int = 0  # the next act dies at its nth write
    crashes: int = 0
    refusals: int = 0
    disposed: int = 0
    backup: Any = None

    def now(self) -> datetime:
        return clock.now()

    def judged_at(self) -> datetime:
        """Doors are judged by the later of the clock and of the time that was seen: it never runs backwards."""
        return max(clock.now(), self.mark)

    def other(self, side: Side) -> Side:
        return self.sides[1] if side is self.sides[0] else self.sides[0]


@dataclass
class Act:
    """`call` is the flow. `then` gets its answer and changes the model; `may` says whether the model expects it to be allowed
    (None: cannot tell). `found` makes the answer from the database where the flow died after its commit."""

    call: Callable[[], Any]
    then: Callable[[Any], None] = lambda _: None
    may: bool | None = True
    entry: str = ""
    found: Callable[[], Any] = lambda: None
    again: bool = False
    reads: bool = False  # where it dies, its answer never came, and nothing has changed


def perform(sim: Sim, side: Side, act: Act) -> bool:
    """The flow, and the model after it. False where nothing happened."""
    before = ledger_size() if sim.fuse else 0
    sim.world.bomb.left, sim.fuse = sim.fuse, 0
    try:
        happened, answer = _called(sim, side, act, before)
    except Refusal as refusal:
        sim.refusals += 1
        must(not act.may, "a flow works", f"refused with {refusal.code}: {refusal.message}")
        return False
    finally:
        sim.world.bomb.left = 0
    if happened:
        must(act.may is not False, "a flow refuses", f"it was allowed: {act.entry}")
        act.then(answer)
    return happened


def _called(sim: Sim, side: Side, act: Act, before: int) -> tuple[bool, Any]:
    try:
        answer = act.call()
    except BaseException:  # Crash, or what a cut connection made of it on its way out
        if not sim.world.bomb.went_off:
            raise
    if not sim.world.bomb.went_off:
        return True, answer
    sim.crashes += 1
    sim.world.restart()
    side.unlocked = None
    if act.again:
        return True, act.call()
    happened = ledger_size() > before and not act.reads
    return happened, act.found() if happened else None


def ledger_size() -> int:
    with connection.cursor() as cursor:
        cursor.execute('SELECT coalesce(max("index"), -1) + 1 FROM archive_entry')
        return int(cursor.fetchone()[0])


def newest(kind: str, column: str = "message_id") -> Any:
    """What the newest entry of a kind is about: for an act that died after its commit."""
    with connection.cursor() as cursor:
        cursor.execute(
            f'SELECT {column} FROM archive_entry WHERE kind = %s ORDER BY "index" DESC LIMIT 1',
            [kind],
        )
        return cursor.fetchone()[0]
