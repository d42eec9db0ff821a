"""Audiences: saved filters with a live count, and the form that makes one."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from messaging.flows import audience as flow
from messaging.pages.console import shared
from messaging.queries import audiences, policy
from messaging.rules import tags
from portal.kernel import clock
from portal.kernel.errors import Refusal
from portal.web import acting, guards
from portal.web import listing as lists

TRAIL = ("Customers", "customers"), ("Audiences", "customer_audiences")
COLUMNS = ("id", "name", "count", "filter", "updated_at")
OWN_FIELDS = 3
CHANNELS = (("inbox", "the inbox"), ("email", "e-mail"), ("sms", "text message"), ("push", "push"))
YES_NO = (("", "Either"), ("yes", "Yes"), ("no", "No"))
TAGS = ("any", "all", "none")


@guards.staff("customer.view")
@require_safe
def listing(request: HttpRequest) -> HttpResponseBase:
    kept = audiences.get_audiences_for(request.actor)
    found = [
        {"id": one.id, "name": one.name, "filter": one.filter, "words": words(one.filter), "updated_at": one.updated_at,
         "count": count}
        for one, count in zip(kept, audiences.counts([one.filter for one in kept]), strict=True)
    ]  # fmt: skip
    if request.GET.get("format") == "csv":
        return lists.as_csv("audiences", COLUMNS, found)
    can = shared.may(request, manage="customer.manage", send="message.send")
    return shared.draw(request, "audiences", "customers", {"audiences": found, "can": can}, trail=TRAIL)


@guards.staff("customer.manage")
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponseBase:
    if request.method == "GET":
        return _form(request, values_of({}), {}, {})
    return _save(request, None)


@guards.staff("customer.manage")
@require_http_methods(["GET", "POST"])
def one(request: HttpRequest, audience_id: UUID) -> HttpResponseBase:
    found = audiences.get_audience_for(request.actor, audience_id)
    if request.method == "GET":
        return _form(request, {**values_of(found.filter), "name": found.name}, found.filter, {}, audience=found)
    return _save(request, found)


@guards.staff("customer.manage")
@require_POST
def delete(request: HttpRequest, audience_id: UUID) -> HttpResponseBase:
    return acting.act(request, shared.go("customer_audiences"), "The audience was deleted. Its customers stay.", lambda: (
        flow.delete(actor=request.actor, now=clock.now(), audience_id=audience_id)
    ))  # fmt: skip


@guards.staff("customer.manage")
@require_POST
def count(request: HttpRequest) -> HttpResponseBase:
    """For the form while it is filled in: {"count", "sample"}, or {"problem"}."""
    try:
        return JsonResponse(_live(filter_of(request.POST)))
    except Refusal as refusal:
        return JsonResponse({"problem": refusal.message})


def _save(request: HttpRequest, found: audiences.Opened | None) -> HttpResponseBase:
    values = {**{name: text for name, text in request.POST.items() if isinstance(text, str)}}
    wanted: dict[str, Any] = {}
    try:
        wanted = _kept(found.filter if found else {}, filter_of(request.POST))
        if request.POST.get("act") == "count":  # for whoever runs no scripts
            return _form(request, values, wanted, {}, audience=found)
        name = request.POST.get("name", "")
        if found is None:
            flow.create(actor=request.actor, now=clock.now(), name=name, wanted=wanted)
        else:
            flow.change(actor=request.actor, now=clock.now(), audience_id=found.id, name=name, wanted=wanted)
    except Refusal as refusal:
        return _form(request, values, {}, _told(refusal), audience=found, status=422)
    return shared.go("customer_audiences")


def _kept(before: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """Conditions that were not touched stay as they are, since a program may have written what the form cannot say: a comma in a
    value, a time of day."""
    same = filter_of(values_of(before))
    return {name: before[name] if same.get(name) == value else value for name, value in wanted.items()}


def _told(refusal: Refusal) -> dict[str, Any]:
    """Beside the field where the form has one of that name, else at its top."""
    told = acting.told(refusal)
    if str(refusal.fields.get("field", "")) in {"name", "tags"} or "refusal" in told:
        return told
    return {"refusal": {"title": "The filter cannot be used", "message": refusal.message}}


def _form(
    request: HttpRequest, values: dict[str, Any], wanted: dict[str, Any], extra: dict[str, Any], *,
    audience: audiences.Opened | None = None, status: int = 200,
) -> HttpResponseBase:  # fmt: skip
    live = {} if extra else _live(wanted)
    count = max(OWN_FIELDS, sum(f"field-{n}" in values for n in range(tags.MOST)))
    rows = [{"n": n, "name": values.get(f"field-{n}", ""), "value": values.get(f"value-{n}", "")} for n in range(count)]
    context = {
        "values": values, "rows": rows, "live": live, "audience": audience, "channels": CHANNELS, "yes_no": YES_NO,
        "is_values": (("given", "They may be written to"), ("missing", "They have not said yes"), ("refused", "They said no")),
        **extra,
    }  # fmt: skip
    title = audience.name if audience else "New"
    return shared.draw(request, "audience", "customers", context, trail=(*TRAIL, (title, "")), status=status)


def _live(wanted: dict[str, Any]) -> dict[str, Any]:
    count, opened = audiences.look(wanted)
    sample = [{"id": str(pk), "name": found.name or "No name", "reference": found.reference} for pk, found in opened]
    return {"count": count, "sample": sample}


# ── between the form and the filter ───────────────────────────────────────────────────────────────────────────────────────
def filter_of(given: Mapping[str, str]) -> dict[str, Any]:
    """The filter that a form describes. An empty field is no condition."""
    wanted: dict[str, Any] = {}
    if tagged := {how: found for how in TAGS if (found := _listed(given.get(f"tags_{how}", "")))}:
        wanted["tags"] = tagged
    names = [(given.get(f"field-{n}", "").strip(), _listed(given.get(f"value-{n}", ""))) for n in range(tags.MOST)]
    if fields := {name: values for name, values in names if name and values}:
        wanted["fields"] = fields
    wanted |= {name: found for name in ("language", "time_zone") if (found := _listed(given.get(name, "")))}
    wanted |= {
        name: given[name] == "yes" for name in ("has_device", "never_written_to") if given.get(name) in ("yes", "no")
    }
    if purpose := given.get("consent_purpose", ""):
        parts = {"purpose": purpose, "channel": given.get("consent_channel", ""), "is": given.get("consent_is", "")}
        wanted["consent"] = {name: text for name, text in parts.items() if text}
    zone = ZoneInfo(policy.get_policy().time_zone)
    for name in ("created_after", "created_before"):
        if text := given.get(name, "").strip():
            wanted[name] = _midnight(text, zone)
    return wanted


def values_of(wanted: dict[str, Any]) -> dict[str, Any]:
    """The fields of the form for a filter."""
    values: dict[str, Any] = {f"tags_{how}": ", ".join(wanted.get("tags", {}).get(how, [])) for how in TAGS}
    for n, (name, listed) in enumerate(wanted.get("fields", {}).items()):
        values |= {f"field-{n}": name, f"value-{n}": ", ".join(str(one) for one in listed)}
    values |= {name: ", ".join(wanted.get(name, [])) for name in ("language", "time_zone")}
    values |= {name: _ANSWERS.get(wanted.get(name), "") for name in ("has_device", "never_written_to")}
    values |= {f"consent_{name}": text for name, text in wanted.get("consent", {}).items()}
    zone = ZoneInfo(policy.get_policy().time_zone)
    for name in ("created_after", "created_before"):
        if name in wanted:
            values[name] = datetime.fromisoformat(wanted[name]).astimezone(zone).date().isoformat()
    return values


def words(wanted: dict[str, Any]) -> str:
    """What a filter asks for, in a line."""
    parts = [f"{_TAGGED[how]} {', '.join(listed)}" for how, listed in wanted.get("tags", {}).items()]
    parts += [f"{name}: {' or '.join(str(one) for one in listed)}" for name, listed in wanted.get("fields", {}).items()]
    parts += [", ".join(wanted[name]) for name in ("language", "time_zone") if name in wanted]
    parts += [_SAID[name][wanted[name]] for name in _SAID if name in wanted]
    if asked := wanted.get("consent"):
        channel = f" by {dict(CHANNELS).get(asked['channel'], asked['channel'])}" if "channel" in asked else ""
        parts.append(f"{asked['purpose']}{channel} {asked.get('is', 'given')}")
    parts += [f"added {name.removeprefix('created_')} {wanted[name][:10]}" for name in _ADDED if name in wanted]
    return " · ".join(parts) or "Everyone"


_ANSWERS: dict[object, str] = {True: "yes", False: "no"}
_TAGGED = {"any": "tagged", "all": "tagged with all of", "none": "not tagged"}
_SAID = {
    "has_device": {True: "with a device", False: "without a device"},
    "never_written_to": {True: "never written to", False: "written to before"},
}
_ADDED = ("created_after", "created_before")


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _midnight(text: str, zone: ZoneInfo) -> str:
    at = lists.day(text)
    return at.replace(tzinfo=zone).isoformat() if at else ""
