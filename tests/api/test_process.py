"""The service as a process of its own: how it stops, and what a large answer costs it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import httpx
import pytest

from kg.store import Release

from ..kg.serving import becomes_true, is_alive

ONE = "SELECT (1 AS ?one) {}"
# About a second of work.
SLOW = """SELECT (COUNT(*) AS ?n) {
  { SELECT ?a { ?a ?b ?c } LIMIT 1200 } { SELECT ?d { ?d ?e ?f } LIMIT 1200 }
  FILTER(CONCAT(STR(?a), STR(?d)) != "")
}"""
RUNAWAY = "SELECT (COUNT(*) AS ?n) {" + " . ".join(f"?s{n} ?p{n} ?o{n}" for n in range(6)) + "}"
ENDLESS = "SELECT * {" + " . ".join(f"?s{n} ?p{n} ?o{n}" for n in range(6)) + "}"


@dataclass(frozen=True)
class Process:
    """A service in a process of its own."""

    process: subprocess.Popen[str]
    url: str

    def get(self, path: str, **options: object) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", timeout=20, trust_env=False, **options)  # type: ignore[arg-type]

    def query(self, query: str) -> httpx.Response:
        return self.get("/sparql", params={"query": query})

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def memory_mb(self, pid: int | None = None) -> float:
        """Return the most memory that the process has had."""
        status = Path(f"/proc/{pid or self.process.pid}/status").read_text("ascii")
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found
        return int(found[1]) / 1024


@contextmanager
def running(home: Path, **settings: str) -> Iterator[Process]:
    """Run `kg serve` over a home."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environ = {**os.environ, "KG_HOME": str(home), "KG_LOG": "off", "PYTHONWARNINGS": "error", **settings}
    command = [sys.executable, "-m", "kg", "serve", "--port", str(port)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environ, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout
        assert "is served at" in process.stdout.readline()
        running = Process(process, f"http://127.0.0.1:{port}")
        try:
            assert becomes_true(lambda: _answers(running))
            yield running
        finally:
            if process.poll() is None:
                process.kill()


def _answers(running: Process) -> bool:
    try:
        return running.get("/health").status_code == 200
    except httpx.ConnectError:
        return False


@pytest.fixture
def home(small_release: tuple[Path, Release], tmp_path: Path) -> Path:
    """The small dataset in a home of its own."""
    shutil.copytree(small_release[0], tmp_path / "home", symlinks=True)
    return tmp_path / "home"


@pytest.fixture
def crowd() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_workers=4) as pool:
        yield pool


def _stat(pid: int) -> list[str]:
    """Return the state of a process and what follows it in its line."""
    return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()


def _cpu_s(pid: int) -> float:
    return sum(map(int, _stat(pid)[11:13])) / os.sysconf("SC_CLK_TCK")


def _workers(service: Process) -> list[int]:
    """Return the processes that answer: children of the one that holds the Release."""
    (zygote,) = _children(service.process.pid)
    return _children(zygote)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]


def _has_begun(running: Process) -> bool:
    return any(each["state"] == "running" for each in running.get("/queries").json()["queries"])


@pytest.mark.service
def test_service_told_to_stop_finishes_what_has_begun_and_refuses_the_rest(
    home: Path, crowd: ThreadPoolExecutor
) -> None:
    with running(home) as service:
        begun = crowd.submit(service.query, SLOW)
        assert becomes_true(lambda: _has_begun(service))
        service.stop()
        assert becomes_true(lambda: service.get("/ready").status_code == 503)
        refused = [service.query(ONE), service.get("/questions"), service.get("/ready")]
        for response in refused:
            assert response.status_code == 503
            assert response.headers["connection"] == "close"
            assert int(response.headers["retry-after"]) > 0
            assert response.headers["access-control-allow-origin"] == "*"
            assert response.json()["type"].endswith("/stopping")
        assert service.get("/health").status_code == 200
        assert not begun.done()
        assert begun.result().status_code == 200
        assert service.process.wait(5) == 0
        assert service.process.stderr
        assert service.process.stderr.read() == ""


@pytest.mark.service
def test_idle_service_stops_at_once(home: Path) -> None:
    with running(home) as service:
        began = monotonic()
        service.stop()
        assert service.process.wait(5) == 0
        assert monotonic() - began < 2


@pytest.mark.service
def test_what_does_not_finish_in_time_is_cut_or_refused(home: Path, crowd: ThreadPoolExecutor) -> None:
    with running(home) as service:
        waiting = crowd.submit(service.query, RUNAWAY)
        with httpx.stream("GET", f"{service.url}/sparql", params={"query": ENDLESS}, timeout=30) as stream:
            pieces = stream.iter_raw()
            next(pieces)
            began = monotonic()
            service.stop()
            with pytest.raises(httpx.RemoteProtocolError):
                deque(pieces, maxlen=0)
        assert 9 < monotonic() - began < 12
        refused = waiting.result()
        assert (refused.status_code, refused.json()["type"][-9:]) == (503, "/stopping")
        assert service.process.wait(5) == 0


@pytest.mark.service
def test_second_signal_stops_at_once_and_leaves_no_process(home: Path, crowd: ThreadPoolExecutor) -> None:
    with running(home) as service:
        crowd.submit(service.query, RUNAWAY)
        assert becomes_true(lambda: _has_begun(service))
        pids = [*_children(service.process.pid), *_workers(service)]
        assert len(pids) > 2
        service.stop()
        assert becomes_true(lambda: service.get("/ready").status_code == 503)
        service.stop()
        service.process.wait(5)
        assert becomes_true(lambda: not any(is_alive(pid) for pid in pids))


# --- a million rows


MILLION = "SELECT * {" + " . ".join(f"?s{n} ?p{n} ?o{n}" for n in range(6)) + "} LIMIT 1000000"


@pytest.mark.service
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_million_rows_stream_through_flat_memory(home: Path, encoding: str) -> None:
    headers = {"Accept": "text/csv", "Accept-Encoding": encoding}
    with running(home, KG_WORKERS="1", KG_IDLE_LIMIT_S="60") as service:
        service.query(ONE)
        before = service.memory_mb()
        n_bytes = n_rows = 0
        with httpx.stream(
            "GET", f"{service.url}/sparql", params={"query": MILLION}, headers=headers, timeout=60
        ) as stream:
            pieces = stream.iter_bytes()
            first = next(pieces)
            # Nobody takes more for now, so the rest is not computed: the query waits.
            (running_now,) = service.get("/queries").json()["queries"]
            assert running_now["state"] == "streaming"
            (worker,) = _workers(service)
            assert becomes_true(lambda: _stat(worker)[0] == "S")
            used = _cpu_s(worker)
            for piece in (first, *pieces):
                n_bytes += len(piece)
                n_rows += piece.count(b"\n")
        assert n_rows == 1_000_001
        assert n_bytes > 100_000_000
        assert service.memory_mb() - before < 20
        assert service.memory_mb(worker) < 200
        assert _cpu_s(worker) > 3 * used, "most of the answer was computed before its first byte was read"
