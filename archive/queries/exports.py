"""Exports as people and programs see them."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from archive.models import Export
from portal.kernel import clock, errors, keys
from portal.kernel.actors import Actor
from portal.sealing import errors as sealing

QUERY, REASON = "export.query", "export.reason"
WARM_UP = 2.0  # seconds before a rate says anything


def get_exports_for(actor: Actor) -> "QuerySet[Export]":
    actor.require("archive.export")
    return Export.objects.all()


def get_export_for(actor: Actor, export_id: UUID) -> Export:
    """Absent and forbidden look the same."""
    found = get_exports_for(actor).filter(id=export_id).first()
    if found is None:
        raise errors.not_found("export")
    return found


def reason_of(row: Export) -> str:
    return open_words(REASON, row.id, row.sealed_reason)


def query_of(row: Export) -> str:
    return open_words(QUERY, row.id, row.sealed_query)


def open_words(context: str, owner: UUID, sealed: bytes | None) -> str:
    if sealed is None:
        return ""
    try:
        return keys.open_field(context, owner, sealed).decode()
    except (sealing.SealingError, UnicodeDecodeError):
        return ""


def progress_of(row: Export, now: datetime) -> dict[str, Any] | None:
    """{percent, rate, left}: steps a second, and the time left at this rate; None unless it is being drawn."""
    if row.state != Export.State.BUILDING:
        return None
    spent = ((row.beat_at or now) - (row.started_at or now)).total_seconds()
    rate = row.done / spent if spent > WARM_UP else 0
    left = timedelta(seconds=(row.total - row.done) / rate) if rate and row.total else None
    return {"percent": min(100, 100 * row.done // row.total) if row.total else 0, "rate": int(rate), "left": left}


def to_json(row: Export) -> dict[str, Any]:
    """As the API shows it, without its file's address."""
    return {
        "id": str(row.id), "state": row.state, "sealed": row.is_sealed, "asked_at": clock.text(row.asked_at),
        "ready_at": _text(row.ready_at), "ends_at": _text(row.ends_at), "entries": row.entries, "records": row.records,
        "missing": row.missing, "bytes": row.size, "sha256": row.sha256 or None, "failure": row.failure or None,
        "done": row.done, "total": row.total,
    }  # fmt: skip


def _text(at: datetime | None) -> str | None:
    return clock.text(at) if at else None
