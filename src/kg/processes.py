"""The server's end of the processes that answer: start a zygote, have it fork, talk to a worker.

See `zygote` and `worker` for what is said; `workers` for how many there are and who gets one.
"""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections import deque
from typing import Any

from kg.errors import MalformedQuery, MemoryLimit, NotAcceptable, QueryError, WorkerLost
from kg.store import Release
from kg.worker import HEADER, Job
from kg.zygote import MESSAGE_BYTES

__all__ = ["WorkerProcess", "ZygoteProcess", "start_zygote"]

# What waits here unread before the worker is made to wait.
_READ_AHEAD_BYTES = 256 * 1024
# How long the zygote may take to say how a worker ended, once its socket has closed.
_INQUEST_S = 5.0


class WorkerProcess:
    """One worker; `at_rest` once its last answer has ended, `ended` once the process has."""

    def __init__(
        self,
        zygote: ZygoteProcess,
        pid: int,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        ended: asyncio.Future[int | None],
    ) -> None:
        self.zygote = zygote
        self.pid = pid
        self.ended = ended
        self.at_rest = True
        self._reader, self._writer = streams
        ended.add_done_callback(lambda _: self._writer.close())

    async def begin(self, job: Job) -> str:
        """Send a job; return the media type of its answer once the first piece is there.

        Raises: the QueryError that came instead.
        """
        self.at_rest = False
        self._writer.write(job.encode())
        kind, content = await self._frame()
        if kind == b"E":
            raise self._rest(content) or WorkerLost("The worker ended its answer before it began.")
        return str(json.loads(content)["media_type"])

    async def piece(self) -> bytes:
        """Return the next piece of the answer, empty at its end.

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
            kind, size = HEADER.unpack(await self._reader.readexactly(HEADER.size))
            return kind, await self._reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            raise await self._inquest() from None

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
        return _error(end) if end else None

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


class ZygoteProcess:
    """A zygote and the workers it has forked; `lost` once it has gone."""

    def __init__(self, release: Release, memory_limit_mb: int) -> None:
        loop = asyncio.get_running_loop()
        self.release = release
        self.workers: dict[int, WorkerProcess] = {}
        self.lost = False
        self._loop = loop
        self._ready: asyncio.Future[None] = loop.create_future()
        self._births: deque[asyncio.Future[tuple[int, socket.socket]]] = deque()
        self._ends: dict[int, asyncio.Future[int | None]] = {}
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.setblocking(False)
        arguments = [theirs.fileno(), release.number, release.path.absolute(), memory_limit_mb]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "kg.zygote", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            process_group=0,
        )
        theirs.close()
        loop.add_reader(self._control, self._listen)

    async def ready(self) -> None:
        """Wait until the Release is in memory."""
        await self._ready

    async def fork(self) -> WorkerProcess:
        """Return a new worker. Raises: WorkerLost when the zygote has gone."""
        birth: asyncio.Future[tuple[int, socket.socket]] = self._loop.create_future()
        self._births.append(birth)
        self._order({"fork": True})
        pid, connection = await birth
        streams = await asyncio.open_unix_connection(sock=connection, limit=_READ_AHEAD_BYTES)
        worker = WorkerProcess(self, pid, streams, self._ends[pid])
        self.workers[pid] = worker
        worker.ended.add_done_callback(lambda _: self.workers.pop(pid))
        return worker

    def kill(self, pid: int) -> None:
        """End a worker of this zygote; one that has gone already is left alone."""
        self._order({"kill": pid})

    async def close(self) -> None:
        """End all its workers, then the zygote; leave no process and no socket."""
        workers = list(self.workers.values())
        for worker in workers:
            worker.kill()
        for worker in workers:
            await worker.closed()
        self._lose()
        self._process.kill()
        await asyncio.to_thread(self._process.wait)

    def _order(self, order: dict[str, Any]) -> None:
        try:
            self._control.send(json.dumps(order).encode())
        except OSError:
            self._lose()

    def _listen(self) -> None:
        """Take one message from the zygote."""
        try:
            content, sockets, _, _ = socket.recv_fds(self._control, MESSAGE_BYTES, 1, socket.MSG_CMSG_CLOEXEC)
        except OSError:
            content, sockets = b"", []
        message = json.loads(content or b"{}")
        match message:
            case {"ready": True}:
                self._ready.set_result(None)
            case {"forked": pid}:
                self._born(pid, socket.socket(fileno=sockets[0]))
            case {"ended": pid, "status": status}:
                self._ends.pop(pid).set_result(status)
            case _:
                self._lose()

    def _born(self, pid: int, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._ends[pid] = self._loop.create_future()
        birth = self._births.popleft()
        if birth.done():
            # Nobody waits for it any more; it ends when its socket closes.
            connection.close()
        else:
            birth.set_result((pid, connection))

    def _lose(self) -> None:
        """The zygote has gone or is let go: nothing more will be heard of its workers."""
        if self.lost:
            return
        self.lost = True
        self._loop.remove_reader(self._control)
        self._control.close()
        unborn: list[asyncio.Future[Any]] = [self._ready, *self._births]
        for waiting in unborn:
            if not waiting.done():
                waiting.set_exception(WorkerLost("The process that holds the Release has ended."))
        for end in self._ends.values():
            end.set_result(None)
        self._ends.clear()


async def start_zygote(release: Release, memory_limit_mb: int) -> ZygoteProcess:
    """Return a zygote with the Release in memory.

    Raises: WorkerLost when it ended before that; what it wrote to standard error says why.
    """
    zygote = ZygoteProcess(release, memory_limit_mb)
    try:
        await zygote.ready()
    except BaseException:
        await zygote.close()
        raise
    return zygote
