"""What is coming: a month with what goes out on each day, and the list of it."""

import calendar as months
from collections import Counter
from datetime import date, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_safe

from messaging.pages.console import campaigns as pages
from messaging.pages.console import shared
from messaging.queries import coming, policy
from messaging.rules import schedule
from portal.kernel import clock
from portal.web import guards

AHEAD = timedelta(days=400)


@guards.staff("campaign.view")
@require_safe
def calendar(request: HttpRequest) -> HttpResponseBase:
    zone, now = schedule.zone(policy.get_policy().time_zone), clock.now()
    month = _month(request, now.astimezone(zone).date())
    weeks = months.Calendar().monthdatescalendar(month.year, month.month)
    runs = coming.get_runs_for(request.actor, now=now, until=now + AHEAD)
    single: Counter[date] = Counter()
    if request.actor.may("message.view"):
        single = coming.count_messages_for(request.actor, start=weeks[0][0], end=weeks[-1][-1], zone=zone)
    by_day: dict[date, list[coming.Coming]] = {}
    for one in runs:
        by_day.setdefault(one.at.astimezone(zone).date(), []).append(one)
    today = now.astimezone(zone).date()
    context = {
        "weeks": [[_day(day, month, today, by_day.get(day, []), single[day]) for day in week] for week in weeks],
        "days": list(months.day_abbr), "month": month, "before": _shift(month, -1), "after": _shift(month, 1),
        "runs": runs[:50], "time_zone": policy.get_policy().time_zone, "can": shared.may(request, send="message.send"),
    }  # fmt: skip
    return shared.draw(request, "coming", "compose", context, trail=(*pages.trail(request), ("What is coming", "")))


def _day(day: date, month: date, today: date, runs: list[coming.Coming], single: int) -> dict[str, Any]:
    return {
        "day": day,
        "is_other": day.month != month.month,
        "is_today": day == today,
        "runs": runs,
        "messages": single,
    }


def _month(request: HttpRequest, today: date) -> date:
    try:
        return date.fromisoformat(f"{request.GET.get('month', '')}-01")
    except ValueError:
        return today.replace(day=1)


def _shift(month: date, by: int) -> str:
    first = (month.replace(day=15) + timedelta(days=31 * by)).replace(day=1)
    return f"{first:%Y-%m}"
