"""Where a request comes from and how its sender calls us, behind proxies too.

What a proxy says of it counts only if the proxy is trusted; anyone else could say anything.
Source: https://www.rfc-editor.org/rfc/rfc7239
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from kg.settings import Settings

__all__ = ["Address", "Origin", "Origins"]

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_FAMILY = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-prefix")
_PAIR = re.compile(r'\s*([A-Za-z]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;,"]*)\s*(?:([;,])|$)')
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_PREFIX = re.compile(r"(?:/(?:[A-Za-z0-9._~-]|%[0-9A-Fa-f]{2})+)*/?")


@dataclass(frozen=True, slots=True)
class Origin:
    """`address` is the client's, None where it can't be told; `url` is ours as the client knows it."""

    address: Address | None
    url: str


class Origins:
    """Reads where requests come from; `url` is what we are called where a request doesn't say."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._trusted = settings.proxies()

    def of(self, client: str | None, scheme: str, headers: Mapping[str, str]) -> Origin:
        """Return the origin of a request that came from the address `client` by itself.

        >>> headers = {"x-forwarded-for": "203.0.113.9, 10.0.0.2", "x-forwarded-host": "kg.example.org"}
        >>> Origins(Settings(trusted_proxies="10.0.0.0/8")).of("10.0.0.1", "http", headers)
        Origin(address=IPv4Address('203.0.113.9'), url='http://kg.example.org')
        >>> Origins(Settings()).of("10.0.0.1", "http", headers)
        Origin(address=IPv4Address('10.0.0.1'), url='http://127.0.0.1:8000')
        """
        address = _address(client or "")
        host, prefix = headers.get("host", ""), ""
        if address and self._trusted and self._trusts(address):
            said = _said(headers)
            address = self._client(address, said.get("for", ()))
            scheme = _first(said, "proto") or scheme
            host, prefix = _first(said, "host") or host, _first(said, "prefix")
        return Origin(address, self._url(scheme, host, prefix))

    def _url(self, scheme: str, host: str, prefix: str) -> str:
        usable = scheme in {"http", "https"} and _is_host(host) and _PREFIX.fullmatch(prefix)
        if self._settings.public_url or not usable:
            return self._settings.url
        return f"{scheme}://{host}{prefix.rstrip('/')}"

    def _client(self, peer: Address, path: Iterable[str]) -> Address:
        """Return the last address of the path, from us on, that is no proxy of ours."""
        for hop in reversed(list(path)):
            address = _address(hop)
            if address is None or not self._trusts(peer):
                break
            peer = address
        return peer

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def _said(headers: Mapping[str, str]) -> dict[str, list[str]]:
    """Return what the headers of a proxy say, by for, proto, host and prefix.

    >>> _said({"forwarded": 'for="[2001:db8::1]:80";proto=https, for=10.0.0.2'})
    {'for': ['[2001:db8::1]:80', '10.0.0.2'], 'proto': ['https']}
    """
    said: dict[str, list[str]] = {}
    if any(name in headers for name in _FAMILY):
        for name in _FAMILY:
            if name in headers:
                said[name.removeprefix("x-forwarded-")] = [each.strip() for each in headers[name].split(",")]
        return said
    for name, value, _ in _PAIR.findall(headers.get("forwarded", "")):
        text = re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
        said.setdefault(name.lower(), []).append(text)
    return said


def _first(said: Mapping[str, list[str]], name: str) -> str:
    """Return what the proxy nearest to the client said."""
    return said.get(name, [""])[0]


def _is_host(text: str) -> bool:
    """Whether an IRI may name this host.

    >>> _is_host("[::1]:80"), _is_host("kg.example.org"), _is_host("[:::]"), _is_host("a:b"), _is_host("[")
    (True, True, False, False, False)
    """
    return bool(_HOST.fullmatch(text)) and (not text.startswith("[") or _address(text) is not None)


@lru_cache(maxsize=4_096)
def _address(text: str) -> Address | None:
    """Return an address, which may have a port; None for a name or what hides one.

    >>> _address("[2001:db8::1]:8080"), _address("192.0.2.1:80"), _address("unknown")
    (IPv6Address('2001:db8::1'), IPv4Address('192.0.2.1'), None)
    """
    bracketed = re.fullmatch(r"\[([^\]]+)\](?::\d+)?", text)
    plain = bracketed[1] if bracketed else text.partition(":")[0] if text.count(":") == 1 else text
    try:
        address = ip_address(plain)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
