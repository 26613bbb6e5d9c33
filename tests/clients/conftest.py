"""The service as a program of its own over the small dataset, for clients that are not ours."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kg.store import Release
from kg.tokens import new_token

from ..kg.test_killed_server import Server


@dataclass(frozen=True)
class Service:
    """Where the service is, and a name with its token that may write there."""

    url: str
    name: str
    token: str

    @property
    def endpoint(self) -> str:
        return f"{self.url}/sparql"


@pytest.fixture(scope="session")
def service(
    small_release: tuple[Path, Release], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """One service for all clients: what a test writes it takes away again."""
    folder = tmp_path_factory.mktemp("clients")
    home, tokens = folder / "home", folder / "tokens"
    shutil.copytree(small_release[0], home, symlinks=True)
    token = new_token(tokens, "province", "publisher")
    server = Server(home, tokens)
    server.start()
    yield Service(server.url, "province", token)
    server.end(signal.SIGTERM)
