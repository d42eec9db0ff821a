"""Settings, notices: how customers are told, by whom, and whether it works."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_POST, require_safe

from messaging.flows import noticing as flow
from messaging.models import Channel
from messaging.pages.console import shared
from messaging.queries import policy, reach, subscriptions
from messaging.rules import quiet, telling
from portal.kernel import clock, mail
from portal.kernel.errors import Refusal
from portal.web import acting, guards

WAYS = (("push", "Web push"), ("email", "E-mail"), ("sms", "Text message"))
TROUBLE = {
    "provider_away": "the provider cannot be reached", "credentials": "the provider does not know the account or secret",
    "provider_busy": "the provider asks to come back later", "no_answer": "the provider does not answer",
    "not_set_up": "it is not set up",
}  # fmt: skip


@guards.staff("settings.view")
@require_safe
def page(request: HttpRequest) -> HttpResponseBase:
    return _draw(request)


@guards.staff("settings.manage", fresh=True)
@require_POST
def change(request: HttpRequest) -> HttpResponseBase:
    try:
        flow.change(actor=request.actor, now=clock.now(), wanted=_wanted(request))
    except Refusal as refusal:
        return _draw(request, {"values": request.POST.dict(), **acting.told(refusal)}, status=422)
    return shared.go("settings_notices")


@guards.staff("settings.manage")
@require_POST
def texts(request: HttpRequest) -> HttpResponseBase:
    typed = {name: request.POST.get(name, "").strip() for name in ("account", "sender", "secret")}
    try:
        flow.set_up_texts(actor=request.actor, now=clock.now(), is_on=bool(request.POST.get("is_on")), **typed)
    except Refusal as refusal:
        return _draw(request, acting.told(refusal), status=422)
    return shared.go("settings_notices")


@guards.staff("settings.manage", fresh=True)
@require_POST
def hook(request: HttpRequest) -> HttpResponseBase:
    kind = request.POST.get("kind", "")
    try:
        secret = flow.new_hook(actor=request.actor, now=clock.now(), kind=kind)
    except Refusal as refusal:
        return _draw(request, acting.told(refusal), status=422)
    return _draw(request, {"made": {"url": f"{mail.base_url()}/hooks/{kind}", "secret": secret}})


def _wanted(request: HttpRequest) -> flow.Wanted:
    typed = request.POST
    first = [typed.get(f"way-{place}", "") for place in (1, 2, 3)]
    hours = quiet.Quiet(_minute(typed.get("quiet_from", "")), _minute(typed.get("quiet_until", "")))
    return flow.Wanted(
        hours, tuple(way for way in first if way), typed.get("sender_name", "").strip(),
        _span(typed.get("fall_back_after", ""), 60), _span(typed.get("remind_before", ""), 3600),
    )  # fmt: skip


def _minute(typed: str) -> int | None:
    """`20:00`, as a time field sends it."""
    hour, _, minute = typed.partition(":")
    if not typed:
        return None
    if not (hour.isdecimal() and minute[:2].isdecimal() and len(hour) <= 2):
        raise Refusal("bad_quiet_hours", "Write a time as 20:00.", field="quiet_from")
    return int(hour) * 60 + int(minute[:2])


def _span(typed: str, unit: int) -> int | None:
    number = shared.number(typed)
    return None if not number else min(number, 10**6) * unit


def _draw(request: HttpRequest, extra: dict[str, Any] | None = None, status: int = 200) -> HttpResponseBase:
    rows = {row.kind: row for row in Channel.objects.all()}
    texts = rows.get(telling.SMS) or Channel(kind=telling.SMS, is_on=False)
    values = (extra or {}).get("values") or _values()
    context = {
        "values": values, "ways": WAYS, "order": _order(values), "pushed": _pushed(), "provider": settings.EBB_SMS_PROVIDER,
        "texts": {"account": texts.account, "sender": texts.sender, "is_on": texts.is_on, "has_secret": bool(texts.secret)},
        "troubles": [
            {"name": dict(WAYS)[kind], "since": row.failing_since, "words": TROUBLE.get(row.failing_why, row.failing_why)}
            for kind, row in sorted(rows.items()) if row.failing_since
        ],
        "can": shared.may(request, manage="settings.manage"), **(extra or {}),
    }  # fmt: skip
    return shared.draw(
        request, "notices", "settings", context, trail=(("Settings", "settings"), ("Notices", "")), status=status
    )


def _pushed() -> int | None:
    """How many devices are told by web push; None where this installation does not push."""
    return subscriptions.count() if reach.is_set_up(telling.PUSH) else None


def _values() -> dict[str, Any]:
    current = policy.get_policy().notices
    ways = telling.parse_ways(current.ways)
    return {
        "quiet_from": _clock(current.quiet.since), "quiet_until": _clock(current.quiet.until), "sender_name": current.sender,
        "fall_back_after": int(current.fall_back_after.total_seconds() // 60) if current.fall_back_after else "",
        "remind_before": int(current.remind_before.total_seconds() // 3600) if current.remind_before else "",
        **{f"way-{place}": way for place, way in enumerate(ways, 1)},
    }  # fmt: skip


def _order(values: dict[str, Any]) -> list[dict[str, str]]:
    places = enumerate(("First", "Then", "Last"), 1)
    return [
        {"name": f"way-{place}", "label": label, "value": values.get(f"way-{place}", "")} for place, label in places
    ]


def _clock(minute: int | None) -> str:
    return "" if minute is None else f"{minute // 60:02d}:{minute % 60:02d}"
