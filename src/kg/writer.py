"""The process that writes: it takes a batch of writes, commits it, and says what came of each.

It is started by exec, and ended by the server when a batch takes too long or too much memory;
a commit that is cut short leaves the Release in service as it was. Messages are pickles, each
after its length, over a socket that only the server has the other end of.

    to it    [Write, …]
    from it  None, when the dataset is at hand and for each write that has been applied;
             then [Outcome, …]
"""

from __future__ import annotations

import pickle
import resource
import signal
import socket
import struct
import sys
from pathlib import Path
from typing import Any

from kg.errors import KgError
from kg.isolation import leave_network
from kg.write import Outcome, Writing

__all__ = ["LENGTH", "NO_MEMORY", "main"]

LENGTH = struct.Struct("!I")
# How the process ends when it has no memory left, where its engine's allocator doesn't abort it.
NO_MEMORY = 3


def main(connection_fd: int, home: str, default_graph: str, memory_limit_mb: int) -> None:
    """Serve the socket until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = socket.socket(fileno=connection_fd)
    leave_network()
    writing = Writing(Path(home), default_graph)
    used = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    most = used + memory_limit_mb * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        _serve(connection, writing)
    except MemoryError:
        raise SystemExit(NO_MEMORY) from None


def _serve(connection: socket.socket, writing: Writing) -> None:
    with connection.makefile("rb") as stream:
        while head := stream.read(LENGTH.size):
            writes = pickle.loads(stream.read(*LENGTH.unpack(head)))
            try:
                outcomes = writing.commit(writes, lambda: _send(connection, None))
            except KgError as error:
                outcomes = [Outcome(error=error) for _ in writes]
            _send(connection, outcomes)


def _send(connection: socket.socket, message: Any) -> None:
    content = pickle.dumps(message)
    try:
        connection.sendall(LENGTH.pack(len(content)) + content)
    except BrokenPipeError:  # the server has gone, and with it whoever waits for this
        raise SystemExit from None


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]))
