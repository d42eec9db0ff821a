"""Exports: the list, a form that says what open and sealed mean, one export with its progress, and its file."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from archive.export.main import REASON_WORDS
from archive.flows import export as flow
from archive.flows import unlock
from archive.models import Export
from archive.pages import shared
from archive.queries import exports, proofs
from portal.kernel import clock
from portal.kernel.errors import Refusal
from portal.web import acting, guards, names, streams
from portal.web import listing as lists

STATES = [
    ("building", "Being drawn"),
    ("ready", "Ready"),
    ("streamed", "Downloaded open"),
    ("failed", "Failed"),
    ("ended", "Over"),
]
COLUMNS = (
    "id", "state", "is_sealed", "by", "asked_by", "asked_at", "ready_at", "ends_at", "entries", "records", "missing", "bytes",
    "sha256",
)  # fmt: skip
LOCKED = "The archive is locked: an open export needs your passphrase. A sealed one does not."
FIELDS = ("after", "until", "query", "first", "last", "reason", "form")
PLACES = {"before": "until", "date": "until", "to": "last"}
WHY = {
    "archive_changed": "The archive changed again and again while it was drawn. Try again when it is quieter.",
    "interrupted": "It was cut off: the process that drew it stopped. Try again.",
    "broken_off": "The download was broken off before its end. What arrived does not verify. Try again.",
    "archive_locked": "The archive was locked before its end. What arrived does not verify. Open the archive and try again.",
    "no_room": "The disk is full, or its folder cannot be written. Tell who runs this installation.",
}


@guards.staff("archive.export")
@require_safe
def listing(request: HttpRequest) -> HttpResponseBase:
    filters = lists.chosen(request, "state")
    rows = exports.get_exports_for(request.actor)
    if filters["state"]:
        rows = rows.filter(state=filters["state"])
    if request.GET.get("format") == "csv":
        return lists.as_csv("exports", COLUMNS, _shown(list(rows.order_by("-id")[: lists.MOST_IN_CSV])))
    context = {"page": lists.page(request, rows, _shown), "filters": filters, "states": STATES}
    return shared.draw(request, "exports", context, here="Exports")


@sensitive_post_parameters("query", "reason", "passphrase")
@guards.staff("archive.export", fresh=True)
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponseBase:
    """A sealed one is drawn by a job. An open one is the answer to this very request: only it has the key, which the form takes
    with what was typed, so that nothing of that is typed twice."""
    if request.method == "GET":
        return _form(request, {"query": shared.brought(request), "form": "sealed"}, {})
    values = {name: request.POST.get(name, "").strip() for name in FIELDS}
    opened = ""
    try:
        opened = _opened(request, values)
        answer = _ask(request, values, opened or request.COOKIES.get(shared.COOKIE, ""))
    except Refusal as refusal:
        told = {"errors": {"passphrase": LOCKED}} if refusal.code == "archive_locked" else _told(refusal)
        answer = _form(request, values, told, status=422)
    return shared.hand_over(answer, opened) if opened else answer


@guards.staff("archive.export")
@require_safe
def export(request: HttpRequest, export_id: UUID) -> HttpResponseBase:
    now = clock.now()
    row = exports.get_export_for(request.actor, export_id)
    shown = _shown([row])[0] | {"reason": exports.reason_of(row), "query": _words(request, exports.query_of(row))}
    context = {
        "export": shown, "progress": exports.progress_of(row, now), "vkey": proofs.get_key_for(request.actor),
        "missing": [{"count": n, "words": REASON_WORDS.get(reason, reason)} for reason, n in sorted(row.missing.items())],
    }  # fmt: skip
    return shared.draw(request, "export", context, here="Export", under="Exports")


def _words(request: HttpRequest, query: str) -> str:
    return shared.in_words(query, shared.called(request.actor, query))


@guards.staff("archive.export")
@require_safe
def download(request: HttpRequest, export_id: UUID) -> HttpResponseBase:
    file = flow.fetch(actor=request.actor, now=clock.now(), export_id=export_id)
    return streams.download(request, streams.read(file.path), name=file.name, size=file.size)


def _opened(request: HttpRequest, values: dict[str, str]) -> str:
    """The browser's half of the key, where the form brought the passphrase for an open export; else ""."""
    passphrase = request.POST.get("passphrase", "")
    if values["form"] != "open" or not passphrase:
        return ""
    return unlock.open_(
        actor=request.actor, now=clock.now(), passphrase=passphrase, session_key=request.session.session_key or "",
        reason=values["reason"][:200],
    ).half  # fmt: skip


def _ask(request: HttpRequest, values: dict[str, str], half: str) -> HttpResponseBase:
    asked, now = _selection(values), clock.now()
    if values["form"] != "open":
        found = flow.ask(actor=request.actor, now=now, selection=asked, reason=values["reason"])
        return HttpResponseRedirect(reverse("console:archive_export", args=[found]))
    found, parts = flow.stream(
        actor=request.actor, now=now, selection=asked, reason=values["reason"],
        session_key=request.session.session_key or "", half=half,
    )  # fmt: skip
    name = flow.file_name(exports.get_export_for(request.actor, found))
    return streams.download(request, parts, name=name)


def _selection(values: dict[str, str]) -> flow.Selection:
    by_day, by_number = values["after"] or values["until"], values["first"] or values["last"]
    if [bool(by_day), bool(by_number), bool(values["query"])].count(True) > 1:
        raise Refusal("query_or_range", "Select in one way: by days, by a query, or by entry numbers.", field="query")
    if values["query"]:
        return flow.Selection(query=values["query"])
    if by_day:
        return flow.Selection(after=lists.day(values["after"]), before=lists.day(values["until"], end=True))
    return flow.Selection(first=_number(values["first"], "first"), last=_number(values["last"], "last"))


def _told(refusal: Refusal) -> dict[str, Any]:
    """Beside the field that the form has for it."""
    told = acting.told(refusal)
    if "errors" in told:
        told["errors"] = {PLACES.get(name, name): words for name, words in told["errors"].items()}
    return told


def _number(raw: str, field: str) -> int | None:
    if not raw:
        return None
    if not (raw.isascii() and raw.isdigit() and len(raw) < 18):
        raise Refusal("bad_entry_number", "An entry's number is a whole number, 0 or more.", field=field)
    return int(raw)


def _shown(rows: list[Export]) -> list[dict[str, Any]]:
    people = names.actors(row.asked_by for row in rows)
    return [
        {
            "id": row.id, "state": row.state, "is_sealed": row.is_sealed, "by": row.by, "first": row.first, "last": row.last,
            "after": row.after, "before": row.before, "asked_by": people.get(row.asked_by, row.asked_by),
            "asked_at": row.asked_at, "asked_index": row.asked_index, "ready_at": row.ready_at, "ends_at": row.ends_at,
            "entries": row.entries, "records": row.records, "missing": sum(row.missing.values()), "bytes": row.size,
            "sha256": row.sha256, "why": WHY.get(row.failure, row.failure), "file": flow.file_name(row),
        }
        for row in rows
    ]  # fmt: skip


def _form(request: HttpRequest, values: dict[str, str], extra: dict[str, Any], status: int = 200) -> HttpResponseBase:
    context = {
        "values": values, "errors": {}, "unlock": shared.lock_of(request, clock.now()),
        "officer": request.actor.may("archive.open"),
        "who": shared.who(values.get("query", ""), shared.called(request.actor, values.get("query", ""))), **extra,
    }  # fmt: skip
    return shared.draw(request, "export_new", context, here="New export", under="Exports", status=status)
