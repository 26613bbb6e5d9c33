"""Load: many short answers by wrk, long ones by sockets of our own, both in a closed loop.

A client sends its next request when the last was answered, so a service that is slow is asked less
often. wrk (Debian's package) costs a fraction of a core at the rates seen here; that fraction is
measured and printed. Of a long answer the time to its first byte is wanted, which wrk doesn't tell.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import statistics
import subprocess
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from services import Service

__all__ = ["PATIENCE_S", "Measured", "long_answers", "short_answers", "together"]

_LUA = Path(__file__).with_name("lookup.lua")
_PIECE_BYTES = 256 * 1024
# A service that isn't done by then is given up on.
PATIENCE_S = 30.0


@dataclass(frozen=True)
class Measured:
    """What a load gave, times in seconds.

    A service that was given up on has the times of what it did answer, if anything.
    """

    median_s: float | None = None
    p95_s: float | None = None
    per_s: float | None = None
    first_s: float | None = None
    first_p95_s: float | None = None
    client_cores: float = 0.0
    sizes_bytes: frozenset[int] = field(default_factory=frozenset)
    given_up: bool = False
    n_refused: int = 0


def together(rounds: Sequence[Measured]) -> Measured:
    """Return the medians over rounds."""

    def median(values: list[float | None]) -> float | None:
        given = [value for value in values if value is not None]
        return statistics.median(given) if given else None

    return Measured(
        median([each.median_s for each in rounds]),
        median([each.p95_s for each in rounds]),
        median([each.per_s for each in rounds]),
        median([each.first_s for each in rounds]),
        median([each.first_p95_s for each in rounds]),
        max(each.client_cores for each in rounds),
        frozenset().union(*(each.sizes_bytes for each in rounds)),
        any(each.given_up for each in rounds),
        sum(each.n_refused for each in rounds),
    )


def short_answers(
    service: Service, queries: Sequence[str], folder: Path, *, connections: int, seconds: int
) -> Measured:
    """Ask the queries in turn over kept connections. Raises: SystemExit when an answer is an error."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise SystemExit("There is no wrk here: install the package of that name.")
    targets = folder / f"{service.port}.targets"
    targets.write_text("".join(f"{service.path}?query={quote(query)}\n" for query in queries), "utf-8")
    url = f"http://127.0.0.1:{service.port}/"
    command = [
        wrk,
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "--timeout=30s",
        "-s",
        _LUA,
        url,
        "--",
        targets,
    ]
    before = os.times()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    after = os.times()
    said = json.loads(done.stdout.splitlines()[-1])
    if said["n_failed"]:
        raise SystemExit(f"{service.name}: {said['n_failed']} of {said['n']} lookups failed.")
    duration_s = said["duration_us"] / 1e6
    spent_s = sum(after[2:4]) - sum(before[2:4])
    return Measured(
        said["median_us"] / 1e6,
        said["p95_us"] / 1e6,
        said["n"] / duration_s,
        client_cores=spent_s / duration_s,
    )


def long_answers(service: Service, query: str, *, connections: int, each: int) -> Measured:
    """Ask a query `each` times over each of the connections, giving up after a while.

    Each connection comes from an address of its own, since ours shares itself out between callers.
    """
    request = _request(service, query)
    deadline = time.monotonic() + PATIENCE_S
    done: list[tuple[float, float, int]] = []
    barrier = threading.Barrier(connections)
    given_up = threading.Event()

    refused: list[int] = []

    def client(number: int) -> None:
        barrier.wait()
        try:
            for _ in range(each):
                answer = _answer(service.port, request, deadline, f"127.0.0.{number + 2}")
                if answer:
                    done.append(answer)
                else:
                    refused.append(number)
        except TimeoutError:
            given_up.set()

    start, spent = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(connections) as pool:
        for running in [pool.submit(client, number) for number in range(connections)]:
            running.result()
    if not done:
        return Measured(given_up=given_up.is_set(), n_refused=len(refused))
    duration_s, cores_s = time.perf_counter() - start, time.process_time() - spent
    firsts, wholes = [first for first, _, _ in done], [whole for _, whole, _ in done]
    return Measured(
        statistics.median(wholes),
        _p95(wholes),
        len(done) / duration_s,
        statistics.median(firsts),
        _p95(firsts),
        cores_s / duration_s,
        frozenset(size for _, _, size in done),
        given_up.is_set(),
        len(refused),
    )


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[max(0, -(-95 * len(values) // 100) - 1)]


def _request(service: Service, query: str) -> bytes:
    content = query.encode()
    lines = [
        f"POST {service.path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/sparql-query",
        f"Content-Length: {len(content)}",
        "Accept: application/sparql-results+json",
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + content


def _answer(port: int, request: bytes, deadline: float, source: str) -> tuple[float, float, int] | None:
    """Return the seconds to the first byte of the content and to its end, and the size of all.

    None when the service says that it is too busy.

    Raises: TimeoutError after the deadline, SystemExit when the answer isn't whole.
    """
    buffer = bytearray(_PIECE_BYTES)
    start = time.perf_counter()
    head, first, size, tail = b"", 0.0, 0, b""
    with socket.create_connection(("127.0.0.1", port), source_address=(source, 0)) as connection:
        connection.sendall(request)
        while True:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise TimeoutError
            connection.settimeout(left_s)
            got = connection.recv_into(buffer)
            if not got:
                break
            if not first:
                head += buffer[:got]
                if head.partition(b"\r\n\r\n")[2]:
                    first = time.perf_counter()
            size += got
            tail = (tail + buffer[max(0, got - 5) : got])[-5:]
    end = time.perf_counter()
    chunked = b"transfer-encoding: chunked" in head.lower()
    if head.startswith(b"HTTP/1.1 503"):
        return None
    if not head.startswith(b"HTTP/1.1 200") or (chunked and tail != b"0\r\n\r\n"):
        raise SystemExit(f"Not a whole answer: {head[:300]!r}")
    return first - start, end - start, size
