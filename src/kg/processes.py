"""The server's end of the process that holds a Release: start it, have it fork and end workers.

See `zygote` for what is said; `process` for talking to a worker.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections import deque
from typing import Any

from kg.errors import WorkerLost
from kg.process import READ_AHEAD_BYTES, WorkerProcess
from kg.store import Release
from kg.zygote import MESSAGE_BYTES

__all__ = ["ZygoteProcess", "start_zygote"]


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
        try:
            pid, connection = await birth
        except asyncio.CancelledError:
            # It may have been born at that very moment.
            if birth.done() and not birth.cancelled() and not birth.exception():
                birth.result()[1].close()
            raise
        try:
            streams = await asyncio.open_unix_connection(sock=connection, limit=READ_AHEAD_BYTES)
        except BaseException:
            connection.close()
            raise
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
