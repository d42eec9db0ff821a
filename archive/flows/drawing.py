"""Drawing a bundle: the newest checkpoint, what was selected, and for a sealed one the file.

One drawing at a time of each export: whoever beats owns it. The file has its name only once it is whole and on the disk.
"""

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from archive.export import bundle
from archive.flows import tree
from archive.models import Epoch, Export
from archive.queries import bundle as reading
from archive.queries import exports, proofs
from archive.rules import query as language
from portal.kernel import clock, errors, jobs, tenancy, unit, wake
from portal.kernel.actors import SYSTEM
from portal.kernel.errors import Refusal

KEPT_FOR = timedelta(days=7)
SILENT_FOR = timedelta(seconds=90)  # a drawing that says nothing for so long is dead
BEAT = 1.0
MOST_ATTEMPTS = 3
MOST_ENTRIES = 20_000_000
PART = 256 * 1024
LEFT_OUT = ["sealed free text of entries that are no messages (reasons, queries, lists of ids): open it in the console"]


def build(*, export_id: UUID) -> None:
    """Draw a sealed bundle. For the job; does nothing if another draws it already."""
    row = _claim(export_id)
    if row is None:
        return
    try:
        _build(row)
    except bundle.SourceChanged:
        again(row, "archive_changed")
    except Refusal as refusal:
        fail(export_id=row.id, code=refusal.code)
    except OSError:
        fail(export_id=row.id, code="no_room")


def fail(*, export_id: UUID, code: str) -> None:
    """It will not be drawn. `code` says why."""
    with unit.work() as u:
        done = Export.objects.filter(id=export_id, state=Export.State.BUILDING).update(
            state=Export.State.FAILED, failure=code
        )
        if done:
            u.entry(unit.Draft("export.failed", SYSTEM.label, codes={"export": str(export_id), "reason": code}))
    remove(export_id)


def path_of(export_id: UUID) -> Path:
    return _folder() / f"{export_id}.zip"


class Drawing:
    """One drawing of a bundle, under the newest checkpoint."""

    def __init__(self, row: Export, opener: reading.Opener | None, pause: Callable[[], None]) -> None:
        _integrate()
        self.row, self.made = row, bundle.Made()
        checkpoint = proofs.newest()
        epoch = Epoch.objects.get(number=checkpoint.epoch)
        chosen = _chosen(row, checkpoint.size)
        if chosen.entry_count > MOST_ENTRIES:
            raise Refusal("export_too_large", f"That is more than {MOST_ENTRIES:,} entries. Ask for a part of them.")
        self.source = reading.Source(chosen, checkpoint, epoch.origin, opener, pause)
        self.plan = bundle.Plan(
            clock.now(), row.is_sealed, epoch.vkey, checkpoint.note, epoch.origin, checkpoint.size, bytes(checkpoint.root),
            chosen.to_json(), self._facts(),
        )  # fmt: skip
        self.total = bundle.steps_of(checkpoint.size, chosen.given_count, reading.count_records(chosen))
        self.steps = 0

    def _facts(self) -> dict[str, Any]:
        here = tenancy.here()
        return {
            "export": str(self.row.id), "business": {"id": str(here.id), "name": here.name}, "made_at": clock.text(clock.now()),
            "asked_in": self.row.asked_index, "left_out": LEFT_OUT,
            "reader": "python3 verify.py --vkey FILE; the key from the business's own page, not from this bundle",
        }  # fmt: skip

    def codes(self) -> dict[str, str | int | bool]:
        """What the entry says that is known before the first byte."""
        chosen = self.source.chosen
        codes: dict[str, str | int | bool] = {
            "export": str(self.row.id), "sealed": self.row.is_sealed, "by": chosen.by, "entries": chosen.entry_count,
            "size": self.plan.size,
        }  # fmt: skip
        return codes | ({"first": chosen.first, "last": chosen.last} if chosen.by != "query" else {})

    def parts(self) -> Iterator[bytes]:
        """The bundle, in pieces worth sending."""
        held, size = [], 0
        for part in bundle.write(self.plan, self.source, self.made, self._step):
            held.append(part)
            size += len(part)
            if size >= PART:
                yield b"".join(held)
                held, size = [], 0
        yield b"".join(held)

    def _step(self, done: int) -> None:
        self.steps += done


def _integrate() -> None:
    """So that the bundle covers what is committed. A clock that signs at this moment has done the same."""
    try:
        tree.integrate(now=clock.now())
    except Refusal as refusal:
        if refusal.code != "signed_elsewhere":
            raise


def _chosen(row: Export, size: int) -> reading.Chosen:
    if row.by == Export.By.QUERY:
        return reading.choose_query(language.parse(exports.query_of(row)), size)
    if row.by == Export.By.TIME:
        return reading.choose_time(row.after, row.before, size)
    return reading.choose_indexes(row.first or 0, row.last, size)


def _claim(export_id: UUID) -> Export | None:
    now = clock.now()
    free = Q(beat_at=None) | Q(beat_at__lt=now - SILENT_FOR)
    rows = Export.objects.filter(free, id=export_id, state=Export.State.BUILDING, is_sealed=True)
    if not rows.update(beat_at=now, started_at=now, done=0, attempts=F("attempts") + 1):
        return None
    return Export.objects.get(id=export_id)


def _build(row: Export) -> None:
    drawing = Drawing(row, None, lambda: None)
    Export.objects.filter(id=row.id).update(total=drawing.total)
    partial = _partial(row.id)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        for part in drawing.parts():
            file.write(part)
            beat(row, drawing)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path_of(row.id))
    _finish(row, drawing)


def beat(row: Export, drawing: Drawing) -> None:
    now = clock.now()
    if row.beat_at and (now - row.beat_at).total_seconds() < BEAT:
        return
    row.beat_at = now
    rows = Export.objects.filter(id=row.id, state=Export.State.BUILDING)
    if not rows.update(beat_at=now, done=drawing.steps):
        raise errors.not_found("export")  # it was given up meanwhile
    schema = tenancy.here().schema
    transaction.on_commit(lambda: wake.publish(schema, wake.PROGRESS))


def _finish(row: Export, drawing: Drawing) -> None:
    """From the commit on it can be fetched; its entry is in the same one."""
    now = clock.now()
    with unit.work() as u:
        done = Export.objects.filter(id=row.id, state=Export.State.BUILDING).update(
            state=Export.State.READY, ready_at=now, ends_at=now + KEPT_FOR, done=drawing.total, **figures(drawing)
        )
        if done:
            codes = {**drawing.codes(), "records": drawing.made.records, "missing": sum(drawing.made.missing.values()),
                     "sha256": drawing.made.sha256}  # fmt: skip
            u.entry(unit.Draft("archive.exported", row.asked_by, codes=codes))


def figures(drawing: Drawing) -> dict[str, Any]:
    made = drawing.made
    return {
        "size": made.bytes, "sha256": made.sha256, "entries": made.entries, "records": made.records, "missing": made.missing,
    }  # fmt: skip


def again(row: Export, code: str) -> None:
    """Once more from the beginning, three times at most."""
    if row.attempts >= MOST_ATTEMPTS:
        fail(export_id=row.id, code=code)
        return
    with unit.work():
        if Export.objects.filter(id=row.id, state=Export.State.BUILDING).update(beat_at=None):
            jobs.enqueue("archive.jobs.build_export", row.id, queue="bulk")


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _folder() -> Path:
    folder = Path(settings.EBB_EXPORTS) / tenancy.here().id.hex
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _partial(export_id: UUID) -> Path:
    return path_of(export_id).with_suffix(".part")


def remove(export_id: UUID) -> None:
    for path in (path_of(export_id), _partial(export_id)):
        path.unlink(missing_ok=True)
