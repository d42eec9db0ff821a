"""A sealed record: opened with an unlocked archive, or shown sealed; and the file that proves it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_POST, require_safe

from archive.flows import listing, reading
from archive.ledger import entry as leaves
from archive.ledger.kinds import KINDS
from archive.pages import shared
from archive.queries import entries, holds, proofs, sealed
from portal.kernel import clock
from portal.kernel.errors import Refusal
from portal.web import guards

SEALED = frozenset({"archive_locked", "nothing_sealed", "record_disposed", "record_mirrored"})


@guards.staff("archive.list")
@require_safe
def record(request: HttpRequest, index: int) -> HttpResponseBase:
    """The entry of an opening is committed before its words are drawn (I9)."""
    now = clock.now()
    header, newest = entries.get_entry_for(request.actor, index), proofs.latest()
    lock = shared.lock_of(request, now)
    is_mirrored = header.kind in shared.WITH_RECORD and sealed.is_mirrored(header.message)
    opened = _open(request, index, now) if lock and not is_mirrored else None
    if opened is None:
        listing.tell(actor=request.actor, now=now, kind="archive.listed", what="record")
    context = {
        "record": shown(opened) if opened else None, "unlock": lock,
        "entry": shared.shown(request.actor, [header], newest.size if newest else 0)[0],
        "is_mirrored": is_mirrored, "entries": _others(request, header), "proof": shared.proof_of(header, newest),
        "holds": _holds(request, header),
    }  # fmt: skip
    return shared.draw(request, "record", context, here=f"Record {index}")


@guards.staff("archive.open")
@require_POST
def file(request: HttpRequest, index: int, file_id: UUID) -> HttpResponseBase:
    """A file of a record: kept by the browser, never drawn by it; looking at it is an entry of its own."""
    found = reading.open_file(
        actor=request.actor, now=clock.now(), index=index, file_id=file_id, session_key=request.session.session_key or "",
        half=request.COOKIES.get(shared.COOKIE, ""),
    )  # fmt: skip
    headers = {"Content-Disposition": content_disposition_header(True, found.name) or "attachment"}
    return HttpResponse(found.data, content_type=found.type, headers=headers)


@guards.staff("archive.list")
@require_safe
def proof(request: HttpRequest, index: int) -> HttpResponseBase:
    """c2sp.org/tlog-proof@v1; drawing one is an entry."""
    text = reading.prove(actor=request.actor, now=clock.now(), index=index)
    headers = {"Content-Disposition": f'attachment; filename="entry-{index}.tlog-proof"'}
    return HttpResponse(text, content_type="text/plain; charset=utf-8", headers=headers)


def _open(request: HttpRequest, index: int, now: datetime) -> reading.Opened | None:
    try:
        return reading.open_record(
            actor=request.actor, now=now, index=index, session_key=request.session.session_key or "",
            half=request.COOKIES.get(shared.COOKIE, ""),
        )  # fmt: skip
    except Refusal as refusal:
        if refusal.code in SEALED:
            return None
        raise


def shown(opened: reading.Opened) -> dict[str, Any]:
    content = opened.content or {}
    words = opened.detail or {}
    leaf = leaves.decode(opened.leaf)
    return {
        "index": opened.index, "subject": content.get("subject") or ("" if content else opened.kind), "format": "text",
        "body": content["body"] if content else "\n".join(f"{name}: {value}" for name, value in words.items()),
        "from_name": _who(content.get("from")), "to_name": _who(content.get("to")),
        "sent_at": opened.sent_at or opened.time, "gone_at": opened.gone_at, "ended_at": None,
        "archived_until": opened.archived_until, "rule": leaf.retention or "", "category": content.get("category", ""),
        "answers": content.get("answers", []),
        "attachments": [_told(one) for one in content.get("attachments") or ()],
        "commitment": leaf.commitment or leaf.detail_commitment or "",
    }  # fmt: skip


def _told(entry: dict[str, Any]) -> dict[str, Any]:
    """What a page says of a file: never its key."""
    return {name: entry[name] for name in ("id", "name", "type", "bytes", "sha256")}


def _who(side: dict[str, str] | None) -> str:
    """A side as the snapshot has it: a name and the addresses known then."""
    if not side:
        return ""
    parts = [side.get("name", ""), side.get("email", ""), side.get("phone", "")]
    return ", ".join(part for part in parts if part) or side.get("customer", "")


def _holds(request: HttpRequest, header: entries.Header) -> list[dict[str, Any]]:
    """{id, name} of the holds that keep this record; for whoever manages holds."""
    if not request.actor.may("hold.manage"):
        return []
    return [{"id": one.id, "name": holds.name_of(one)} for one in holds.holds_of(header.message)]


def _others(request: HttpRequest, header: entries.Header) -> list[dict[str, Any]]:
    if header.message is None:
        return []
    found = entries.list_for(request.actor, entries.Filter(message=header.message), limit=50).results
    return [
        {"index": one.index, "kind": one.kind, "words": KINDS.get(one.kind, one.kind), "at": one.time}
        for one in found
        if one.index != header.index
    ]
