"""Notices as text messages: by Twilio, by any provider that speaks our small HTTP dialect, or to the console of a demo.

The dialect (docs/protocol.md): POST {"id", "to", "from", "text", "until"} with `Authorization: Bearer` and `Idempotency-Key`,
the notice's id; a repeat of an id answers as the first did. 2xx took it (`id` of the answer is its own reference), 503 and 429
ask to come back, 401 and 403 do not know us, any other 4xx will never take it (`code`: bad_number, opted_out), and after any
other 5xx nobody knows.
"""

import json
import sys
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings

from messaging.notices import (
    AWAY,
    BAD_ADDRESS,
    BUSY,
    CREDENTIALS,
    NOT_SET_UP,
    OPTED_OUT,
    REFUSED,
    Account,
    Answer,
    Outgoing,
    Way,
    failed,
    retry,
    sent,
    unsure,
)
from messaging.notices import words as wording
from portal.kernel import clock, wire

# https://www.twilio.com/docs/api/errors
TWILIO_WHY = {
    21610: OPTED_OUT, 21211: BAD_ADDRESS, 21214: BAD_ADDRESS, 21217: BAD_ADDRESS, 21401: BAD_ADDRESS, 21407: BAD_ADDRESS,
    21421: BAD_ADDRESS, 21614: BAD_ADDRESS, 30003: BAD_ADDRESS, 30005: BAD_ADDRESS, 30006: BAD_ADDRESS,
}  # fmt: skip
WHY = {"opted_out": OPTED_OUT, "bad_number": BAD_ADDRESS}
TWILIO_LONGEST = 36_000  # seconds a text may wait at Twilio before it is dropped


def open_(account: Account) -> Way:
    """By the provider that this installation is set up with."""
    kinds: dict[str, Callable[[Account], Way]] = {"twilio": Twilio, "http": Http, "console": Console}
    return kinds[settings.EBB_SMS_PROVIDER](account) if settings.EBB_SMS_PROVIDER else Nobody(account)


class Nobody:
    """No provider is set up."""

    knows_repeats, at_once, is_one_provider = True, 1, True

    def __init__(self, account: Account) -> None: ...

    def send(self, notice: Outgoing) -> Answer:
        return retry(NOT_SET_UP)

    def close(self) -> None: ...


class Console:
    """For a demo: to this process's own output, link and all."""

    knows_repeats, at_once, is_one_provider = True, 1, True

    def __init__(self, account: Account) -> None: ...

    def send(self, notice: Outgoing) -> Answer:
        print(f"SMS to {notice.to}: {wording.say(notice).text}", file=sys.stdout, flush=True)
        return sent(str(notice.id))

    def close(self) -> None: ...


class _OverHttp:
    """`named`: under which name the answer tells the provider's own id."""

    knows_repeats, at_once, is_one_provider = True, 8, True
    named = "id"

    def __init__(self, account: Account) -> None:
        self.account = account

    def send(self, notice: Outgoing) -> Answer:
        if not self.account.secret or not self.account.sender:
            return retry(NOT_SET_UP)
        url, headers, body = self.request(notice)
        try:
            return self.answer(wire.post(url, headers=headers, body=body, seconds=settings.EBB_SMS_SECONDS))
        except wire.NotReached:
            return retry(AWAY)
        except wire.Unsure:
            return unsure()

    def close(self) -> None: ...

    def request(self, notice: Outgoing) -> tuple[str, dict[str, str], bytes]:
        raise NotImplementedError

    def why(self, told: dict[str, Any]) -> str:
        raise NotImplementedError

    def answer(self, reply: wire.Reply) -> Answer:
        told = _parsed(reply.body)
        if 200 <= reply.status < 300:
            return sent(str(told.get(self.named, "")))
        if reply.status in {401, 403}:
            return retry(CREDENTIALS)
        if reply.status in {408, 425, 429, 503}:
            return retry(BUSY, wire.seconds(reply.headers.get("retry-after", "")))
        return unsure() if reply.status >= 500 else failed(self.why(told))


class Http(_OverHttp):
    def request(self, notice: Outgoing) -> tuple[str, dict[str, str], bytes]:
        body = {
            "id": str(notice.id), "to": notice.to, "from": self.account.sender, "text": wording.say(notice).text,
            "until": clock.text(notice.until),
        }  # fmt: skip
        headers = {
            "Authorization": f"Bearer {self.account.secret}", "Content-Type": "application/json",
            "Idempotency-Key": str(notice.id), "Accept": "application/json",
        }  # fmt: skip
        return settings.EBB_SMS_URL, headers, json.dumps(body).encode()

    def why(self, told: dict[str, Any]) -> str:
        return WHY.get(str(told.get("code")), REFUSED)


class Twilio(_OverHttp):
    """https://www.twilio.com/docs/messaging/api/message-resource. It knows no idempotency key: what nobody answered for is not
    sent again; its report comes back by the door for providers, or never."""

    knows_repeats, named = False, "sid"

    def request(self, notice: Outgoing) -> tuple[str, dict[str, str], bytes]:
        account = self.account
        named = "MessagingServiceSid" if account.sender.startswith("MG") else "From"
        fields = {
            "To": notice.to,
            named: account.sender,
            "Body": wording.say(notice).text,
            "ValidityPeriod": str(max(1, min(notice.left, TWILIO_LONGEST))),
            "StatusCallback": f"{account.hook_url}?notice={notice.id}",
        }
        secret = b64encode(f"{account.account}:{account.secret}".encode()).decode()
        headers = {"Authorization": f"Basic {secret}", "Content-Type": "application/x-www-form-urlencoded"}
        url = f"{settings.EBB_SMS_URL or 'https://api.twilio.com'}/2010-04-01/Accounts/{quote(account.account)}/Messages.json"
        return url, headers, urlencode(fields).encode()

    def why(self, told: dict[str, Any]) -> str:
        code = told.get("code")
        return TWILIO_WHY.get(code, REFUSED) if isinstance(code, int) else REFUSED


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
