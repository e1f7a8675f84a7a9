"""Which IP addresses are public: those by which everyone is reached, and nobody who is only near.

From IANA's registries of special-purpose addresses (RFC 6890) and of IPv6's address space. Python's `is_global` lets
some of them pass, and each version of it others.
"""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_V4 = (
    *("0.0.0.0/8", "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"),
    "100.64.0.0/10",  # behind a provider's translation
    "192.0.0.0/24",  # protocols' own
    *("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"),  # for examples
    *("192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.175.48.0/24"),  # nearest of many
    "198.18.0.0/15",  # for measurements
    *("224.0.0.0/4", "240.0.0.0/4"),  # to many, and for later
    "168.63.129.16/32",  # a cloud's way to the machine below: Azure's
)
_V6_GLOBAL = "2000::/3"  # the only part that is given out to be reached by everyone
_V6 = (
    "2001::/23",  # protocols' own, with tunnels (Teredo) and identifiers that are no addresses
    *("2001:db8::/32", "3fff::/20"),  # for examples
    "2002::/16",  # an IPv4 address in a tunnel (6to4)
    "2620:4f:8000::/48",  # nearest of many
)
_V6_AROUND_V4 = ("::ffff:0:0/96", "64:ff9b::/96")  # mapped, and translated: as public as the address inside

_SPECIAL_V4 = tuple(map(ipaddress.IPv4Network, _V4))
_GLOBAL_V6 = ipaddress.IPv6Network(_V6_GLOBAL)
_SPECIAL_V6 = tuple(map(ipaddress.IPv6Network, _V6))
_AROUND_V4 = tuple(map(ipaddress.IPv6Network, _V6_AROUND_V4))


def is_public(address: str) -> bool:
    """Whether an IP address is reachable by everyone, and so no way into the server's own network."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if any(ip in network for network in _AROUND_V4):
        ip = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in _SPECIAL_V4)
    return ip in _GLOBAL_V6 and not any(ip in network for network in _SPECIAL_V6)
