"""Browsers in which somebody signed in before, by a cookie: a stranger who guesses at a person shuts out strangers, not them.
After OWASP, "Slow Down Online Guessing Attacks with Device Cookies": what such a browser tries is counted by itself.

The cookie holds a number of the browser and keyed hashes of its people, signed for the business. It opens nothing.
"""

import secrets
from datetime import timedelta

from django.core import signing
from django.http import HttpRequest, HttpResponseBase

from portal.kernel import keys, tenancy
from portal.sealing import blind

COOKIE = "__Host-ebb-known"
LASTS = timedelta(days=180)
MOST = 8  # people at one browser, as at a counter; the newest stay


def browser_of(request: HttpRequest, email: str) -> str:
    """Its number if this person signed in there; "" for any other."""
    browser, people = _read(request)
    return browser if _person(email) in people else ""


def remember(request: HttpRequest, response: HttpResponseBase, email: str) -> None:
    browser, people = _read(request)
    person = _person(email)
    told = [browser or secrets.token_hex(16), *[one for one in people if one != person][1 - MOST :], person]
    response.set_cookie(
        COOKIE, _signer().sign_object(told), max_age=LASTS, secure=True, httponly=True, samesite="Strict"
    )


def _read(request: HttpRequest) -> tuple[str, list[str]]:
    try:
        browser, *people = _signer().unsign_object(request.COOKIES.get(COOKIE, ""), max_age=LASTS)
    except signing.BadSignature:
        return "", []
    return browser, people


def _signer() -> signing.TimestampSigner:
    return signing.TimestampSigner(salt=tenancy.salt("accounts.known"))


def _person(email: str) -> str:
    return blind.index(keys.business_key(), "sign-in/known", email.strip().lower()).hex()
