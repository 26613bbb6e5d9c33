"""Bring what was written online back to the files, so that both say the same again.

An online graph becomes the file that its IRI names; a graph deleted online takes its file along.
"""

from __future__ import annotations

from pathlib import Path

from kg.errors import BuildError, Problem
from kg.load import load, statements_hash
from kg.namespaces import GRAPH, PREFIXES, file_of
from kg.publish import key_of
from kg.releases import graph_name
from kg.store import Quad, RdfFormat, Release, Triple, open_read_only, parse, serialize

__all__ = ["export"]

_TYPE = f"<{PREFIXES['rdf']}type>"


def export(release: Release, root: Path, *, overwrite: bool = False) -> list[tuple[str, Path]]:
    """Write the online graphs of a Release into the content folder `root`.

    Returns what was done, "written" or "removed", with each file; nothing is done when one can't be.
    Raises: BuildError for a file that has changed since, unless `overwrite`, and for a graph whose
    IRI names no file.
    """
    files = {key_of(graph.graph): graph for graph in load(root).graphs}
    graphs = release.manifest["graphs"]
    online = {key: entry for key, entry in graphs.items() if entry["origin"] == "online"}
    problems, work = [], []
    for key, entry in {**online, **release.manifest["deleted"]}.items():
        path = root / (entry.get("path") or f"data/ttl/{file_of(key)}.ttl")
        now = files[key].hash if key in files else ""
        if file_of(key) is None:
            problems.append(Problem(key, None, "The graph's IRI names no file.", f"Call it <{GRAPH}…>."))
        elif now not in ("", entry.get("base", ""), entry.get("hash", "")) and not overwrite:
            hint = "Merge by hand, or run `kg export --overwrite` to take the online version."
            problems.append(Problem(path, None, f"The file has changed since <{key}> did online.", hint))
        elif key not in online or now != entry["hash"]:
            work.append((key, path))
    if problems:
        raise BuildError(problems)
    return [(_write(release, key, path) if key in online else _remove(path), path) for key, path in work]


def _write(release: Release, key: str, path: Path) -> str:
    quads = list(open_read_only(release).quads_for_pattern(None, None, None, graph_name(key)))
    text = turtle(key, quads)
    read = [Quad(t.subject, t.predicate, t.object, graph_name(key)) for t in parse(text, RdfFormat.TURTLE)]
    if statements_hash(read) != statements_hash(quads):
        raise BuildError(
            [Problem(key, None, "The graph can't be written as our Turtle.", "Write it by hand.")]
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return "written"


def turtle(key: str, quads: list[Quad]) -> str:
    """Return a graph as the files write it: base, sorted prefixes, a blank line between subjects."""
    ordered = sorted(quads, key=lambda quad: _order(quad, f"<{key}>"))
    triples = [Triple(quad.subject, quad.predicate, quad.object) for quad in ordered]
    said = " ".join(str(triple) for triple in triples)
    used = {name: iri for name, iri in PREFIXES.items() if f"<{iri}" in said and name != "rdf"}
    written = (serialize(triples, format=RdfFormat.TURTLE, prefixes=used) or b"").decode("utf-8")
    # The engine would write every IRI of this project relative to the base; only the graph's own are.
    lines = written.replace(f"<{key}>", "<>").replace(f"<{key}#", "<#").replace("\n\t", "\n    ").splitlines()
    prefixes = sorted(line for line in lines if line.startswith("@prefix"))
    body = [line if line.startswith(" ") else f"\n{line}" for line in lines[len(prefixes) :]]
    return "\n".join([f"@base <{key}> .", *prefixes, *body]) + "\n"


def _order(quad: Quad, own: str) -> tuple[bool, str, bool, str, str]:
    """The graph's own description comes first, and a type before all else of a subject."""
    subject, predicate = str(quad.subject), str(quad.predicate)
    return subject != own, subject, predicate != _TYPE, predicate, str(quad.object)


def _remove(path: Path) -> str:
    path.unlink(missing_ok=True)
    return "removed"
