"""Where a browser asks to be pushed to. The customer's browser names an address that our workers will call, so it is looked at as
what it is, somebody else's: https only, a push service that this installation knows, the shape that the standard gives it. Pure."""

import base64
import binascii
import json
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from portal.kernel.errors import Refusal
from portal.sealing import errors, webpush

LONGEST = 1000  # characters of an address; real ones have 150 to 700


@dataclass(frozen=True)
class Subscription:
    """`endpoint` is a secret of its own kind: whoever knows it and a key of ours can push there."""

    endpoint: str
    browser: webpush.Browser

    def encode(self) -> bytes:
        found = {"endpoint": self.endpoint, "p256dh": webpush.text(self.browser.public)}
        return json.dumps({**found, "auth": webpush.text(self.browser.secret)}).encode()


def decode(raw: bytes) -> Subscription:
    kept = json.loads(raw)
    return Subscription(kept["endpoint"], webpush.Browser(_bytes(kept["p256dh"]), _bytes(kept["auth"])))


def bad_subscription() -> Refusal:
    return Refusal("bad_subscription", "That is not a push subscription as browsers make them.", field="endpoint")


def unknown_service() -> Refusal:
    return Refusal("unknown_push_service", "That browser's push service is not known here.", field="endpoint")


def check(given: dict[str, object], services: Collection[str]) -> Subscription:
    """`given` as `PushSubscription.toJSON()` writes it: {"endpoint", "keys": {"p256dh", "auth"}}."""
    endpoint, keys = given.get("endpoint"), given.get("keys")
    if not isinstance(endpoint, str) or not isinstance(keys, dict) or not _is_shaped(endpoint):
        raise bad_subscription()
    if not is_known(endpoint, services):
        raise unknown_service()
    public, secret = _bytes(keys.get("p256dh")), _bytes(keys.get("auth"))
    try:
        webpush.check_public(public)
    except errors.Unsealable:
        raise bad_subscription() from None
    if len(secret) != webpush.SECRET_BYTES:
        raise bad_subscription()
    return Subscription(endpoint, webpush.Browser(public, secret))


def is_known(endpoint: str, services: Collection[str]) -> bool:
    """A service by its name (and port, where it is not the usual one), or everything below a name that begins with a dot.

    >>> is_known("https://fcm.googleapis.com/x", ["fcm.googleapis.com"]), is_known("https://10.0.0.1/x", [".apple.com"])
    (True, False)
    """
    parts = urlsplit(endpoint)
    if parts.scheme != "https":
        return False
    host = parts.netloc.lower()
    return any(host.endswith(one) and ":" not in host if one.startswith(".") else host == one for one in services)


def origin(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _is_shaped(endpoint: str) -> bool:
    """ASCII that can be seen, https, a host without a user, a path that names somebody, no fragment."""
    if len(endpoint) > LONGEST or not all("!" <= one <= "~" for one in endpoint):
        return False
    try:
        parts = urlsplit(endpoint)
        is_named = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
    return (
        parts.scheme == "https" and is_named and "@" not in parts.netloc and len(parts.path) > 1 and not parts.fragment
    )


def _bytes(text: object) -> bytes:
    """base64url, padded or not; anything else is empty."""
    if not isinstance(text, str) or len(text) > 200:
        return b""
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return b""
