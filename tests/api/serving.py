"""What the tests of the whole service share: a server on a port of its own, and clients of it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from api.app import create_server
from kg.settings import Settings

NAME = "funding-for-age-and-region"
PATH = f"/questions/{NAME}"
VALUES = {"ageFrom": "12", "ageTo": "14", "region": "lmr:groot", "day": "2022-06-01"}


@dataclass(frozen=True)
class Service:
    """A running service: a client of it, its address, and the home that it serves."""

    client: httpx.Client
    url: str
    home: Path
    port: int = 0

    def ask(self, path: str = PATH, headers: dict[str, str] | None = None, **changes: Any) -> httpx.Response:
        """Ask the question of the small dataset, with some of its values changed."""
        values = {name: value for name, value in {**VALUES, **changes}.items() if value is not None}
        return self.client.get(path, params=values, headers=headers)

    def query(self, query: str, **headers: str) -> httpx.Response:
        """Send a query."""
        return self.client.get("/sparql", params={"query": query}, headers=headers)

    @contextmanager
    def other(self, address: str) -> Iterator[Service]:
        """The same service for a caller at another address of this machine."""
        transport = httpx.HTTPTransport(local_address=address)
        with httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}", timeout=20, transport=transport
        ) as client:
            yield replace(self, client=client)

    def counts(self) -> dict[str, int]:
        """Return how many workers are busy and idle, as told through one of them."""
        counts: dict[str, int] = self.client.get("/ready").json()["workers"]
        return counts

    def workers(self) -> set[int]:
        """Return the processes that answer: forked by the one that holds this home's Release."""
        parents: dict[int, int] = {}
        for path in Path("/proc").glob("[0-9]*"):
            try:
                command = (path / "cmdline").read_bytes().decode().split("\0")
                parent = int((path / "stat").read_text("ascii").rpartition(")")[2].split()[1])
            except OSError:  # it has just ended
                continue
            if "kg.zygote" in command and any(part.startswith(str(self.home)) for part in command):
                parents[int(path.name)] = parent
        return {pid for pid, parent in parents.items() if parent in parents}


@contextmanager
def served(home: Path, **limits: Any) -> Iterator[Service]:
    """Serve a home by uvicorn on a port of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        settings = Settings(home=home, port=port, **{"workers": 2, **limits})
        server = create_server(settings)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
        thread.start()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
                yield Service(client, settings.url, home, port)
        finally:
            server.should_exit = True
            thread.join()
