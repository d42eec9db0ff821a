"""Who may open a page of the console. A guard keeps a page from being drawn; what is written, flows check again."""

import functools
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect

from portal.kernel import clock
from portal.kernel.errors import Kind, Refusal

View = Callable[..., HttpResponseBase]
FRESH_FOR = timedelta(minutes=15)
# What a session remembers: when its person last gave a password or a second factor, and which second factor it has seen.
PROVED_AT, SECOND_FACTOR = "proved_at", "second_factor"
PROVIDER = "provider"  # the second factor was asked for by the business's own provider


def staff(permission: str = "", *, fresh: bool = False, early: bool = False) -> Callable[[View], View]:
    """A page for signed-in staff whose role has `permission` ("" is any role). Sets `request.actor`.

    Nobody signed in: to the sign-in page. The role does not have it: as if the page did not exist. A business that asks for a
    second factor has it first, but for the `early` pages where it is set up. `fresh` is for dangerous acts: who gave no password
    or second factor in the last quarter of an hour gives one now.
    """

    def guard(view: View) -> View:
        @functools.wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return to_sign_in(request)
            if not early and lacks_factor(request):
                return to_factor(request)
            request.actor = request.user.actor
            if permission and not request.actor.may(permission):
                raise absent()
            if fresh and not is_fresh(request):
                return to_confirm(request)
            return view(request, *args, **kwargs)

        guarded.permission = permission  # read by the tests that ask every route for its guard
        guarded.fresh = fresh
        return guarded

    return guard


def lacks_factor(request: HttpRequest) -> bool:
    """The business asks for a second factor, and this session has seen none that they still have. Known with the person's row: no
    query."""
    return is_short_of_factor(request.user, request.session)


def is_short_of_factor(person: Any, session: Any) -> bool:
    """Where the last factor was removed, what the session remembers of it counts for nothing; nor does what a provider asked for
    that is trusted no more."""
    seen = session.get(SECOND_FACTOR, "")
    is_good = bool(person.has_factor) if seen != PROVIDER else bool(person.trusts_provider)
    return bool(person.asks_factor) and not (seen and is_good)


def is_fresh(request: HttpRequest) -> bool:
    """Not by a password from before they had a second factor: a session that has not seen it gives it now."""
    person: Any = request.user
    if person.has_factor and SECOND_FACTOR not in request.session:
        return False
    age = clock.now().timestamp() - request.session.get(PROVED_AT, 0)
    return bool(age < FRESH_FOR.total_seconds())


def proved(request: HttpRequest, second_factor: str = "") -> None:
    """They just gave a password, or a second factor."""
    request.session[PROVED_AT] = int(clock.now().timestamp())
    if second_factor:
        request.session[SECOND_FACTOR] = second_factor


def to_factor(request: HttpRequest) -> HttpResponseBase:
    """Who has a second factor gives it; who has none sets one up, before anything else."""
    person: Any = request.user
    return to_confirm(request) if person.has_factor else HttpResponseRedirect(settings.EBB_ENROL_URL)


def to_confirm(request: HttpRequest) -> HttpResponseBase:
    """Back to the page afterwards. A form that was sent is not sent again: they look at it once more, and press."""
    back = request.get_full_path() if request.method == "GET" else _came_from(request)
    return HttpResponseRedirect(settings.EBB_CONFIRM_URL + "?" + urlencode({"next": back}))


def _came_from(request: HttpRequest) -> str:
    told = urlsplit(request.META.get("HTTP_REFERER", ""))
    same = told.netloc == request.get_host() and told.path.startswith(settings.LOGIN_REDIRECT_URL)
    return told.path + (f"?{told.query}" if told.query else "") if same else settings.LOGIN_REDIRECT_URL


def absent() -> Refusal:
    return Refusal("not_found", "There is no such page for your role.", Kind.NOT_FOUND)


def to_sign_in(request: HttpRequest) -> HttpResponseBase:
    """Back to where they were afterwards, if they only wanted to look: a form that was lost is not sent again."""
    back = "?" + urlencode({"next": request.get_full_path()}) if request.method == "GET" else ""
    return HttpResponseRedirect(settings.LOGIN_URL + back)
