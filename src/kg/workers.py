"""Ask a Release: a pool of processes that can be stopped, and the door to it.

A query has `time_limit_s` until its first byte, `stream_limit_s` for the whole; one that is over
a limit, or that nobody waits for any more, is ended with its process, which a new one replaces.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from kg.errors import QueryError, TimeLimit, TooBusy
from kg.processes import WorkerProcess, ZygoteProcess, start_zygote
from kg.settings import Settings
from kg.store import Release, Row, Term
from kg.worker import Job

__all__ = ["Answer", "Job", "Workers"]

_log = logging.getLogger(__name__)
# Between attempts to start a zygote that doesn't come up.
_RETRY_S = 1.0


@dataclass(frozen=True)
class Answer:
    """An answer that has begun: iterate it once for its pieces, each not empty.

    Raises, while iterated: QueryError when it is broken off. What came until then is not whole,
    and must not be passed on as if it were.
    """

    media_type: str
    release: Release
    worker: WorkerProcess
    deadline: float

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async with asyncio.timeout_at(self.deadline):
                piece = await self.worker.piece()
            while piece:
                yield piece
                async with asyncio.timeout_at(self.deadline):
                    piece = await self.worker.piece()
        except TimeoutError:
            raise TimeLimit("The answer took too long to stream.", hint="Ask for fewer rows.") from None


class Workers:
    """A pool of `settings.workers` processes over one Release.

    Use it as `async with Workers(settings, release) as workers`, or by `start` and `close`.
    """

    def __init__(self, settings: Settings, release: Release) -> None:
        self.release = release
        self._settings = settings
        self._zygotes: list[ZygoteProcess] = []
        self._idle: list[WorkerProcess] = []
        self._waiting: deque[asyncio.Future[WorkerProcess]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._changing = asyncio.Lock()
        self._short = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Load the Release and fork the workers. Raises: WorkerLost when it can't be loaded."""
        await self.switch(self.release)
        self._spawn(self._tend())

    async def close(self) -> None:
        """End every process."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for place in self._waiting:
            place.set_exception(TooBusy("The service is stopping."))
        self._waiting.clear()
        self._idle.clear()
        for zygote in self._zygotes:
            await zygote.close()
        self._zygotes.clear()

    async def switch(self, release: Release) -> None:
        """Answer from another Release from now on; what has begun ends on the old one."""
        async with self._changing:
            zygote = await start_zygote(release, self._settings.memory_limit_mb)
            past, self._zygotes = self._zygotes, [*self._zygotes, zygote]
            self.release = release
            for worker in self._idle:  # nobody is to get one of the old Release any more
                worker.kill()
            self._idle.clear()
            try:
                await self._fill()
            finally:
                self._short.set()
        if past:
            self._spawn(self._retire(past[-1]))

    def counts(self) -> dict[str, int]:
        """Return how many workers are busy and idle, and how many callers wait for one."""
        everyone = sum(len(zygote.workers) for zygote in self._zygotes)
        idle = len(self._idle)
        return {"busy": everyone - idle, "idle": idle, "waiting": len(self._waiting)}

    @property
    def pids(self) -> list[int]:
        """The workers' processes, for diagnosis."""
        return [pid for zygote in self._zygotes for pid in zygote.workers]

    @asynccontextmanager
    async def run(self, job: Job) -> AsyncIterator[Answer]:
        """Begin an answer; leaving the block before its end stops the query.

        Raises: TooBusy, TimeLimit, MemoryLimit, MalformedQuery, NotAcceptable, WorkerLost or
        QueryError, before the first byte.
        """
        worker = await self._take()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.stream_limit_s
        try:
            media_type = await self._begin(worker, job)
            yield Answer(media_type, worker.zygote.release, worker, deadline)
        finally:
            self._give_back(worker)

    async def rows(self, query: str, bindings: Mapping[str, Term]) -> list[Row]:
        """Return every row of a SELECT, its terms as in SPARQL results JSON. Raises: as `run`."""
        async with self.run(Job(query=query, bindings=dict(bindings))) as answer:
            content = json.loads(b"".join([piece async for piece in answer]))
        rows: list[Row] = content["results"]["bindings"]
        return rows

    async def _begin(self, worker: WorkerProcess, job: Job) -> str:
        limit_s = self._settings.time_limit_s
        try:
            async with asyncio.timeout(limit_s):
                return await worker.begin(job)
        except TimeoutError:
            hint = "Name more of what you look for, or ask for less."
            raise TimeLimit(f"No answer within {limit_s:g} seconds.", hint=hint) from None

    async def _take(self) -> WorkerProcess:
        if self._idle:
            return self._idle.pop()
        if len(self._waiting) >= self._settings.queue:
            raise TooBusy("Every worker is busy and the queue is full.", hint="Try again in a few seconds.")
        place: asyncio.Future[WorkerProcess] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            async with asyncio.timeout(self._settings.time_limit_s):
                return await place
        except TimeoutError:
            self._step_out(place)
            raise TooBusy("No worker came free in time.", hint="Try again in a few seconds.") from None
        except asyncio.CancelledError:
            self._step_out(place)
            raise

    def _step_out(self, place: asyncio.Future[WorkerProcess]) -> None:
        """Leave the queue; a worker that came at that very moment goes to the next."""
        if place in self._waiting:
            self._waiting.remove(place)
        elif place.done() and not place.cancelled():
            self._give_back(place.result())

    def _give_back(self, worker: WorkerProcess) -> None:
        if not worker.at_rest or worker.ended.done() or worker.zygote is not self._zygotes[-1]:
            worker.kill()
            return
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(worker)
                return
        self._idle.append(worker)

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
            self._give_back(worker)

    def _missed(self, worker: WorkerProcess, _: object) -> None:
        if worker in self._idle:
            self._idle.remove(worker)
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
