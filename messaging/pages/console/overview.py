"""The first page: what is alive, what waits, what the archive holds."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_safe

from archive.flows import birth, logstate
from archive.queries import approvals, summary, viewings, waiting
from archive.rules import acts
from messaging.pages.console import shared, views
from messaging.queries import account, desk, devices
from messaging.rules import account as rules
from portal.kernel import clock
from portal.web import guards


@guards.staff()
@require_safe
def overview(request: HttpRequest) -> HttpResponseBase:
    now, is_complete = clock.now(), birth.is_complete()
    sees_messages = request.actor.may("message.view")
    totals = desk.totals(request.actor, now) if sees_messages else {}
    context = {
        "checklist": _checklist(request, totals, is_complete=is_complete),
        "figures": _figures(request, totals) if sees_messages else [],
        "waiting": _waiting(request),
        "ending": _ending(request, now) if sees_messages else [],
        "devices_attention": _attention(request),
        "archive": {**summary.get_summary(), "officer_needed": not is_complete, **_archive(request)},
        "can": shared.may(request, send="message.send"),
        "decides_only": request.actor.may(acts.DECIDE) and not request.actor.may("archive.list"),
    }
    return shared.draw(request, "overview", "overview", context)


def counts(request: HttpRequest) -> dict[str, Any]:
    """For the rail."""
    found: dict[str, Any] = dict(desk.rail(with_conversations=request.actor.may("conversation.view")))
    if request.actor.may("archive.list") or request.actor.may(acts.DECIDE):
        found["approvals"] = approvals.count_to_decide(request.actor) + viewings.count_to_decide(request.actor)
    return found


def _archive(request: HttpRequest) -> dict[str, Any]:
    """What waits there for this person, each with its page; and what must not wait: a log that stands still, an account
    that does not add up."""
    if not request.actor.may("archive.list"):
        return {}
    found = waiting.get_waiting_for(request.actor)
    tasks = (
        ("To decide, as a second person", found.to_decide, "archive_approvals"),
        ("To review in cases", found.in_cases, "archive_cases"),
        ("To review before disposal", found.before_disposal, "archive_disposal_review"),
    )
    return {
        "tasks": [
            {"name": name, "count": count, "is_more": count >= waiting.MOST, "url": reverse(f"console:{url}")}
            for name, count, url in tasks
            if count
        ],
        "log_refuses": logstate.seems_broken(), "account_differs": bool(rules.alarms(account.totals())),
    }  # fmt: skip


def _figures(request: HttpRequest, totals: dict[str, int]) -> list[dict[str, Any]]:
    shown = (
        ("Live messages", "live", "can be read now", "messages", ""),
        ("Scheduled", "scheduled", "will be sent", "messages", "?state=scheduled"),
        ("Customers", "customers", "can be written to", "customers", ""),
        ("Devices", "devices", "enrolled and active", "devices", "?state=active"),
    )
    return [
        {"name": name, "value": totals[key], "note": note, "url": reverse(f"console:{url}") + query}
        for name, key, note, url, query in shown
        if url != "devices" or request.actor.may("device.view")
    ]


def _waiting(request: HttpRequest) -> list[dict[str, Any]]:
    if not request.actor.may("conversation.view"):
        return []
    rows = desk.waiting(request.actor)
    names = desk.names_of(row.customer_id for row in rows)
    return [
        {
            "id": row.id, "customer_name": names.get(row.customer_id, ""), "subject": "Written by the customer",
            "waiting_since": row.waiting_since,
        }
        for row in rows
    ]  # fmt: skip


def _ending(request: HttpRequest, now: datetime) -> list[dict[str, Any]]:
    return views.messages(request.actor, desk.ending_next(request.actor, now), now)


def _attention(request: HttpRequest) -> list[dict[str, Any]]:
    if not request.actor.may("device.view"):
        return []
    rows = devices.get_devices_for(request.actor).filter(state__in=["locked", "wiping"])[:6]
    shown = views.devices(list(rows), clock.now())
    return [{**one, "customer_name": ", ".join(one["customer_names"]), "since": one["last_seen_at"]} for one in shown]


def _checklist(request: HttpRequest, totals: dict[str, int], *, is_complete: bool) -> list[dict[str, Any]]:
    """Empty once everything is done, and for whoever could do none of it."""
    if not request.actor.may("message.send"):
        return []
    has_sent = totals["live"] > 0 or desk.has_sent()
    steps = [
        ("Make the archive key", "Nothing is sent before there is an archive to keep it.", "archive_ceremony", "Begin",
         is_complete),
        ("Add a customer", "A phone number or an e-mail address is enough.", "customer_new", "Add", totals["customers"] > 0),
        ("Enrol a device", "Invite the customer: the link makes their browser their inbox.", "customers", "Invite",
         totals["devices"] > 0),
        ("Send a message", "Choose when it goes from the phone.", "compose", "Write", has_sent),
    ]  # fmt: skip
    if all(done for *_, done in steps):
        return []
    return [
        {"title": title, "words": words, "url": reverse(f"console:{url}"), "action": action, "done": done}
        for title, words, url, action, done in steps
    ]
