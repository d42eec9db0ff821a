"""Settings: keys, staff, roles, lifetimes."""

from datetime import UTC, date, datetime, time
from typing import Any

from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from archive.queries import rules
from archive.rules import acts
from messaging.flows import demand, openness, secondperson
from messaging.pages.console import shared
from messaging.queries import desk, policy
from messaging.rules import demands
from portal.accounts.flows import key as flow
from portal.accounts.queries import keys, staff
from portal.kernel import clock, roles
from portal.web import acting, guards

FACTORS = [
    ("", "Nothing more than the link"),
    ("code", "A code by another channel than the link's"),
    ("passphrase", "A passphrase that you agreed on with each customer"),
]
LOCKS = [("offered", "Customers may set one"), ("required", "Every device needs one")]
MAY = {"manage_keys": "key.manage", "manage": "settings.manage", "govern": "business.govern"}
KEY_LIVES = [("", "Never"), ("30", "In 30 days"), ("90", "In 90 days"), ("365", "In a year")]
TABS = ("keys", "roles", "second", "lifetimes", "devices")


@guards.staff("settings.view")
@require_safe
def settings(request: HttpRequest) -> HttpResponseBase:
    return page(request)


def page(
    request: HttpRequest, made: flow.Created | None = None, extra: dict[str, Any] | None = None, status: int = 200
) -> HttpResponseBase:
    """Also the answer to a key that was made or refused: its secret stands on that answer and nowhere else."""
    asked = request.GET.get("tab", "") if request.method == "GET" else "keys"
    tab = asked if asked in TABS else "keys"
    if tab == "keys" and not request.actor.may("key.manage"):
        tab = "roles"
    context = {
        "tab": tab, "can": shared.may(request, **MAY),
        "scopes": _scopes(request), "key_lives": KEY_LIVES, **_TABS[tab](request), **(extra or {}),
    }  # fmt: skip
    if made is not None:
        context["new_key"] = {"name": request.POST.get("name", ""), "secret": made.secret}
    return shared.draw(request, "settings", "settings", context, status=status)


def _keys(request: HttpRequest) -> dict[str, Any]:
    rows, now = keys.get_list_for(request.actor), clock.now()
    names = staff.get_names(f"staff:{row.created_by}" for row in rows if row.created_by)
    return {"keys": [
        {
            "id": row.id, "name": row.name, "prefix": row.prefix, "scopes": row.scopes, "created_at": row.created_at,
            "created_by": names.get(f"staff:{row.created_by}", ""), "last_used_at": _midnight(row.used_on),
            "revoked_at": row.revoked_at, "expires_at": row.expires_at, "networks": row.networks, "refused_at": row.refused_at,
            "has_expired": bool(row.expires_at and row.expires_at <= now),
        }
        for row in rows
    ]}  # fmt: skip


def _midnight(day: date | None) -> datetime | None:
    """A key's last use is known by its day only."""
    return datetime.combine(day, time(), UTC) if day else None


def _roles(request: HttpRequest) -> dict[str, Any]:
    matrix = [
        {"permission": name, "words": words, "cells": [name in allowed for allowed in roles.MATRIX.values()],
         "is_scope": name in roles.SCOPES}
        for name, words in roles.PERMISSIONS.items()
    ]  # fmt: skip
    told = [
        {"label": role.capitalize(), "about": roles.ABOUT[role], "is_own": role == request.actor.role,
         "gives": [name for name in roles.MATRIX if name in roles.given_by(allowed)]}
        for role, allowed in roles.MATRIX.items()
    ]  # fmt: skip
    return {"roles": told, "matrix": matrix}


def _second(request: HttpRequest) -> dict[str, Any]:
    """What wants a second person: who asks, and who then decides."""
    shown = [
        {"title": act.title, "asks": _having(act.permission), "decides": _having(act.deciding, acts.DECIDE)}
        for act in acts.every()
    ]
    return {"acts": shown, "second_person_from": policy.get_policy().campaigns.second_person_from}


def _having(*permissions: str) -> list[str]:
    return [role.capitalize() for role, allowed in roles.MATRIX.items() if {*permissions} <= allowed]


@guards.staff("business.govern", fresh=True)
@require_POST
def second_person(request: HttpRequest) -> HttpResponseBase:
    typed = request.POST.get("second_person_from", "").strip()
    least = (shared.number(typed) or 0) if typed else None
    asked = "Asked for. It is in force once an approver or another owner agrees, under Approvals."
    back = HttpResponseRedirect(reverse("console:settings") + "?tab=second")
    return acting.act(request, back, lambda made: asked if made else "Saved.", lambda: secondperson.change(
        actor=request.actor, now=clock.now(), least=least, reason=request.POST.get("reason", "")
    ))  # fmt: skip


def _lifetimes(request: HttpRequest) -> dict[str, Any]:
    limits, now = policy.get_policy().limits, clock.now()
    shown = []
    for row in desk.categories():
        keep = rules.retention_for(category=row.key, kind="message.sent", at=now, purpose=row.purpose)
        shown.append({
            "name": row.name, "key": row.key, "purpose": row.purpose, "rule": keep.name or keep.rule,
            "gone_after_words": shared.words_for(row.gone_after or limits.gone_after),
            "max_words": shared.words_for(limits.maximum_gone_after),
            "kept_words": f"until {keep.until:%-d %B %Y}, if sent today" if keep.until else "no end set",
        })  # fmt: skip
    return {"categories": shown, "tells_holds": policy.get_policy().tells_holds}


@guards.staff("business.govern", fresh=True)
@require_POST
def tell(request: HttpRequest) -> HttpResponseBase:
    return acting.act(request, HttpResponseRedirect(reverse("console:settings") + "?tab=lifetimes"), "Saved.", lambda: (
        openness.change(actor=request.actor, now=clock.now(), tells_holds=bool(request.POST.get("tells_holds")))
    ))  # fmt: skip


def _scopes(request: HttpRequest) -> list[tuple[str, str, str]]:
    """Those that a key of theirs could have."""
    allowed = roles.SCOPES & request.actor.permissions
    return [(name, name, words) for name, words in roles.PERMISSIONS.items() if name in allowed]


def _devices(request: HttpRequest) -> dict[str, Any]:
    return {"demands": policy.get_policy().demands, "second_factors": FACTORS, "app_locks": LOCKS}


@guards.staff("settings.manage", fresh=True)
@require_POST
def devices(request: HttpRequest) -> HttpResponseBase:
    return acting.act(request, HttpResponseRedirect(reverse("console:settings") + "?tab=devices"), "Saved.", lambda: (
        demand.change(actor=request.actor, now=clock.now(), wanted=_wanted(request))
    ))  # fmt: skip


def _wanted(request: HttpRequest) -> demands.Demands:
    numbers = {name: shared.number(request.POST.get(name, "")) for name in demands.RANGES}
    given = {name: -1 if value is None else value for name, value in numbers.items()}
    return demands.Demands(request.POST.get("second_factor", ""), request.POST.get("app_lock", ""), **given)


_TABS = {"keys": _keys, "roles": _roles, "second": _second, "lifetimes": _lifetimes, "devices": _devices}
