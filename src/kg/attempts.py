"""One attempt at a query on a worker: on trial at first, and in a place once it takes long or streams.

Nothing of an answer is let out while it has no place, so that the attempt can be given up and made anew.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from kg.errors import TimeLimit
from kg.fairness import TRIAL_S, Claim, Line
from kg.process import WorkerProcess
from kg.settings import Settings
from kg.store import Release
from kg.worker import Head

__all__ = ["Answer", "begin"]

# An answer on trial is held back; one larger than this is long.
_MOST_HELD_BYTES = 1024 * 1024
# However little of a processor it had, a trial ends by then.
_LONGEST_TRIAL_S = 10 * TRIAL_S


@dataclass(frozen=True)
class Answer:
    """An answer that has begun: iterate it once for its pieces, each not empty.

    Without a `worker` it is whole, in what is `held`.
    Raises, while iterated: QueryError when it is broken off. What came until then is not whole,
    and must not be passed on as if it were.
    """

    head: Head
    release: Release
    held: list[bytes]
    worker: WorkerProcess | None
    began: float
    limit_s: float

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.held:
            yield piece
        if self.worker is None:
            return
        loop, deadline = asyncio.get_running_loop(), self.began + self.limit_s
        try:
            async with asyncio.timeout_at(deadline):
                piece = await self.worker.piece()
            while piece:
                yield piece
                if loop.time() > self.began + TRIAL_S:
                    self.worker.yield_to_others()
                async with asyncio.timeout_at(deadline):
                    piece = await self.worker.piece()
        except TimeoutError:
            raise TimeLimit("The answer took too long to stream.", hint="Ask for fewer rows.") from None


async def begin(
    line: Line[WorkerProcess], settings: Settings, claim: Claim, worker: WorkerProcess
) -> Answer | None:
    """Return the answer once its first byte is there; None when its trial failed.

    Raises: TimeLimit, or what came instead of an answer.
    """
    began, held = asyncio.get_running_loop().time(), list[bytes]()
    head = await _tried(line, claim, worker, held, min(TRIAL_S, settings.time_limit_s))
    if not worker.at_rest and not line.stay(claim):
        line.evict(claim)
        return None
    if not worker.at_rest:  # what streams takes a processor as what only thinks does
        worker.yield_to_others()
    if head is None:
        head = await _head(worker, began, settings.time_limit_s)
    claim.state = "streaming"
    left = None if worker.at_rest else worker
    return Answer(head, worker.zygote.release, held, left, began, settings.stream_limit_s)


async def _tried(
    line: Line[WorkerProcess], claim: Claim, worker: WorkerProcess, held: list[bytes], limit_s: float
) -> Head | None:
    """Return the head once it is there, with what comes on trial in `held`; None after the trial.

    When places are scarce so may be processors: then the time counts that the worker had one.
    """
    loop, head, left_s = asyncio.get_running_loop(), None, limit_s
    last = loop.time() + _LONGEST_TRIAL_S
    used_s = None if line.is_open(claim) else worker.cpu_s()
    while left_s > 0.001:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left_s):
                head = head or await worker.head()
                # What is small is taken at once: its worker is free before its client has it.
                while head.whole or not line.stay(claim):
                    if not (piece := await worker.piece()):
                        break
                    held.append(piece)
                    if sum(map(len, held)) > _MOST_HELD_BYTES:
                        break
                return head
        if used_s is None or loop.time() > last:
            break
        left_s = used_s + limit_s - worker.cpu_s()
    return head


async def _head(worker: WorkerProcess, began: float, limit_s: float) -> Head:
    try:
        async with asyncio.timeout_at(began + limit_s):
            return await worker.head()
    except TimeoutError:
        hint = "Name more of what you look for, or ask for less."
        raise TimeLimit(f"No answer within {limit_s:g} seconds.", hint=hint) from None
