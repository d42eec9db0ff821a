"""From where a key may be used: ranges of addresses (CIDR). Pure."""

import ipaddress
from collections.abc import Iterable, Sequence

from portal.kernel.errors import Refusal

MOST = 20  # ranges of one key

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def check(given: Iterable[str]) -> list[str]:
    """→ each as it is written in full, once, sorted. A single address is a range of one.

    >>> check(["203.0.113.7", " 2001:db8::/32 "])
    ['2001:db8::/32', '203.0.113.7/32']
    """
    ranges = {str(_parse(one.strip())) for one in given if one.strip()}
    if len(ranges) > MOST:
        raise Refusal("too_many_ranges", f"A key can have {MOST} address ranges.", field="networks")
    return sorted(ranges)


def is_within(address: str, ranges: Sequence[str]) -> bool:
    """No range is everywhere. An IPv4 address that arrives in IPv6's clothes is the IPv4 address it is.

    >>> is_within("::ffff:203.0.113.7", ["203.0.113.0/24"]), is_within("", ["0.0.0.0/0"]), is_within("", [])
    (True, False, True)
    """
    if not ranges:
        return True
    try:
        found = ipaddress.ip_address(address)
    except ValueError:  # a local socket has no address: it is in no range
        return False
    found = (found.ipv4_mapped or found) if isinstance(found, ipaddress.IPv6Address) else found
    return any(found in ipaddress.ip_network(one) for one in ranges)


def _parse(raw: str) -> Network:
    """Host bits that are set would leave open which range was meant; a zone (`%eth0`) means something on one machine only."""
    try:
        return ipaddress.ip_network("" if "%" in raw else raw)
    except ValueError:
        raise Refusal(
            "bad_range", "Write address ranges like 203.0.113.0/24 or 2001:db8::/32, one a line.", field="networks"
        ) from None
