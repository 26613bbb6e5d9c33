"""Answers that are kept: a Release never changes, so what it answered once holds as long as it serves.

Only an answer that is whole, small and the same each time it is asked for is kept. A key is the
request as it stands, so that an answer is found again before the request is read.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property

from api.caching import Validators
from api.exchange import Exchange, lines_of
from kg.store import Release

__all__ = ["Kept", "Key", "Shelf", "key_of"]

Key = tuple[object, ...]
# What an answer takes beside its body and its request, roughly.
_OVERHEAD_BYTES = 2_000


@dataclass(frozen=True)
class Kept:
    """An answer that was sent; `headers` are those of its own, `coding` is what its client took."""

    query_hash: str
    known: Validators
    coding: str
    headers: dict[str, str]
    body: bytes

    @cached_property
    def wire(self) -> bytes:
        """Its head as it goes over the wire, without its first line and its end."""
        lines = lines_of({**self.headers, "Content-Length": str(len(self.body))})
        return b"".join(b"%b: %b\r\n" % line for line in lines)


class Shelf:
    """Holds answers up to a number of bytes; those that were not asked for longest go first.

    No answer takes more than a sixteenth of the room. One of no size holds nothing.
    """

    def __init__(self, size_mb: float) -> None:
        self._most_bytes = int(size_mb * 1024 * 1024)
        self._n_bytes = 0
        self._answers: OrderedDict[Key, tuple[int, Kept]] = OrderedDict()

    def find(self, key: Key) -> Kept | None:
        """Return the answer to a request, if it is here."""
        found = self._answers.get(key)
        if found is None:
            return None
        self._answers.move_to_end(key)
        return found[1]

    def keep(self, key: Key, kept: Kept) -> None:
        """Put an answer here, if it is small enough."""
        size = _OVERHEAD_BYTES + len(kept.body) + sum(len(part) for part in key if isinstance(part, bytes))
        if size > self._most_bytes // 16 or key in self._answers:
            return
        self._answers[key] = size, kept
        self._n_bytes += size
        while self._n_bytes > self._most_bytes:
            _, (freed, _) = self._answers.popitem(last=False)
            self._n_bytes -= freed

    @property
    def n_bytes(self) -> int:
        return self._n_bytes


def key_of(exchange: Exchange, release: Release, body: bytes) -> Key:
    """Return what this request and no other is known by, while `release` is in service."""
    scope, headers = exchange.scope, exchange.headers
    return (
        release.number,
        scope["path"],
        scope["query_string"],
        body,
        headers.get("content-type") if body else None,
        headers.get("accept"),
        headers.get("accept-encoding"),
        exchange.origin.url,
    )
