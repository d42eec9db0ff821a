"""Settings, danger zone: what cannot be undone, each with its consequences in words, a name to type and a fresh proof of who
asks."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_POST, require_safe

from archive.flows import closing as archive
from archive.queries import approvals
from messaging.flows import closing, wipeall
from messaging.pages.console import shared
from messaging.queries import closing as queries
from messaging.rules import typed
from portal.accounts.flows import key, session
from portal.kernel import clock, mail, tenancy
from portal.kernel.errors import Refusal
from portal.web import acting, guards

TRAIL = (("Settings", "settings"), ("Danger zone", ""))
MAY = {"close": "business.govern", "sign_out": "business.govern", "keys": "business.govern", "prove": "archive.open"}


@guards.staff("business.close")
@require_safe
def page(request: HttpRequest) -> HttpResponseBase:
    return _draw(request)


@guards.staff("business.govern", fresh=True)
@require_POST
def close(request: HttpRequest) -> HttpResponseBase:
    given = {name: request.POST.get(name, "")[:1200] for name in ("name", "reason")}
    try:
        asked = closing.ask(actor=request.actor, now=clock.now(), **given)
    except Refusal as refusal:
        return _draw(request, status=422, values=given, **acting.told(refusal))
    messages.success(request, _asked_words(asked.state))
    return shared.go("settings_danger")


@guards.staff("business.close", fresh=True)
@require_POST
def call_off(request: HttpRequest) -> HttpResponseBase:
    return acting.act(request, shared.go("settings_danger"), "Called off. Everything stays as it is.", lambda: (
        closing.call_off(actor=request.actor, now=clock.now())
    ))  # fmt: skip


@guards.staff("archive.open", fresh=True)
@require_POST
def prove(request: HttpRequest) -> HttpResponseBase:
    digest = request.POST.get("sha256", "")[:300]
    try:
        archive.confirm(
            actor=request.actor, now=clock.now(), sha256=digest, is_verified=bool(request.POST.get("verified"))
        )
    except Refusal as refusal:
        return _draw(request, status=422, digest=digest, **acting.told(refusal))
    messages.success(request, "Noted. If no hold is in force, the keys are destroyed within a minute.")
    return shared.go("settings_danger")


@guards.staff("business.govern", fresh=True)
@require_POST
def wipe(request: HttpRequest) -> HttpResponseBase:
    given = {"name": request.POST.get("wipe_name", "")[:200], "reason": request.POST.get("wipe_reason", "")[:1200]}
    try:
        asked = wipeall.ask(actor=request.actor, now=clock.now(), **given)
    except Refusal as refusal:
        errors = acting.told(refusal)
        if "reason" in errors.get("errors", {}):
            errors = {"errors": {"wipe_reason": errors["errors"]["reason"]}}
        return _draw(request, status=422, wipe_reason=given["reason"], **errors)
    messages.success(request, _asked_words(asked.state))
    return shared.go("settings_danger")


@guards.staff("business.govern", fresh=True)
@require_POST
def sign_out(request: HttpRequest) -> HttpResponseBase:
    own = request.session.session_key or ""
    return _typed(request, "sign_out_name", lambda: _count(
        session.end_everybody(actor=request.actor, now=clock.now(), own_key=own), "session ended.", "sessions ended."
    ))  # fmt: skip


@guards.staff("business.govern", fresh=True)
@require_POST
def revoke(request: HttpRequest) -> HttpResponseBase:
    return _typed(request, "keys_name", lambda: _count(
        key.revoke_all(actor=request.actor, now=clock.now()), "key revoked.", "keys revoked."
    ))  # fmt: skip


def _typed(request: HttpRequest, field: str, act: Any) -> HttpResponseBase:
    """What acts at once, behind the business's name."""
    try:
        typed.check_name(request.POST.get(field, ""), tenancy.here().name, field=field)
    except Refusal as refusal:
        return _draw(request, status=422, **acting.told(refusal))
    messages.success(request, act())
    return shared.go("settings_danger")


def _count(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _asked_words(state: str) -> str:
    if state == "cooling":
        return "Asked. Nobody else can decide it, so it happens in three days unless somebody takes it back."
    return "Asked. A second person decides it under Archive, Approvals."


def _draw(request: HttpRequest, *, status: int = 200, **more: Any) -> HttpResponseBase:
    look, can = queries.look(request.actor), shared.may(request, **MAY)
    context = {
        "look": look, "stops": [(code, count, queries.WORDS[code]) for code, count in look.stops.items()],
        "days": closing.WAITS_FOR.days, "can": can, "values": {}, "address": mail.base_url(),
        "link": f"{mail.base_url()}/closed/{closing.token()}" if look.state and look.state != "asked" and can["close"] else "",
        "wipe_asked": approvals.get_waiting_id(wipeall.ALL, tenancy.here().id) is not None, **more,
    }  # fmt: skip
    return shared.draw(request, "danger", "settings", context, trail=TRAIL, status=status)
