"""One event to one webhook: signed, posted, its answer's status looked at and the rest forgotten."""

import logging
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings

from messaging.rules import webhook as rules
from portal.kernel import clock, wire

log = logging.getLogger("ebb.webhooks")


@dataclass(frozen=True)
class Parcel:
    """What leaves, and where to. `secrets`: those that sign now."""

    id: UUID
    url: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    body: bytes
    attempt: int


@dataclass(frozen=True)
class Answer:
    """`status` is None where none came; `why` is empty where it was taken; `wait` the seconds that the receiver asked for."""

    status: int | None = None
    why: str = ""
    wait: int = 0


def send(parcel: Parcel) -> Answer:
    try:
        reply = wire.post(
            parcel.url, headers=_headers(parcel), body=parcel.body, seconds=settings.EBB_WEBHOOK_SECONDS,
            may_reach=wire.outside_only,
        )  # fmt: skip
    except wire.Inside:
        return Answer(why="address_inside")
    except wire.NotReached:
        return Answer(why="not_reached")
    except wire.Unsure:
        return Answer(why="no_answer")
    except Exception as error:  # noqa: BLE001 - whatever an answer may bring about: unsettled, it would be sent for ever
        log.warning("webhook_trouble", extra={"kind": type(error).__name__})
        return Answer(why="no_answer")
    if 200 <= reply.status < 300:
        return Answer(reply.status)
    why = "redirected" if 300 <= reply.status < 400 else "refused"
    return Answer(reply.status, why, wire.seconds(reply.headers.get("retry-after", "")))


def _headers(parcel: Parcel) -> dict[str, str]:
    sent_at, message_id = str(int(clock.now().timestamp())), str(parcel.id)
    signed = rules.signatures(secrets=parcel.secrets, message_id=message_id, sent_at=sent_at, body=parcel.body)
    return {
        "Content-Type": "application/json", "User-Agent": "Ebb-Webhooks/1", "webhook-id": message_id,
        "webhook-timestamp": sent_at, "webhook-signature": signed,
    }  # fmt: skip
