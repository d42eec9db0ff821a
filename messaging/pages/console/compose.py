"""Writing to one customer: now or later, with the two clocks in sight."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.http import require_http_methods, require_POST

from archive.queries import rules
from messaging.flows import message
from messaging.pages.console import attachments, shared, templates
from messaging.queries import customers, desk, policy, preview, profiles
from messaging.queries import templates as template_queries
from messaging.rules import compose as rule
from messaging.rules import quiet, schedule, wording
from messaging.rules import template as template_rule
from portal.kernel import clock, ids
from portal.kernel.errors import Refusal
from portal.web import acting, guards

UNDO_FOR = 5  # seconds; the page waits, the server does not


@guards.staff("message.send")
@require_POST
def show(request: HttpRequest) -> HttpResponseBase:
    """The live preview of a text by template, or in Markdown, for the customer who was picked; and what the template asks for."""
    values = _typed(request)
    asked = _asked_for(request, values)
    try:
        seen = _seen(request, values)
    except Refusal as refusal:
        seen = preview.Preview("", problem=preview.said(refusal))
    return JsonResponse({**templates.vars_of(seen), "asks": asked, "warning": _warning(request, values, clock.now())})


def _warning(request: HttpRequest, values: dict[str, Any], now: datetime) -> str:
    """What the writer should know before it is sent: words, or "". What cannot be read yet is no reason to warn."""
    current, chosen = policy.get_policy(), ids.parse_uuid(values.get("customer") or "")
    try:
        lives_for, sent_at = _life(values) or current.limits.gone_after, _send_at(values) or now
    except Refusal:
        return ""
    zone = customers.get_customer_for(request.actor, chosen).time_zone if chosen else ""
    there = schedule.zone_or(zone, current.time_zone)
    ends = sent_at + timedelta(seconds=min(lives_for, current.limits.maximum_gone_after))
    if not quiet.holds_until_end(sent_at, ends, current.notices.quiet, there):
        return ""
    opens = quiet.opens_at(sent_at, current.notices.quiet, there).astimezone(there)
    return f"It would end before a notice may go out: it is quiet there until {opens:%H:%M} ({there.key})."


def _seen(request: HttpRequest, values: dict[str, Any]) -> preview.Preview:
    chosen, given = ids.parse_uuid(values.get("customer") or ""), _variables(values)
    if (template := ids.parse_uuid(values.get("template") or "")) is None:
        return preview.literal(values.get("subject", ""), values["body"], values.get("format", "text"))
    text = template_queries.get_template_for(request.actor, template).text
    if chosen is None:
        return preview.with_samples(text, given, clock.now())
    return preview.for_reader(text, preview.reader_for(request.actor, chosen, given))


@guards.staff("message.send")
@require_http_methods(["GET", "POST"])
def compose(request: HttpRequest) -> HttpResponseBase:
    now = clock.now()
    if request.method == "GET":
        return _page(request, _first_values(request), {}, now)
    values = _typed(request)
    try:
        values["attachments"] = attachments.chosen(request, now)
        sent = message.send(actor=request.actor, now=now, asked=_asked(values))
    except Refusal as refusal:
        return _page(request, values, _errors(refusal), now, status=422)
    if warning := _warning(request, {**values, "customer": str(sent.customer_id)}, now):
        messages.warning(request, warning)
    messages.success(request, "Scheduled." if sent.state == "scheduled" else "Sent.")
    return shared.go("message", sent.id)


def _typed(request: HttpRequest) -> dict[str, Any]:
    body = request.POST.get("body", "").replace("\r\n", "\n")
    return {**request.POST.dict(), "body": body, "attachments": ()}


def _variables(values: dict[str, Any]) -> dict[str, object]:
    """What was typed for the template's variables, `var-<name>`; an empty one is left to the customer's own fields."""
    return {name[4:]: typed for name, typed in values.items() if name.startswith("var-") and typed.strip()}


def _asked_for(request: HttpRequest, values: dict[str, Any]) -> list[dict[str, str]]:
    """The variables of the chosen template that are not known of every customer."""
    chosen = ids.parse_uuid(values.get("template") or "")
    rows = template_queries.get_templates_for(request.actor).filter(id=chosen) if chosen else []
    kinds = wording.asked(found[0].text) if (found := template_queries.open_all(list(rows))) else {}
    wanted = ((name, kind) for name, kind in kinds.items() if name not in template_rule.OF_CUSTOMER)
    return [{"name": name, "kind": kind, "value": values.get(f"var-{name}", "")} for name, kind in wanted]


def _asked(values: dict[str, Any]) -> rule.Compose:
    template = ids.parse_uuid(values.get("template") or "")
    return rule.Compose(
        template=template, variables=_variables(values) if template else {}, attachments=values["attachments"],
        format=values.get("format", "text"), body=values.get("body", ""), subject=values.get("subject", ""),
        category=values.get("category", ""),
        gone_after=_life(values), gone_after_read=shared.number(values.get("gone_after_read", "")),
        answers=shared.lines(values.get("answers", "")),
        tap_to_reveal=bool(values.get("tap_to_reveal")), send_at=_send_at(values), **_recipient(values),
    )  # fmt: skip


def _recipient(values: dict[str, Any]) -> dict[str, Any]:
    """Whom the picker found; else an address; else the business's own reference."""
    if chosen := ids.parse_uuid(values.get("customer") or ""):
        return {"customer": chosen}
    typed = values.get("to", "").strip()
    if not typed:
        raise Refusal("no_recipient", "Say who it is for.", field="to")
    return {"to": typed} if "@" in typed or typed.startswith("+") else {"reference": typed}


def _life(values: dict[str, Any]) -> int | None:
    chosen = values.get("gone_after", "")
    if chosen != "custom":
        return shared.number(chosen)
    count, unit = shared.number(values.get("gone_after_count", "")), shared.number(values.get("gone_after_unit", ""))
    if not count or unit not in {60, 3600, 86400}:
        raise Refusal("bad_lifetime", "Say how many minutes, hours or days.", field="gone_after")
    return count * unit


def _send_at(values: dict[str, Any]) -> datetime | None:
    """Wall time in the business's zone."""
    if values.get("send") != "later":
        return None
    try:
        typed = datetime.fromisoformat(values.get("send_at", ""))
    except ValueError:
        raise Refusal("bad_time", "Say on which day and at what time.", field="send_at") from None
    return typed.replace(tzinfo=ZoneInfo(policy.get_policy().time_zone)) if typed.tzinfo is None else typed


def _errors(refusal: Refusal) -> dict[str, Any]:
    """Recipients have three fields in the API and one on the page; a variable is told by its name."""
    if refusal.fields.get("field") in {"file", "attachments"}:  # whatever became of a file, the words stay
        return {"errors": {"attachments": refusal.message}}
    if refusal.fields.get("variable"):
        return {"errors": {"variables": preview.said(refusal)}}
    told = acting.told(refusal)
    errors = {
        "to" if name in {"customer", "reference"} else name: said for name, said in told.get("errors", {}).items()
    }
    return {**told, "errors": errors}


def _first_values(request: HttpRequest) -> dict[str, Any]:
    limits = policy.get_policy().limits
    values: dict[str, Any] = {"gone_after": str(limits.gone_after), "send": "now"}
    values["template"] = request.GET.get("template", "")
    wanted = ids.parse_uuid(request.GET.get("customer") or "")
    return {**values, **_named(request, wanted)} if wanted else values


def _named(request: HttpRequest, customer_id: UUID) -> dict[str, Any]:
    row = customers.get_customer_for(request.actor, customer_id)
    profile = profiles.open_(row.id, row.sealed_profile)
    return {"customer": str(row.id), "to": profile.name or profile.reference or profile.email or profile.phone}


def _page(
    request: HttpRequest, values: dict[str, Any], extra: dict[str, Any], now: datetime, status: int = 200
) -> HttpResponseBase:
    current = policy.get_policy()
    context = {
        "values": values, "presets": _presets(current.limits), "read_presets": shared.read_lives(),
        "templates": templates.named(request), "asks": _asked_for(request, values), "categories": _categories(now),
        "max_life": shared.words_for(current.limits.maximum_gone_after),
        "limit": rule.BODY_LIMIT,
        "attached": attachments.waiting(request, now, values.get("attachments", ())),
        "has_quiet_hours": current.notices.quiet.is_set, "undo_seconds": UNDO_FOR, "time_zone": current.time_zone, **extra,
    }  # fmt: skip
    return shared.draw(request, "compose", "compose", context, status=status)


def _presets(limits: rule.Limits) -> list[dict[str, Any]]:
    """The usual ones, and the business's own default if it is none of them."""
    presets = shared.lives(limits.maximum_gone_after)
    if limits.gone_after not in {preset["seconds"] for preset in presets}:
        own = {"seconds": limits.gone_after, "label": shared.words_for(limits.gone_after), "disabled": False}
        presets = sorted([*presets, own], key=lambda preset: preset["seconds"])
    return presets


def _categories(now: datetime) -> list[dict[str, Any]]:
    plain = [{"key": "", "name": "No category", "purpose": "service", "gone_after": None}]
    own = [
        {"key": row.key, "name": row.name, "purpose": row.purpose, "gone_after": row.gone_after}
        for row in desk.categories()
    ]
    return [{**one, **_kept(str(one["key"]), now)} for one in plain + own]


def _kept(category: str, now: datetime) -> dict[str, str]:
    keep = rules.retention_for(
        category=category, kind="message.sent", at=now, purpose=policy.get_policy().purpose_of(category)
    )
    return {"kept": f"{keep.until:%-d %B %Y}" if keep.until else "no end set", "rule": keep.name or keep.rule}
