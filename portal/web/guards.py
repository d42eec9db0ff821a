"""Who may open a page of the console. A guard keeps a page from being drawn; what is written, flows check again."""

import functools
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect

from portal.kernel.errors import Kind, Refusal

View = Callable[..., HttpResponseBase]


def staff(permission: str = "") -> Callable[[View], View]:
    """A page for signed-in staff whose role has `permission` ("" is any role). Sets `request.actor`.

    Nobody signed in: to the sign-in page. The role does not have it: as if the page did not exist.
    """

    def guard(view: View) -> View:
        @functools.wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return to_sign_in(request)
            request.actor = request.user.actor
            if permission and not request.actor.may(permission):
                raise absent()
            return view(request, *args, **kwargs)

        guarded.permission = permission  # read by the test that asks every route for its guard
        return guarded

    return guard


def absent() -> Refusal:
    return Refusal("not_found", "There is no such page for your role.", Kind.NOT_FOUND)


def to_sign_in(request: HttpRequest) -> HttpResponseBase:
    """Back to where they were afterwards, if they only wanted to look: a form that was lost is not sent again."""
    back = "?" + urlencode({"next": request.get_full_path()}) if request.method == "GET" else ""
    return HttpResponseRedirect(settings.LOGIN_URL + back)
