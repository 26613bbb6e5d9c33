"""Start what is under test, on ports of its own: our service over an empty dataset, or a peer.

A service is up when it listens; it ends when the context does.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from .run import Peers
from .target import Endpoint

__all__ = ["kg_services", "oxigraph", "oxigraph_services", "oxigraph_version"]

_TOKEN = "conformance"
# What the federation suite calls and no one is, and what the syntax suite's `SERVICE <g>` is here.
_NOWHERE = "http://invalid.endpoint.org/sparql"
_N_SERVICES = 3
_START_S = 60.0
_KG = (sys.executable, "-m", "kg")


@contextmanager
def kg_services() -> Iterator[tuple[Endpoint, Peers]]:
    """Serve an empty dataset by `kg serve`; its peers start when they are called, and may be called by it."""
    ports = _free_ports(_N_SERVICES)
    called = [f"http://127.0.0.1:{port}/{path}" for port in ports for path in ("sparql", "g")]
    with ExitStack() as running:

        def start(port: int) -> Endpoint:
            folder = Path(running.enter_context(TemporaryDirectory(prefix="kg-conformance-")))
            environment = _kg_environment(folder, port) | {"KG_SERVICES": ",".join([*called, _NOWHERE])}
            _once([*_KG, "build"], environment)
            running.enter_context(_process([*_KG, "serve"], environment, port))
            return _kg_endpoint(port)

        yield start(ports[0]), lambda: (start(ports[1]), start(ports[2]))


def _kg_environment(folder: Path, port: int) -> dict[str, str]:
    """Lay an empty dataset and a token, and return what makes a service of them."""
    (folder / "content").mkdir()
    digest = hashlib.sha256(_TOKEN.encode()).hexdigest()
    (folder / "tokens").write_text(f"conformance:publisher:{digest}\n", "utf-8")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("KG_")}
    return inherited | {
        "KG_PORT": str(port),
        "KG_CONTENT": str(folder / "content"),
        "KG_HOME": str(folder / "home"),
        "KG_TOKENS": str(folder / "tokens"),
        "KG_DEFAULT_GRAPH": "own",
        "KG_WORKERS": "2",
    }


def _kg_endpoint(port: int) -> Endpoint:
    url = f"http://127.0.0.1:{port}"
    return Endpoint(
        query_url=f"{url}/sparql",
        update_url=f"{url}/sparql",
        store_url=f"{url}/store",
        headers={"Authorization": f"Bearer {_TOKEN}"},
    )


@contextmanager
def oxigraph_services() -> Iterator[tuple[Endpoint, Peers]]:
    """Serve an empty dataset by `oxigraph serve`; its peers start when they are called."""
    with ExitStack() as running:

        def start(port: int) -> Endpoint:
            url = f"http://127.0.0.1:{port}"
            command = [oxigraph(), "serve", "--bind", f"127.0.0.1:{port}"]
            running.enter_context(_process(command, os.environ, port))
            return Endpoint(query_url=f"{url}/query", update_url=f"{url}/update", store_url=f"{url}/store")

        ports = _free_ports(_N_SERVICES)
        yield start(ports[0]), lambda: (start(ports[1]), start(ports[2]))


def oxigraph() -> str:
    """Return the program, from the package `oxigraph` or the system. Raises: FileNotFoundError."""
    beside = Path(sys.executable).with_name("oxigraph")
    found = str(beside) if beside.exists() else shutil.which("oxigraph")
    if not found:
        raise FileNotFoundError("There is no program `oxigraph` here: install the package of that name.")
    return found


def oxigraph_version() -> str:
    said = subprocess.run([oxigraph(), "--version"], check=True, capture_output=True, text=True)
    return said.stdout.split()[-1]


def _once(command: list[str], environment: Mapping[str, str]) -> None:
    """Run a command to its end. Raises: RuntimeError with what it said."""
    done = subprocess.run(
        command, env=environment, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stdout}")


@contextmanager
def _process(command: list[str], environment: Mapping[str, str], port: int) -> Iterator[None]:
    """Run a service from when it listens to the end of the context."""
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            _await(process, port)
            yield
        finally:
            process.terminate()


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    """Return when a process listens. Raises: RuntimeError when it ends, or doesn't in time."""
    deadline = monotonic() + _START_S
    while process.poll() is None and monotonic() < deadline:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise RuntimeError(f"{process.args!r} does not listen on {port}.")


def _free_ports(n: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    try:
        return [listener.getsockname()[1] for listener in held]
    finally:
        for listener in held:
            listener.close()
