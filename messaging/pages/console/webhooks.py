"""Settings, webhooks: which programs of the business are told of what, and what became of each telling."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from messaging.flows import delivery
from messaging.flows import webhook as flow
from messaging.models import Delivery, Webhook
from messaging.pages.console import shared
from messaging.queries import webhooks
from messaging.rules import webhook as rules
from portal.accounts.queries import staff
from portal.kernel import clock
from portal.kernel.errors import Refusal
from portal.web import acting, guards, listing

TRAIL = (("Settings", "settings"), ("Webhooks", "settings_webhooks"))
OFF = {
    "staff": "Switched off", "gone": "Off: the address said that it is gone", "failing": "Off: nothing arrived for five days",
}  # fmt: skip
WHY = {
    "address_inside": "the name stands for an address that is not public", "not_reached": "nobody answered there",
    "no_answer": "it may have arrived: no answer came", "redirected": "it pointed elsewhere, which is not followed",
    "refused": "it was refused", "switched_off": "the webhook was switched off",
}  # fmt: skip


@guards.staff(flow.MANAGE)
@require_safe
def page(request: HttpRequest) -> HttpResponseBase:
    return _draw(request)


@guards.staff(flow.MANAGE, fresh=True)
@require_POST
def create(request: HttpRequest) -> HttpResponseBase:
    """Its answer shows the secret, once."""
    url, events = request.POST.get("url", "").strip(), request.POST.getlist("events")
    try:
        made = flow.create(actor=request.actor, now=clock.now(), url=url, events=events)
    except Refusal as refusal:
        return _draw(request, {"values": {"url": url, "events": events}, **acting.told(refusal)}, status=422)
    return one(request, made.id, secret=made.secret)


def one(request: HttpRequest, webhook_id: UUID, secret: str = "") -> HttpResponseBase:
    row = webhooks.get_webhook_for(request.actor, webhook_id)
    chosen = listing.chosen(request, "state")
    state = chosen["state"] if chosen["state"] in Delivery.State.values else ""
    rows = webhooks.get_deliveries_for(request.actor, webhook_id, state=state)
    found = listing.page(request, rows, lambda some: [_delivery(one) for one in some])
    context = {
        "hook": _shown(row), "page": found, "state": state, "states": Delivery.State.choices, "new_secret": secret,
        "events": rules.EVENTS.items(),
    }  # fmt: skip
    return shared.draw(request, "webhook", "settings", context, trail=(*TRAIL, (row.url, "")))


@guards.staff(flow.MANAGE)
@require_safe
def hook(request: HttpRequest, webhook_id: UUID) -> HttpResponseBase:
    return one(request, webhook_id)


@guards.staff(flow.MANAGE)
@require_POST
def change(request: HttpRequest, webhook_id: UUID) -> HttpResponseBase:
    """What it listens to; or on and off, by its own button."""
    is_on = {"on": True, "off": False}.get(request.POST.get("switch", ""))
    events = None if is_on is not None else request.POST.getlist("events")
    changes = flow.Changes(events=events, is_on=is_on)
    return acting.act(request, _back(webhook_id), "Saved.", lambda: (
        flow.change(actor=request.actor, now=clock.now(), webhook_id=webhook_id, changes=changes)
    ))  # fmt: skip


@guards.staff(flow.MANAGE, fresh=True)
@require_POST
def rotate(request: HttpRequest, webhook_id: UUID) -> HttpResponseBase:
    made = flow.rotate(actor=request.actor, now=clock.now(), webhook_id=webhook_id)
    return one(request, webhook_id, secret=made.secret)


@guards.staff(flow.MANAGE)
@require_POST
def test(request: HttpRequest, webhook_id: UUID) -> HttpResponseBase:
    return acting.act(request, _back(webhook_id), "On its way. The log says what became of it.", lambda: (
        delivery.probe(actor=request.actor, now=clock.now(), webhook_id=webhook_id)
    ))  # fmt: skip


@guards.staff(flow.MANAGE)
@require_POST
def replay(request: HttpRequest, webhook_id: UUID, delivery_id: UUID) -> HttpResponseBase:
    return acting.act(request, _back(webhook_id), "On its way again, under the same id.", lambda: (
        delivery.replay(actor=request.actor, now=clock.now(), webhook_id=webhook_id, delivery_id=delivery_id)
    ))  # fmt: skip


@guards.staff(flow.MANAGE, fresh=True)
@require_POST
def delete(request: HttpRequest, webhook_id: UUID) -> HttpResponseBase:
    return acting.act(request, shared.go("settings_webhooks"), "Deleted, with its log.", lambda: (
        flow.delete(actor=request.actor, now=clock.now(), webhook_id=webhook_id)
    ))  # fmt: skip


def _back(webhook_id: UUID) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("console:settings_webhook", args=[webhook_id]))


def _draw(request: HttpRequest, extra: dict[str, Any] | None = None, status: int = 200) -> HttpResponseBase:
    rows = list(webhooks.get_webhooks_for(request.actor).order_by("-id"))
    names = staff.get_names(row.created_by for row in rows)
    shown = [{**_shown(row), "created_by": names.get(row.created_by, "")} for row in rows]
    context = {"hooks": shown, "events": rules.EVENTS.items(), **(extra or {})}
    trail = (("Settings", "settings"), ("Webhooks", ""))
    return shared.draw(request, "webhooks", "settings", context, trail=trail, status=status)


def _shown(row: Webhook) -> dict[str, Any]:
    return {
        "id": row.id, "url": row.url, "listens": row.events, "off": OFF.get(row.off, ""), "created_at": row.created_at,
        "failing_since": row.failing_since, "old_until": row.old_until,
    }  # fmt: skip


def _delivery(row: Delivery) -> dict[str, Any]:
    return {
        "id": row.id, "event": row.event, "state": row.state, "label": row.get_state_display(), "status": row.status,
        "why": WHY.get(row.why, row.why), "attempts": row.attempts, "created_at": row.created_at, "due_at": row.due_at,
        "is_settled": row.due_at is None, "told": len(row.data.get("messages", ())),
    }  # fmt: skip
