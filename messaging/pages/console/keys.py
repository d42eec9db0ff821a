"""API keys: made and shown once, revoked."""

from uuid import UUID

from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_POST

from messaging.pages.console import settings, shared
from portal.accounts.flows import key as flow
from portal.kernel import clock
from portal.kernel.errors import Refusal
from portal.web import guards


@guards.staff("key.manage")
@require_POST
def create(request: HttpRequest) -> HttpResponseBase:
    name, scopes = request.POST.get("name", ""), request.POST.getlist("scopes")
    try:
        made = flow.create(actor=request.actor, now=clock.now(), name=name, scopes=scopes)
    except Refusal as refusal:
        return settings.page(request, extra={"values": {"name": name}, **shared.errors_of(refusal)}, status=422)
    return settings.page(request, made)


@guards.staff("key.manage")
@require_POST
def revoke(request: HttpRequest, key_id: UUID) -> HttpResponseBase:
    return shared.act(request, shared.go("settings"), "Revoked. It opens nothing any more.", lambda: (
        flow.revoke(actor=request.actor, now=clock.now(), key_id=key_id)
    ))  # fmt: skip
