"""Queries without an end: how long after its deadline the process that answers one is gone.

Of us the worker's process is watched, under limits of two seconds. Of `oxigraph serve`, told the
same by `--timeout-s`, it is seen whether it still computes: it has but one process.
"""

from __future__ import annotations

import fcntl
import socket
import statistics
import struct
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import services
from services import Service

__all__ = ["KINDS", "LIMIT_S", "Gone", "Kind", "measure_other", "measure_ours"]

LIMIT_S = 2
_ROUNDS = 5
_WAIT_S = 8.0
# Without computing for so long, a process has stopped.
_QUIET_S = 0.3

_PRODUCT = "?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l"


@dataclass(frozen=True)
class Kind:
    """One kind of runaway: `takes` what comes, or leaves after `leaves_s`; `grows` without bound."""

    name: str
    query: str
    takes: bool = True
    leaves_s: float | None = None
    grows: bool = False


@dataclass(frozen=True)
class Gone:
    """Seconds after the deadline, over the rounds; below zero another limit was met before."""

    median_s: float
    worst_s: float


KINDS = (
    Kind("counts a product", f"SELECT (COUNT(*) AS ?n) {{ {_PRODUCT} }}"),
    Kind("sorts a product (grows)", f"SELECT * {{ {_PRODUCT} }} ORDER BY ?a ?e ?i ?l", grows=True),
    Kind(
        "paths from all to all",
        "SELECT (COUNT(*) AS ?n) { ?a (!<urn:x>)* ?b . ?b (!<urn:y>)* ?c }",
        grows=True,
    ),
    Kind(
        "regular expressions over a product",
        f'SELECT (COUNT(*) AS ?n) {{ {_PRODUCT} FILTER(REGEX(STR(?c), "(a|b|ab)*(.*)*c{{1,200}}$")) }}',
    ),
    Kind(
        "NOT EXISTS over a product",
        "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f"
        " FILTER NOT EXISTS { ?g ?h ?i FILTER(?g = ?a && ?i = ?f) } }",
    ),
    Kind("rows without an end, taken", f"SELECT * {{ {_PRODUCT} }}"),
    Kind("rows without an end, not taken", f"SELECT * {{ {_PRODUCT} }}", takes=False),
    Kind("its client leaves after half a second", f"SELECT (COUNT(*) AS ?n) {{ {_PRODUCT} }}", leaves_s=0.5),
)


def measure_ours(home: Path) -> dict[str, Gone]:
    """Return, by kind, when the worker was gone."""
    limits = {"KG_TIME_LIMIT_S", "KG_STREAM_LIMIT_S", "KG_IDLE_LIMIT_S"}
    with services.ours(home, {name: str(LIMIT_S) for name in limits} | {"KG_WORKERS": "1"}) as service:
        return {kind.name: _over_rounds(kind, service, _worker_gone) for kind in KINDS}


def measure_other(data: Path) -> dict[str, Gone | None]:
    """Return, by kind, when `oxigraph serve` computed no more; None when it still did at the end.

    What grows isn't asked, since nothing bounds its memory; nor what isn't taken, for which it
    waits without computing.
    """
    found: dict[str, Gone | None] = {}
    for kind in KINDS:
        if kind.takes and not kind.grows:
            with services.oxigraph(data, "--timeout-s", str(LIMIT_S)) as service:
                gone_s = _once(kind, service, _falls_quiet)
                found[kind.name] = None if gone_s is None else Gone(gone_s, gone_s)
    return found


def _over_rounds(kind: Kind, service: Service, gone: Callable[[Service], Callable[[], bool]]) -> Gone:
    times = [_once(kind, service, gone) for _ in range(_ROUNDS)]
    kept = [each if each is not None else _WAIT_S for each in times]
    return Gone(statistics.median(kept), max(kept))


def _once(kind: Kind, service: Service, watch: Callable[[Service], Callable[[], bool]]) -> float | None:
    """Ask once; return the seconds from the deadline until it was gone, None if it never was."""
    is_gone = watch(service)
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        connection.sendall(
            f"GET {service.path}?query={quote(kind.query)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        )
        connection.setblocking(False)
        start = time.monotonic()
        due = start + (LIMIT_S if kind.leaves_s is None else kind.leaves_s)
        arrived = 0
        while time.monotonic() < due + _WAIT_S:
            if not kind.takes and arrived < (arrived := max(arrived, _n_waiting(connection))):
                due = time.monotonic() + LIMIT_S  # the limit holds from when nothing more is taken
            if is_gone():
                return time.monotonic() - due - (_QUIET_S if watch is _falls_quiet else 0)
            if kind.leaves_s is not None and time.monotonic() > due:
                connection.close()
            elif kind.takes:
                _take(connection)
            time.sleep(0.001)
    return None


def _take(connection: socket.socket) -> None:
    try:
        connection.recv(1024 * 1024)
    except BlockingIOError:
        return


def _n_waiting(connection: socket.socket) -> int:
    """Return how many bytes have come that weren't read."""
    return int(struct.unpack("i", fcntl.ioctl(connection, termios.FIONREAD, bytes(4)))[0])


def _worker_gone(service: Service) -> Callable[[], bool]:
    """Watch the one worker: a child of the process that holds the Release, which is a child of ours."""
    deadline = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline:
        workers = [pid for zygote in _children(service.pid) for pid in _children(zygote)]
        if len(workers) == 1:
            worker = workers[0]
            return lambda: not Path(f"/proc/{worker}/stat").exists()
        time.sleep(0.01)
    raise SystemExit("There is no worker to watch.")


def _falls_quiet(service: Service) -> Callable[[], bool]:
    """Watch whether a process computes: none of its time used for a while, once some was."""
    last, since, began = _ticks(service.pid), time.monotonic(), False

    def is_quiet() -> bool:
        nonlocal last, since, began
        now = _ticks(service.pid)
        if now > last:
            last, since, began = now, time.monotonic(), True
        return began and time.monotonic() - since > _QUIET_S

    return is_quiet


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]
    except OSError:  # it has just ended
        return []
