"""What every answer carries: a policy that runs no inline code, and nothing kept by any cache."""

import functools
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpResponseBase

View = Callable[..., HttpResponseBase]
_SOURCES = "; ".join([
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data: blob:", "connect-src 'self'",
    "font-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'", "manifest-src 'self'",
    "worker-src 'self'",
])  # fmt: skip
# Strings become markup or the address of a script by one small module only (`static/js/trusted.js`), whose policy is named here.
POLICY = _SOURCES + "; require-trusted-types-for 'script'; trusted-types ebb"
FEATURES = "camera=(), geolocation=(), microphone=(), payment=(), usb=(), interest-cohort=()"
YEAR = 365 * 86400

FIXED = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": FEATURES,
    "Referrer-Policy": "same-origin",  # "no-referrer" makes browsers post forms with Origin: null
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def of_swagger(view: View) -> View:
    """The pages of the API run a program that is not ours and writes markup of its own making."""

    @functools.wraps(view)
    def dressed(*args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(*args, **kwargs)
        if response.status_code == 200:
            response.headers["Content-Security-Policy"] = _SOURCES
        return response

    return dressed


def dress(response: HttpResponseBase) -> HttpResponseBase:
    """Add what is missing; a view that knows better (the service worker's script) has set its own already."""
    for name, value in FIXED.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    if settings.EBB_SCHEME == "https":
        response.headers.setdefault("Strict-Transport-Security", f"max-age={YEAR}; includeSubDomains")
    return response
