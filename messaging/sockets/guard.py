"""Whose socket is this? Host → business, Origin = Host, and the cookie of its door (a device's, or a session's of the console);
before anything is accepted.

The stock validator compares Origin with a list of hosts and so accepts a sibling business; here it must be this very
host. A browser always sends Origin with a socket, so its absence is refused too.
"""

import asyncio
from collections.abc import Awaitable, Callable
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import close_old_connections
from django.http.request import validate_host

from portal.kernel import tenancy

COOKIE = "__Host-ebb-device"

App = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


class BusinessGuard:
    """ASGI middleware for sockets: puts `place`, `host` and `cookie` into the scope, or refuses the handshake (403)."""

    def __init__(self, app: App, cookie: str = COOKIE) -> None:
        self.app, self.cookie = app, cookie

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        host, origin, cookie = _headers(scope, self.cookie)
        place = await _find(host) if is_same_host(host, origin) else None
        if place is None or (place.is_winding and self.cookie == COOKIE):  # no customer gets in any more
            await receive()  # websocket.connect
            await send({"type": "websocket.close", "code": 1008})
            return
        await self.app({**scope, "place": place, "host": host, "cookie": cookie}, receive, send)


def is_same_host(host: str, origin: str) -> bool:
    """Origin's host and port are exactly those of Host, written in lower case, and its scheme is one of the web."""
    try:
        parts = urlsplit(origin)
    except ValueError:  # an address in brackets that is none
        return False
    return bool(host) and parts.scheme in {"http", "https"} and parts.netloc.lower() == host


def cookie_of(header: str, name: str = COOKIE) -> str:
    try:
        found = SimpleCookie(header).get(name)
    except CookieError:
        return ""
    return found.value if found else ""


def _headers(scope: dict[str, Any], cookie: str) -> tuple[str, str, str]:
    """Twice the same header is refused by answering none: two readers would read two hosts."""
    found: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        if name in (b"host", b"origin") and name in found:
            return "", "", ""
        found[name] = value.decode("latin-1")
    return found.get(b"host", "").lower(), found.get(b"origin", ""), cookie_of(found.get(b"cookie", ""), cookie)


async def _find(host: str) -> tenancy.Place | None:
    name = host.rsplit(":", 1)[0]
    if not validate_host(name, settings.ALLOWED_HOSTS):
        return None
    return await asyncio.get_running_loop().run_in_executor(None, _look_up, host)


def _look_up(host: str) -> tenancy.Place | None:
    close_old_connections()
    try:
        return tenancy.directory().by_host(host)
    finally:
        close_old_connections()
