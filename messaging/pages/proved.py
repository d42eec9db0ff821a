"""Who is this device? The guard of the inbox's doors.

They are exempt from CSRF tokens on purpose: each carries a signature over this very request by a key that no other
site can use, or (before there is a key) spends a one-time secret. As a second wall a POST must come from this very
origin.
"""

import functools
from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from messaging.flows import applock, nonce
from messaging.queries import covers, devices
from portal.kernel import clock
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal
from portal.web import parsers, problems

COOKIE = "__Host-ebb-device"
BODY_LIMIT = 64 * 1024

View = Callable[..., HttpResponseBase]


def foreign() -> Refusal:
    return Refusal("foreign_origin", "This request came from another site.", Kind.FORBIDDEN)


def same_origin_post(view: View) -> View:
    """A POST that a page of this very host made, or a program."""

    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if request.method != "POST":
            raise problems.wrong_method()
        _check_origin(request)
        return view(request, *args, **kwargs)

    guarded.guard = "origin"  # type: ignore[attr-defined]
    return csrf_exempt(guarded)


def proved(method: str, covered: bool | str = False) -> Callable[[View], View]:
    """The view gets the actor of an active device that proved this very request, from a page that its app lock does not cover.
    `covered`: may a covered page ask for it, too; "unset": only where no lock is set yet, so that one can be."""

    def guard(view: View) -> View:
        @functools.wraps(view)
        def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
            if request.method != method:
                raise problems.wrong_method()
            _check_origin(request)
            return view(request, _actor(request, covered), *args, **kwargs)

        guarded.guard = "proof"  # type: ignore[attr-defined]
        return csrf_exempt(guarded)

    return guard


def host_of(request: HttpRequest) -> str:
    return request.get_host().lower()


def cookie_of(request: HttpRequest) -> str:
    return request.COOKIES.get(COOKIE, "")


def source_of(request: HttpRequest) -> str:
    """Whose guesses are counted together: the address the server saw, never a header the client wrote."""
    return request.META.get("REMOTE_ADDR", "") or "local"


def body_of(request: HttpRequest) -> dict[str, object]:
    """The JSON object of the body; anything else is malformed."""
    if len(request.body) > BODY_LIMIT:
        raise Refusal("too_large", "That is more than 64 KiB.", Kind.TOO_LARGE)
    parsed = parsers.loads(request.body)
    if not isinstance(parsed, dict):
        raise malformed()
    return parsed


def text_of(body: dict[str, object], name: str, default: str | None = None) -> str:
    value = body.get(name, default)
    if not isinstance(value, str):
        raise Refusal("malformed_request", "A field is missing or is not a text.", Kind.MALFORMED, field=name)
    return value


def malformed() -> Refusal:
    return Refusal("malformed_json", "The body is not a JSON object.", Kind.MALFORMED)


def pass_of(request: HttpRequest) -> str:
    """What an opened page holds in its memory, see `queries.covers`."""
    return request.headers.get("Ebb-Pass", "")


def _actor(request: HttpRequest, covered: bool | str) -> Actor:
    now = clock.now()
    standing: devices.Standing = nonce.spend(
        now=now, host=host_of(request), cookie=cookie_of(request), header=request.headers.get("Ebb-Proof", ""),
        method=str(request.method), path=request.get_full_path(), body=request.body,
    )  # fmt: skip
    standing.require_active()
    if covered is not True:
        _require_open(request, standing, covered, now)
    return standing.actor


def _require_open(request: HttpRequest, standing: devices.Standing, covered: bool | str, now: datetime) -> None:
    """Asking for something by hand counts as being there; asking again by itself (a GET) does not."""
    cover = covers.of(standing, pass_of(request), now)
    if cover is not None and (covered, cover.lock) != ("unset", "none"):
        raise covers.covered(cover)
    if request.method == "POST" and pass_of(request):
        applock.touch(device_id=standing.id, now=now, secret=pass_of(request))


def _check_origin(request: HttpRequest) -> None:
    """Browsers say where a request comes from; a program says nothing, and no browser lends it its cookies."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        raise foreign()
    origin = request.headers.get("Origin")
    if origin is not None and _netloc(origin) != host_of(request):
        raise foreign()


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:  # an address in brackets that is none
        return ""
