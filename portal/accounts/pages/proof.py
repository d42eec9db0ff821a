"""The two pages that ask who is there: after the password, and before something dangerous."""

from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from portal.accounts import stages
from portal.accounts.flows import factor, session
from portal.accounts.pages import passkeys
from portal.accounts.queries import factors, signon
from portal.kernel import clock
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal
from portal.web import guards, problems


@sensitive_post_parameters("code")
@require_http_methods(["GET", "POST"])
def second_factor(request: HttpRequest) -> HttpResponseBase:
    """The second half of signing in. context of account/second_factor.html: passkey {challenge, known}, has_app, error"""
    stage = stages.entered(request)
    if request.user.is_authenticated or stage is None:
        return HttpResponseRedirect(settings.LOGIN_REDIRECT_URL)
    actor = session.actor_of(stage.login.user)
    if request.method == "GET":
        return draw(request, "second_factor", actor)
    try:
        request.second_factor = _given(request, actor)  # type: ignore[attr-defined]
        request.signed_in_by = stage.state["by"]  # type: ignore[attr-defined]
    except Refusal as refusal:
        return _refused(request, "second_factor", actor, refusal)
    return stage.exit()  # type: ignore[no-any-return]


@sensitive_post_parameters("code", "password")
@guards.staff(early=True)
@require_http_methods(["GET", "POST"])
def confirm(request: HttpRequest) -> HttpResponseBase:
    """Once more, before something dangerous: the second factor of who has one, the password of who has none."""
    back, person = back_of(request), cast("Any", request.user)
    if request.method == "GET":
        return draw(request, "confirm", request.actor, next=back)
    try:
        given = _given(request, request.actor) if person.has_factor else _password(request)
    except Refusal as refusal:
        return _refused(request, "confirm", request.actor, refusal, next=back)
    session.confirmed(actor=request.actor, now=clock.now(), by=given)
    request.session.cycle_key()  # what may do more has another key than what might have been seen before
    guards.proved(request, "" if given == "password" else given)
    return HttpResponseRedirect(back)


def _given(request: HttpRequest, actor: Actor) -> str:
    if "signature" in request.POST:
        return passkeys.use(request, actor)
    return factor.use_code(actor=actor, now=clock.now(), code=request.POST.get("code", "")[:64])


def _password(request: HttpRequest) -> str:
    password = request.POST.get("password", "")[:1024]
    return session.check_password(actor=request.actor, now=clock.now(), password=password)


def back_of(request: HttpRequest) -> str:
    """Within the console only: a link that somebody sent leads nowhere else."""
    wanted = (request.POST if request.method == "POST" else request.GET).get("next", "")
    home = settings.LOGIN_REDIRECT_URL
    is_ours = wanted.startswith(home) and "\\" not in wanted and wanted.isprintable()
    return wanted if is_ours and not wanted.startswith(settings.EBB_CONFIRM_URL) else home


def _refused(request: HttpRequest, page: str, actor: Actor, refusal: Refusal, **context: Any) -> HttpResponse:
    """Wrong: the page once more, which says so. What is no answer to what was typed goes on."""
    if refusal.kind not in {Kind.UNAUTHENTICATED, Kind.TOO_MANY, Kind.INVALID}:
        raise refusal
    status = 422 if refusal.kind is Kind.UNAUTHENTICATED else problems.status_of(refusal)
    return draw(request, page, actor, status=status, error=refusal.message, **context)


def draw(request: HttpRequest, page: str, actor: Actor, *, status: int = 200, **context: Any) -> HttpResponse:
    handles = factors.get_passkey_ids(actor.id)
    context["passkey"] = passkeys.for_page(actor, handles, passkeys.USE) if handles else None
    context["has_app"] = factors.has_app(actor.id)
    context["has_factor"] = bool(handles) or context["has_app"]
    if page == "confirm" and not context["has_factor"]:
        person: Any = request.user
        context["by_provider"] = person.provider_subject is not None and signon.use() != "off"
        context["by_password"] = person.has_usable_password()
    return render(request, f"account/{page}.html", context, status=status)
