"""Describe the service for machines: what it speaks, and the dataset it answers from.

Source: https://www.w3.org/TR/sparql11-service-description/
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from kg.examples import FOLDER
from kg.namespaces import expand, graph_iri
from kg.releases import DEFAULT
from kg.results import Form
from kg.store import BlankNode, Literal, NamedNode, RdfFormat, Release, Triple, open_read_only, serialize

__all__ = ["service_description"]

_SD = "http://www.w3.org/ns/sparql-service-description#"
_VOID = "http://rdfs.org/ns/void#"
_FORMATS = "http://www.w3.org/ns/formats/"
_PREFIXES = {"sd": _SD, "void": _VOID, "formats": _FORMATS} | {
    prefix: expand(f"{prefix}:") for prefix in ("dct", "owl", "rdfs", "schema", "sh", "xsd")
}
_WRITES = (
    *(f"SPARQL_Results_{name}" for name in ("JSON", "XML", "CSV", "TSV")),
    *("Turtle", "N-Triples", "JSON-LD", "RDF_XML", "TriG", "N-Quads"),
)
_TYPE = NamedNode(expand("rdf:type"))
_EXAMPLE = NamedNode(expand("sh:SPARQLExecutable"))


def service_description(release: Release, endpoint_url: str, form: Form, *, federates: bool = False) -> bytes:
    """Return the description of the service at an absolute URL, in one of the graph formats.

    It describes the default graph as it is: a real graph, not the union of the named ones. `federates`
    says whether it calls any other endpoint. Editors find the examples and prefixes of the Release in it.
    """
    if not isinstance(form.engine, RdfFormat):
        raise TypeError(f"{form.media_type} can't hold a graph.")
    triples = _triples(release, endpoint_url, federates)
    return serialize(triples, format=form.engine, prefixes=_PREFIXES) or b""


def _triples(release: Release, endpoint_url: str, federates: bool) -> Iterator[Triple]:
    service, dataset, default = BlankNode(), BlankNode(), BlankNode()
    endpoint = NamedNode(endpoint_url)
    yield Triple(service, _TYPE, _sd("Service"))
    yield Triple(service, _sd("endpoint"), endpoint)
    # Comunica reads this one.
    yield Triple(service, _sd("url"), endpoint)
    yield Triple(service, _sd("supportedLanguage"), _sd("SPARQL11Query"))
    if federates:
        yield Triple(service, _sd("feature"), _sd("BasicFederatedQuery"))
    for name in _WRITES:
        yield Triple(service, _sd("resultFormat"), NamedNode(_FORMATS + name))
    yield Triple(service, _sd("defaultDataset"), dataset)
    yield Triple(dataset, _TYPE, _sd("Dataset"))
    yield Triple(dataset, NamedNode(expand("dct:isVersionOf")), NamedNode(release.iri))
    yield Triple(dataset, _sd("defaultGraph"), default)
    yield from _graph(default, release.manifest["triples"])
    yield from _examples(release, endpoint)
    for iri, graph in sorted(release.manifest["graphs"].items()):
        if iri == DEFAULT:
            continue
        named, content = BlankNode(), BlankNode()
        yield Triple(dataset, _sd("namedGraph"), named)
        yield Triple(named, _TYPE, _sd("NamedGraph"))
        yield Triple(named, _sd("name"), NamedNode(iri))
        yield Triple(named, _sd("graph"), content)
        yield from _graph(content, graph["triples"])


def _examples(release: Release, endpoint: NamedNode) -> Iterator[Triple]:
    target = NamedNode(expand("schema:target"))
    for triple in _published(release.path):
        yield triple
        if triple.predicate == _TYPE and triple.object == _EXAMPLE:
            yield Triple(triple.subject, target, endpoint)


@lru_cache(maxsize=4)
def _published(path: Path) -> tuple[Triple, ...]:
    """Return what the graphs of examples say; a Release never changes."""
    store = open_read_only(Release(0, path, {}))
    graphs = [graph for graph in store.named_graphs() if str(graph).startswith(f"<{graph_iri(FOLDER)}/")]
    return tuple(quad.triple for graph in graphs for quad in store.quads_for_pattern(None, None, None, graph))


def _graph(graph: BlankNode, triples: int) -> Iterator[Triple]:
    yield Triple(graph, _TYPE, _sd("Graph"))
    yield Triple(graph, _TYPE, NamedNode(f"{_VOID}Dataset"))
    yield Triple(graph, NamedNode(f"{_VOID}triples"), Literal(triples))


def _sd(name: str) -> NamedNode:
    return NamedNode(_SD + name)
