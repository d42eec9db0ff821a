"""Where an owner sets up signing in by the business's own provider, tries it, and switches it on."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from portal.accounts import provider
from portal.accounts.flows import signon as flow
from portal.accounts.queries import signon
from portal.accounts.rules import oidc
from portal.kernel import clock
from portal.kernel.errors import Kind, Refusal
from portal.web import acting, guards


@guards.staff("settings.view")
@require_safe
def page(request: HttpRequest) -> HttpResponseBase:
    return draw(request)


@sensitive_post_parameters("secret")
@guards.staff("business.govern", fresh=True)
@require_POST
def change(request: HttpRequest) -> HttpResponseBase:
    """The provider is asked what it says of itself before anything is saved."""
    given = {name: request.POST.get(name, "").strip()[:600] for name in ("issuer", "client_id", "secret")}
    try:
        issuer = oidc.check_issuer(given["issuer"], settings.EBB_CALL_INSIDE)
        provider.discover(issuer)
        secret = _secret(request, given["secret"])
        flow.change(actor=request.actor, now=clock.now(), issuer=issuer, client_id=given["client_id"], secret=secret)
    except Refusal as refusal:
        if refusal.kind not in {Kind.INVALID, Kind.UNAUTHENTICATED}:
            raise
        errors = {str(refusal.fields.get("field", "issuer")): refusal.message}
        return draw(request, status=422, values={**given, "secret": ""}, errors=errors)
    messages.success(request, "Saved. Now try it.")
    return HttpResponseRedirect(reverse("account_signon"))


@guards.staff("business.govern", fresh=True)
@require_POST
def use(request: HttpRequest) -> HttpResponseBase:
    wanted, trusts = request.POST.get("use", ""), bool(request.POST.get("trusts_factor"))
    return acting.act(request, "account_signon", "Saved. It holds from the next sign-in on.", lambda: (
        flow.use(actor=request.actor, now=clock.now(), wanted=wanted, trusts_factor=trusts)
    ))  # fmt: skip


def draw(request: HttpRequest, *, status: int = 200, **context: Any) -> HttpResponseBase:
    """context of console/signon.html: see there"""
    saved = signon.get_for(request.actor)
    shown = {
        "section": "settings", "crumbs": [
            {"title": "Settings", "url": "/console/settings/"}, {"title": "Staff", "url": reverse("account_staff")},
            {"title": "Provider", "url": ""},
        ],
        "saved": saved, "values": {"issuer": saved.issuer, "client_id": saved.client_id},
        "redirect_uri": request.build_absolute_uri(reverse("account_provider_back")),
        "scim_url": request.build_absolute_uri("/scim/v2/"), "brought": saved.brought,
        "can_manage": request.actor.may("business.govern"),
    }  # fmt: skip
    return render(request, "console/signon.html", {**shown, **context}, status=status)


def _secret(request: HttpRequest, given: str) -> str | None:
    """Left empty it stays as it is, unless they say that there is none."""
    return "" if request.POST.get("no_secret") else given or None
