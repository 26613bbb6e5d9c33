"""The services that are measured, each over the same quads on a port of its own.

ours             kg serve with its settings as they come
oxigraph serve   in memory, as ours is, so that it answers as fast as it can
rdflib-endpoint  in a set-up of its own, .venv/peers.d
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kg.store import RdfFormat, current_release, open_read_only

__all__ = ["Service", "dump", "ours", "oxigraph", "rdflib_endpoint"]

_BIN = Path(sys.executable).parent
_PEERS = Path(__file__).parents[1] / ".venv" / "peers.d" / "bin"
_START_S = 180.0


@dataclass(frozen=True)
class Service:
    """A running service: its name in the tables, where it is asked, and its process."""

    name: str
    port: int
    path: str
    pid: int


def dump(home: Path, file: Path) -> None:
    """Write the Release in service as N-Quads, its default graph too."""
    with file.open("wb") as sink:
        open_read_only(current_release(home)).dump(sink, RdfFormat.N_QUADS)


@contextmanager
def ours(home: Path, settings: Mapping[str, str], *, name: str = "ours") -> Iterator[Service]:
    """Serve a home by `kg serve`."""
    port = _free_port()
    kept = {key: value for key, value in os.environ.items() if not key.startswith("KG_")}
    environ = {**kept, "KG_HOME": str(home), "KG_PORT": str(port), **settings}
    with _running([sys.executable, "-m", "kg", "serve"], environ, port, "/ready") as pid:
        yield Service(name, port, "/sparql", pid)


@contextmanager
def oxigraph(data: Path, *options: str) -> Iterator[Service]:
    """Serve a file by `oxigraph serve`."""
    port = _free_port()
    command = [str(_BIN / "oxigraph"), "serve", "--bind", f"127.0.0.1:{port}", *options]
    with _running(command, os.environ, port, "/") as pid:
        _put(f"http://127.0.0.1:{port}/store", data)
        yield Service("oxigraph serve", port, "/query", pid)


@contextmanager
def rdflib_endpoint(data: Path) -> Iterator[Service]:
    """Serve a file by `rdflib-endpoint`."""
    port = _free_port()
    command = [
        str(_PEERS / "rdflib-endpoint"),
        "serve",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        str(data),
    ]
    with _running(command, os.environ, port, "/") as pid:
        yield Service("rdflib-endpoint", port, "/", pid)


@contextmanager
def _running(command: list[str], environ: Mapping[str, str], port: int, ready: str) -> Iterator[int]:
    # What they log is written, as in service, but not kept: a crash shows as a status.
    with subprocess.Popen(
        command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            _await(lambda: _answers(f"http://127.0.0.1:{port}{ready}"), process)
            yield process.pid
        finally:
            if process.poll() is not None:
                print(f"{command} had ended by itself: {process.returncode}", file=sys.stderr)
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:  # it is busy with what nobody waits for
                process.kill()


def _await(comes: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_S
    while not comes():
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"{process.args} does not come up.")
        time.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status) == 200
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False


def _put(url: str, data: Path) -> None:
    headers = {"Content-Type": "application/n-quads"}
    with urllib.request.urlopen(
        urllib.request.Request(url, data.read_bytes(), headers, method="PUT"), timeout=_START_S
    ):
        return


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
