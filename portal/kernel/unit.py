"""The unit of work: one transaction, its archive entries last.

Flows hand entries to the unit. Its outermost exit gives them to the writer (which `archive` registers) as the last thing
before COMMIT, so that the order of index is the order of time and of commit, with no gaps. What must happen only if the
commit happened (pushes, wake-ups) runs after it.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import transaction

from portal.kernel import ids
from portal.kernel.errors import Kind, Refusal


@dataclass(slots=True)
class Draft:
    """An entry that a flow hands in. `codes` are codes only; free text goes into `detail`, which is sealed.

    `index` and `time` are known after the unit's exit. Hex digests are lower case.
    """

    kind: str
    actor: str
    subject: UUID | None = None
    message: UUID | None = None
    run: UUID | None = None
    retention: str = ""
    gone_at: datetime | None = None
    codes: dict[str, str | int | bool] = field(default_factory=dict)
    detail: dict[str, object] | None = None
    commitment: str = ""
    sealed_sha256: str = ""
    wrap_sha256: str = ""
    batch_sha256: str = ""
    count: int | None = None
    ids_sha256: str = ""
    customer: UUID | None = None
    id: UUID = field(default_factory=ids.uuid7)
    index: int = -1
    time: datetime | None = None


@dataclass(slots=True)
class Alike:
    """Entries that differ in ids and digests only: what `like` holds is the same in all of them, and of it `id`, `subject`,
    `message`, `customer` and the three digests are an example's. Each of `rows`: id, subject, message and customer by their
    16 bytes, then commitment, sealed and wrap digest by their 32.

    `like.index` and `like.time`, known after the unit's exit, are those of the first."""

    like: Draft
    rows: list[tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes]]


Writer = Callable[[list[Draft], list[Alike]], None]
Act = Callable[[], None]


def _no_writer(drafts: list[Draft], alike: list[Alike]) -> None:
    raise Refusal("no_archive", "The archive is not there, so nothing can be written.", Kind.UNAVAILABLE)


_writer: Writer = _no_writer


def set_writer(writer: Writer) -> None:
    global _writer
    _writer = writer


class Unit:
    """What one transaction gathers."""

    def __init__(self) -> None:
        self.drafts: list[Draft] = []
        self.alike: list[Alike] = []
        self.looks: list[Act] = []
        self.acts: list[Act] = []

    def entry(self, draft: Draft) -> Draft:
        self.drafts.append(draft)
        return draft

    def entries_alike(self, many: Alike) -> None:
        """A chunk's worth of entries; in the ledger they stand before the unit's others."""
        self.alike.append(many)

    def look_last(self, look: Act) -> None:
        """Look once more after the entries are written, right before COMMIT: the ledger is held by then, so what another
        unit with entries committed before this one is seen, and no other comes in between. A refusal takes all back."""
        self.looks.append(look)

    def after_commit(self, act: Act) -> None:
        self.acts.append(act)


class _Local(threading.local):
    unit: Unit | None = None


_local = _Local()


@contextmanager
def work() -> Iterator[Unit]:
    """Join the unit that is open in this thread, or open one: a transaction whose last writes are its entries."""
    if _local.unit is not None:
        with _joined(_local.unit) as unit:
            yield unit
        return
    unit = _local.unit = Unit()
    try:
        with transaction.atomic():
            yield unit
            if unit.drafts or unit.alike:
                _writer(unit.drafts, unit.alike)
            for look in unit.looks:
                look()
    finally:
        _local.unit = None
    for act in unit.acts:
        act()


@contextmanager
def _joined(unit: Unit) -> Iterator[Unit]:
    """A part that fails takes its rows, its entries and its acts with it, even where the caller goes on without it."""
    drafts, alike, looks, acts = len(unit.drafts), len(unit.alike), len(unit.looks), len(unit.acts)
    try:
        with transaction.atomic():
            yield unit
    except BaseException:
        del unit.drafts[drafts:], unit.alike[alike:], unit.looks[looks:], unit.acts[acts:]
        raise
