"""The front desk as a device hears of it, and the text of its automatic answer: the business's own, sealed under its key."""

from datetime import datetime
from zoneinfo import ZoneInfo

from messaging.models import Policy
from messaging.queries import policy
from messaging.rules import frontdesk
from portal.kernel import clock, keys, tenancy

ANSWER = "policy.answer"


def told(now: datetime) -> dict[str, object]:
    """{"opens_at" (null: open), "emergency_number", "watermark", "closes_at" (null: nobody closes the business)}."""
    desk, opens, closes = policy.get_policy().desk, opens_at(now), tenancy.here().closes_at
    return {
        "opens_at": clock.text(opens) if opens else None, "emergency_number": desk.emergency_number, "watermark": desk.watermark,
        "closes_at": clock.text(closes) if closes else None,
    }  # fmt: skip


def opens_at(now: datetime) -> datetime | None:
    """When somebody reads again what customers write; None: now."""
    current = policy.get_policy()
    return frontdesk.opens_at(current.desk.opening, now, ZoneInfo(current.time_zone))


def own_answer() -> str:
    sealed = Policy.objects.filter(id=1).values_list("sealed_answer", flat=True).first()
    return keys.open_field(ANSWER, tenancy.here().id, bytes(sealed)).decode() if sealed else ""


def seal_answer(text: str) -> bytes:
    return keys.seal_field(ANSWER, tenancy.here().id, text.encode()) if text else b""
