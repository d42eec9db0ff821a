"""Webhooks: which events there are, what their payload is, when a delivery is tried again, when a hook is given up. Pure.

Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from messaging.rules import hooks
from portal.kernel import outside
from portal.kernel.errors import Refusal

EVENTS: dict[str, str] = {
    "message.delivered": "A device acknowledged messages",
    "message.ended_unread": "Messages ended before any device had them",
    "message.received": "A customer wrote",
    "campaign.finished": "A run of a campaign is over",
    "device.wiped": "A device signed that it emptied itself",
}
TEST = "webhook.test"  # asked for by hand, whatever a hook listens to
MOST_TOLD = 500  # messages in one payload: what happens at once is told at once
MARK = "whsec_"
LONGEST = 500  # characters of an address
BOTH_SIGN_FOR = timedelta(hours=24)
GIVEN_UP_AFTER = timedelta(days=5)
# After the first try, as the standard proposes: two days and some hours in all.
_WAITS = [timedelta(seconds=one) for one in (5, 300, 1800, 7200, 18000, 36000, 50400, 72000)]


def bad_url() -> Refusal:
    return Refusal(
        "bad_url", "Give an https address, without a name or password in it, of up to 500 characters.", field="url"
    )


def inside_url() -> Refusal:
    return Refusal("address_inside", "That address is not on the public internet.", field="url")


def check_url(raw: str, but: Collection[str]) -> str:
    """A host's name is resolved, and looked at, each time something is sent there; a bare address is looked at now."""
    if len(raw) > LONGEST or not outside.is_https(raw):
        raise bad_url()
    if outside.is_plainly_inside(raw, but):
        raise inside_url()
    return raw


def check_events(given: Sequence[str]) -> list[str]:
    if not given:
        raise Refusal("event_missing", "Choose at least one event.", field="events")
    if unknown := sorted(set(given) - EVENTS.keys()):
        raise Refusal("unknown_event", "There is no such event.", field="events", events=unknown)
    return sorted(set(given))


def payload(*, event: str, at: datetime, data: Mapping[str, object]) -> bytes:
    """What is signed and sent. Ids, states and counts: never a word, a name or an address."""
    stamp = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"type": event, "timestamp": stamp, "data": data}, separators=(",", ":")).encode()


def signatures(*, secrets: Sequence[str], message_id: str, sent_at: str, body: bytes) -> str:
    """One for each secret that is good now, so that a receiver may change over in its own time."""
    return " ".join(
        hooks.sign(key=b64decode(one.removeprefix(MARK)), message_id=message_id, sent_at=sent_at, body=body)
        for one in secrets
    )  # fmt: skip


def secret_of(raw: bytes) -> str:
    return MARK + b64encode(raw).decode()


def again_at(*, now: datetime, attempts: int, chance: float, wait: timedelta) -> datetime | None:
    """None: no more tries. `chance` from 0 to 1 spreads what failed together; `wait` is what the receiver asked for."""
    if attempts > len(_WAITS):
        return None
    return now + max(_WAITS[attempts - 1] * (0.8 + 0.4 * chance), wait)
