"""The server's end of writing: one writer, and a queue before it that is committed together.

While one batch is being committed the next one gathers. A batch that takes the writer down, by
time or by memory, is tried again one write at a time, so that only the one that did it fails.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from kg.errors import MemoryLimit, QueryError, TimeLimit, TooBusy, WorkerLost
from kg.settings import Settings
from kg.write import Outcome, Write
from kg.writer import LENGTH, NO_MEMORY

__all__ = ["Committer"]

_log = logging.getLogger(__name__)
# A commit holds the whole dataset, and what follows from it, a few times over.
_MEMORY_FACTOR = 8
_MOST_TOGETHER = 256


class Committer:
    """Commits writes one batch after the other; `published` is told each new Release's number."""

    def __init__(self, settings: Settings, published: Callable[[int], Awaitable[None]]) -> None:
        self._settings = settings
        self._published = published
        self._waiting: asyncio.Queue[tuple[Write, asyncio.Future[Outcome]]] = asyncio.Queue(settings.queue)
        self._writer: _WriterProcess | None = None
        self._task: asyncio.Task[None] | None = None

    async def commit(self, write: Write) -> Outcome:
        """Return what came of a write, once its Release is served.

        Raises: the error that refused it; TooBusy when too many wait.
        """
        done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        try:
            self._waiting.put_nowait((write, done))
        except asyncio.QueueFull:
            raise TooBusy("Too many writes are waiting.", hint="Try again in a few seconds.") from None
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._serve())
        outcome = await asyncio.shield(done)
        if outcome.error:
            raise outcome.error
        return outcome

    async def close(self) -> None:
        """Let the batch that is being committed end, and take no more."""
        while not self._waiting.empty():
            self._waiting.get_nowait()[1].set_exception(TooBusy("The service is stopping."))
        if self._task:
            await asyncio.gather(self._task, return_exceptions=True)
        if self._writer:
            await self._writer.close()

    async def _serve(self) -> None:
        while not self._waiting.empty():
            batch = [self._waiting.get_nowait()]
            while not self._waiting.empty() and len(batch) < _MOST_TOGETHER:
                batch.append(self._waiting.get_nowait())
            outcomes = await self._committed([write for write, _ in batch])
            release = max(outcome.release for outcome in outcomes)
            if release:
                try:
                    await self._published(release)
                except QueryError as error:  # it is there, and is taken up later
                    _log.error("Release %s can't be served yet: %s", release, error)
            for (_, done), outcome in zip(batch, outcomes, strict=True):
                if not done.done():
                    done.set_result(outcome)

    async def _committed(self, writes: list[Write]) -> list[Outcome]:
        try:
            if self._writer is None:
                self._writer = await _start(self._settings)
            return await self._writer.commit(writes)
        except QueryError as error:
            if self._writer:
                await self._writer.close()
            self._writer = None
            if len(writes) == 1:
                return [Outcome(error=error)]
            return [outcome for write in writes for outcome in await self._committed([write])]


class _WriterProcess:
    """One writer; after an error it is of no use any more."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        settings: Settings,
    ) -> None:
        self._process = process
        self._reader, self._writer = streams
        self._settings = settings

    async def commit(self, writes: list[Write]) -> list[Outcome]:
        """Return the outcomes of a batch. Raises: TimeLimit, MemoryLimit, WorkerLost."""
        content = pickle.dumps(writes)
        self._writer.write(LENGTH.pack(len(content)) + content)
        # Applying is what the writer asked for; before it the dataset is loaded, after it checked.
        heard = -1
        while True:
            applying = 0 <= heard < len(writes)
            limit_s = self._settings.time_limit_s if applying else self._settings.stream_limit_s
            try:
                async with asyncio.timeout(limit_s):
                    message = await self._receive()
            except TimeoutError:
                hint = "Write less at a time."
                raise TimeLimit(f"The write took longer than {limit_s:g} seconds.", hint=hint) from None
            if message is not None:
                return list(message)
            heard += 1

    async def _receive(self) -> Any:
        try:
            (length,) = LENGTH.unpack(await self._reader.readexactly(LENGTH.size))
            return pickle.loads(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            status = await asyncio.to_thread(self._process.wait)
        if status in (-signal.SIGABRT, NO_MEMORY):
            raise MemoryLimit("The write needs more memory than it may have.", hint="Write less at a time.")
        raise WorkerLost(f"The writer ended while it wrote (status {status}).", hint="Try again.")

    async def close(self) -> None:
        self._writer.close()
        self._process.kill()
        await asyncio.to_thread(self._process.wait)


async def _start(settings: Settings) -> _WriterProcess:
    ours, theirs = socket.socketpair()
    arguments = [theirs.fileno(), settings.home, settings.default_graph]
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "kg.writer",
            *map(str, arguments),
            str(settings.memory_limit_mb * _MEMORY_FACTOR),
        ],
        stdin=subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
        process_group=0,
    )
    theirs.close()
    ours.setblocking(False)
    return _WriterProcess(process, await asyncio.open_unix_connection(sock=ours), settings)
