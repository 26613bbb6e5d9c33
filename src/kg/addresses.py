"""Say which network addresses a name may lead to: who lists a public name means a public machine.

A name that resolves to this machine or to the network around it is how a stranger, who only owns
the name, gets at what stands behind us.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

__all__ = ["is_chosen", "is_public", "may_have"]

# Addresses of IPv4 as those see them who have only IPv6 (RFC 6052).
_NAT64 = IPv6Network("64:ff9b::/96")


def may_have(host: str, addresses: Iterable[str]) -> bool:
    """Whether the host of a listed endpoint may have these addresses.

    >>> may_have("example.org", ["93.184.216.34", "127.0.0.1"]), may_have("localhost", ["127.0.0.1"])
    (False, True)
    """
    return is_chosen(host) or all(map(is_public, addresses))


def is_chosen(host: str) -> bool:
    """Whether the operator named a machine and not just a name: by its address, or in the local network.

    >>> is_chosen("10.0.0.7"), is_chosen("virtuoso"), is_chosen("intranet.example.org")
    (True, True, False)
    """
    return "." not in host or _read(host) is not None


def is_public(address: str) -> bool:
    """Whether an address is one of the internet's, also where it holds another.

    >>> is_public("2001:4860:4860::8888"), is_public("::ffff:169.254.169.254"), is_public("fe80::1%eth0")
    (True, False, False)
    """
    ip = _read(address)
    inner = _inner(ip) if isinstance(ip, IPv6Address) else None
    if inner is not None:
        return is_public(str(inner))
    return ip is not None and ip.is_global and not ip.is_multicast and not ip.is_reserved


def _inner(ip: IPv6Address) -> IPv4Address | None:
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)


def _read(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
