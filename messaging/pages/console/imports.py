"""Importing customers: a file, what its columns mean, the difference, the work, what was wrong, invitations."""

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from messaging.flows import importing as flow
from messaging.models import ImportJob
from messaging.pages.console import shared
from messaging.queries import following, imports
from messaging.rules import columns, table
from portal.accounts.queries import staff
from portal.kernel import clock
from portal.kernel.errors import Refusal
from portal.web import acting, guards
from portal.web import listing as lists

TRAIL = ("Customers", "customers"), ("Import", "customer_imports")
CHANNELS = {
    "inbox": "the inbox", "email": "e-mail", "sms": "text message", "push": "push", "post": "post", "phone": "phone",
    "all": "any channel",
}  # fmt: skip
LABELS = {
    "": "Leave it out", "reference": "Your reference", "name": "Name", "email": "E-mail", "phone": "Phone",
    "language": "Language", "time_zone": "Time zone", "tags": "Tags", "field": "A field of your own",
    "consent_at": "When consent was given",
    **{one: f"{one.split(':')[1].capitalize()} by {CHANNELS[one.split(':')[2]]}: yes or no" for one in columns.CONSENTS},
}  # fmt: skip
PROBLEMS = {
    "bad_email": "not an e-mail address", "bad_phone": "not a phone number", "bad_language": "not a language such as en or de-AT",
    "bad_time_zone": "not a time zone such as Europe/Berlin", "bad_tag": "not a tag: 1 to 40 characters",
    "too_many_tags": "more than 50 tags", "bad_fields": "more fields than can be kept, or a text that is too long",
    "bad_text": "too long, or with characters that cannot be shown", "bad_consent": "neither yes nor no",
    "bad_date": "not a date such as 2026-05-31", "too_many_cells": "more cells than the file has columns",
    "no_key": "empty, so nobody knows whose row this is", "twice_in_file": "stands in an earlier row of this file, which counts",
    "ambiguous": "several customers have this address", "reference_taken": "another customer has this reference",
}  # fmt: skip
KEYS = (("reference", "Your reference"), ("email", "E-mail"), ("phone", "Phone"))
WRONG_AT_ONCE = 500


@guards.staff("customer.manage")
@require_http_methods(["GET", "POST"])
def listing(request: HttpRequest) -> HttpResponseBase:
    """The files of the last week, and a new one."""
    if request.method == "GET":
        return _list(request, {})
    file, delimiter = request.FILES.get("file"), request.POST.get("delimiter", "")
    try:
        if file is None:
            raise Refusal("empty_file", "Choose a file.", field="file")
        made = flow.upload(
            actor=request.actor, now=clock.now(), name=file.name or "", raw=file.read(), delimiter=delimiter
        )
    except Refusal as refusal:
        return _list(request, acting.told(refusal), status=422)
    return shared.go("customer_import", made)


@guards.staff("customer.manage")
@require_safe
def one(request: HttpRequest, import_id: UUID) -> HttpResponseBase:
    row = imports.get_import_for(request.actor, import_id)
    return _page(request, row, imports.open_(row).meaning, {})


@guards.staff("customer.manage")
@require_POST
def check(request: HttpRequest, import_id: UUID) -> HttpResponseBase:
    row = imports.get_import_for(request.actor, import_id)
    meaning = _meaning(request, imports.open_(row).meaning)
    try:
        flow.begin_check(actor=request.actor, now=clock.now(), import_id=import_id, meaning=meaning)
    except Refusal as refusal:
        return _page(request, row, meaning, acting.told(refusal), status=422)
    return shared.go("customer_import", import_id)


@guards.staff("customer.manage")
@require_POST
def apply(request: HttpRequest, import_id: UUID) -> HttpResponseBase:
    return _act(request, import_id, "", flow.apply)


@guards.staff("customer.manage")
@require_POST
def stop(request: HttpRequest, import_id: UUID) -> HttpResponseBase:
    return _act(request, import_id, "It stops after the rows at hand.", flow.stop)


@guards.staff("customer.manage")
@require_POST
def invite(request: HttpRequest, import_id: UUID) -> HttpResponseBase:
    return _act(request, import_id, "", flow.invite)


@guards.staff("customer.manage")
@require_POST
def discard(request: HttpRequest, import_id: UUID) -> HttpResponseBase:
    return acting.act(request, shared.go("customer_imports"), "The file was thrown away. What was imported stays.", lambda: (
        flow.discard(actor=request.actor, now=clock.now(), import_id=import_id)
    ))  # fmt: skip


@guards.staff("customer.manage")
@require_safe
def wrong(request: HttpRequest, import_id: UUID) -> HttpResponseBase:
    """The rows that were not taken, as they came, with what is wrong: to be mended and imported again."""
    row = imports.get_import_for(request.actor, import_id)
    header = imports.open_(row).meaning.header
    return lists.stream_csv(request, "not-imported", ["row", "problem", *header], _sliced(_wrong(row, header)))


def _act(request: HttpRequest, import_id: UUID, done: str, act: Any) -> HttpResponseBase:
    back = shared.go("customer_import", import_id)
    if done:
        return acting.act(request, back, done, lambda: act(actor=request.actor, now=clock.now(), import_id=import_id))
    act(actor=request.actor, now=clock.now(), import_id=import_id)
    return back


def _list(request: HttpRequest, extra: dict[str, Any], status: int = 200) -> HttpResponseBase:
    page = lists.page(request, imports.get_imports_for(request.actor), _rows)
    context = {"page": page, "delimiters": table.DELIMITERS.items(), **extra}
    return shared.draw(request, "imports", "customers", context, trail=TRAIL, status=status)


def _rows(found: list[ImportJob]) -> list[dict[str, Any]]:
    names = staff.get_names(row.asked_by for row in found)
    return [
        {"id": row.id, "name": imports.open_(row).name, "state": _state(row), "rows": row.rows, "created_at": row.created_at,
         "by": names.get(row.asked_by, "")}
        for row in found
    ]  # fmt: skip


def _page(
    request: HttpRequest, row: ImportJob, meaning: columns.Meaning, extra: dict[str, Any], status: int = 200
) -> HttpResponseBase:
    opened, figures, now = imports.open_(row), imports.figures_of(row), clock.now()
    context = {
        "job": {"id": row.id, "name": opened.name, "rows": row.rows, "state": _state(row), "inviting": row.inviting,
                "created_at": row.created_at, "ends_at": row.created_at + imports.LIVES_FOR, "finished_at": row.finished_at},
        "encoding": table.ENCODINGS[opened.encoding],
        "delimiter": table.DELIMITERS.get(opened.delimiter, opened.delimiter),
        "columns": _columns(opened, meaning), "targets": LABELS.items(), "keys": KEYS, "meaning": meaning,
        "tags": ", ".join(meaning.tags), "countries": columns.COUNTRIES, "figures": figures,
        "live": following.state_of_import(row), "progress": imports.progress_of(row, figures, now), "found": _found(row, meaning),
        **shared.may(request, can_invite="customer.invite"), **extra,
    }  # fmt: skip
    return shared.draw(request, "import", "customers", context, trail=(*TRAIL, (opened.name, "")), status=status)


def _state(row: ImportJob) -> str:
    return "inviting" if row.inviting == ImportJob.Inviting.RUNNING else row.state


def _columns(opened: imports.Opened, meaning: columns.Meaning) -> list[dict[str, Any]]:
    return [
        {"name": name, "target": target, "samples": [cells[n] for cells in opened.preview if n < len(cells) and cells[n]][:3]}
        for n, (name, target) in enumerate(zip(meaning.header, meaning.columns, strict=True))
    ]  # fmt: skip


def _meaning(request: HttpRequest, before: columns.Meaning) -> columns.Meaning:
    text = {name: request.POST.get(name, "").strip() for name in ("match", "country", "source", "wording", "tags")}
    chosen = [request.POST.get(f"column-{n}", "") for n in range(len(before.header))]
    tagged = [tag for tag in text.pop("tags").split(",") if tag.strip()]
    return columns.Meaning(header=before.header, columns=chosen, tags=tagged, **text)


def _found(row: ImportJob, meaning: columns.Meaning) -> dict[str, Any]:
    found = imports.found_of(row)
    for one in found.get("wrong", []):
        one["words"] = "; ".join(_words(name, code) for name, code in one["problems"])
    return found


def _words(name: str, code: str) -> str:
    said = PROBLEMS.get(code, code)
    return f"{name}: {said}" if name else said


def _wrong(row: ImportJob, header: list[str]) -> Iterator[list[str]]:
    for number, cells, told in imports.wrong_rows(row):
        names = (header[column] if column < len(header) else "" for column, _ in told)
        problem = "; ".join(_words(name, code) for name, (_, code) in zip(names, told, strict=True))
        yield [str(number), problem, *cells]


def _sliced(rows: Iterable[list[str]]) -> Iterator[list[list[str]]]:
    held: list[list[str]] = []
    for row in rows:
        held.append(row)
        if len(held) == WRONG_AT_ONCE:
            yield held
            held = []
    yield held
