"""The server is killed at random moments while many write: what it acknowledged is there, no more."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from kg.load import held_to_ontology
from kg.namespaces import GRAPH, PREFIXES
from kg.publish import check, content_of
from kg.releases import list_releases
from kg.store import NamedNode, Release, current_release, open_read_only
from kg.tokens import new_token

from ..conftest import Quiet

N_WRITES, N_WRITERS, N_KILLS = 1_000, 24, 12
REPORT = f"{GRAPH}report/1"
LABEL = NamedNode(PREFIXES["skos"] + "altLabel")
UPDATE = {"Content-Type": "application/sparql-update"}


class Server:
    """`kg serve` on a port of its own, which can be killed and started again."""

    def __init__(self, home: Path, tokens: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        kg = {name: value for name, value in os.environ.items() if not name.startswith("KG_")}
        own = {"KG_HOME": home, "KG_TOKENS": tokens, "KG_PORT": port, "KG_WORKERS": 1, "KG_QUEUE": N_WRITERS}
        self._environ = kg | {name: str(value) for name, value in own.items()}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "kg", "serve"], env=self._environ, stdout=subprocess.DEVNULL
        )
        for _ in range(600):
            try:
                if httpx.get(f"{self.url}/ready").status_code == 200:
                    return
            except httpx.TransportError:
                assert self._process.poll() is None
            threading.Event().wait(0.05)
        raise AssertionError("The server doesn't come up.")

    def end(self, how: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(how)
        self._process.wait(30)


class Writers:
    """Send labels until each is acknowledged, or is known to be lost with its server."""

    def __init__(self, url: str, token: str) -> None:
        self.acknowledged: set[str] = set()
        self._url = f"{url}/sparql"
        self._headers = {**UPDATE, "Authorization": f"Bearer {token}"}
        self._some = threading.Semaphore(0)

    def send(self, label: str) -> None:
        text = (
            f"INSERT DATA {{ GRAPH <{REPORT}> {{ <https://w3id.org/techniekpact/id/scheme/silent> "
            f'<{LABEL.value}> "{label}"@nl }} }}'
        )
        while True:
            try:
                with httpx.Client(verify=False, timeout=60) as client:  # a connection of its own
                    answer = client.post(self._url, content=text, headers=self._headers)
            except httpx.TransportError:
                threading.Event().wait(0.1)  # the server is away; the same is sent again
                continue
            if answer.status_code == 200:
                self.acknowledged.add(label)
                self._some.release()
                return
            assert answer.status_code in (429, 503), answer.text

    def wait_for(self, n: int) -> None:
        """Wait until that many more have been acknowledged."""
        for _ in range(n):
            assert self._some.acquire(timeout=60)


def labels(release: Release) -> set[str]:
    quads = open_read_only(release).quads_for_pattern(None, LABEL, None, NamedNode(REPORT))
    return {quad.object.value for quad in quads}  # type: ignore[union-attr]


@pytest.mark.service
@pytest.mark.fault
def test_killed_at_random_the_server_keeps_every_acknowledged_write(
    tmp_path: Path, small_release: tuple[Path, Release]
) -> None:
    home, tokens, chance = tmp_path / "home", tmp_path / "tokens", random.Random(5)
    shutil.copytree(small_release[0], home, symlinks=True)
    before = current_release(home)
    server = Server(home, tokens)
    writers = Writers(server.url, new_token(tokens, "writer", "publisher"))
    wanted = {f"label {number}" for number in range(N_WRITES)}
    server.start()
    with ThreadPoolExecutor(N_WRITERS) as pool:
        sent = [pool.submit(writers.send, label) for label in sorted(wanted)]
        for _ in range(N_KILLS):
            writers.wait_for(chance.randrange(N_WRITES // N_KILLS // 2))
            threading.Event().wait(chance.random())  # any moment of a commit
            server.end(signal.SIGKILL)
            acknowledged = set(writers.acknowledged)
            assert acknowledged <= labels(current_release(home))
            server.start()
        for each in sent:
            each.result()
    server.end(signal.SIGTERM)
    after = current_release(home)
    assert labels(after) - labels(before) == wanted == writers.acknowledged
    assert _others(after) == _others(before)
    conforms = _conforms(home)
    assert [release.number for release, _ in list_releases(home) if not conforms(release)] == []


def _others(release: Release) -> dict[str, str]:
    """The hash of each graph that nobody wrote to, and that no rule derived from it."""
    graphs = release.manifest["graphs"]
    return {key: g["hash"] for key, g in graphs.items() if g["origin"] == "file" and key != REPORT}


def _conforms(home: Path) -> Callable[[Release], bool]:
    def conforms(release: Release) -> bool:
        content = held_to_ontology(content_of(release))
        checked = check(content, Quiet(), cache=home / "cache", answers_may_differ=True)
        return set(checked.store) == set(open_read_only(release))

    return conforms
