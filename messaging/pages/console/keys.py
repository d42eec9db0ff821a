"""API keys: made and shown once, revoked."""

from datetime import timedelta
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_POST

from messaging.pages.console import settings, shared
from portal.accounts.flows import key as flow
from portal.kernel import clock
from portal.kernel.errors import Refusal
from portal.web import acting, guards

MOST_DAYS = 3660


@guards.staff("key.manage", fresh=True)
@require_POST
def create(request: HttpRequest) -> HttpResponseBase:
    now, given = clock.now(), {one: request.POST.get(one, "") for one in ("name", "networks", "days")}
    days = shared.number(given["days"])
    try:
        made = flow.create(
            actor=request.actor, now=now, name=given["name"], scopes=request.POST.getlist("scopes"),
            networks=given["networks"].splitlines(), expires_at=now + timedelta(days=min(days, MOST_DAYS)) if days else None,
        )  # fmt: skip
    except Refusal as refusal:
        chosen = {"values": given, "chosen": request.POST.getlist("scopes")}
        return settings.page(request, extra={**chosen, **acting.told(refusal)}, status=422)
    return settings.page(request, made)


@guards.staff("key.manage", fresh=True)
@require_POST
def revoke(request: HttpRequest, key_id: UUID) -> HttpResponseBase:
    return acting.act(request, shared.go("settings"), "Revoked. It opens nothing any more.", lambda: (
        flow.revoke(actor=request.actor, now=clock.now(), key_id=key_id)
    ))  # fmt: skip
