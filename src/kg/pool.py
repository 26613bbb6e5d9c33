"""Keep as many workers as there should be, over the Release in service, and replace each that ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from functools import partial
from typing import Any

from kg.errors import QueryError
from kg.fairness import Line
from kg.process import WorkerProcess
from kg.processes import ZygoteProcess, start_zygote
from kg.settings import Settings
from kg.store import Release

__all__ = ["Pool"]

_log = logging.getLogger(__name__)
# Between attempts to start a zygote that doesn't come up.
_RETRY_S = 1.0


class Pool:
    """The processes behind a line: what is idle is offered there, and what ends is replaced."""

    def __init__(self, settings: Settings, release: Release, line: Line[WorkerProcess]) -> None:
        self.release = release
        self._settings = settings
        self._line = line
        self._zygotes: list[ZygoteProcess] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._changing = asyncio.Lock()
        self._short = asyncio.Event()

    async def start(self) -> None:
        """Load the Release and fork the workers. Raises: WorkerLost when it can't be loaded."""
        await self.switch(self.release)
        self._spawn(self._tend())

    async def close(self) -> None:
        """End every process."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._line.idle.clear()
        for zygote in self._zygotes:
            await zygote.close()
        self._zygotes.clear()

    async def switch(self, release: Release) -> None:
        """Answer from another Release from now on; what has begun ends on the old one."""
        async with self._changing:
            zygote = await start_zygote(release, self._settings.memory_limit_mb)
            past, self._zygotes = self._zygotes, [*self._zygotes, zygote]
            self.release = release
            for worker in self._line.idle:  # nobody is to get one of the old Release any more
                worker.kill()
            self._line.idle.clear()
            try:
                await self._fill()
            finally:
                self._short.set()
        if past:
            self._spawn(self._retire(past[-1]))

    @property
    def pids(self) -> list[int]:
        return [pid for zygote in self._zygotes for pid in zygote.workers]

    def take_back(self, worker: WorkerProcess) -> None:
        """Offer a worker to the next, or end it if it can't answer another query."""
        finished = worker.at_rest and not worker.spent and not worker.ended.done()
        if finished and self._zygotes and worker.zygote is self._zygotes[-1]:
            self._line.offer(worker)
        else:
            worker.kill()
            self._line.serve()

    async def _tend(self) -> None:
        """Keep the pool full: whenever a worker or the zygote has ended, replace it."""
        while True:
            await self._short.wait()
            self._short.clear()
            try:
                if self._zygotes[-1].lost:
                    await self.switch(self.release)
                async with self._changing:
                    await self._fill()
            except QueryError as error:
                _log.error("Workers can't be replaced: %s", error)
                await asyncio.sleep(_RETRY_S)
                self._short.set()

    async def _fill(self) -> None:
        zygote = self._zygotes[-1]
        while len(zygote.workers) < self._settings.workers:
            worker = await zygote.fork()
            worker.ended.add_done_callback(partial(self._missed, worker))
            self.take_back(worker)

    def _missed(self, worker: WorkerProcess, _: object) -> None:
        self._line.withdraw(worker)
        self._short.set()

    async def _retire(self, zygote: ZygoteProcess) -> None:
        """Let a zygote go once its last worker has ended."""
        for worker in list(zygote.workers.values()):
            await worker.closed()
        await zygote.close()
        self._zygotes.remove(zygote)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
