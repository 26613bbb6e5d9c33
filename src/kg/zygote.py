"""The process that holds a Release in memory and forks workers that share its pages.

It is started by exec and has one thread, so a fork of it is safe. Its control socket keeps the
bounds of messages; each is JSON, and a new worker's socket travels with the message about it.

    to it    {"fork": true}   {"kill": pid}
    from it  {"ready": true}  {"forked": pid} + socket  {"ended": pid, "status": code}

Only it waits for workers, so a pid it is asked to kill can't have become another process's.
When the control socket closes it ends, and the workers with it.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from kg.isolation import leave_network
from kg.store import Release, Store, open_in_memory
from kg.worker import serve

__all__ = ["MESSAGE_BYTES", "main"]

MESSAGE_BYTES = 1024


def main(control_fd: int, number: int, path: str, memory_limit_mb: int) -> None:
    """Load a Release and serve the control socket until it closes."""
    # Ctrl-C in a terminal is for the server, which then closes the socket.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=control_fd) as control:
        leave_network()
        store = open_in_memory(Release(number, Path(path), {}))
        # A collection in a worker would touch, and so copy, every page.
        gc.collect()
        gc.freeze()
        _Zygote(control, store, memory_limit_mb).run()


class _Zygote:
    def __init__(self, control: socket.socket, store: Store, memory_limit_mb: int) -> None:
        self._control = control
        self._store = store
        self._memory_limit_mb = memory_limit_mb
        self._children: set[int] = set()

    def run(self) -> None:
        """Serve until the server has gone."""
        waker, alarm = socket.socketpair()
        waker.setblocking(False)
        alarm.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(alarm.fileno())
        self._tell({"ready": True})
        with waker, alarm:
            while True:
                ready, _, _ = select.select([self._control, waker], [], [])
                if waker in ready:
                    waker.recv(MESSAGE_BYTES)
                    self._reap()
                if self._control in ready and not self._obey():
                    signal.set_wakeup_fd(-1)
                    return

    def _obey(self) -> bool:
        try:
            content = self._control.recv(MESSAGE_BYTES)
        except ConnectionResetError:  # the server has gone, and left what we told it unread
            content = b""
        order = json.loads(content or b"{}")
        if order.get("kill") in self._children:
            os.kill(order["kill"], signal.SIGKILL)
        if order.get("fork"):
            self._fork()
        return bool(content)

    def _fork(self) -> None:
        ours, theirs = socket.socketpair()
        parent = os.getpid()
        child = os.fork()
        if child == 0:
            self._work(ours, parent)
        self._children.add(child)
        ours.close()
        self._tell({"forked": child}, theirs)
        theirs.close()

    def _work(self, connection: socket.socket, parent: int) -> None:
        """Be a worker; never return into the zygote's own code."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            serve(self._store, connection, memory_limit_mb=self._memory_limit_mb, parent=parent)
            status = 0
        finally:
            os._exit(status)

    def _reap(self) -> None:
        for child in list(self._children):
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                self._children.discard(pid)
                self._tell({"ended": pid, "status": os.waitstatus_to_exitcode(status)})

    def _tell(self, message: dict[str, Any], *sockets: socket.socket) -> None:
        try:
            socket.send_fds(
                self._control, [json.dumps(message).encode()], [each.fileno() for each in sockets]
            )
        except OSError:
            # The server has gone; the next read of the control socket says so.
            return


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
