"""The first page: what is alive, what waits, what the archive holds."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_safe

from archive.flows import birth, logstate
from archive.queries import summary, waiting
from archive.rules import acts
from messaging.models import Conversation
from messaging.pages.console import shared, views
from messaging.queries import account, desk, devices
from messaging.rules import account as rules
from portal.accounts.queries import staff
from portal.kernel import clock, tally
from portal.web import guards

Counted = dict[str, int]


@guards.staff()
@require_safe
def overview(request: HttpRequest) -> HttpResponseBase:
    now, actor, is_complete = clock.now(), request.actor, birth.is_complete()
    totals = desk.totals(actor, now) if actor.may("message.view") else {}
    asked = totals | desk.rail(actor) | waiting.to_decide(actor) | waiting.to_review(actor) | staff.officers(actor)
    counted = tally.count(asked)
    context = {
        "checklist": _checklist(request, counted, is_complete=is_complete),
        "figures": _figures(request, counted) if totals else [],
        **_rows(request, now),
        "archive": _archive(request, counted) | {"officer_needed": not is_complete},
        "counts": _rail(counted),
        "can": shared.may(request, send="message.send"),
        "decides_only": request.actor.may(acts.DECIDE) and not request.actor.may("archive.list"),
    }
    return shared.draw(request, "overview", "overview", context)


def counts(request: HttpRequest) -> Counted:
    """For the rail."""
    return _rail(tally.count(desk.rail(request.actor) | waiting.to_decide(request.actor)))


def _rail(counted: Counted) -> Counted:
    names = ("devices_attention", "conversations_waiting")
    return {name: counted.get(name, 0) for name in names} | {"approvals": _to_decide(counted)}


def _to_decide(counted: Counted) -> int:
    return counted.get("approvals", 0) + counted.get("viewings", 0)


def _archive(request: HttpRequest, counted: Counted) -> dict[str, Any]:
    """How far it is, and for whoever may look into it: what waits there for this person, each with its page; and what must not
    wait: a log that stands still, an account that does not add up."""
    seen = summary.get_summary()
    found: dict[str, Any] = {"size": seen.size, "last_at": seen.last_at, "signed_at": seen.signed_at}
    if not request.actor.may("archive.list"):
        return found
    tasks = (
        ("To decide, as a second person", _to_decide(counted), "archive_approvals"),
        ("To review in cases", counted.get("in_cases", 0), "archive_cases"),
        ("To review before disposal", counted.get("before_disposal", 0), "archive_disposal_review"),
    )
    return found | {
        "tasks": [
            {"name": name, "count": count, "is_more": count >= waiting.MOST, "url": reverse(f"console:{url}")}
            for name, count, url in tasks
            if count
        ],
        "log_refuses": logstate.seems_broken(seen), "account_differs": bool(rules.alarms(account.totals())),
    }  # fmt: skip


def _figures(request: HttpRequest, totals: dict[str, int]) -> list[dict[str, Any]]:
    shown = (
        ("Live messages", "live", "can be read now", "messages", ""),
        ("Scheduled", "scheduled", "will be sent", "messages", "?state=scheduled"),
        ("Customers", "customers", "can be written to", "customers", ""),
        ("Devices", "devices", "enrolled and active", "devices", "?state=active"),
    )
    return [
        {"name": name, "value": totals[key], "is_more": key == "live" and totals[key] >= desk.MOST_LIVE,
         "note": note, "url": reverse(f"console:{url}") + query}
        for name, key, note, url, query in shown
        if url != "devices" or request.actor.may("device.view")
    ]  # fmt: skip


def _rows(request: HttpRequest, now: datetime) -> dict[str, Any]:
    """What waits, what ends next and which devices want attention; everybody's names are asked for together."""
    actor, may_talk, may_see = request.actor, request.actor.may("conversation.view"), request.actor.may("device.view")
    talks = desk.waiting(actor) if may_talk else []
    ending = desk.ending_next(actor, now) if actor.may("message.view") else []
    wanted = list(devices.get_devices_for(actor).filter(state__in=["locked", "wiping"])[:6]) if may_see else []
    whose = [one.customer_id for row in wanted for one in row.serves.all()]
    names = desk.names_of([*(row.customer_id for row in (*talks, *ending)), *whose])
    return {
        "waiting": [_waiting(row, names) for row in talks],
        "ending": views.named_messages(actor, ending, names, now),
        "devices_attention": [
            {**one, "customer_name": ", ".join(one["customer_names"]), "since": one["last_seen_at"]}
            for one in views.named_devices(wanted, names, now)
        ],
    }


def _waiting(row: Conversation, names: dict[UUID, str]) -> dict[str, Any]:
    return {
        "id": row.id, "customer_name": names.get(row.customer_id, ""), "subject": "Written by the customer",
        "waiting_since": row.waiting_since,
    }  # fmt: skip


def _checklist(request: HttpRequest, totals: dict[str, int], *, is_complete: bool) -> list[dict[str, Any]]:
    """Empty once everything is done, and for whoever could do none of it."""
    if not request.actor.may("message.send"):
        return []
    has_sent = totals["live"] > 0 or desk.has_sent()
    steps = [
        ("Make the archive key", "Nothing is sent before there is an archive to keep it.", "console:archive_ceremony", "Begin",
         is_complete),
        ("Add a customer", "A phone number or an e-mail address is enough.", "console:customer_new", "Add",
         totals["customers"] > 0),
        ("Enrol a device", "Choose the customer and press “Invite a device”: the link makes their browser their inbox.",
         "console:customers", "Choose", totals["devices"] > 0),
        ("Send a message", "Choose when it goes from the phone.", "console:compose", "Write", has_sent),
    ]  # fmt: skip
    if "officers" in totals:
        words = "Somebody who keeps the archive and opens it with its passphrase. An owner does not."
        steps.append(("Invite an officer", words, "account_staff", "Invite", totals["officers"] > 0))
    if all(done for *_, done in steps):
        return []
    return [
        {"title": title, "words": words, "url": reverse(url), "action": action, "done": done}
        for title, words, url, action, done in steps
    ]
