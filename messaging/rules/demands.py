"""What a business asks of devices. Pure."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Demands:
    """`ends_an_hour`: devices that its staff and programs wipe or sign out before a second person is asked."""

    ends_an_hour: int = 10


NAMES = tuple(one.name for one in fields(Demands))
