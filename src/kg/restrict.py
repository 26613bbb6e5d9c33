"""Make a view of a Release: keep the graphs that count, and work out anew what follows from them.

What counts when a day is given:

- ontology, shapes, and reference without a day: always;
- any graph from its `tp:knownFromDay` on;
- a passage or reading without a day: on no day, since nothing shows that it was there by then;
- of reference that came later, the names and kinds of what a counted graph mentions: who a thing
  is, we say, not the document; where it lies and since when is a claim, and waits for its day.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from kg.errors import KgError
from kg.load import Content, ContentGraph
from kg.namespaces import DEF, PREFIXES
from kg.publish import content_of, dataset_of
from kg.reason import load_rules
from kg.releases import find_release, write_store
from kg.store import DefaultGraph, NamedNode, Quad, Release, Store
from kg.views import View, forget_views, view_path

__all__ = ["make", "restricted"]

_LAYER = NamedNode(DEF + "layer")
_KNOWN_FROM = NamedNode(DEF + "knownFromDay")
_NAMING = {
    NamedNode(PREFIXES[prefix] + name)
    for prefix, names in {
        "rdf": ("type",),
        "skos": ("prefLabel", "altLabel", "hiddenLabel", "notation", "inScheme"),
        "adms": ("identifier",),
    }.items()
    for name in names
}


def restricted(release: Release, view: View) -> Store:
    """Return the dataset of a view."""
    content = content_of(release)
    kept = Content(content.root, list(_kept(content, view)), [])
    rules = load_rules(release.path) if "inferred" in view.layers else []
    return dataset_of(kept, rules, release.manifest["default_graph"])[0]


def make(home: Path, number: int, view: View) -> Path:
    """Write a settled view of a Release where it belongs, unless it is there; return where."""
    path = view_path(home, number, view)
    if (path / "manifest.json").exists():
        return path
    release = find_release(home, number)
    path.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=".building-", dir=path.parent))
    try:
        store = restricted(release, view)
        write_store(building / "store", store)
        manifest = {
            "identity": f"{release.identity}/{view.name}",
            "created": release.manifest.get("created"),
            "default_graph": release.manifest["default_graph"],
            "triples": sum(1 for _ in store.quads_for_pattern(None, None, None, DefaultGraph())),
            "graphs": {},
        }
        (building / "manifest.json").write_text(json.dumps(manifest), "utf-8")
        if not (path / "manifest.json").exists():  # another process may have been as quick
            shutil.rmtree(path, ignore_errors=True)
            building.rename(path)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    forget_views(home, besides=path)
    return path


def main(arguments: list[str]) -> None:
    """Make the view that is named by its home, its Release, its day and its layers."""
    home, number, known_on, layers = arguments
    os.nice(10)
    try:
        make(
            Path(home), int(number), View(known_on, tuple(layers.split(",")) if layers != "reference" else ())
        )
    except (KgError, OSError) as error:
        print(str(error).partition("\n")[0], file=sys.stderr)
        sys.exit(1)


def _kept(content: Content, view: View) -> Iterator[ContentGraph]:
    """Yield what counts; of later reference, what names things that are mentioned."""
    later: list[ContentGraph] = []
    mentioned: set[NamedNode] = set()
    for graph in content.graphs:
        layer, known_from = _described(graph)
        if layer in ("stated", "curated") and layer not in view.layers:
            continue
        if not view.known_on or _is_known(graph, layer, known_from, view.known_on):
            mentioned.update(
                term
                for quad in graph.quads
                for term in (quad.subject, quad.object)
                if isinstance(term, NamedNode)
            )
            yield graph
        elif layer == "reference":
            later.append(graph)
    for graph in later:
        naming = [quad for quad in graph.quads if _names(quad, mentioned)]
        if naming:
            own = [quad for quad in graph.quads if quad.subject == graph.graph]
            yield replace(graph, quads=[*own, *naming])


def _is_known(graph: ContentGraph, layer: str, known_from: str, day: str) -> bool:
    if known_from:
        return known_from <= day
    return graph.folder != "data/ttl" or layer == "reference"


def _names(quad: Quad, mentioned: set[NamedNode]) -> bool:
    return quad.predicate in _NAMING and quad.subject in mentioned


def _described(graph: ContentGraph) -> tuple[str, str]:
    """Return the layer of a graph and the day from which it is known, as it says of itself."""
    said = {q.predicate: q.object for q in graph.quads if q.subject == graph.graph}
    layer, day = said.get(_LAYER), said.get(_KNOWN_FROM)
    name = str(getattr(layer, "value", "")).removeprefix(DEF)
    # What was written online without a layer is taken for what it most looks like.
    return name or ("stated" if graph.folder == "data/ttl" else ""), str(getattr(day, "value", ""))


if __name__ == "__main__":
    main(sys.argv[1:])
