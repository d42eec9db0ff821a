"""Imports: their rows opened, how far each is, and what was wrong. The file's content is sealed under the business key."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Max, Q, QuerySet, Sum

from messaging.models import ImportJob, ImportSlice
from messaging.rules import columns
from portal.kernel import keys
from portal.kernel.actors import Actor
from portal.kernel.errors import not_found

JOB, FOUND, ROWS, WRONG = "import.job", "import.found", "import.rows", "import.wrong"  # contexts of sealed fields
LIVES_FOR = timedelta(days=7)
SOON = 0.5  # seconds: before that a rate says nothing
Cells = tuple[int, list[str]]


@dataclass(frozen=True)
class Opened:
    """What stands sealed in an import's row. `preview` are its first rows."""

    name: str
    encoding: str
    delimiter: str
    preview: list[list[str]]
    meaning: columns.Meaning


@dataclass(frozen=True)
class Figures:
    """Sums over an import's slices."""

    checked: int = 0  # rows of slices that were tried
    applied: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    wrong: int = 0
    kept_out: int = 0
    customers: int = 0
    looked_at: int = 0
    invited: int = 0
    since: int = 0  # rows that were worked on since somebody set it to work
    last_at: datetime | None = None


def get_import_for(actor: Actor, import_id: UUID) -> ImportJob:
    actor.require("customer.manage")
    found = ImportJob.objects.filter(id=import_id).first()
    if found is None:
        raise not_found("import")
    return found


def get_imports_for(actor: Actor) -> QuerySet[ImportJob]:
    actor.require("customer.manage")
    return ImportJob.objects.all()


def open_(row: ImportJob) -> Opened:
    plain = json.loads(keys.open_field(JOB, row.id, row.sealed))
    return Opened(**{**plain, "meaning": columns.Meaning(**plain["meaning"])})


def seal(import_id: UUID, opened: Opened) -> bytes:
    plain = json.dumps({**vars(opened), "meaning": vars(opened.meaning)}, ensure_ascii=False)
    return keys.seal_field(JOB, import_id, plain.encode())


def seal_json(context: str, owner: UUID, value: object) -> bytes:
    return keys.seal_field(context, owner, json.dumps(value, ensure_ascii=False).encode())


def rows_of(piece: ImportSlice) -> list[Cells]:
    return [(number, cells) for number, cells in json.loads(keys.open_field(ROWS, piece.id, piece.sealed_rows))]


def wrong_of(piece: ImportSlice) -> dict[int, list[tuple[int, str]]]:
    """(column, code) by the number of a row."""
    if piece.sealed_wrong is None:
        return {}
    plain = json.loads(keys.open_field(WRONG, piece.id, piece.sealed_wrong))
    return {int(number): [(column, code) for column, code in told] for number, told in plain.items()}


def found_of(row: ImportJob) -> dict[str, Any]:
    """Samples of the difference: {"new", "changed", "wrong"}, each a list."""
    return json.loads(keys.open_field(FOUND, row.id, row.sealed_found)) if row.sealed_found else {}


def figures_of(row: ImportJob) -> Figures:
    worked = Q(applied_at__gte=row.began_at) | Q(applied_at=None, checked_at__gte=row.began_at)
    sums = ImportSlice.objects.filter(job=row).aggregate(
        since=Sum("rows", filter=worked),
        checked=Sum("rows", filter=Q(checked_at__isnull=False)), applied=Sum("rows", filter=Q(applied_at__isnull=False)),
        last_checked=Max("checked_at"), last_applied=Max("applied_at"),
        **{name: Sum(name) for name in ("new", "changed", "unchanged", "wrong", "kept_out", "looked_at", "invited")},
        customers=Sum("customers__len"),
    )  # fmt: skip
    last = max((at for at in (sums.pop("last_checked"), sums.pop("last_applied")) if at), default=None)
    return Figures(**{name: value or 0 for name, value in sums.items()}, last_at=last)


def progress_of(row: ImportJob, figures: Figures, now: datetime) -> dict[str, Any] | None:
    """{percent, done, total, rate, left} while it works: rows a second, and the time left at this rate."""
    done, total = {
        ImportJob.State.CHECKING: (figures.checked, row.rows),
        ImportJob.State.APPLYING: (figures.applied, row.rows),
    }.get(row.state, (figures.looked_at, figures.customers))
    if row.state not in (ImportJob.State.CHECKING, ImportJob.State.APPLYING) and row.inviting != "running":
        return None
    spent = (now - row.began_at).total_seconds()
    rate = (done if row.inviting else figures.since) / spent if spent > SOON else 0
    left = timedelta(seconds=round((total - done) / rate)) if rate else None
    percent = min(100, 100 * done // total) if total else 0
    return {"percent": percent, "done": done, "total": total, "rate": round(rate), "left": left}


def wrong_rows(row: ImportJob) -> Iterator[tuple[int, list[str], list[tuple[int, str]]]]:
    """Every row that is wrong, in order: its number, its cells, what is wrong where."""
    pieces = ImportSlice.objects.filter(job=row, wrong__gt=0).order_by("number").values_list("id", flat=True)
    for pk in list(pieces):
        piece = ImportSlice.objects.get(id=pk)
        wrong = wrong_of(piece)
        yield from ((number, cells, wrong[number]) for number, cells in rows_of(piece) if number in wrong)
