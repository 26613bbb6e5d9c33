"""What the tests of the serve wing share: a small Release, and queries that never end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import monotonic

from kg.store import Literal, NamedNode, Quad, Release, Store

RUNAWAY = "SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l } ORDER BY ?a ?e ?i ?l"
# Its first row comes at once, its last never.
ENDLESS = "SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }"
# It neither writes nor grows, so only a signal ends it.
SILENT = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }"
GRAPH = "urn:graph"


def small_release(folder: Path, *, n_things: int = 1_000, number: int = 1) -> Release:
    """Write a Release of `n_things` triples, in the default graph and in one named graph."""
    path = folder / f"{number:06d}"
    path.mkdir()
    store = Store(str(path / "store"))
    for graph in (None, NamedNode(GRAPH)):
        store.bulk_extend(_thing(index, graph) for index in range(n_things))
    store.flush()
    graphs = {GRAPH: {"hash": "", "triples": n_things, "origin": "file", "path": ""}}
    manifest = {"number": number, "identity": f"content-{number}", "graphs": graphs, "triples": n_things}
    return Release(number, path, manifest)


def _thing(index: int, graph: NamedNode | None) -> Quad:
    thing, value = NamedNode(f"urn:thing/{index}"), Literal(index)
    return (
        Quad(thing, NamedNode("urn:value"), value, graph)
        if graph
        else Quad(thing, NamedNode("urn:value"), value)
    )


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie doesn't."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def becomes_true(condition: Callable[[], bool], within_s: float = 5.0) -> bool:
    """Whether a condition comes true in time."""
    deadline = monotonic() + within_s
    while monotonic() < deadline:
        if condition():
            return True
    return False
