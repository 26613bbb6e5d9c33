"""Lookups while eight clients send the worst queries of tests/abuse: `make bench-hostile`.

Prints a table for docs/performance.md, and says how long others had to wait. Not a test: it takes two
minutes and a half, and machines differ. The service has the limits that it has by itself; each client is
a caller of its own, by its address.
"""

from __future__ import annotations

import multiprocessing
import random
import signal
import statistics
import threading
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, perf_counter
from typing import Any
from urllib.parse import quote

from kg.publish import publish
from tests.abuse.sending import Hostile, load_requests, send
from tests.abuse.target import Target, serving
from tests.conftest import Quiet

ROOT = Path(__file__).parents[1]
REQUESTS = ROOT / "tests" / "abuse" / "requests.yaml"
LOOKUP = "SELECT ?p ?o {{ <https://w3id.org/techniekpact/id/area/drechtsteden> ?p ?o }} LIMIT {}"
IDLE_S, HOSTILE_S = 20.0, 120.0
N_HOSTILE, N_LOOKUPS = 8, 2
# Between two lookups of one client: people, not a load.
PAUSE_S = 0.02
LOOKUP_LIMIT_S = 60.0
# After so long a hostile client leaves, whatever it was getting, and sends the next; the last is longer
# than the service lets a query run.
LEAVE_S = (1.0, 5.0, 35.0)
MORE_KINDS = {"429 too-many", "503 stopping", "503 too-busy", "closed", "silence", "other"}


def main() -> None:
    with TemporaryDirectory(prefix="kg-hostile-") as folder:
        home, tokens = Path(folder) / "home", Path(folder) / "tokens"
        publish(ROOT, home, Quiet())
        with serving(home, tokens, {}) as target:
            print("| lookups | number | failed | p50 | p95 | p99 | longest | memory of all processes |")
            print("|---|---|---|---|---|---|---|---|", flush=True)
            idle = measured(target, IDLE_S)
            report("alone", *idle)
            with besieged(target) as answers:
                hostile = measured(target, HOSTILE_S)
            report(f"beside {N_HOSTILE} hostile clients", *hostile)
    ratio = percentile(hostile[0], 95) / percentile(idle[0], 95)
    print(f"\np95 beside them is {ratio:.1f} times that of lookups alone. What they got: {dict(answers)}.")


def measured(target: Target, for_s: float) -> tuple[list[float], int, float]:
    """Return the seconds each lookup took, how many failed, and the most memory of all processes in MB."""
    with multiprocessing.Pool(N_LOOKUPS) as pool:
        asked = pool.starmap_async(looking_up, [(target.port, n, for_s) for n in range(N_LOOKUPS)])
        most_mb = 0.0
        while not asked.ready():
            most_mb = max(most_mb, target.memory_mb()["all"])
            asked.wait(1.0)
        seconds: list[float] = []
        failed = 0
        for took, wrong in asked.get():
            seconds += took
            failed += wrong
    return seconds, failed, most_mb


def looking_up(port: int, number: int, for_s: float) -> tuple[list[float], int]:
    """Look something up again and again, on one connection; return the seconds taken and the failures."""
    seconds, failed = [], 0
    connection = connected(port, number)
    until = monotonic() + for_s
    while monotonic() < until:
        asked = LOOKUP.format(1_000 + N_LOOKUPS * len(seconds) + number)  # none is known already
        path = f"/sparql?query={quote(asked)}"
        began = perf_counter()
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            failed += answer.status != 200 or b"bindings" not in answer.read()
        except (HTTPException, OSError):
            failed += 1
            connection.close()
            connection = connected(port, number)
        seconds.append(perf_counter() - began)
        threading.Event().wait(PAUSE_S)
    connection.close()
    return seconds, failed


def connected(port: int, number: int) -> HTTPConnection:
    source = (f"127.0.1.{number + 1}", 0)
    return HTTPConnection("127.0.0.1", port, timeout=LOOKUP_LIMIT_S, source_address=source)


class besieged:  # noqa: N801  used as `with besieged(…)`
    """While this is open, hostile clients send the worst of the list; it gives what they got, by kind."""

    def __init__(self, target: Target) -> None:
        requests = [each for each in load_requests(REQUESTS) if is_bad(each)]
        self._kinds = sorted({*MORE_KINDS, *(answer for each in requests for answer in each.expected)})
        self._counts: Any = multiprocessing.Array("q", len(self._kinds))
        worst = [each.content(target, 9) for each in requests]
        self._clients = [
            multiprocessing.Process(target=attacking, args=(target, number, worst, self._kinds, self._counts))
            for number in range(N_HOSTILE)
        ]
        self._got: Counter[str] = Counter()

    def __enter__(self) -> Counter[str]:
        for client in self._clients:
            client.start()
        return self._got

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.terminate()
            client.join()
        self._got.update(dict(zip(self._kinds, self._counts, strict=True)))


def is_bad(hostile: Hostile) -> bool:
    """Whether a request of the list is a query that takes all it can get, or nearly kills who reads it."""
    bad = ("503", "cut", "too-large")
    return "query" in hostile.given and any(word in str(hostile.given["expect"]) for word in bad)


def attacking(target: Target, number: int, worst: list[bytes], kinds: list[str], counts: Any) -> None:
    """Send one after the other from an address of its own, and count what comes back, until terminated."""
    signal.signal(signal.SIGALRM, leave)
    chance = random.Random(number)
    for content in shuffled(worst, chance):
        signal.setitimer(signal.ITIMER_REAL, chance.choice(LEAVE_S))
        try:
            got = send(content, target, address=f"127.0.2.{number + 1}", patience_s=max(LEAVE_S))
        except OSError:
            got = "closed"
        signal.setitimer(signal.ITIMER_REAL, 0)
        with counts.get_lock():
            counts[kinds.index(got if got in kinds else "other")] += 1


def leave(*_: object) -> None:
    raise TimeoutError


def shuffled(worst: list[bytes], chance: random.Random) -> Iterator[bytes]:
    """Yield all of them again and again, in another order each time."""
    while True:
        yield from chance.sample(worst, len(worst))


def report(name: str, seconds: list[float], failed: int, most_mb: float) -> None:
    p50, p95, p99 = (percentile(seconds, each) * 1000 for each in (50, 95, 99))
    longest = max(seconds) * 1000
    print(
        f"| {name} | {len(seconds):,} | {failed} | {p50:.1f} ms | {p95:.1f} ms | {p99:.1f} ms "
        f"| {longest:,.0f} ms | {most_mb:,.0f} MB |",
        flush=True,
    )


def percentile(seconds: list[float], which: int) -> float:
    return statistics.quantiles(seconds, n=100)[which - 1]


if __name__ == "__main__":
    main()
