"""What became of an e-mail. A notice that could not be sent is due again later, by a pause that grows with its age."""

from datetime import datetime, timedelta
from uuid import UUID

from messaging.models import Message

SHORTEST, LONGEST = timedelta(minutes=1), timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=2)


def again_later(*, now: datetime, message_id: UUID) -> None:
    """Doubling: as long again as the message is old, between a minute and an hour; after two days never."""
    row = Message.objects.filter(id=message_id, outcome="", ended_at__isnull=True).first()
    if row is None or row.sent_at is None or now - row.sent_at > GIVE_UP_AFTER:
        return
    pause = min(max(now - row.sent_at, SHORTEST), LONGEST)
    Message.objects.filter(id=message_id, outcome="", notify_at__isnull=True).update(notify_at=now + pause)
