"""What a business asks of devices. Pure."""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from portal.kernel.errors import Refusal


@dataclass(frozen=True)
class Demands:
    """`second_factor` of an enrolment: none, passphrase or code. `app_lock`: offered or required; a page closes after so many
    seconds without a touch (`app_lock_after`). `idle_days`: a device that was not seen for so long ends (0: never).
    `ends_an_hour`: devices that staff and programs wipe or sign out before a second person is asked."""

    second_factor: str = ""
    app_lock: str = "offered"
    app_lock_after: int = 300
    idle_days: int = 90
    ends_an_hour: int = 10

    def is_idle(self, seen_at: datetime | None, now: datetime) -> bool:
        return bool(self.idle_days and seen_at and seen_at <= now - timedelta(days=self.idle_days))


SECOND_FACTORS = ("", "passphrase", "code")
APP_LOCKS = ("offered", "required")
RANGES = {"app_lock_after": (30, 3600), "idle_days": (0, 400), "ends_an_hour": (0, 100)}


def check(wanted: Demands) -> None:
    """Refuses `bad_demand` with the field."""
    for name, choices in (("second_factor", SECOND_FACTORS), ("app_lock", APP_LOCKS)):
        if getattr(wanted, name) not in choices:
            raise Refusal("bad_demand", "That is not one of the choices.", field=name)
    for name, (least, most) in RANGES.items():
        if not least <= getattr(wanted, name) <= most:
            raise Refusal("bad_demand", f"That is a whole number from {least} to {most}.", field=name)


NAMES = tuple(one.name for one in fields(Demands))
