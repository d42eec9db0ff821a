"""Is it really the provider who says this? Pure.

Ours: Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md): HMAC-SHA256
over `id.timestamp.body`. Twilio's: HMAC-SHA1 over the address and the sorted fields
(https://www.twilio.com/docs/usage/security#validating-requests).
"""

import hmac
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime

TOLERANCE = 300  # seconds


def is_signed(*, secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
    """`webhook-id`, `webhook-timestamp` and one good `v1,…` among the signatures."""
    message_id, sent_at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not secret or not message_id or not sent_at.isascii() or not sent_at.isdigit() or len(sent_at) > 12:
        return False
    if abs(now.timestamp() - int(sent_at)) > TOLERANCE:
        return False
    wanted = sign(key=secret.encode(), message_id=message_id, sent_at=sent_at, body=body).encode()
    given = headers.get("webhook-signature", "").split()[:10]
    return any(hmac.compare_digest(one.encode(), wanted) for one in given)


def sign(*, key: bytes, message_id: str, sent_at: str, body: bytes) -> str:
    signed = b".".join([message_id.encode(), sent_at.encode(), body])
    return "v1," + b64encode(hmac.digest(key, signed, "sha256")).decode()


def is_twilios(*, secret: str, url: str, fields: Mapping[str, str], signature: str) -> bool:
    if not secret:
        return False
    signed = url + "".join(name + fields[name] for name in sorted(fields))
    wanted = b64encode(hmac.digest(secret.encode(), signed.encode(), "sha1"))
    return hmac.compare_digest(signature.encode(), wanted)
