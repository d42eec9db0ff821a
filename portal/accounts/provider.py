"""Talking to a business's own sign-in provider, by the same guarded client as webhooks: outside only, no redirects, one time for
all of an answer, and no more of it than makes sense. What it says is judged in `rules.oidc`.

Nothing that it says is remembered: its keys and addresses may change, and sign-ins are rare enough to ask each time.
"""

import json
import threading
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings

from portal.accounts.rules import oidc
from portal.accounts.rules.oidc import not_taken
from portal.kernel import tenancy, wire

AT_ONCE = 4  # of one business in one process: a provider that hangs keeps no more of our threads than this
_busy: Counter[str] = Counter()
_lock = threading.Lock()


@dataclass(frozen=True)
class Client:
    """What the business is known by at its provider."""

    issuer: str
    client_id: str
    secret: str = field(repr=False)


def discover(issuer: str) -> oidc.Provider:
    url = issuer.rstrip("/") + "/.well-known/openid-configuration"
    status, told = _ask(url)
    if status != 200:
        raise not_taken("provider_away" if status >= 500 else "no_discovery")
    return oidc.read_discovery(told, issuer=issuer, but=settings.EBB_CALL_INSIDE)


def person_of(
    client: Client, answer: Mapping[str, str], *, begun: oidc.Begun, redirect_uri: str, now: Callable[[], datetime]
) -> oidc.Person:
    """Whom the provider vouches for, by the code that the browser brought."""
    found = discover(client.issuer)
    code = oidc.check_answer(found, answer)
    tokens = _redeem(client, found, code, begun.verifier, redirect_uri)
    _, published = _ask(found.keys)
    claims = oidc.read_token(
        tokens.get("id_token"), published, issuer=client.issuer, client_id=client.client_id, begun=begun, now=now()
    )
    return oidc.read_person(claims, None if "email" in claims else _told(found, tokens.get("access_token")))


def _told(found: oidc.Provider, access_token: object) -> dict[str, Any] | None:
    is_text = isinstance(access_token, str) and access_token.isascii() and access_token.isprintable()
    if not found.person or not is_text:
        return None
    status, told = _ask(found.person, Authorization=f"Bearer {access_token}")
    return told if status == 200 else None


def _redeem(client: Client, found: oidc.Provider, code: str, verifier: str, redirect_uri: str) -> dict[str, Any]:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri, "code_verifier": verifier}
    headers = {}
    if client.secret and not found.takes_secret_in_body:
        pair = f"{quote(client.client_id, safe='')}:{quote(client.secret, safe='')}"  # RFC 6749, 2.3.1
        headers["Authorization"] = "Basic " + b64encode(pair.encode()).decode()
    else:
        form["client_id"] = client.client_id
        form |= {"client_secret": client.secret} if client.secret else {}
    status, told = _ask(found.token, form, **headers)
    if status == 200:
        return told
    if status >= 500:
        raise not_taken("provider_away")
    raise not_taken("client_refused" if status == 401 or told.get("error") == "invalid_client" else "code_refused")


def _ask(url: str, form: Mapping[str, str] | None = None, **headers: str) -> tuple[int, dict[str, Any]]:
    """Status and the JSON object; {} where there is none and no success either."""
    heads = {"Accept": "application/json", "User-Agent": "Ebb", "Connection": "close", **headers}
    seconds, may_reach = settings.EBB_PROVIDER_SECONDS, wire.outside_only
    with _turn():
        try:
            if form is None:
                return _read(wire.get(url, headers=heads, seconds=seconds, may_reach=may_reach))
            heads["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode(form).encode()
            return _read(wire.post(url, headers=heads, body=body, seconds=seconds, may_reach=may_reach))
        except wire.Inside:
            raise not_taken("address_inside") from None
        except wire.TooLate:
            raise not_taken("provider_slow") from None
        except (wire.NotReached, wire.Unsure) as error:
            raise not_taken("provider_slow" if str(error) == "TimeoutError" else "provider_away") from None


def _read(reply: wire.Reply) -> tuple[int, dict[str, Any]]:
    if not reply.is_whole:
        raise not_taken("answer_too_large")
    try:
        told = json.loads(reply.body)
    except (ValueError, RecursionError):
        told = None
    if isinstance(told, dict):
        return reply.status, told
    if reply.status == 200:
        raise not_taken("answer_unreadable")
    return reply.status, {}


@contextmanager
def _turn() -> Iterator[None]:
    schema = tenancy.here().schema
    with _lock:
        if _busy[schema] >= AT_ONCE:
            raise not_taken("provider_busy")
        _busy[schema] += 1
    try:
        yield
    finally:
        with _lock:
            _busy[schema] -= 1
