"""Disposal: what is due, the run that is under way, months and their keys, the review queue, certificates."""

from datetime import UTC, datetime, time
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.dateparse import parse_date, parse_datetime
from django.views.decorators.http import require_POST, require_safe

from archive.flows import disposal as flow
from archive.flows import limits as limiting
from archive.flows import review as reviewing
from archive.models import Certificate, DisposalRun
from archive.pages import shared
from archive.queries import certificates
from archive.queries import disposal as queries
from archive.rules import disposal as rules
from archive.rules import months as drawing
from portal.kernel import clock
from portal.kernel.errors import Kind, Refusal
from portal.web import guards, names, pages
from portal.web import listing as lists

RUN_COLUMNS = (
    "id", "state", "asked_by", "stopped_by", "started_at", "ended_at", "seen", "disposed", "disposed_bytes", "moved", "held",
    "waiting", "stuck",
)  # fmt: skip
MONTH_COLUMNS = ("month", "state", "count", "disposed", "decided_at", "decided_index", "destroyed_at")
FIELDS = {"reason": "limits_reason"}  # as the dialog names it
GROUP_COLUMNS = ("rule", "month", "count", "waiting_since", "oldest_sent", "newest_sent")


@guards.staff("retention.view")
@require_safe
def overview(request: HttpRequest) -> HttpResponseBase:
    return _overview(request, {})


@guards.staff("retention.view")
@require_safe
def months(request: HttpRequest) -> HttpResponseBase:
    """All records counted by the month of their end: of a million that takes a while, so the overview asks for it apart."""
    found = queries.get_months_for(request.actor, clock.now())
    if request.GET.get("format") == "csv":
        rows = [{name: getattr(one, name) for name in MONTH_COLUMNS} for one in found]
        return lists.as_csv("disposal-months", MONTH_COLUMNS, rows)
    dated = [(one.month, one.count, one.state) for one in found if one.month != rules.KEEP]
    context = {
        "months": found, "bars": drawing.bars(dated[-120:]), "width": drawing.WIDTH, "height": drawing.HEIGHT,
    }  # fmt: skip
    return shared.draw(request, "disposal_months", context, here="Months", under="Disposal")


@guards.staff("disposal.manage")
@require_POST
def begin(request: HttpRequest) -> HttpResponseBase:
    begun = flow.begin(actor=request.actor, now=clock.now())
    if not begun.is_new:
        messages.info(request, "A run is under way already.")
    return HttpResponseRedirect(reverse("console:archive_run", args=[begun.id]))


@guards.staff("disposal.manage")
@require_POST
def limits(request: HttpRequest) -> HttpResponseBase:
    wanted = limiting.Limits(
        *(_number(request, name) for name in ("ceiling_percent", "ceiling_count", "review_stages"))
    )
    reason = request.POST.get("limits_reason", "")
    try:
        asked = limiting.change(actor=request.actor, now=clock.now(), limits=wanted, reason=reason)
    except Refusal as refusal:
        if refusal.kind is not Kind.INVALID:
            return _could_not(request, refusal)
        field = str(refusal.fields.get("field"))
        return _overview(request, {"errors": {FIELDS.get(field, field): refusal.message}, "asked_for": wanted,
                                   "limits_reason": reason}, status=422)  # fmt: skip
    if asked is None:
        messages.success(request, "Changed. The next run goes by it.")
        return HttpResponseRedirect(reverse("console:archive_disposal"))
    messages.info(request, "Asked for. Looser limits are in force once somebody else agrees, or after a wait of 72 hours "
                           "where there is nobody else.")  # fmt: skip
    return HttpResponseRedirect(reverse("console:archive_approvals"))


@guards.staff("retention.view")
@require_safe
def runs(request: HttpRequest) -> HttpResponseBase:
    rows = queries.get_runs_for(request.actor)
    if request.GET.get("format") == "csv":
        return lists.as_csv("disposal-runs", RUN_COLUMNS, _runs(list(rows.order_by("-id")[: lists.MOST_IN_CSV])))
    return shared.draw(
        request, "disposal_runs", {"page": lists.page(request, rows, _runs)}, here="Runs", under="Disposal"
    )


@guards.staff("retention.view")
@require_safe
def run(request: HttpRequest, run_id: UUID) -> HttpResponseBase:
    row = queries.get_run_for(request.actor, run_id)
    return shared.draw(request, "disposal_run", {"run": _runs([row])[0]}, here="Disposal run", under="Disposal")


@guards.staff("disposal.manage")
@require_POST
def stop(request: HttpRequest, run_id: UUID) -> HttpResponseBase:
    try:
        flow.stop(actor=request.actor, now=clock.now(), run_id=run_id)
    except Refusal as refusal:
        if refusal.kind is not Kind.CONFLICT:
            raise
        pages.tell(request, refusal)
    else:
        messages.success(request, "Stopped. What went before is gone; nothing more goes in this run.")
    return HttpResponseRedirect(reverse("console:archive_run", args=[run_id]))


@guards.staff("retention.view")
@require_safe
def review(request: HttpRequest) -> HttpResponseBase:
    groups = queries.get_groups_for(request.actor)
    if request.GET.get("format") == "csv":
        return lists.as_csv("disposal-review", GROUP_COLUMNS, groups)
    shown = [{**group, "hold_query": _hold_query(group)} for group in groups]
    context = {"groups": shown, "seen_at": clock.text(clock.now()), "policy": queries.get_policy()}
    return shared.draw(request, "disposal_review", context, here="Review", under="Disposal")


@guards.staff("disposal.manage")
@require_POST
def decide(request: HttpRequest) -> HttpResponseBase:
    """One decision on one group, as it was seen."""
    try:
        count = _decide(request)
    except Refusal as refusal:
        if refusal.kind not in {Kind.INVALID, Kind.CONFLICT}:
            raise
        pages.tell(request, refusal)
    else:
        done = "may go in the next run" if request.POST.get("decision") == "approve" else "are kept longer"
        messages.success(request, f"{count} records {done}.")
    return HttpResponseRedirect(reverse("console:archive_disposal_review"))


@guards.staff("retention.view")
@require_safe
def certificate_list(request: HttpRequest) -> HttpResponseBase:
    rows = certificates.get_certificates_for(request.actor)
    if request.GET.get("format") == "csv":
        found = _certificates(list(rows.order_by("-id")[: lists.MOST_IN_CSV]))
        return lists.as_csv("certificates", ("id", "month", "issued_at", "disposed", "sha256"), found)
    context = {"page": lists.page(request, rows, _certificates)}
    return shared.draw(request, "certificates", context, here="Certificates", under="Disposal")


@guards.staff("retention.view")
@require_safe
def certificate(request: HttpRequest, certificate_id: UUID) -> HttpResponseBase:
    row = certificates.get_certificate_for(request.actor, certificate_id)
    if request.GET.get("format") == "json":
        headers = {"Content-Disposition": f'attachment; filename="disposal-{row.month}.json"'}
        return HttpResponse(certificates.to_json(row), content_type="application/json", headers=headers)
    said = certificates.read(row.note)
    context = {"certificate": _certificates([row])[0], "said": said, "note": row.note, "times": _times(said)}
    return shared.draw(request, "certificate", context, here=f"Certificate {row.month}", under="Disposal")


# ── parts ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _could_not(request: HttpRequest, refusal: Refusal) -> HttpResponseBase:
    if refusal.kind is not Kind.CONFLICT:
        raise refusal
    pages.tell(request, refusal)
    return HttpResponseRedirect(reverse("console:archive_disposal"))


def _overview(request: HttpRequest, extra: dict[str, Any], status: int = 200) -> HttpResponseBase:
    actor = request.actor
    latest = list(queries.get_runs_for(actor).order_by("-id")[:5])
    context = {
        "due": queries.get_due_for(actor, clock.now()), "runs": _runs(latest),
        "limits": extra.get("asked_for") or queries.get_policy(),
        "last_backup": queries.last_backup(), "is_waiting_for_backup": queries.is_waiting_for_backup(),
        "certificates": certificates.get_certificates_for(actor).count(), **extra,
    }  # fmt: skip
    return shared.draw(request, "disposal", context, here="Disposal", status=status)


def _runs(found: list[DisposalRun]) -> list[dict[str, Any]]:
    actors = names.actors([one.asked_by for one in found] + [one.stopped_by for one in found])
    return [
        {
            **{name: getattr(one, name) for name in (*RUN_COLUMNS, "due", "allowed", "beat_at", "approval_id")},
            "asked_by": actors.get(one.asked_by, one.asked_by), "stopped_by": actors.get(one.stopped_by, one.stopped_by),
            "rate": queries.rate_of(one), "is_over": one.state in {"finished", "stopped"},
            "left": max(0, one.due - one.seen), "done": min(one.seen, one.due),
        }
        for one in found
    ]  # fmt: skip


def _certificates(found: list[Certificate]) -> list[dict[str, Any]]:
    return [
        {
            "id": one.id, "month": one.month, "issued_at": one.issued_at, "sha256": certificates.digest(one.note),
            "disposed": certificates.read(one.note)["records"]["disposed"],
        }
        for one in found
    ]  # fmt: skip


def _times(said: dict[str, Any]) -> dict[str, datetime | None]:
    raw = {name: said[name] for name in ("decided_at", "destroyed_at")} | said["backups"]
    return {name: parse_datetime(value) if value else None for name, value in raw.items()}


def _decide(request: HttpRequest) -> int:
    post, now = request.POST, clock.now()
    seen_at = _instant(post.get("seen_at", ""))
    group = reviewing.Group(post.get("rule", "")[:64], post.get("month", "")[:7], seen_at)
    if post.get("decision") == "approve":
        return reviewing.approve(actor=request.actor, now=now, group=group)
    return reviewing.extend(actor=request.actor, now=now, group=group, until=_end_of(post.get("until", "")))


def _end_of(raw: str) -> datetime:
    """The end of a day."""
    try:
        day = parse_date(raw)
    except ValueError:
        day = None
    if day is None:
        raise Refusal("bad_date", "A date is written as year-month-day.", field="until")
    return datetime.combine(day, time(23, 59, 59), UTC)


def _instant(raw: str) -> datetime:
    try:
        found = parse_datetime(raw)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Refusal("bad_date", "This page was changed on its way. Open it again.", field="seen_at")
    return found


def _hold_query(group: dict[str, Any]) -> str:
    """A hold that covers the group: everything sent in the same days."""
    if not group["oldest_sent"]:
        return ""
    return f"after:{clock.text(group['oldest_sent'])} before:{clock.text(_just_after(group['newest_sent']))}"


def _just_after(at: datetime) -> datetime:
    return at.replace(microsecond=0) + (datetime.resolution * 1_000_000)


def _number(request: HttpRequest, name: str) -> int:
    raw = request.POST.get(name, "")
    return int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 10 else 0
