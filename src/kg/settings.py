"""What an operator may set: read from the environment once, and loud about mistakes.

Every setting is a variable `KG_<NAME>`; docs/settings.md explains each.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kg.errors import SettingsError

__all__ = ["Settings"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Shapes: one immutable value; units stand in the names (seconds, megabytes)."""

    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str = ""
    content: Path = Path()
    home: Path = Path("var")
    time_limit_s: float = 30.0
    stream_limit_s: float = 300.0
    idle_limit_s: float = 30.0
    memory_limit_mb: int = 512
    workers: int = 2 * (os.cpu_count() or 1)
    queue: int = 64
    rate: float = 20.0
    max_rows: int = 0
    cache_mb: float = 64.0
    trusted_proxies: str = ""
    log: str = "json"
    body_limit_mb: float = 10.0
    default_graph: str = "merge"
    tokens: str = ""
    services: tuple[str, ...] = ()
    service_time_limit_s: float = 10.0
    service_size_limit_mb: float = 10.0
    publisher_name: str = "Techniekpact Knowledge Graph"
    contact_url: str = ""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ, **overrides: Any) -> Settings:
        """Return the settings of this process; `overrides` (the command line) win.

        Raises: SettingsError naming the variable, its value, and what it should be.

        >>> Settings.from_environment({"KG_WORKERS": "3"}).workers
        3
        """
        values: dict[str, Any] = {}
        known = {f"KG_{name.upper()}": name for name in cls.__dataclass_fields__}
        # What the checks outside the service read is not a setting of the service.
        elsewhere = {"KG_CONFORMANCE_DIR", "KG_SOURCES_DIR"}
        for variable in environ:
            if variable.startswith("KG_") and variable not in known and variable not in elsewhere:
                raise SettingsError(f"{variable} is not a setting. Known: {', '.join(sorted(known))}.")
        if "PORT" in environ:
            values["port"] = _read("PORT", environ["PORT"], int)
        for variable, name in known.items():
            if variable in environ:
                kind = _KINDS[str(cls.__dataclass_fields__[name].type)]
                values[name] = _read(variable, environ[variable], kind)
        values.update({name: value for name, value in overrides.items() if value is not None})
        return cls(**values)

    def __post_init__(self) -> None:
        for name in (
            "time_limit_s",
            "stream_limit_s",
            "idle_limit_s",
            "memory_limit_mb",
            "workers",
            "body_limit_mb",
            "service_time_limit_s",
            "service_size_limit_mb",
        ):
            if not 0 < getattr(self, name) < math.inf:
                raise SettingsError(f"KG_{name.upper()}={getattr(self, name)} must be a number above 0.")
        if self.default_graph not in ("merge", "own"):
            raise SettingsError(f"KG_DEFAULT_GRAPH={self.default_graph} must be merge or own.")
        for name in ("queue", "rate", "max_rows", "cache_mb"):
            if not 0 <= getattr(self, name) < math.inf:
                raise SettingsError(f"KG_{name.upper()}={getattr(self, name)} must be 0 or more.")
        if self.log not in ("json", "plain", "off"):
            raise SettingsError(f"KG_LOG={self.log} must be json, plain or off.")
        self.proxies()
        if not 0 <= self.port <= 65535:
            raise SettingsError(f"KG_PORT={self.port} must be a port, 0 to 65535.")
        for service in self.services:
            if not _is_endpoint(service):
                what = "an http or https URL, without a user, a password or a fragment"
                raise SettingsError(f"KG_SERVICES: {service} must be {what}.")

    def proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Return the networks whose word on who asks is taken. Raises: SettingsError."""
        try:
            return tuple(ip_network(each.strip()) for each in self.trusted_proxies.split(",") if each.strip())
        except ValueError as error:
            message = f"KG_TRUSTED_PROXIES={self.trusted_proxies} must be addresses or networks: {error}."
            raise SettingsError(message) from None

    @property
    def url(self) -> str:
        """The address clients are told, without a slash at its end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")


def _items(text: str) -> tuple[str, ...]:
    """Return what stands between commas.

    >>> _items("http://a/sparql, http://b/sparql,")
    ('http://a/sparql', 'http://b/sparql')
    """
    return tuple(item.strip() for item in text.split(",") if item.strip())


def _is_endpoint(url: str) -> bool:
    # Only what may stand in a request line and in a header, written as it is sent.
    if not re.fullmatch(r"https?://[!#-;=?-\[\]_a-z~]+", url):
        return False
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc and "#" not in url
    except ValueError:
        return False


_KINDS: dict[str, Callable[[str], Any]] = {
    "int": int,
    "float": float,
    "Path": Path,
    "str": str,
    "tuple[str, ...]": _items,
}


def _read(variable: str, text: str, kind: Callable[[str], Any]) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise SettingsError(f"{variable}={text!r} should be a number, such as 8000.") from None
