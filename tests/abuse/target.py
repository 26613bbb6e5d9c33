"""`kg serve` over the small dataset with tight limits, and a look at its processes while it is abused."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from time import monotonic

import httpx

from kg.tokens import new_token

__all__ = ["LIMITS", "Target", "Trap", "serving", "trapping"]

LIMITS = {
    "KG_WORKERS": 2,
    "KG_QUEUE": 8,
    "KG_TIME_LIMIT_S": 1,
    "KG_STREAM_LIMIT_S": 2,
    "KG_IDLE_LIMIT_S": 1,
    "KG_MEMORY_LIMIT_MB": 128,
    "KG_BODY_LIMIT_MB": 4,
}
_LOOKUP = "SELECT ?p ?o { <https://w3id.org/techniekpact/id/area/drechtsteden> ?p ?o }"
_NUMBERS = count()
_START_S = 60.0
# Only the server's own; what a query or a write may use has a limit of its own.
_SERVER_MB = 250
_WRITER_FACTOR = 8
_SHARED_MB = 150


@dataclass(frozen=True)
class Target:
    """A service under attack."""

    port: int
    pid: int
    token: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def lookup(self) -> tuple[int, float]:
        """Ask something plain that is kept from no one before; return the status and the seconds it took."""
        query = f"{_LOOKUP} # {next(_NUMBERS)}"
        began = monotonic()
        answer = self._get("/sparql", query=query)
        return answer.status_code, monotonic() - began

    def release(self) -> int:
        return int(self._get("/ready").json()["release"])

    def at_rest(self) -> dict[str, int]:
        """Return what must be the same whenever nobody asks anything: idle workers, files, processes."""
        workers = self._get("/ready").json()["workers"]
        # The writer is there from the first write on, and not after one that took it down.
        zygotes_and_workers = [pid for pid in self.tree() if "kg.writer" not in _command(pid)]
        writers = len(self.tree()) - len(zygotes_and_workers)
        return {
            "idle": workers["idle"],
            "busy": workers["busy"],
            "files": len(list(Path(f"/proc/{self.pid}/fd").iterdir())) - writers,
            "processes": len(zygotes_and_workers),
        }

    def _get(self, path: str, **fields: str) -> httpx.Response:
        # A connection of its own, and no certificates to read, which takes longer than the answer.
        with httpx.Client(verify=False, timeout=30) as client:
            return client.get(f"{self.url}{path}", params=fields, headers={"Connection": "close"})

    def tree(self) -> list[int]:
        """Return the processes of the service."""
        parents = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal():
                try:
                    stat = (folder / "stat").read_text("latin-1").rpartition(")")[2].split()
                except (FileNotFoundError, ProcessLookupError):
                    continue
                parents[int(folder.name)] = int(stat[1])
        found = [self.pid]
        for pid in found:
            found += [child for child, parent in parents.items() if parent == pid]
        return found

    def memory_mb(self) -> dict[str, float]:
        """Return the most that the server has held, and what all its processes hold now."""
        held = [_figure(Path(f"/proc/{pid}/smaps_rollup"), "Pss") for pid in self.tree()]
        return {"server": _figure(Path(f"/proc/{self.pid}/status"), "VmHWM"), "all": sum(held)}

    @property
    def memory_bound_mb(self) -> dict[str, float]:
        limit = LIMITS["KG_MEMORY_LIMIT_MB"]
        return {
            "server": _SERVER_MB,
            "all": _SERVER_MB + _SHARED_MB + limit * (LIMITS["KG_WORKERS"] + _WRITER_FACTOR),
        }


@dataclass
class Trap:
    """A server that nothing may call; it keeps what came, and redirects to itself."""

    calls: list[bytes] = field(default_factory=list)
    port: int = 0

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # closed: the tests are over
                return
            with connection:
                connection.settimeout(1)
                self.calls.append(connection.recv(1_000))
                connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n")


@contextmanager
def serving(home: Path, tokens: Path, limits: Mapping[str, int] = LIMITS) -> Iterator[Target]:
    """Run the real service over a home, on a port of its own; without limits, those that it has by itself."""
    token = new_token(tokens, "publisher", "publisher")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KG_")}
    own = {"KG_HOME": home, "KG_TOKENS": tokens, "KG_PORT": port, **limits}
    # What the engine says when it gets no memory is of no use here.
    environ = kept | {name: str(value) for name, value in own.items()} | {"RUST_BACKTRACE": "0"}
    with (tokens.parent / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "kg", "serve"], env=environ, stdout=log, stderr=log)
    try:
        target = Target(port, process.pid, token)
        _wait(target, process)
        yield target
        assert process.poll() is None, f"The service ended: {log.name}, status {process.returncode}."
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def trapping() -> Iterator[Trap]:
    trap = Trap()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        trap.port = listener.getsockname()[1]
        thread = threading.Thread(target=trap.serve, args=[listener])
        thread.start()
        yield trap
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def _wait(target: Target, process: subprocess.Popen[bytes]) -> None:
    deadline = monotonic() + _START_S
    while monotonic() < deadline:
        try:
            target.release()
            return
        except httpx.TransportError:
            assert process.poll() is None, "The service ended before it answered."
        threading.Event().wait(0.05)
    raise AssertionError("The service doesn't come up.")


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text("utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _figure(path: Path, name: str) -> float:
    """Return a figure of /proc in megabytes; a process that has gone has none."""
    try:
        lines = path.read_text("ascii").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:")), 0.0)
