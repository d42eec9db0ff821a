"""The link of an invitation. A GET shows a form and uses nothing up."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from portal.accounts.flows import staff
from portal.accounts.queries import invitations
from portal.kernel import clock
from portal.kernel.errors import Kind, Refusal


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def page(request: HttpRequest, token: str) -> HttpResponseBase:
    """context of account/invited.html: error"""
    invitation = invitations.read(token)
    if request.method == "GET":
        return render(request, "account/invited.html")
    password = request.POST.get("password", "")[:1024]
    try:
        staff.join(now=clock.now(), user_id=invitation.user_id, invited_at=invitation.invited_at, password=password)
    except Refusal as refusal:
        if refusal.kind is not Kind.INVALID:
            raise
        return render(request, "account/invited.html", {"error": refusal.message}, status=422)
    messages.success(request, "Welcome. Sign in with your e-mail address and your new password.")
    return HttpResponseRedirect(settings.LOGIN_URL)
