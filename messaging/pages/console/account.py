"""The account: what was composed by day, and what became of it. Every difference is explained, or is an alarm (I3, I5)."""

from dataclasses import asdict
from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_POST, require_safe

from archive.pages import shared as archive
from messaging.flows import account as flow
from messaging.models import AccountDay
from messaging.pages.console import shared
from messaging.queries import account as queries
from messaging.rules import account as rules
from portal.kernel import clock
from portal.kernel.errors import Refusal
from portal.web import acting, guards
from portal.web import listing as lists

COLUMNS = ("day", *queries.NAMES, "differences", "reckoned_at")
WIDTH = 160  # of a day's bar, in the drawing's own units
PARTS = (("delivered", "good"), ("other", "other"), ("pending", "open"), ("unaccounted", "bad"))


@guards.staff("archive.list")
@require_safe
def account(request: HttpRequest) -> HttpResponseBase:
    rows = queries.get_days_for(request.actor).order_by("-day")
    if request.GET.get("format") == "csv":
        return lists.as_csv("account", COLUMNS, [_plain(row) for row in rows[: lists.MOST_IN_CSV]])
    if raw := request.GET.get("cursor"):
        rows = rows.filter(day__lt=_day(raw))
    found = list(rows[: lists.SIZE + 1])
    shown, more = found[: lists.SIZE], len(found) > lists.SIZE
    totals = queries.totals()
    context = {
        "page": lists.Page([_shown(row) for row in shown], shown[-1].day.isoformat() if more else ""),
        "totals": totals, "alarms": rules.alarms(totals), "width": WIDTH,
        "reckoned_at": max((row.reckoned_at for row in shown), default=None),
    }  # fmt: skip
    return archive.draw(request, "archive_account", context, here="Account")


@guards.staff("archive.list")
@require_POST
def reckon(request: HttpRequest) -> HttpResponseBase:
    back = shared.go("archive_account")
    return acting.act(request, back, "Reckoned again.", lambda: flow.reckon(actor=request.actor, now=clock.now()))


def _shown(row: AccountDay) -> dict[str, Any]:
    figures = queries.figures_of(row)
    return {
        "day": row.day, "figures": figures, "other": figures.decided - figures.delivered, "alarms": rules.alarms(figures),
        "bars": _bars(figures), "reckoned_at": row.reckoned_at,
    }  # fmt: skip


def _bars(figures: rules.Figures) -> list[dict[str, Any]]:
    """The parts of a day, side by side; each at least a sliver, so that one lost message among a million is seen."""
    values = {**asdict(figures), "other": figures.decided - figures.delivered, "unaccounted": figures.unaccounted}
    present = [(name, css, int(values[name])) for name, css in PARTS if values[name] > 0]
    whole, at, bars = sum(count for *_, count in present) or 1, 0.0, []
    for name, css, count in present:
        width = max(2.0, round((WIDTH - 2.0 * len(present)) * count / whole, 1))
        bars.append({"name": name, "css": css, "x": round(at, 1), "width": width})
        at += width
    return bars


def _plain(row: AccountDay) -> dict[str, Any]:
    figures = queries.figures_of(row)
    return {**asdict(figures), "day": row.day, "differences": figures.differences, "reckoned_at": row.reckoned_at}


def _day(raw: str) -> date:
    try:
        return date.fromisoformat(raw)
    except ValueError:
        raise Refusal("bad_cursor", "That cursor is not one of ours.", field="cursor") from None
