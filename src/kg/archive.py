"""Answer from Releases that are no longer in service: each gets workers when someone asks it.

A few are kept warm; the one that was asked longest ago makes room for another.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from kg.errors import TooBusy
from kg.releases import find_release
from kg.settings import Settings
from kg.workers import Workers

__all__ = ["Archive"]

_MOST_WARM = 2
_WORKERS_EACH = 2


@dataclass
class _Shelf:
    """The workers of one Release, how many ask it now, and when it was last asked."""

    workers: Workers
    ready: asyncio.Task[None]
    asking: int = 0
    asked_at: float = field(default_factory=time.monotonic)


class Archive:
    """Earlier Releases of `settings.home`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = replace(settings, workers=_WORKERS_EACH)
        self._shelves: dict[int, _Shelf] = {}

    @asynccontextmanager
    async def of(self, number: int) -> AsyncIterator[Workers]:
        """Lend the workers of a Release.

        Raises: NoRelease, ReleaseGone; TooBusy while others are asked.
        """
        shelf = self._shelves.get(number) or await self._make(number)
        shelf.asking += 1
        try:
            await asyncio.shield(shelf.ready)
            yield shelf.workers
        except BaseException:
            if shelf.ready.done() and shelf.ready.exception() and self._shelves.get(number) is shelf:
                del self._shelves[number]  # it could not be opened; the next one tries again
            raise
        finally:
            shelf.asking -= 1
            shelf.asked_at = time.monotonic()

    async def close(self) -> None:
        """End every process."""
        for number in list(self._shelves):
            await self._clear(number)

    async def _make(self, number: int) -> _Shelf:
        release = find_release(self._settings.home, number)
        while len(self._shelves) >= _MOST_WARM:
            idle = [each for each, shelf in self._shelves.items() if not shelf.asking]
            if not idle:
                raise TooBusy("Other earlier Releases are being asked.", hint="Try again in a few seconds.")
            await self._clear(min(idle, key=lambda each: self._shelves[each].asked_at))
        if number not in self._shelves:  # while room was made, another may have asked the same
            workers = Workers(self._settings, release)
            self._shelves[number] = _Shelf(workers, asyncio.ensure_future(workers.start()))
        return self._shelves[number]

    async def _clear(self, number: int) -> None:
        shelf = self._shelves.pop(number)
        await asyncio.gather(shelf.ready, return_exceptions=True)
        await shelf.workers.close()
