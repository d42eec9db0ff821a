"""One customer: added, looked at, changed, heard, invited, erased."""

from dataclasses import replace
from datetime import datetime, time, timedelta
from functools import partial
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from messaging.flows import consent, enrolment, erasure, factor
from messaging.flows import customer as flow
from messaging.models import Customer
from messaging.pages.console import shared, views
from messaging.queries import consents, customers, desk, devices, messages, policy, profiles
from messaging.rules import consent as consent_rules
from messaging.rules import contact, tags
from portal.kernel import clock, tongues
from portal.kernel.errors import Refusal
from portal.web import acting, guards

TRAIL = ("Customers", "customers")
LANGUAGES = tuple(tongues.NAMES.items())
PURPOSES = (("marketing", "Marketing"), ("service", "Service"), ("all", "Everything"))
CHANNELS = (
    ("all", "every channel"), ("inbox", "the inbox"), ("email", "e-mail"), ("sms", "text message"), ("push", "push"),
    ("post", "post"), ("phone", "phone"),
)  # fmt: skip
NEW_FIELDS = 2
SHOWN = ("name", "reference", "email", "phone", "language", "time_zone")


@guards.staff("customer.manage")
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponseBase:
    if request.method == "GET":
        return _form(request, {"language": "en"}, {})
    values = request.POST.dict()
    try:
        made = flow.create(actor=request.actor, now=clock.now(), details=_details(values))
    except Refusal as refusal:
        return _form(request, values, acting.told(refusal), status=422)
    return shared.go("customer", made)


def _form(request: HttpRequest, values: dict[str, Any], extra: dict[str, Any], status: int = 200) -> HttpResponseBase:
    context = {"values": values, "languages": LANGUAGES, "time_zones": sorted(contact.ZONES), **extra}
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
    tagged = [one for one in values.get("tags", "").split(",") if one.strip()]
    return flow.Details(**{**given, "language": given["language"] or "en"}, tags=tagged, consent=agreed)


@guards.staff("customer.manage")
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, customer_id: UUID) -> HttpResponseBase:
    row = customers.get_customer_for(request.actor, customer_id)
    if request.method == "GET":
        return _edit_form(request, row, _values(row), {})
    values = request.POST.dict()
    try:
        details = replace(_details(values), fields=_fields(values, profiles.open_(row.id, row.sealed_profile)))
        flow.change(actor=request.actor, now=clock.now(), customer_id=customer_id, details=details)
    except Refusal as refusal:
        return _edit_form(request, row, values, acting.told(refusal), status=422)
    return shared.go("customer", customer_id)


def _values(row: Customer) -> dict[str, Any]:
    profile = profiles.open_(row.id, row.sealed_profile)
    plain = {name: getattr(profile, name) for name in ("name", "reference", "email", "phone")}
    own = {f"field-{n}": name for n, name in enumerate(profile.fields)}
    own |= {f"value-{n}": _text(value) for n, value in enumerate(profile.fields.values())}
    return {**plain, "language": row.language, "time_zone": row.time_zone, "tags": ", ".join(profile.tags), **own}


def _text(value: object) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def _fields(values: dict[str, Any], before: profiles.Profile) -> dict[str, object]:
    """What the form says of the business's own fields: one that is empty or no longer named goes, one that was not touched keeps
    its type."""
    numbers = [n for n in range(tags.MOST + NEW_FIELDS) if values.get(f"field-{n}", "").strip()]
    given = {values[f"field-{n}"].strip(): values.get(f"value-{n}", "").strip() for n in numbers}
    kept: dict[str, object] = dict.fromkeys(before.fields)
    for name, text in given.items():
        old = before.fields.get(name)
        kept[name] = old if old is not None and _text(old) == text else text or None
    return kept


def _edit_form(
    request: HttpRequest, row: Customer, values: dict[str, Any], extra: dict[str, Any], status: int = 200
) -> HttpResponseBase:
    used = [n for n in range(tags.MOST + NEW_FIELDS) if f"field-{n}" in values]
    rows = [
        {"n": n, "name": values.get(f"field-{n}", ""), "value": values.get(f"value-{n}", "")}
        for n in range(max(used, default=-1) + 1 + (0 if extra else NEW_FIELDS))
    ]
    context = {
        "values": values, "rows": rows, "customer_id": row.id, "languages": _languages(str(values.get("language", ""))),
        "time_zones": sorted(contact.ZONES), **extra,
    }  # fmt: skip
    trail = (TRAIL, ("Change", ""))
    return shared.draw(request, "customer_edit", "customers", context, trail=trail, status=status)


def _languages(current: str) -> tuple[tuple[str, str], ...]:
    """Those of the inbox, and what the customer has if it is another."""
    return LANGUAGES if not current or current in dict(LANGUAGES) else (*LANGUAGES, (current, current))


@guards.staff("customer.manage")
@require_POST
def note_consent(request: HttpRequest, customer_id: UUID) -> HttpResponseBase:
    """Something the customer said: a yes, or a no, which is obeyed at once."""
    purpose, channel, source, wording = (
        request.POST.get(name, "").strip() for name in ("purpose", "channel", "source", "wording")
    )
    said = consent.Given(purpose, channel, source, wording=wording, given=request.POST.get("given") == "yes")
    done = "Noted." if said.given else "Noted. Nothing of it is sent any more, not even what is scheduled."
    return acting.act(request, shared.go("customer", customer_id), done, lambda: consent.note(
        actor=request.actor, now=clock.now(), customer_id=customer_id, given=[said]
    ))  # fmt: skip


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
            "phone": profile.phone, "fields": profile.fields, "tags": profile.tags,
            "language": tongues.NAMES.get(row.language, row.language), "time_zone": row.time_zone,
            "created_at": row.created_at, "erased_at": None,
            **shared.may(
                request, can_invite="customer.invite", can_show="customer.show_link",
                can_erase="customer.manage", can_change="customer.manage",
                can_send="message.send",
            ),
        },
        "consents": [{"one": one, "words": _consent_words(one)} for one in desk.consents_of(row.id)],
        "standing": _standing(row), "purposes": PURPOSES, "channels": CHANNELS,
        "asks": _asks(row), "reasons": erasure.REASONS,
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


def _asks(row: Customer) -> dict[str, Any] | None:
    """The wish to be erased, while nobody answered it."""
    return {"at": row.erasure_asked_at} if row.asks_erasure else None


def _consent_words(one: consents.Given) -> str:
    return f"{dict(PURPOSES)[one.purpose]} by {dict(CHANNELS)[one.channel]}"


def _standing(row: Customer) -> list[dict[str, Any]]:
    """What may be sent now, by purpose: {"purpose", "why_not"}, "" where it may."""
    return [
        {"purpose": purpose, "why_not": consent_rules.why_not(purpose, row.agreed, row.refused)}
        for purpose in ("service", "marketing")
    ]


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
    return acting.act(request, shared.go("customer", customer_id), "The invitation is on its way.", issue)


def _grant(request: HttpRequest) -> enrolment.Grant:
    """A last day counts to its end, in the business's zone."""
    day = parse_date(request.POST.get("until", ""))
    until = None
    if day is not None:
        until = datetime.combine(day + timedelta(days=1), time(), ZoneInfo(policy.get_policy().time_zone))
    return enrolment.Grant(request.POST.get("relation") or enrolment.Grant.relation, until)


@guards.staff("customer.manage")
@require_POST
def passphrase(request: HttpRequest, customer_id: UUID) -> HttpResponseBase:
    words = request.POST.get("passphrase", "")
    done = "Kept. It is asked for when a device is let in." if words.strip() else "Taken away."
    return acting.act(request, shared.go("customer", customer_id), done, lambda: (
        factor.set_passphrase(actor=request.actor, now=clock.now(), customer_id=customer_id, passphrase=words)
    ))  # fmt: skip


@guards.staff("customer.manage", fresh=True)
@require_POST
def erase(request: HttpRequest, customer_id: UUID) -> HttpResponseBase:
    return acting.act(request, shared.go("customers"), "The profile was deleted. The archive keeps what its rules keep.", lambda: (
        flow.erase(actor=request.actor, now=clock.now(), customer_id=customer_id)
    ))  # fmt: skip


@guards.staff("customer.manage")
@require_POST
def decline_erasure(request: HttpRequest, customer_id: UUID) -> HttpResponseBase:
    done = "Declined. The customer sees why on their own page."
    return acting.act(request, shared.go("customer", customer_id), done, lambda: erasure.decline(
        actor=request.actor, now=clock.now(), customer_id=customer_id, reason=request.POST.get("reason", "")
    ))  # fmt: skip
