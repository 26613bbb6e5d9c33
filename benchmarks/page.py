"""Write what `serve.py` measured into docs/performance.md, between its marks, with the goals."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from load import PATIENCE_S, Measured
from runaways import KINDS, LIMIT_S, Gone

__all__ = ["Run", "write"]

_PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
_BEGIN, _END = "<!-- benchmarks/serve.py writes from here -->", "<!-- to here -->"
_OTHERS = ("oxigraph serve", "rdflib-endpoint")


@dataclass(frozen=True)
class Run:
    """One run: who took part, what was measured by load, connections and service, and the runaways."""

    names: list[str]
    measured: Mapping[tuple[str, int, str], Measured]
    runaways: tuple[Mapping[str, Gone], Mapping[str, Gone | None]]
    n_quads: int
    n_cores: int
    others_share: float


def write(run: Run) -> None:
    """Replace what is between the marks."""
    text = _PAGE.read_text("utf-8")
    between = "\n".join([_BEGIN, "", *_parts(run), "", _END])
    pattern = re.compile(f"{re.escape(_BEGIN)}.*{re.escape(_END)}", re.DOTALL)
    _PAGE.write_text(pattern.sub(lambda _: between, text), "utf-8")


def _parts(run: Run) -> Iterator[str]:
    client = max(each.client_cores for each in run.measured.values())
    yield (
        f"On {run.n_quads:,} quads, {run.n_cores} cores, which the load shares with the services; "
        f"other work took {run.others_share:.0%} of them meanwhile. "
        f"The load itself took at most {client:.2f} of a core."
    )
    for load, title in (("lookup", "Lookup"), ("question", "Question"), ("rows", "100,000 rows")):
        yield f"\n### {title}\n"
        yield from _table(run, load)
    yield "\n### Runaways\n"
    yield from _runaways(run)
    yield "\n### Against the goals\n"
    yield from _goals(run)


def _table(run: Run, load: str) -> Iterator[str]:
    columns = ["ours", "ours, cached", *_OTHERS]
    yield f"| connections | | {' | '.join(columns)} |"
    yield f"|---|---|{'---|' * len(columns)}"
    rows = [("median", "median_s"), ("p95", "p95_s"), ("per second", "per_s")]
    if load == "rows":
        rows[2:] = [("first byte, median", "first_s"), ("first byte, p95", "first_p95_s"), rows[2]]
    for n in sorted({connections for name, connections, _ in run.measured if name == load}):
        for label, field in rows:
            values = [_value(run.measured.get((load, n, column)), field) for column in columns]
            yield f"| {n} | {label} | {' | '.join(values)} |"
    refused = sum(each.n_refused for (name, _, _), each in run.measured.items() if name == load)
    if refused:
        yield f"\n{refused} were refused with 503, since no worker came free in time; they aren't counted."


def _value(measured: Measured | None, field: str) -> str:
    if measured is None:
        return "–"
    if measured.median_s is None:
        return f"more than {PATIENCE_S:.0f} s"
    value = getattr(measured, field)
    if field == "per_s":
        return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
    return _ms(value)


def _ms(seconds: float) -> str:
    ms = seconds * 1000
    return f"{ms:,.0f} ms" if abs(ms) >= 10 else f"{ms:.2g} ms"


def _runaways(run: Run) -> Iterator[str]:
    ours, other = run.runaways
    yield f"Gone after the deadline of {LIMIT_S} s; `oxigraph serve` with `--timeout-s {LIMIT_S}`.\n"
    yield "| query | ours, median | ours, worst | oxigraph serve |"
    yield "|---|---|---|---|"
    for kind in KINDS:
        yield f"| {kind.name} | {_gone(ours[kind.name])} | {_said(kind.name, other)} |"


def _gone(gone: Gone) -> str:
    if gone.worst_s < 0:
        return "before it, at the memory limit | –"
    return f"{_ms(gone.median_s)} | {_ms(gone.worst_s)}"


def _said(kind: str, found: Mapping[str, Gone | None]) -> str:
    if kind not in found:
        return "–"
    gone = found[kind]
    return _ms(gone.median_s) if gone else "computes on"


def _goals(run: Run) -> Iterator[str]:
    def per_s(load: str, n: int, name: str) -> float | None:
        return run.measured[load, n, name].per_s if (load, n, name) in run.measured else None

    rows, theirs = run.measured["rows", 1, "ours"], run.measured["rows", 1, "oxigraph serve"]
    lookup, peer, slow = (per_s("lookup", 8, name) for name in ("ours", *_OTHERS))
    ours, other = (run.measured["question", 1, name].median_s for name in ("ours", "rdflib-endpoint"))
    question = _ratio(other, ours) if other else f"more than {_ratio(PATIENCE_S, ours)}"
    worst = max(gone.worst_s for gone in run.runaways[0].values())
    found = {
        "100,000 rows as fast as `oxigraph serve` or faster (1 connection)": _ratio(
            theirs.median_s, rows.median_s
        ),
        "their first byte within 10 ms (1 connection)": _ms(rows.first_s or 0),
        "lookups a quarter of `oxigraph serve`'s or more (8 connections)": _ratio(lookup, peer),
        "the same, cached: half or more": _ratio(per_s("lookup", 8, "ours, cached"), peer),
        "lookups 10 × `rdflib-endpoint`'s or more (8 connections)": _ratio(lookup, slow),
        "the question 20 × as fast as `rdflib-endpoint` or more (1 connection)": question,
        "a runaway gone within its deadline and 200 ms": f"{_ms(worst)} at worst",
    }
    yield "| goal | measured |"
    yield "|---|---|"
    for goal, value in found.items():
        yield f"| {goal} | {value} |"


def _ratio(one: float | None, other: float | None) -> str:
    if one is None or other is None:
        return "–"
    return f"{one / other:.2f} ×" if one / other < 10 else f"{one / other:,.0f} ×"
