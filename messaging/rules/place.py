"""Where a device was used last, coarsely: the zone its own clock is set to, and the network it came from without the part that
names a household. No location service is asked. Pure."""

import ipaddress
import json
import re
from dataclasses import asdict, dataclass

ZONE = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}")
LONGEST_ZONE = 60


@dataclass(frozen=True)
class Place:
    """`zone` as the device tells it ("Europe/Berlin", "" if it tells none); `network` as the server saw it ("203.0.113.0/24",
    "" for an address of the house itself)."""

    zone: str = ""
    network: str = ""

    def encode(self) -> bytes:
        return json.dumps(asdict(self)).encode()


def decode(raw: bytes) -> Place:
    return Place(**json.loads(raw))


def of(zone: object, address: str) -> Place:
    return Place(_zone(zone), _network(address))


def _zone(told: object) -> str:
    if not isinstance(told, str) or len(told) > LONGEST_ZONE or not ZONE.fullmatch(told):
        return ""
    return told


def _network(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    mapped = getattr(found, "ipv4_mapped", None) or found
    if not mapped.is_global:
        return ""
    return str(ipaddress.ip_network((mapped, 24 if mapped.version == 4 else 48), strict=False))
