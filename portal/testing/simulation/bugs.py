"""Broken promises, to be planted one at a time into the real code: each changes what one line of the product does. A simulation
that lives through any of them without noticing is worth nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from unittest import mock

from django.db import connection, transaction

from archive.flows import disposing, rule, subject
from archive.queries import ends, holds
from messaging.api import idempotency
from messaging.flows import body, dispatch, expiry, message, words
from messaging.models import Message
from messaging.queries import devices
from messaging.rules import state
from portal.kernel import clock, tenancy, unit
from portal.sealing.keyring import live

Plant = Callable[[], AbstractContextManager[Any]]


def read_a_second_late() -> AbstractContextManager[Any]:
    """I1: a body is shown for one second after its end."""

    def has_ended(row: Any, now: Any) -> bool:
        return row.ended_at is not None or (row.gone_at is not None and row.gone_at + timedelta(seconds=1) <= now)

    return mock.patch.object(state, "has_ended", has_ended)


def clock_runs_back() -> AbstractContextManager[Any]:
    """I1: the clock forgets the time that was seen."""
    return mock.patch.object(clock, "now", clock.wall)


def revoked_device_reads() -> AbstractContextManager[Any]:
    """I1: a locked or revoked device is let in."""
    return mock.patch.object(devices.Standing, "require_active", lambda self: None)


def recall_leaves_the_body() -> AbstractContextManager[Any]:
    """I2: a recalled message's row stays."""

    def end_early(row: Message, now: Any, reason: str, *, outcome: str) -> None:
        row.ended_at, row.ended_reason, row.notify_at = now, reason, None
        if row.outcome == "":
            row.outcome, row.outcome_at = outcome, now
        row.save()

    return mock.patch.object(message, "end_early", end_early)


def extend_keeps_the_bucket() -> AbstractContextManager[Any]:
    """I2: the row names the later bucket, the key inside stays under the old one and dies with it."""
    return mock.patch.object(body, "rewrap", lambda *, message_id, wrap, bucket: bytes(wrap))


def destroy_only_marks() -> AbstractContextManager[Any]:
    """I2: the mark is raised and the keys stay."""

    def destroy_past(self: live.LiveKeyring, now: float) -> list[int]:
        self.mark(now)
        return []

    return mock.patch.object(live.LiveKeyring, "destroy_past", destroy_past)


def expire_decides_again() -> AbstractContextManager[Any]:
    """I3: what was delivered becomes expired unread when its row goes."""
    return mock.patch.object(expiry, "_PURGE", expiry._PURGE.replace("AND outcome = '' AND", "AND"))


def restore_decides_again() -> AbstractContextManager[Any]:
    """I3: what was delivered before a backup failed after its restore."""
    broken = expiry._END.replace("WHEN outcome <> '' OR direction = 'in' THEN", "WHEN direction = 'in' THEN")
    return mock.patch.object(expiry, "_END", broken)


def repeat_sends_again() -> AbstractContextManager[Any]:
    """I4: an idempotency key is never found taken."""
    real = idempotency._execute
    return mock.patch.object(idempotency, "_execute", lambda sql, values: real(sql, values) or True)


def scheduled_sends_without_entry() -> AbstractContextManager[Any]:
    """I5: what the clock sends is not in the ledger."""
    real = dispatch.send

    def send(u: unit.Unit, *, rows: Any, now: Any) -> None:
        real(_Muffled(u, "message.sent"), rows=rows, now=now)  # type: ignore[arg-type]

    return mock.patch.object(dispatch, "send", send)


def entries_after_the_commit() -> AbstractContextManager[Any]:
    """I5: rows commit first and their entries after; a death in between loses these."""
    return mock.patch.object(unit, "work", _torn_work)


def another_business_is_read() -> AbstractContextManager[Any]:
    """I7: whoever is in a business already stays in its schema."""

    def enter(place: tenancy.Place | None) -> None:
        tenancy._here.place = place
        if place is None:
            connection.set_schema_to_public()
        elif connection.schema_name == tenancy.PUBLIC:
            connection.set_tenant(place)

    return mock.patch.object(tenancy, "_enter", enter)


def disposal_ignores_holds() -> AbstractContextManager[Any]:
    """I8: a slice does not ask for holds."""
    return mock.patch.object(disposing, "holds", SimpleNamespace(held=lambda: holds.NOTHING))


def erasure_frees_from_holds() -> AbstractContextManager[Any]:
    """I8: an erased customer's held records lose their tie, and fall out of the hold."""
    return mock.patch.object(subject, "holds", SimpleNamespace(held=lambda: holds.NOTHING))


def unknown_ends_are_over() -> AbstractContextManager[Any]:
    """I8: an end that nobody knows counts as passed."""

    def ends_of(found: Any, now: Any, book: Any = None) -> Any:
        asked = ends.ends_of(found, now, book)
        return {pk: one if one.end else ends.Ending(now, one.rule, one.action) for pk, one in asked.items()}

    return mock.patch.object(disposing, "ends", SimpleNamespace(ends_of=ends_of, Ending=ends.Ending))


def shorter_rule_takes_back_promises() -> AbstractContextManager[Any]:
    """I8: every rule acts on what is there already, and nobody was asked."""
    real = rule._activate

    def activate(u: unit.Unit, row: Any, actor: Any, now: Any, *, retroactive: bool) -> Any:
        return real(u, row, actor, now, retroactive=True)

    return mock.patch.object(rule, "_activate", activate)


def reading_in_silence() -> AbstractContextManager[Any]:
    """I9: staff read a colleague's words and nothing tells of it."""

    @contextmanager
    def work() -> Iterator[Any]:
        with unit.work() as u:
            yield _Muffled(u, "live.read")

    return mock.patch.object(words, "unit", SimpleNamespace(work=work, Draft=unit.Draft))


ALL: tuple[Plant, ...] = (
    read_a_second_late, clock_runs_back, revoked_device_reads, recall_leaves_the_body, extend_keeps_the_bucket,
    destroy_only_marks, expire_decides_again, restore_decides_again, repeat_sends_again, scheduled_sends_without_entry,
    entries_after_the_commit, another_business_is_read, disposal_ignores_holds, erasure_frees_from_holds,
    unknown_ends_are_over, shorter_rule_takes_back_promises, reading_in_silence,
)  # fmt: skip


# ── parts ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
class _Muffled:
    """A unit of work that loses entries of one kind."""

    def __init__(self, real: unit.Unit, kind: str) -> None:
        self._real, self._kind = real, kind

    def entry(self, draft: unit.Draft) -> unit.Draft:
        return draft if draft.kind == self._kind else self._real.entry(draft)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


@contextmanager
def _torn_work() -> Iterator[unit.Unit]:
    if unit._local.unit is not None:
        with unit._joined(unit._local.unit) as joined:
            yield joined
        return
    made = unit._local.unit = unit.Unit()
    try:
        with transaction.atomic():
            yield made
        if made.drafts:
            with transaction.atomic():
                unit._writer(made.drafts)
    finally:
        unit._local.unit = None
    for act in made.acts:
        act()
