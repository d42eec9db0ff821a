"""Whose tries are counted together, as far as an address tells."""

import ipaddress

OF_ONE_CUSTOMER = (
    64  # bits: a provider gives each of its customers at least such a network (RFC 6177), so it is one hand's
)


def of(address: str) -> str:
    """IPv4 as it is, the network of IPv6; what is no address stands for itself.

    >>> [of(one) for one in ("192.0.2.1", "::ffff:192.0.2.1", "2001:db8::a:b:c:d", "fe80::1%eth0", "local")]
    ['192.0.2.1', '192.0.2.1', '2001:db8::/64', 'fe80::/64', 'local']
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or ipaddress.ip_network((found, OF_ONE_CUSTOMER), strict=False))
