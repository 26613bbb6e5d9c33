"""Our OWL rules in the engine beside owlrl, on the same triples, interleaved: `make bench`.

Prints a table for docs/performance.md. Not a test: machines differ, ratios less.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import rdflib

from kg.load import load
from kg.reason import load_rules, owl_rl_closure, reason
from kg.store import Literal, Quad

ROOT = Path(__file__).parents[1]
ROUNDS = 5
SETS = {
    "one report": ("zuid-holland-2022", "curation"),
    "one report and its organisations": ("zuid-holland-2022", "curation", "organisations", "ministries"),
}


def main() -> None:
    rules = [
        rule for rule in load_rules(ROOT) if rule.path.stem in ("1-subclass", "1-subproperty", "1-inverse")
    ]
    print("| data | triples | our rules | owlrl | ratio |\n|---|---|---|---|---|")
    for name, parts in SETS.items():
        quads = chosen(parts)
        graph = as_graph(quads)

        def ours(quads: list[Quad] = quads) -> object:
            return reason(quads, [], rules)

        def theirs(graph: rdflib.Graph = graph) -> object:
            return owl_rl_closure(graph)

        times: dict[Callable[[], object], list[float]] = {ours: [], theirs: []}
        for _ in range(ROUNDS):
            for run, measured in times.items():
                start = time.perf_counter()
                run()
                measured.append(time.perf_counter() - start)
        mine, peer = (statistics.median(times[run]) for run in (ours, theirs))
        print(
            f"| {name} | {len(quads):,} | {mine * 1000:.0f} ms | {peer * 1000:,.0f} ms | {peer / mine:.0f}× |"
        )


def chosen(parts: tuple[str, ...]) -> list[Quad]:
    """Return the ontology without its code lists, and the data of the folders or files named."""
    files = load(ROOT).graphs
    return [
        quad
        for file in files
        if (file.folder == "ontology" and "codes" not in file.path.parts)
        or (file.folder == "data/ttl" and (file.path.parent.name in parts or file.path.stem in parts))
        for quad in file.quads
    ]


def as_graph(quads: list[Quad]) -> rdflib.Graph:
    graph = rdflib.Graph()
    for quad in quads:
        value = quad.object
        term: rdflib.term.Node
        if isinstance(value, Literal):
            language = value.language
            datatype = None if language else rdflib.URIRef(value.datatype.value)
            term = rdflib.Literal(value.value, lang=language, datatype=datatype, normalize=False)
        else:
            term = rdflib.URIRef(str(value).strip("<>"))
        graph.add((rdflib.URIRef(str(quad.subject).strip("<>")), rdflib.URIRef(quad.predicate.value), term))
    return graph


if __name__ == "__main__":
    main()
