"""Answer from Releases that are no longer in service, and from views: each gets workers when asked.

A few are kept warm; the one that was asked longest ago makes room for another.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from kg.errors import TooBusy, WorkerLost
from kg.releases import find_release
from kg.settings import Settings
from kg.store import Release
from kg.views import WHOLE, View, view_path
from kg.workers import Workers

__all__ = ["Archive"]

_MOST_WARM = 4
_WORKERS_EACH = 2

_Key = tuple[int, View]


@dataclass
class _Shelf:
    """The workers of one Release or view, how many ask it now, and when it was last asked."""

    workers: Workers
    ready: asyncio.Task[None]
    asking: int = 0
    asked_at: float = field(default_factory=time.monotonic)


class Archive:
    """Earlier Releases of `settings.home`, and what of any Release counts in a view."""

    def __init__(self, settings: Settings) -> None:
        self._settings = replace(settings, workers=_WORKERS_EACH)
        self._views = _Views(settings.home, settings.time_limit_s)
        self._shelves: dict[_Key, _Shelf] = {}

    @asynccontextmanager
    async def of(self, number: int, view: View = WHOLE) -> AsyncIterator[Workers]:
        """Lend the workers of a Release, or of a settled view of it.

        Raises: NoRelease, ReleaseGone; TooBusy while others are asked, or the view is being made.
        """
        key = (number, view)
        shelf = self._shelves.get(key) or await self._make(key)
        shelf.asking += 1
        try:
            await asyncio.shield(shelf.ready)
            yield shelf.workers
        except BaseException:
            if shelf.ready.done() and shelf.ready.exception() and self._shelves.get(key) is shelf:
                del self._shelves[key]  # it could not be opened; the next one tries again
            raise
        finally:
            shelf.asking -= 1
            shelf.asked_at = time.monotonic()

    async def close(self) -> None:
        """End every process."""
        await self._views.close()
        for key in list(self._shelves):
            await self._clear(key)

    async def _make(self, key: _Key) -> _Shelf:
        number, view = key
        release = find_release(self._settings.home, number)
        if not view.is_whole:
            release = await self._views.of(release, view)
        while len(self._shelves) >= _MOST_WARM:
            idle = [each for each, shelf in self._shelves.items() if not shelf.asking]
            if not idle:
                raise TooBusy(
                    "Other earlier Releases or views are being asked.", hint="Try again in a few seconds."
                )
            await self._clear(min(idle, key=lambda each: self._shelves[each].asked_at))
        if key not in self._shelves:  # while room was made, another may have asked the same
            workers = Workers(self._settings, release)
            self._shelves[key] = _Shelf(workers, asyncio.ensure_future(workers.start()))
        return self._shelves[key]

    async def _clear(self, key: _Key) -> None:
        shelf = self._shelves.pop(key)
        await asyncio.gather(shelf.ready, return_exceptions=True)
        await shelf.workers.close()


class _Views:
    """The views of the Releases in a home; one at a time is made, by a process of its own."""

    def __init__(self, home: Path, time_limit_s: float) -> None:
        self._home = home
        self._time_limit_s = time_limit_s
        self._turn = asyncio.Lock()
        self._making: dict[Path, asyncio.Task[None]] = {}

    async def of(self, release: Release, view: View) -> Release:
        """Return a settled view, which has the number of its Release and an identity of its own.

        Raises: TooBusy when it isn't made in time; it is then made all the same. WorkerLost.
        """
        path = view_path(self._home, release.number, view)
        if not (path / "manifest.json").exists():
            await self._made(path, release, view)
        path.touch()  # it is asked for
        return Release(release.number, path, json.loads((path / "manifest.json").read_text("utf-8")))

    async def close(self) -> None:
        """End what is being made."""
        for task in self._making.values():
            task.cancel()
        await asyncio.gather(*self._making.values(), return_exceptions=True)

    async def _made(self, path: Path, release: Release, view: View) -> None:
        if path not in self._making:
            task = asyncio.ensure_future(self._make(release, view))
            self._making[path] = task
            task.add_done_callback(lambda _: self._making.pop(path, None))
        try:
            await asyncio.wait_for(asyncio.shield(self._making[path]), self._time_limit_s)
        except TimeoutError:
            hint = "Ask again in a few seconds."
            raise TooBusy("What was known then is still being put together.", hint=hint) from None

    async def _make(self, release: Release, view: View) -> None:
        arguments = [
            str(self._home),
            str(release.number),
            view.known_on,
            ",".join(view.layers) or "reference",
        ]
        async with self._turn:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "kg.restrict", *arguments, stderr=asyncio.subprocess.PIPE
            )
            try:
                _, said = await process.communicate()
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        if process.returncode:
            told = said.decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise WorkerLost(f"That view of the Release could not be made: {told}")
