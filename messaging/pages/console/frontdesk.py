"""Settings, front desk: opening hours, the automatic answer, what customers may do in their inbox."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_POST, require_safe

from messaging.flows import frontdesk as flow
from messaging.pages.console import shared
from messaging.queries import frontdesk as queries
from messaging.queries import policy
from messaging.rules import closedwords
from messaging.rules import frontdesk as rules
from portal.kernel import clock
from portal.kernel.errors import Kind, Refusal
from portal.web import acting, guards

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
YES = ("answers", "lets_extend", "watermark")
TRAIL = (("Settings", "settings"), ("Front desk", ""))


@guards.staff("settings.view")
@require_safe
def page(request: HttpRequest) -> HttpResponseBase:
    desk = policy.get_policy().desk
    values = {**{name: getattr(desk, name) for name in rules.NAMES}, "answer": queries.own_answer()}
    return _draw(request, values, _days(rules.parse(desk.opening)), {})


@guards.staff("settings.manage")
@require_POST
def change(request: HttpRequest) -> HttpResponseBase:
    typed = request.POST
    if "answer" not in typed:  # a choice that is not there counts as no: half a form would switch things off
        raise Refusal("malformed_request", "The request cannot be read.", Kind.MALFORMED)
    values: dict[str, Any] = {name: name in typed for name in YES}
    values |= {name: typed.get(name, "").strip() for name in ("emergency_number", "answer")}
    values["answer"] = values["answer"].replace("\r\n", "\n")
    days = [(typed.get(f"from-{day}", ""), typed.get(f"until-{day}", "")) for day in range(7)]
    try:
        desk = rules.FrontDesk(
            opening=_opening(days), emergency_number=values["emergency_number"], **{name: values[name] for name in YES}
        )
        flow.change(actor=request.actor, now=clock.now(), desk=desk, answer=values["answer"])
    except Refusal as refusal:
        return _draw(request, values, _typed(days), acting.told(refusal), status=422)
    messages.success(request, "Saved.")
    return shared.go("settings_frontdesk")


def _opening(days: list[tuple[str, str]]) -> str:
    parts = [f"{_minute(begin)}-{_minute(end) or rules.DAY}" if begin or end else "" for begin, end in days]
    return ";".join(parts) if any(parts) else ""


def _minute(typed: str) -> int:
    """`18:00`, as a time field sends it."""
    hour, _, minute = typed.partition(":")
    if not (hour.isdecimal() and minute[:2].isdecimal() and len(hour) <= 2):
        raise rules.bad_hours()
    return int(hour) * 60 + int(minute[:2])


def _days(hours: rules.Hours) -> list[dict[str, str]]:
    spans = hours or (None,) * 7
    return _typed([(_clock(span[0]), _clock(span[1])) if span else ("", "") for span in spans])


def _typed(days: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": name, "begin": begin, "end": end} for name, (begin, end) in zip(DAYS, days, strict=True)]


def _clock(minute: int) -> str:
    """Midnight at the end of a day is 00:00, too."""
    return f"{minute % rules.DAY // 60:02d}:{minute % 60:02d}"


def _draw(
    request: HttpRequest, values: dict[str, Any], days: list[dict[str, str]], extra: dict[str, Any], status: int = 200
) -> HttpResponseBase:
    context = {
        "values": values, "days": days, "time_zone": policy.get_policy().time_zone, "usual": closedwords.answer("", "en", ""),
        "can": shared.may(request, manage="settings.manage"), **extra,
    }  # fmt: skip
    return shared.draw(request, "frontdesk", "settings", context, trail=TRAIL, status=status)
