"""Starting a business: an e-mail address, its name, a birth that can be watched, its owner, the archive's keys. No session: the
link from the letter is what leads on, and what a GET shows is what the rows say.

As in the console's ceremony, the recovery key stands in the person's own page between two steps and in nothing of the server.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from archive.flows import birth as archive
from archive.pages import ceremony
from messaging.flows import starting
from portal.kernel import clock
from portal.kernel.errors import Kind, Refusal, not_found
from tenants.flows import signup
from tenants.queries import signups


@sensitive_post_parameters("email")
@require_http_methods(["GET", "POST"])
def ask(request: HttpRequest) -> HttpResponseBase:
    """context of site/start.html: step (ask, sent), values, errors, refusal, letters (in a demo: where letters lie)"""
    _check_open()
    if request.method == "GET":
        return _draw(request, "ask")
    email = request.POST.get("email", "")
    try:
        starting.ask(now=clock.now(), email=email, source=str(request.META.get("REMOTE_ADDR", "")))
    except Refusal as refusal:
        return _refused(request, "ask", refusal, {"email": email})
    return _draw(request, "sent", letters=settings.EMAIL_FILE_PATH if settings.EBB_DEMO else "")


@sensitive_post_parameters("person", "password", "passphrase", "again", "recovery_key", "recovery_text")
@require_http_methods(["GET", "POST"])
def begun(request: HttpRequest, token: str) -> HttpResponseBase:
    """context of site/start.html: step (name, building, keys, download, return, served), values, errors, refusal; birth, site (its
    address, as others type it), minimum (of a passphrase), recovery_text, recovery_file"""
    _check_open()
    signup_id = signups.read(token, clock.now())
    if request.method == "GET":
        return _page(request, signup_id)
    step = request.POST.get("step", "")
    try:
        return _ACTS.get(step, ceremony.unknown_step)(request, signup_id)
    except Refusal as refusal:
        if refusal.kind is Kind.UNAVAILABLE:
            raise
        return _refused(request, step, refusal, request.POST.dict(), **_known(signup_id))


def _name(request: HttpRequest, signup_id: UUID) -> HttpResponseBase:
    slug, name = request.POST.get("slug", "").strip().lower(), request.POST.get("name", "")
    signup.name(now=clock.now(), signup_id=signup_id, slug=slug, name=name)
    return HttpResponseRedirect(request.path)


def _keys(request: HttpRequest, signup_id: UUID) -> HttpResponseBase:
    person, password, passphrase = (request.POST.get(one, "") for one in ("person", "password", "passphrase"))
    if passphrase != request.POST.get("again", ""):
        raise Refusal("passphrases_differ", "The two are not the same.", field="again")
    text = starting.equip(
        now=clock.now(), signup_id=signup_id, person=person, password=password[:1024], passphrase=passphrase
    )
    return _draw(request, "download", recovery_text=text, **_known(signup_id))


def _download(request: HttpRequest, signup_id: UUID) -> HttpResponseBase:
    return ceremony.as_file(request, str(_known(signup_id)["recovery_file"]))


def _return(request: HttpRequest, signup_id: UUID) -> HttpResponseBase:
    starting.finish(now=clock.now(), signup_id=signup_id, recovery_text=ceremony.given(request))
    return HttpResponseRedirect(request.path)


def _page(request: HttpRequest, signup_id: UUID) -> HttpResponse:
    known = _known(signup_id)
    birth: signups.Birth | None = known["birth"]
    if birth is None:
        step = "name"
    elif birth.is_served:
        step = "served"
    elif not birth.is_built:
        step = "building"
    else:
        step = "return" if request.GET.get("step") == "return" else "keys"
    answer = _draw(request, step, **known)
    if step == "building":
        answer["Refresh"] = "1"
    return answer


def _known(signup_id: UUID) -> dict[str, Any]:
    row = signups.get(signup_id, clock.now())
    birth = signups.birth_of(row)
    slug = birth.place.slug if birth else ""
    return {
        "email": row.email, "birth": birth, "base": settings.EBB_BASE_HOST, "minimum": archive.SHORTEST_PASSPHRASE,
        "site": f"{settings.EBB_SCHEME}://{slug}.{settings.EBB_BASE_HOST}", "recovery_file": f"{slug}-recovery-key.txt",
    }  # fmt: skip


def _refused(
    request: HttpRequest, step: str, refusal: Refusal, values: dict[str, Any], **known: Any
) -> HttpResponseBase:
    told = ceremony.told(refusal, step)
    kept = {name: values.get(name, "") for name in ("email", "name", "slug", "person")}
    drawn = step if step in {"ask", *_ACTS} else "name"
    return _draw(request, drawn, status=429 if refusal.kind is Kind.TOO_MANY else 422, values=kept, **known, **told)


def _draw(request: HttpRequest, step: str, *, status: int = 200, **context: Any) -> HttpResponse:
    return render(request, "site/start.html", {"step": step, **context}, status=status)


def _check_open() -> None:
    if not settings.EBB_SIGNUP:
        raise not_found("page")


_ACTS: dict[str, Callable[[HttpRequest, UUID], HttpResponseBase]] = {
    "name": _name, "keys": _keys, "download": _download, "return": _return,
}  # fmt: skip
