"""The server's end of one worker: send it a job, read what comes of it, end it.

See `worker` for what is said; `pool` for how many there are, `fairness` for who gets one.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any, Protocol

from kg.errors import MalformedQuery, MemoryLimit, NotAcceptable, QueryError, WorkerLost
from kg.store import Release
from kg.worker import HEADER, Head

__all__ = ["READ_AHEAD_BYTES", "Holder", "WorkerProcess"]

# What waits here unread before the worker is made to wait.
READ_AHEAD_BYTES = 256 * 1024
# How far what is long stands back for what is short.
_NICE = 10
# How long the zygote may take to say how a worker ended, once its socket has closed.
_INQUEST_S = 5.0


class Holder(Protocol):
    """The process that forked a worker, and holds its Release."""

    release: Release

    def kill(self, pid: int) -> None: ...


class WorkerProcess:
    """One worker; `at_rest` once its last answer has ended, `ended` once the process has.

    A `spent` one is to answer nothing more.
    """

    def __init__(
        self,
        zygote: Holder,
        pid: int,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        ended: asyncio.Future[int | None],
    ) -> None:
        self.zygote = zygote
        self.pid = pid
        self.ended = ended
        self.at_rest = True
        self.spent = False
        self._is_yielding = False
        self._reader, self._writer = streams
        self._coming: tuple[bytes, int] | None = None
        ended.add_done_callback(lambda _: self._writer.close())

    def send(self, job: bytes) -> None:
        """Send an encoded job; `head` and then `piece` tell what comes of it."""
        self.at_rest = False
        self._writer.write(job)

    async def head(self) -> Head:
        """Return what the answer is once its first piece is there; may be cancelled and asked again.

        Raises: the QueryError that came instead.
        """
        kind, content = await self._frame()
        if kind == b"E":
            raise self._rest(content) or WorkerLost("The worker ended its answer before it began.")
        return Head(**json.loads(content))

    async def piece(self) -> bytes:
        """Return the next piece of the answer, empty at its end; may be cancelled and asked again.

        Raises: the QueryError that broke it off.
        """
        kind, content = await self._frame()
        if kind == b"D":
            return content
        if error := self._rest(content):
            raise error
        return b""

    async def _frame(self) -> tuple[bytes, bytes]:
        try:
            if self._coming is None:
                self._coming = HEADER.unpack(await self._reader.readexactly(HEADER.size))
            kind, size = self._coming
            content = await self._reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            raise await self._inquest() from None
        self._coming = None
        return kind, content

    async def _inquest(self) -> QueryError:
        try:
            status = await asyncio.wait_for(asyncio.shield(self.ended), _INQUEST_S)
        except TimeoutError:
            status = None
        # The engine's allocator aborts when it gets no memory.
        if status == -signal.SIGABRT:
            return _error({"kind": "memory", "message": "The query needs more memory than it may have."})
        return WorkerLost(
            f"The worker ended while it answered (status {status}).", hint="Try a simpler query."
        )

    def _rest(self, content: bytes) -> QueryError | None:
        """Take note that the answer has ended; return what went wrong with it, if anything did."""
        self.at_rest = True
        end = json.loads(content)
        self.spent = end.pop("spent", False)
        if self._is_yielding:
            # Not everyone may take it back; then another process takes its place.
            self._is_yielding, self.spent = False, self.spent or not self._set_niceness(0)
        return _error(end) if end else None

    def yield_to_others(self) -> None:
        """Let others go first on the processors, until its answer has ended."""
        if not self._is_yielding:
            self._is_yielding = True
            self._set_niceness(_NICE)

    def _set_niceness(self, niceness: int) -> bool:
        try:
            os.setpriority(os.PRIO_PROCESS, self.pid, niceness)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return True

    def cpu_s(self) -> float:
        """Return how long the process has had a processor, to the hundredth of a second."""
        try:
            stat = Path(f"/proc/{self.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        except OSError:  # it has just ended
            return 0.0
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        """End the process, whatever it is doing; `ended` tells when it has gone."""
        self._writer.close()
        self.zygote.kill(self.pid)

    async def closed(self) -> None:
        """Wait until the process and our end of its socket are gone."""
        await self.ended
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return


def _error(end: dict[str, Any]) -> QueryError:
    match end["kind"]:
        case "malformed":
            message = f"This isn't SPARQL 1.1: {end['message']}"
            return MalformedQuery(message, line=end.get("line"), column=end.get("column"))
        case "memory":
            return MemoryLimit(
                end["message"], hint="Ask for less at a time: fewer variables, a FILTER, a LIMIT."
            )
        case "unacceptable":
            return NotAcceptable(end["message"], hint="Widen the Accept header.")
        case _:
            return QueryError(f"The engine could not answer: {end['message']}")
