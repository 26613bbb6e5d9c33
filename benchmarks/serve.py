"""Our service beside `oxigraph serve` and `rdflib-endpoint`, on the same data, interleaved: `make bench`.

Writes its tables into docs/performance.md. Not a test: machines differ, ratios less.

    lookup    what is said of one thing, a thousand things in turn
    question  the SPARQL of funding-for-age-and-region, its parameters as VALUES
    rows      a SELECT of 100,000 rows, as JSON

Ours runs twice: keeping no answer, and keeping answers as it does by itself.
"""

from __future__ import annotations

import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path

import asked
import runaways
import services
from load import Measured, long_answers, short_answers, together
from page import Run, write
from services import Service

from kg.settings import Settings
from kg.store import current_release, open_read_only

ROOT = Path(__file__).parents[1]
ROUNDS = 3
CONNECTIONS = (1, 8, 32)
SECONDS = 3

Start = Callable[[], AbstractContextManager[Service]]


class Field:
    """The services under load, each started when it is first needed, and anew after it was ended."""

    def __init__(self, starts: Mapping[str, Start]) -> None:
        self.names = list(starts)
        self._starts = starts
        self._running: dict[str, tuple[ExitStack, Service]] = {}

    def __getitem__(self, name: str) -> Service:
        if name not in self._running:
            stack = ExitStack()
            self._running[name] = stack, stack.enter_context(self._starts[name]())
        return self._running[name][1]

    def end(self, name: str) -> None:
        """Stop one; the next time it is needed it starts."""
        self._running.pop(name)[0].close()

    def close(self) -> None:
        for name in list(self._running):
            self.end(name)


def main() -> None:
    home = Settings.from_environment().home.absolute()
    with tempfile.TemporaryDirectory() as temporary, _others_use() as others:
        folder = Path(temporary)
        data = folder / "data.nq"
        services.dump(home, data)
        starts: dict[str, Start] = {"ours": partial(services.ours, home, {"KG_CACHE_MB": "0"})}
        starts["ours, cached"] = partial(services.ours, home, {})
        starts["oxigraph serve"] = partial(services.oxigraph, data)
        starts["rdflib-endpoint"] = partial(services.rdflib_endpoint, data)
        field = Field(starts)
        cells = _loads(home, folder)
        measured = _interleaved(field, cells)
        field.close()
        print("runaways", flush=True)
        ours, other = runaways.measure_ours(home), runaways.measure_other(data)
    release = current_release(home)
    write(
        Run(
            names=field.names,
            measured=measured,
            runaways=(ours, other),
            n_quads=len(open_read_only(release)),
            n_cores=os.cpu_count() or 1,
            others_share=others[0],
        )
    )


def _loads(home: Path, folder: Path) -> dict[tuple[str, int], Callable[[Service], Measured]]:
    """Return what is measured, by the name of the load and the number of connections."""
    lookups = asked.lookups(open_read_only(current_release(home)))
    question = asked.question(ROOT)
    loads: dict[tuple[str, int], Callable[[Service], Measured]] = {}
    for n in CONNECTIONS:
        loads["lookup", n] = partial(
            short_answers, queries=lookups, folder=folder, connections=n, seconds=SECONDS
        )
    for name, query in (("question", question), ("rows", asked.ROWS)):
        for n in CONNECTIONS:
            loads[name, n] = partial(long_answers, query=query, connections=n, each=max(1, 8 // n))
    return loads


def _interleaved(
    field: Field, cells: Mapping[tuple[str, int], Callable[[Service], Measured]]
) -> dict[tuple[str, int, str], Measured]:
    """Measure each load with each service in turn, over the rounds."""
    rounds: dict[tuple[str, int, str], list[Measured]] = {}
    # With more connections these would not be done either, and they go on computing: start anew.
    slow: set[tuple[str, str]] = set()
    for number in range(ROUNDS):
        for (load, n), run in cells.items():
            for name in field.names:
                if (load, name) in slow:
                    continue
                got = run(field[name])
                rounds.setdefault((load, n, name), []).append(got)
                print(f"round {number + 1}: {load}, {n} connections, {name}: {got}", flush=True)
                if got.given_up:
                    slow.add((load, name))
                    field.end(name)
    return {key: together(each) for key, each in rounds.items()}


@contextmanager
def _others_use() -> Iterator[list[float]]:
    """Give, once over, the share of the machine that neither we nor the services used."""
    found: list[float] = []
    start, busy, own = time.monotonic(), _busy_s(), _own_s()
    yield found
    seconds = (time.monotonic() - start) * (os.cpu_count() or 1)
    found.append(max(0.0, (_busy_s() - busy) - (_own_s() - own)) / seconds)


def _busy_s() -> float:
    """Return the seconds that this machine's cores were busy: all but idle and waiting for disks."""
    fields = [int(field) for field in Path("/proc/stat").read_text("ascii").splitlines()[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def _own_s() -> float:
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return statistics.fsum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    main()
