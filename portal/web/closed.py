"""The doors of a business that closes, and of one that has closed (decision 18).

While it winds up, its staff get in and see everything, and write only to what the end needs: their own sign-in, the archive, the
closing itself; mirrors pull and sign. Once closed, its address says so to everybody, and hands the certificate to who has the link.
"""

import hmac
import re
from hashlib import sha256

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from portal.kernel import tenancy
from portal.kernel.errors import Kind, Refusal
from portal.web import headers

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_READ = re.compile(r"^/(console/|api/v1/archive/|help/|log(/|$))")
_WRITE = re.compile(r"^/(console/(sign-in|sign-out|confirm|you|archive|settings/danger)/|api/v1/archive/)")
_LINK = re.compile(r"^/closed/([\w-]{20,100})$")


def gone(name: str) -> Refusal:
    return Refusal(
        "business_closed", f"{name} has closed its inbox. Nothing can be sent or received here any more.", Kind.GONE,
        business=name,
    )  # fmt: skip


def is_open(request: HttpRequest, place: tenancy.Place) -> bool:
    """Whether this request gets in: all do, unless the business winds up."""
    doors = _READ if request.method in _SAFE else _WRITE
    return not place.is_winding or doors.match(request.path) is not None


def answer(request: HttpRequest, closed: tenancy.Closed) -> HttpResponseBase:
    """The certificate, as the signed note that it is. Raises `business_closed` for everything else."""
    found = _LINK.match(request.path) if request.method in _SAFE else None
    if found is None or not closed.certificate or not _is_token(found[1], closed.token_sha256):
        raise gone(closed.name)
    name = f"certificate-of-closing-{request.get_host().partition('.')[0]}.txt"
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return headers.dress(HttpResponse(closed.certificate, "text/plain; charset=utf-8", headers=disposition))


def digest(token: str) -> str:
    """What is kept of the link's token."""
    return sha256(token.encode()).hexdigest()


def _is_token(token: str, kept: str) -> bool:
    return bool(kept) and hmac.compare_digest(digest(token), kept)
