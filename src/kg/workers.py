"""Ask a Release: a pool of processes that can be stopped, and the door to it.

A query has `time_limit_s` until its first byte, `stream_limit_s` for the whole; one that is over
a limit, or that nobody waits for any more, is ended with its process, which a new one replaces.
Who gets a worker is decided in `fairness`, how long a trial of it lasts in `attempts`; how many
there are is seen to in `pool`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

from kg.attempts import Answer, begin
from kg.fairness import Claim, Line
from kg.pool import Pool
from kg.process import WorkerProcess
from kg.settings import Settings
from kg.store import Release, Row, Term
from kg.worker import Job

__all__ = ["Answer", "CallersAsker", "Claim", "Job", "Workers"]


class Workers:
    """A pool of `settings.workers` processes over one Release.

    Use it as `async with Workers(settings, release) as workers`, or by `start` and `close`.
    """

    def __init__(self, settings: Settings, release: Release) -> None:
        self._settings = settings
        self._line: Line[WorkerProcess] = Line(settings.workers, settings.queue)
        self._pool = Pool(settings, release, self._line)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Load the Release and fork the workers. Raises: WorkerLost when it can't be loaded."""
        await self._pool.start()

    async def close(self) -> None:
        """Turn away who waits and end every process."""
        self._line.dismiss()
        await self._pool.close()

    async def switch(self, release: Release) -> None:
        """Answer from another Release from now on; what has begun ends on the old one."""
        await self._pool.switch(release)

    @property
    def release(self) -> Release:
        """What is answered from now."""
        return self._pool.release

    def counts(self) -> dict[str, int]:
        """Return how many workers are busy and idle, and how many callers wait for one."""
        idle = len(self._line.idle)
        return {"busy": len(self.pids) - idle, "idle": idle, "waiting": self._line.n_waiting}

    @property
    def pids(self) -> list[int]:
        """The workers' processes, for diagnosis."""
        return self._pool.pids

    @asynccontextmanager
    async def run(self, job: Job, claim: Claim | None = None) -> AsyncIterator[Answer]:
        """Begin an answer; leaving the block before its end stops the query.

        `claim` says whose query it is, and tells its state; without it, it is the service's own.
        Raises: TooBusy, TooMany, TimeLimit, MemoryLimit, MalformedQuery, NotAcceptable, WorkerLost
        or QueryError, before the first byte.
        """
        claim = claim or Claim()
        encoded = job.encode()
        claim.query = hash(encoded)
        answer = None
        while answer is None:
            worker = await self._line.take(claim, self._settings.time_limit_s)
            try:
                worker.send(encoded)
                answer = await begin(self._line, self._settings, claim, worker)
                if answer and answer.worker:
                    yield answer
                    return
            finally:
                self._line.leave(claim)
                self._pool.take_back(worker)
        # It was whole before its trial ended.
        yield answer

    async def rows(self, query: str, bindings: Mapping[str, Term], caller: str = "") -> list[Row]:
        """Return every row of a SELECT, its terms as in SPARQL results JSON. Raises: as `run`."""
        async with self.run(Job(query=query, bindings=dict(bindings)), Claim(caller)) as answer:
            content = json.loads(b"".join([piece async for piece in answer]))
        rows: list[Row] = content["results"]["bindings"]
        return rows


@dataclass(frozen=True)
class CallersAsker:
    """Asks for one caller, who has a share of the workers to keep to."""

    workers: Workers
    caller: str

    async def rows(self, query: str, bindings: Mapping[str, Term]) -> list[Row]:
        """Return every row of a SELECT. Raises: as `Workers.run`."""
        return await self.workers.rows(query, bindings, self.caller)
