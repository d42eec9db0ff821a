"""Signing in and out of the console. A GET never signs anybody in: link scanners open every link."""

from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from allauth.account.forms import LoginForm
from allauth.account.utils import get_next_redirect_url
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from portal.accounts import demo as links
from portal.accounts.queries import signon


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponseBase:
    if request.user.is_authenticated:
        return HttpResponseRedirect(settings.LOGIN_REDIRECT_URL)
    form = LoginForm(request.POST or None, request=request)
    back = get_next_redirect_url(request)
    if request.method == "POST" and form.is_valid():
        return form.login(request, redirect_url=back)
    return draw(request, status=422 if request.method == "POST" else 200, form=form, back=back or "")


def draw(
    request: HttpRequest, *, status: int, form: LoginForm | None = None, back: str = "", error: str = ""
) -> HttpResponse:
    """context of account/login.html: form, redirect_field, provider (off, beside, only), provider_url, refusal"""
    field = format_html('<input type="hidden" name="next" value="{}">', back) if back else ""
    there = reverse("account_provider") + ("?" + urlencode({"next": back}) if back else "")
    refusal = {"title": "You are not signed in", "message": error} if error else None
    context = {
        "form": form or LoginForm(request=request), "redirect_field": field, "provider": signon.use(), "provider_url": there,
        "refusal": refusal,
    }  # fmt: skip
    return render(request, "account/login.html", context, status=status)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponseBase:
    if request.user.is_authenticated:
        get_adapter(request).logout(request)
    response = HttpResponseRedirect(settings.ACCOUNT_LOGOUT_REDIRECT_URL)
    response["Clear-Site-Data"] = '"storage"'
    return response


@require_http_methods(["GET", "POST"])
def demo(request: HttpRequest, token: str) -> HttpResponseBase:
    """A demo's link. context of demo/continue.html: person, role_label, action"""
    user = links.get_user_for(token)
    if request.method == "GET":
        return _demo_page(request, user)
    request.signed_in_by = "demo"  # type: ignore[attr-defined]
    get_adapter(request).login(request, user)
    return HttpResponseRedirect(settings.LOGIN_REDIRECT_URL)


def _demo_page(request: HttpRequest, user) -> HttpResponse:  # type: ignore[no-untyped-def]
    context = {"person": user.name, "role_label": user.get_role_display(), "action": request.path, "token": ""}
    return render(request, "demo/continue.html", context)
