"""The business's staff: who, with which role and second factor; invited, given another role, let go."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from portal.accounts.flows import staff as flow
from portal.accounts.flows import staffpolicy, wayback
from portal.accounts.models import User
from portal.accounts.queries import factors, invitations, staff
from portal.kernel import clock, roles
from portal.kernel.errors import Kind, Refusal
from portal.web import guards, pages


@guards.staff("settings.view")
@require_safe
def page(request: HttpRequest) -> HttpResponseBase:
    return _draw(request)


@guards.staff("staff.manage", fresh=True)
@require_POST
def invite(request: HttpRequest) -> HttpResponseBase:
    """The link stands on this answer only."""
    given = {name: request.POST.get(name, "")[:254] for name in ("email", "name", "role")}
    try:
        user_id = flow.invite(actor=request.actor, now=clock.now(), **given)
    except Refusal as refusal:
        if refusal.kind not in {Kind.INVALID, Kind.CONFLICT}:
            raise
        errors = {str(refusal.fields.get("field", "email")): refusal.message}
        return _draw(request, status=422, values=given, errors=errors)
    return _draw(request, link=_link(request, user_id), link_for=given["name"])


@guards.staff("staff.manage", fresh=True)
@require_POST
def invite_again(request: HttpRequest, staff_id: UUID) -> HttpResponseBase:
    try:
        flow.invite_again(actor=request.actor, now=clock.now(), user_id=staff_id)
    except Refusal as refusal:
        return _told(request, refusal)
    name = User.objects.values_list("name", flat=True).get(id=staff_id)
    return _draw(request, link=_link(request, staff_id), link_for=name)


@guards.staff("staff.manage", fresh=True)
@require_POST
def change_role(request: HttpRequest, staff_id: UUID) -> HttpResponseBase:
    role = request.POST.get("role", "")
    return _act(request, "Changed. It holds from their next click on.", lambda: (
        flow.change_role(actor=request.actor, now=clock.now(), user_id=staff_id, role=role)
    ))  # fmt: skip


@guards.staff("staff.manage", fresh=True)
@require_POST
def remove(request: HttpRequest, staff_id: UUID) -> HttpResponseBase:
    return _act(request, "Let go. They are signed out, and keys they made open nothing any more.", lambda: (
        flow.remove(actor=request.actor, now=clock.now(), user_id=staff_id)
    ))  # fmt: skip


@guards.staff("settings.view")
@require_POST
def stop(request: HttpRequest, staff_id: UUID) -> HttpResponseBase:
    """No fresh proof: it opens nothing, and must not wait."""
    return _act(request, "Stopped. The link opens nothing any more.", lambda: (
        wayback.stop(actor=request.actor, now=clock.now(), user_id=staff_id)
    ))  # fmt: skip


@guards.staff("business.govern", fresh=True)
@require_POST
def policy(request: HttpRequest) -> HttpResponseBase:
    wanted = bool(request.POST.get("second_factor"))
    return _act(request, "Saved.", lambda: (
        staffpolicy.change(actor=request.actor, now=clock.now(), second_factor=wanted)
    ))  # fmt: skip


def _act(request: HttpRequest, done: str, act: Callable[[], object]) -> HttpResponseBase:
    try:
        act()
    except Refusal as refusal:
        return _told(request, refusal)
    messages.success(request, done)
    return HttpResponseRedirect(reverse("account_staff"))


def _told(request: HttpRequest, refusal: Refusal) -> HttpResponseBase:
    if refusal.kind not in {Kind.INVALID, Kind.CONFLICT}:
        raise refusal
    pages.tell(request, refusal)
    return HttpResponseRedirect(reverse("account_staff"))


def _link(request: HttpRequest, user_id: UUID) -> str:
    return request.build_absolute_uri(reverse("account_invited", args=[invitations.token_for(user_id)]))


def _draw(request: HttpRequest, *, status: int = 200, **context: Any) -> HttpResponseBase:
    """context of console/staff.html: see there"""
    guarded, given = factors.who_has_one(), roles.given_by(request.actor.permissions)
    people = [
        {
            "id": person.id, "name": person.name, "email": person.email, "role": person.role,
            "role_label": person.get_role_display(), "last_sign_in_at": person.last_login, "is_active": person.is_active,
            "is_invited": person.invited_at is not None and not person.is_active,
            "way_back_at": person.invited_at if person.is_active else None, "second_factor": person.id in guarded,
            "is_provisioned": person.is_provisioned, "is_self": person.id == request.actor.id,
            "can_change": person.role in given and (person.is_active or person.invited_at is not None),
        }
        for person in staff.get_list_for(request.actor)
    ]  # fmt: skip
    shown = {
        "section": "settings", "crumbs": [{"title": "Settings", "url": "/console/settings/"}, {"title": "Staff", "url": ""}],
        "people": people, "can_manage": request.actor.may("staff.manage"), "is_required": factors.are_required(),
        "can_govern": request.actor.may("business.govern"),
        "roles": [(role, User.Role(role).label, roles.ABOUT[role]) for role in User.Role.values if role in given],
    }  # fmt: skip
    return render(request, "console/staff.html", {**shown, **context}, status=status)
