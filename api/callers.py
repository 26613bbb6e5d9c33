"""Who asks: what limits per caller count by, and who may stop a query.

A caller is a token, else an address. Those who share an address share its limits; a token parts them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_network
from typing import Protocol

from api.forwarded import Address, Origin

__all__ = ["NOBODY", "Asking", "Caller", "TokenName", "caller_of"]

# Returns the name of a token by the Authorization header, None for one that isn't known.
TokenName = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Caller:
    """`key` tells callers apart; `kind` is token, address, loopback or unknown, and all that logs say.

    One that is `local` asks from this machine.
    """

    key: str
    kind: str
    local: bool = False


NOBODY = Caller("unknown", "unknown")


class Asking(Protocol):
    """What a caller is known by; an `Exchange` has it."""

    headers: dict[str, str]
    origin: Origin


def caller_of(exchange: Asking, token_name: TokenName | None = None) -> Caller:
    """Return whose request this is; a token counts once `token_name` knows it."""
    address = exchange.origin.address
    caller = _by_address(address) if address else NOBODY
    authorization = exchange.headers.get("authorization")
    if token_name and authorization and (name := token_name(authorization)):
        return Caller(f"token {name}", "token", caller.local)
    return caller


@lru_cache(maxsize=4_096)
def _by_address(address: Address) -> Caller:
    """Return the caller at an address.

    >>> _by_address(IPv6Address("2001:db8::1:2:3:4"))
    Caller(key='2001:db8::/64', kind='address', local=False)
    """
    kind = "loopback" if address.is_loopback else "address"
    if isinstance(address, IPv6Address) and not address.is_loopback:
        # One customer of a provider has a whole /64 to choose from.
        return Caller(str(ip_network((address, 64), strict=False)), kind)
    return Caller(str(address), kind, address.is_loopback)
