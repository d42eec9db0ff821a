"""One's own account: second factors, password, and where one is signed in."""

from typing import Any, cast
from uuid import UUID

import segno
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from portal.accounts.flows import factor, session, staff
from portal.accounts.models import User
from portal.accounts.pages import passkeys
from portal.accounts.queries import factors, signed_in
from portal.accounts.rules import codes
from portal.kernel import clock, tenancy
from portal.kernel.errors import Kind, Refusal
from portal.web import guards, pages


@guards.staff(early=True)
@require_safe
def page(request: HttpRequest) -> HttpResponseBase:
    return _draw(request)


@sensitive_post_parameters("code")
@guards.staff(early=True, fresh=True)
@require_POST
def app(request: HttpRequest) -> HttpResponseBase:
    """Without a code: a secret to scan. With one: the app works, and the first recovery codes stand on this answer only."""
    now, code = clock.now(), request.POST.get("code", "")[:64]
    try:
        if "code" not in request.POST:
            return _draw(request, offer=_offer(request, factor.offer_app(actor=request.actor, now=now).secret))
        made = factor.confirm_app(actor=request.actor, now=now, code=code)
    except Refusal as refusal:
        if refusal.code != "wrong_code":
            return _told(request, refusal)
        secret = factor.pending_secret(actor=request.actor)
        return _draw(request, status=422, offer=_offer(request, secret), errors={"code": refusal.message})
    guards.proved(request, "app")
    return _enrolled(request, made, "The app is set up.")


@guards.staff(early=True, fresh=True)
@require_POST
def passkey(request: HttpRequest) -> HttpResponseBase:
    try:
        made = passkeys.read_new(request, request.actor)
        name = request.POST.get("name", "")
        first = factor.add_passkey(actor=request.actor, now=clock.now(), passkey=made, name=name)
    except Refusal as refusal:
        return _told(request, refusal)
    guards.proved(request, "passkey")
    return _enrolled(request, first, "The passkey is set up.")


@guards.staff(fresh=True)
@require_POST
def recovery_codes(request: HttpRequest) -> HttpResponseBase:
    try:
        made = factor.renew_codes(actor=request.actor, now=clock.now())
    except Refusal as refusal:
        return _told(request, refusal)
    return _draw(request, recovery_codes=made)


@guards.staff(fresh=True)
@require_POST
def remove_factor(request: HttpRequest, factor_id: UUID) -> HttpResponseBase:
    return _act(request, "Removed.", lambda: factor.remove(actor=request.actor, now=clock.now(), factor_id=factor_id))


@sensitive_post_parameters("password")
@guards.staff(fresh=True)
@require_POST
def password(request: HttpRequest) -> HttpResponseBase:
    """Every other session of theirs ends with the old one."""
    wanted, own = request.POST.get("password", "")[:1024], request.session.session_key or ""
    try:
        staff.set_password(actor=request.actor, now=clock.now(), user_id=request.actor.id, password=wanted)
    except Refusal as refusal:
        return _draw(request, status=422, errors={"password": refusal.message})
    session.end_others(actor=request.actor, now=clock.now(), own_key=own)
    update_session_auth_hash(request, User.objects.get(id=request.actor.id))
    messages.success(request, "Your password is changed. You are signed out everywhere else.")
    return HttpResponseRedirect(reverse("account_you"))


@guards.staff()
@require_POST
def end_session(request: HttpRequest, session_id: str) -> HttpResponseBase:
    own = request.session.session_key or ""
    return _act(request, "Signed out there.", lambda: (
        session.end(actor=request.actor, now=clock.now(), session_id=session_id, own_key=own)
    ))  # fmt: skip


@guards.staff()
@require_POST
def end_others(request: HttpRequest) -> HttpResponseBase:
    own = request.session.session_key or ""
    return _act(request, "Signed out everywhere else.", lambda: (
        session.end_others(actor=request.actor, now=clock.now(), own_key=own)
    ))  # fmt: skip


def _act(request: HttpRequest, done: str, flow: Any) -> HttpResponseBase:
    try:
        flow()
    except Refusal as refusal:
        return _told(request, refusal)
    messages.success(request, done)
    return HttpResponseRedirect(reverse("account_you"))


def _told(request: HttpRequest, refusal: Refusal) -> HttpResponseBase:
    if refusal.kind in {Kind.NOT_FOUND, Kind.FORBIDDEN, Kind.UNAVAILABLE}:
        raise refusal
    pages.tell(request, refusal)
    return HttpResponseRedirect(reverse("account_you"))


def _enrolled(request: HttpRequest, recovery_codes: list[str], words: str) -> HttpResponseBase:
    """The first one ends their other sessions: those have seen a password alone."""
    if recovery_codes:
        session.end_others(actor=request.actor, now=clock.now(), own_key=request.session.session_key or "")
        return _draw(request, recovery_codes=recovery_codes)
    messages.success(request, words)
    return HttpResponseRedirect(reverse("account_you"))


def _offer(request: HttpRequest, secret: bytes) -> dict[str, str]:
    """The secret as a picture and as text. The picture is an image of its own address: no inline style, no script."""
    person: Any = request.user
    address = codes.address(secret, person.email, tenancy.here().name)
    picture = segno.make(address, error="m").svg_data_uri(scale=5, light="#fff", dark="#000")
    return {"picture": picture, "text": codes.text_of(secret)}


def _draw(request: HttpRequest, *, status: int = 200, **context: Any) -> HttpResponse:
    """context of console/you.html: see there"""
    actor, now, person = request.actor, clock.now(), cast("Any", request.user)
    handles = factors.get_passkey_ids(actor.id)
    own = factors.get_own_for(actor)
    shown = {
        "section": "you", "crumbs": [{"title": "Your account", "url": ""}], "person": person, "factors": own,
        "has_app": any(one.kind == "app" for one in own), "codes_left": factors.codes_left(actor) if own else 0,
        "is_required": person.asks_factor, "must_enrol": guards.lacks_factor(request),
        "sessions": signed_in.get_own_for(actor, own_key=request.session.session_key or "", now=now),
        "passkey": {**passkeys.for_page(actor, handles, passkeys.MAKE), "person": str(actor.id).replace("-", "")},
    }  # fmt: skip
    return render(request, "console/you.html", {**shown, **context}, status=status)
