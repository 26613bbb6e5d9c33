"""What is known beforehand: which tests fail and why, and what the peer reached when it was measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

__all__ = ["Peer", "Reason", "known_failures", "read_peer", "read_reasons", "write_peer"]

_HERE = Path(__file__).parent
_REASONS = _HERE / "known-failures.yaml"
_PEER = _HERE / "oxigraph.yaml"


@dataclass(frozen=True)
class Reason:
    """Why some tests fail."""

    reason: str
    tests: tuple[str, ...]


@dataclass(frozen=True)
class Peer:
    """What `oxigraph serve` of one version failed in the same harness."""

    version: str
    failed: frozenset[str]


def read_reasons() -> list[Reason]:
    """Return the reasons in the order in which they are written."""
    return [Reason(entry["reason"], tuple(entry["tests"])) for entry in _read(_REASONS)]


def known_failures() -> dict[str, str]:
    """Return the reason of each test that fails, by the test's name."""
    return {test: entry.reason for entry in read_reasons() for test in entry.tests}


def read_peer() -> Peer:
    written = _read(_PEER)
    return Peer(written["version"], frozenset(written["failed"]))


def write_peer(version: str, failed: Iterable[str]) -> None:
    head = "# What `oxigraph serve` fails in this harness; measured and written by `make conformance`.\n"
    body = yaml.safe_dump({"version": version, "failed": sorted(failed)}, sort_keys=False)
    _PEER.write_text(head + body, "utf-8")


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))
