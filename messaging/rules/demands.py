"""What a business asks of devices. Pure."""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Demands:
    """`app_lock`: offered or required; a page closes after so many seconds without a touch (`app_lock_after`). `idle_days`: a
    device that was not seen for so long ends (0: never). `ends_an_hour`: devices that staff and programs wipe or sign out before
    a second person is asked."""

    app_lock: str = "offered"
    app_lock_after: int = 300
    idle_days: int = 90
    ends_an_hour: int = 10

    def is_idle(self, seen_at: datetime | None, now: datetime) -> bool:
        return bool(self.idle_days and seen_at and seen_at <= now - timedelta(days=self.idle_days))


NAMES = tuple(one.name for one in fields(Demands))
