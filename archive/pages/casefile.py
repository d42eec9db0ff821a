"""A case in three panes: its list, one record, and what the reviewer makes of it. Also that list as CSV.

A reviewer sees who, when and what kind; the words only where an officer has opened the archive in this browser, and each
opening is an entry under the case.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from archive.flows import casefile as flow
from archive.flows import caseitem, listing
from archive.models import Case, CaseItem
from archive.pages import record as record_page
from archive.pages import shared
from archive.queries import cases, colleagues, supervision
from archive.rules import casework, sampling
from portal.kernel import clock
from portal.kernel.errors import Kind, Refusal
from portal.web import guards, names, pages
from portal.web import listing as lists

SIZE = 50
BEFORE = 5  # of the list, above the record that is shown
COLUMNS = (
    "number", "entry_index", "message_id", "sent_at", "kind", "direction", "category", "customer_id", "decision", "decided_at",
    "decided_by", "assignee", "tags", "sampled", "why", "disposed_at",
)  # fmt: skip
DIRECTIONS = {"out": "to a customer", "in": "from a customer"}
SHOWS = [("open", "To review"), ("mine", "Held by me"), ("sampled", "In the sample"), *casework.DECISIONS.items()]


@guards.staff("archive.review")
@require_safe
def case(request: HttpRequest, case_id: UUID) -> HttpResponseBase:
    if request.GET.get("format") == "csv":
        return _csv(request, case_id)
    return draw(request, case_id, {})


@guards.staff("archive.review")
@require_POST
def following(request: HttpRequest, case_id: UUID) -> HttpResponseBase:
    """Take the next record that nobody reviewed."""
    show, _ = _filters(request)
    try:
        taken = caseitem.claim_next(
            actor=request.actor, now=clock.now(), case_id=case_id, after=_at(request.POST.get("at")) or 0,
            sampled=show == "sampled",
        )  # fmt: skip
    except Refusal as refusal:
        if refusal.kind is not Kind.CONFLICT:
            raise
        pages.tell(request, refusal)
        return _back(request, case_id, _at(request.POST.get("at")))
    if taken is None:
        messages.success(request, "Nothing is left to review here.")
    return _back(request, case_id, taken.number if taken else _at(request.POST.get("at")))


@guards.staff("archive.review")
@require_POST
def claim(request: HttpRequest, case_id: UUID, number: int) -> HttpResponseBase:
    return _act(request, case_id, number, "You hold it now.", lambda: (
        caseitem.claim(actor=request.actor, now=clock.now(), case_id=case_id, number=number)
    ))  # fmt: skip


@guards.staff("archive.review")
@require_POST
def release(request: HttpRequest, case_id: UUID, number: int) -> HttpResponseBase:
    return _act(request, case_id, number, "Given back.", lambda: (
        caseitem.release(actor=request.actor, now=clock.now(), case_id=case_id, number=number)
    ))  # fmt: skip


@guards.staff("archive.review")
@require_POST
def decide(request: HttpRequest, case_id: UUID, number: int) -> HttpResponseBase:
    """And on to the next one that waits."""
    code = request.POST.get("decision", "")
    show, _ = _filters(request)

    def act() -> None:
        caseitem.decide(actor=request.actor, now=clock.now(), case_id=case_id, number=number, decision=code)

    said = f"Record {number}: {casework.DECISIONS.get(code, '')}."
    return _act(request, case_id, number, said, act, then=lambda: _next(request, case_id, number, show == "sampled"))


@sensitive_post_parameters("note")
@guards.staff("archive.review")
@require_POST
def note(request: HttpRequest, case_id: UUID, number: int) -> HttpResponseBase:
    words = request.POST.get("note", "")
    return _act(request, case_id, number, "The note is sealed.", lambda: (
        caseitem.note(actor=request.actor, now=clock.now(), case_id=case_id, number=number, text=words)
    ), {"note": words})  # fmt: skip


@guards.staff("archive.review")
@require_POST
def tag(request: HttpRequest, case_id: UUID, number: int) -> HttpResponseBase:
    typed = request.POST.get("tag", "")
    return _act(request, case_id, number, "Tagged.", lambda: (
        caseitem.tag(actor=request.actor, now=clock.now(), case_id=case_id, number=number, tag=typed)
    ), {"tag": typed})  # fmt: skip


@guards.staff("archive.review")
@require_POST
def untag(request: HttpRequest, case_id: UUID, number: int) -> HttpResponseBase:
    typed = request.POST.get("tag", "")
    return _act(request, case_id, number, "The tag is off.", lambda: (
        caseitem.untag(actor=request.actor, now=clock.now(), case_id=case_id, number=number, tag=typed)
    ))  # fmt: skip


# ── the page ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def draw(
    request: HttpRequest, case_id: UUID, extra: dict[str, Any], *, number: int | None = None, status: int = 200
) -> HttpResponseBase:
    now, row = clock.now(), cases.get_case_for(request.actor, case_id)
    listing.tell(actor=request.actor, now=now, kind="archive.listed", what="case")
    show, tag = _filters(request)
    rows = cases.get_items_for(request.actor, case_id, show=show, tag=tag)
    number = number or _at(request.GET.get("at"))
    found = _around(rows, number, _at(request.GET.get("from")))
    name = cases.name_of(row) or "Case"
    context = {
        "case": _case(row, name), "filters": {"show": show, "tag": tag}, "shows": SHOWS, "tags": cases.known_tags(),
        "items": shown(found[:SIZE]), "more": found[SIZE].number if len(found) > SIZE else None,
        "unlock": shared.lock_of(request, now), "decisions": _decisions(), "strata": sampling.STRATA,
        "reviewers": colleagues.people.reviewers(), "values": {}, **extra,
    }  # fmt: skip
    if number is not None:
        context |= _file(request, row, rows, number, now)
    return shared.draw(request, "archive_case", context, here=name, under="Cases", status=status)


def shown(found: list[CaseItem]) -> list[dict[str, Any]]:
    """Items as lists, the record's pane and the CSV show them."""
    behind = cases.records_of(found)
    customers = names.customers(one.customer_id for one in behind.values())
    actors = names.actors({f"staff:{one.assignee_id}" for one in found} | {one.decided_by for one in found})
    rules = supervision.names_by_code() if any(one.matched for one in found) else {}
    return [
        {
            "number": one.number, "entry_index": one.entry_index, "message_id": one.message_id, "sent_at": one.sent_at,
            "kind": one.kind, "direction": one.direction, "way": DIRECTIONS.get(one.direction, ""), "category": one.category,
            "customer_id": (record := behind[one.message_id]).customer_id,
            "customer_name": customers.get(record.customer_id, "") if record.customer_id else "",
            "archived_until": record.archived_until, "decision": one.decision,
            "decided": casework.DECISIONS.get(one.decision, ""), "decided_at": one.decided_at,
            "decided_by": actors.get(one.decided_by, "") if one.decided_by else "",
            "assignee_id": one.assignee_id,
            "assignee": actors.get(f"staff:{one.assignee_id}", "") if one.assignee_id else "",
            "tags": record.tags, "sampled": one.is_sampled, "is_there": record.is_there,
            "disposed_at": record.disposed_at, "why": [_why(reason, rules) for reason in one.matched],
        }
        for one in found
    ]  # fmt: skip


def _file(
    request: HttpRequest, row: Case, rows: Any, number: int, now: datetime
) -> dict[str, Any]:  # fmt: skip
    """The record's pane and the reviewer's: what is known, and the words where this browser may open them."""
    item = cases.get_item_for(request.actor, row.id, number)
    before, after = cases.neighbours(rows, number)
    file = _open(request, row.id, number, now)
    notes = file.notes if file else flow.list_notes(request.actor, item)
    writers = names.actors(one.actor for one in notes)
    return {
        "item": shown([item])[0], "before": before, "after": after, "is_mine": item.assignee_id == request.actor.id,
        "record": record_page.shown(file.opened) if file and file.opened else None, "closed": file.closed if file else "",
        "notes": [{"at": one.at, "by": writers.get(one.actor, one.actor), "text": one.text} for one in notes],
    }  # fmt: skip


def _open(request: HttpRequest, case_id: UUID, number: int, now: datetime) -> flow.File | None:
    """None where nobody opened the archive in this browser."""
    browser = shared.browser_of(request)
    if browser is None or not request.actor.may("archive.open"):
        return None
    try:
        return flow.open_item(
            actor=request.actor, now=now, case_id=case_id, number=number, session_key=browser.session_key, half=browser.half
        )  # fmt: skip
    except Refusal as refusal:
        if refusal.code == "archive_locked":
            return None
        raise


def _case(row: Case, name: str) -> dict[str, Any]:
    done = cases.progress_of([row.id])[row.id]
    return {
        "id": row.id, "name": name, "state": row.state, "is_open": row.state == Case.State.OPEN,
        "is_standing": row.is_standing, "opened_at": row.opened_at, "closed_at": row.closed_at, "progress": done,
        "collecting": bool(cases.collecting([row.id])),
        "decisions": [(casework.DECISIONS[code], count) for code, count in done.by_decision.items()],
    }  # fmt: skip


def _around(rows: Any, number: int | None, start: int | None) -> list[CaseItem]:
    """One page of the list and one more: from `start`, or with the record that is shown near its top."""
    if start is None and number is not None:
        above = rows.filter(number__lt=number).order_by("-number").values_list("number", flat=True)[:BEFORE]
        start = min([*above, number])
    return list((rows.filter(number__gte=start) if start else rows).order_by("number")[: SIZE + 1])


def _csv(request: HttpRequest, case_id: UUID) -> HttpResponseBase:
    cases.get_case_for(request.actor, case_id)
    listing.tell(actor=request.actor, now=clock.now(), kind="archive.listed", what="case")
    show, tag = _filters(request)
    rows = cases.get_items_for(request.actor, case_id, show=show, tag=tag).filter(
        number__gte=_at(request.GET.get("from")) or 1
    )
    return lists.as_csv("case", COLUMNS, shown(list(rows.order_by("number")[: lists.MOST_IN_CSV])))


def _act(
    request: HttpRequest, case_id: UUID, number: int, said: str, act: Callable[[], object],
    values: dict[str, str] | None = None, then: Callable[[], int] | None = None,
) -> HttpResponseBase:  # fmt: skip
    """What was wrong with a form stands beside its field; what a colleague was quicker with is told above."""
    try:
        act()
    except Refusal as refusal:
        if refusal.kind is Kind.INVALID:
            errors = {str(refusal.fields.get("field")): refusal.message}
            return draw(request, case_id, {"errors": errors, "values": values or {}}, number=number, status=422)
        if refusal.kind not in {Kind.CONFLICT, Kind.GONE}:
            raise
        pages.tell(request, refusal)
        return _back(request, case_id, number)
    messages.success(request, said)
    return _back(request, case_id, then() if then else number)


def _next(request: HttpRequest, case_id: UUID, number: int, sampled: bool) -> int:
    """What may be reviewed next, only looked up: nobody holds it before they act."""
    waiting = cases.next_for(request.actor, case_id, after=number, sampled=sampled).first()
    return waiting.number if waiting else number


def _back(request: HttpRequest, case_id: UUID, number: int | None) -> HttpResponseBase:
    show, tag = _filters(request)
    kept = {name: value for name, value in (("show", show), ("tag", tag), ("at", number)) if value}
    return HttpResponseRedirect(f"{reverse('console:archive_case', args=[case_id])}?{urlencode(kept)}")


def _filters(request: HttpRequest) -> tuple[str, str]:
    asked = request.GET if request.method in {"GET", "HEAD"} else request.POST
    show, tag = asked.get("show", ""), asked.get("in_tag" if request.method == "POST" else "tag", "")
    return show if show in cases.SHOWS else "", tag[: casework.LONGEST_TAG].replace("\x00", "")


def _at(raw: str | None) -> int | None:
    return int(raw) if raw and raw.isascii() and raw.isdigit() and len(raw) < 16 else None


def _decisions() -> list[dict[str, str]]:
    return [
        {"code": code, "label": label, "about": casework.ABOUT[code], "key": str(key)}
        for key, (code, label) in enumerate(casework.DECISIONS.items(), 1)
    ]


def _why(reason: str, rules: dict[str, str]) -> str:
    code, _, by = reason.partition(":")
    return f"{rules.get(code) or code} ({'words' if by == 'words' else 'random sample'})"
