"""Is an address of the network outside: somewhere that a stranger may make our workers call? Pure.

What is not plainly public is inside: loopback, private and shared ranges, link-local (where clouds keep their metadata), and
everything of IPv6 that carries an IPv4 address in it, which is judged by what it carries or refused.
"""

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Public by their range, or by Python's list of ranges, and yet inside: clouds' own servers, protocols' addresses; IPv6 that tunnels
# to an IPv4 address, or carries one in a way that only one network knows.
_INSIDE = [
    ipaddress.ip_network(one)
    for one in (
        "168.63.129.16/32",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "64:ff9b:1::/48",
        "2002::/16",
        "2001::/23",
        "::/96",
        "fec0::/10",
        "3fff::/20",
        "5f00::/16",
    )
]


def is_outside(address: str, but: Collection[str] = ()) -> bool:
    """`but`: ranges that the operator lets be called all the same.

    >>> [is_outside(one) for one in ("93.184.215.14", "10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1")]
    [True, False, False, False]
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        found = _carried(found)
    if any(found in ipaddress.ip_network(one) for one in but):
        return True
    inside = any(found in one for one in _INSIDE) or found.is_multicast or found.is_reserved or found.is_unspecified
    return found.is_global and not inside


def is_https(url: str) -> bool:
    """An https address with a host, and without a name, a password or a fragment in it."""
    if not url or not all("!" <= one <= "~" for one in url):
        return False
    try:
        parts = urlsplit(url)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    return (
        parts.scheme == "https" and bool(parts.hostname) and has_port and "@" not in parts.netloc and not parts.fragment
    )


def is_plainly_inside(url: str, but: Collection[str]) -> bool:
    """Without asking what its name stands for, which is looked at each time that something is sent there."""
    host = urlsplit(url).hostname or ""
    return (host == "localhost" and not but) or (_is_address(host) and not is_outside(host, but))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _carried(found: ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Where a packet to it really goes."""
    if found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return ipaddress.IPv4Address(int(found) & 0xFFFFFFFF) if found in _NAT64 else found
