"""No network for those who read what strangers send, wherever the system lets a process leave it."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

from kg.settings import Settings
from kg.workers import Workers

from .serving import small_release

# Leaves, tries to reach a port of this machine, and says whether it left and whether it got there.
LEAVE = """
import socket, sys
from kg.isolation import leave_network
left = leave_network()
with socket.socket() as tried:
    print(left, tried.connect_ex(("127.0.0.1", int(sys.argv[1]))) == 0)
"""


def leaving() -> list[str]:
    """Return whether a process here can leave the network, and whether it still reaches this one."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        return subprocess.run(
            [sys.executable, "-c", LEAVE, port], check=True, capture_output=True, text=True
        ).stdout.split()


def test_process_that_left_the_network_reaches_nobody() -> None:
    left, reached = leaving()
    assert reached == str(left == "False")


def test_worker_has_left_the_network_where_the_system_allows_it(tmp_path: Path) -> None:
    left, _ = leaving()

    async def networks() -> set[str]:
        async with Workers(Settings(workers=2), small_release(tmp_path)) as workers:
            return {str(Path(f"/proc/{pid}/ns/net").readlink()) for pid in workers.pids}

    here = str(Path("/proc/self/ns/net").readlink())
    assert (here not in asyncio.run(networks())) == (left == "True")
