"""Customers: found, added, invited, erased."""

from datetime import datetime, time, timedelta
from functools import partial
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from messaging.flows import consent, enrolment
from messaging.flows import customer as flow
from messaging.models import Customer
from messaging.pages.console import shared, views
from messaging.queries import customers, desk, devices, messages, policy, profiles
from portal.kernel import clock
from portal.kernel.errors import Refusal
from portal.web import guards
from portal.web import listing as lists

TRAIL = ("Customers", "customers")
COLUMNS = ("id", "name", "reference", "contact", "language", "devices", "live_messages", "last_seen_at")
LANGUAGES = (("en", "English"), ("de", "Deutsch"), ("es", "Español"), ("fr", "Français"), ("nl", "Nederlands"))
SHOWN = ("name", "reference", "email", "phone", "language", "time_zone")


@guards.staff("customer.view")
@require_safe
def listing(request: HttpRequest) -> HttpResponseBase:
    """As a page, as CSV (for who manages customers) and as JSON for the recipient picker."""
    now = clock.now()
    filters = lists.chosen(request, "q", "has")
    rows = desk.with_devices(desk.find_customers(request.actor, filters["q"]), filters["has"])
    if request.GET.get("format") == "csv":
        request.actor.require("customer.manage")
        return lists.as_csv("customers", COLUMNS, views.customers(list(rows.order_by("-id")[: lists.MOST_IN_CSV]), now))
    page = lists.page(request, rows, lambda found: views.customers(found, now))
    if request.GET.get("format") == "json":
        picked = [{name: str(one[name]) for name in ("id", "name", "reference", "contact")} for one in page.results[:8]]
        return JsonResponse({"results": picked})
    can = shared.may(request, create="customer.manage")
    return shared.draw(request, "customers", "customers", {"page": page, "filters": filters, "can": can})


@guards.staff("customer.manage")
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponseBase:
    if request.method == "GET":
        return _form(request, {"language": "en"}, {})
    values = request.POST.dict()
    try:
        made = flow.create(actor=request.actor, now=clock.now(), details=_details(values))
    except Refusal as refusal:
        return _form(request, values, shared.errors_of(refusal), status=422)
    return shared.go("customer", made)


def _form(request: HttpRequest, values: dict[str, Any], extra: dict[str, Any], status: int = 200) -> HttpResponseBase:
    context = {"values": values, "languages": LANGUAGES, "time_zones": sorted(available_timezones()), **extra}
    trail = (TRAIL, ("Add", ""))
    return shared.draw(request, "customer_new", "customers", context, trail=trail, status=status)


def _details(values: dict[str, Any]) -> flow.Details:
    given = {name: values.get(name, "").strip() for name in SHOWN}
    source = values.get("consent_source", "").strip() or "console"
    agreed = tuple(
        consent.Given(purpose, "inbox", source)
        for purpose in ("service", "marketing")
        if values.get(f"consent_{purpose}")
    )
    return flow.Details(**{**given, "language": given["language"] or "en"}, consent=agreed)


@guards.staff("customer.view")
@require_safe
def customer(request: HttpRequest, customer_id: UUID) -> HttpResponseBase:
    return _page(request, customers.get_customer_for(request.actor, customer_id))


def _page(request: HttpRequest, row: Customer, issued: enrolment.Issued | None = None) -> HttpResponseBase:
    now = clock.now()
    profile = profiles.open_(row.id, row.sealed_profile)
    recent = list(messages.get_messages_for(request.actor, now=now, customer=row.id).order_by("-id")[:20])
    context = {
        "customer": {
            "id": row.id, "name": profile.name, "reference": profile.reference, "email": profile.email,
            "phone": profile.phone, "fields": profile.fields, "language": row.language, "time_zone": row.time_zone,
            "created_at": row.created_at, "erased_at": None,
            **shared.may(request, can_invite="customer.invite", can_erase="customer.manage", can_send="message.send"),
        },
        "consents": desk.consents_of(row.id),
        "devices": _devices(request, row.id, now),
        "enrolment": _enrolment(row, profile, now, issued),
        "page_messages": views.messages(request.actor, recent, now),
    }  # fmt: skip
    trail = (TRAIL, (profile.name or "No name", ""))
    return shared.draw(request, "customer", "customers", context, trail=trail)


def _devices(request: HttpRequest, customer_id: UUID, now: datetime) -> list[dict[str, Any]]:
    """Whoever may see the customer need not be one who may see devices."""
    if not request.actor.may("device.view"):
        return []
    return views.devices(list(devices.get_devices_for(request.actor, customer=customer_id)), now)


def _enrolment(
    row: Customer, profile: profiles.Profile, now: datetime, issued: enrolment.Issued | None
) -> dict[str, Any] | None:
    """What was just made, once; else that an invitation is under way."""
    if issued is not None and issued.url:
        url = f"{settings.EBB_SCHEME}:{issued.url}" if issued.url.startswith("//") else issued.url
        return {"url": url, "code": issued.code, "created_at": now, "expires_at": issued.expires_at}
    found = desk.open_enrolment(row.id, now)
    if found is None:
        return None
    sent_to = (
        profile.email
        if found.send_by == "email"
        else profile.phone
        if found.send_by == "sms"
        else "nobody: it was shown"
    )
    return {"sent_to": sent_to, "created_at": found.created_at, "expires_at": found.expires_at}


@guards.staff("customer.invite")
@require_POST
def invite(request: HttpRequest, customer_id: UUID) -> HttpResponseBase:
    """A link that is shown stands on the answer to this POST and nowhere else: no redirect could carry it."""
    send_by = request.POST.get("send_by") or None
    issue = partial(
        enrolment.issue,
        actor=request.actor,
        now=clock.now(),
        customer_id=customer_id,
        send_by=send_by,
        grant=_grant(request),
    )
    if send_by == enrolment.Enrolment.SendBy.SHOW:
        return _page(request, customers.get_customer_for(request.actor, customer_id), issue())
    return shared.act(request, shared.go("customer", customer_id), "The invitation is on its way.", issue)


def _grant(request: HttpRequest) -> enrolment.Grant:
    """A last day counts to its end, in the business's zone."""
    day = parse_date(request.POST.get("until", ""))
    until = None
    if day is not None:
        until = datetime.combine(day + timedelta(days=1), time(), ZoneInfo(policy.get_policy().time_zone))
    return enrolment.Grant(request.POST.get("relation") or enrolment.Grant.relation, until)


@guards.staff("customer.manage")
@require_POST
def erase(request: HttpRequest, customer_id: UUID) -> HttpResponseBase:
    return shared.act(request, shared.go("customers"), "The profile was deleted. The archive keeps what its rules keep.", lambda: (
        flow.erase(actor=request.actor, now=clock.now(), customer_id=customer_id)
    ))  # fmt: skip
