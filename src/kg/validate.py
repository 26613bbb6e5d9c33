"""Check data against its shapes, and say where it is wrong and what to write.

    shapes/graph/    on each data file alone: how it describes itself, what a statement node says
    shapes/dataset/  on each node with all that any file says of it and of the nodes it points to

Both run before reasoning, on what is asserted plus the class tree. What a shape
can't see from there (uniqueness, reachability) is a hygiene query. Because a
check sees only this neighbourhood, a file that didn't change, and whose
neighbourhood didn't, need not be checked again.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

import pyshacl
import rdflib
from pyshacl.errors import ReportableRuntimeError
from rdflib.namespace import OWL, RDF, SH, XSD

from kg.errors import BuildError, CheckFailed, Problem
from kg.load import Content, ContentGraph
from kg.namespaces import PREFIXES, compact, graph_iri
from kg.store import BlankNode, Literal, NamedNode, Quad

__all__ = ["report", "validate"]

_SUBCLASS = NamedNode(PREFIXES["rdfs"] + "subClassOf")
_SEVERITY = {str(SH.Violation): "violation", str(SH.Warning): "warning", str(SH.Info): "info"}


def validate(
    content: Content, *, cache: Path | None = None, progress: Callable[[int, int], None] | None = None
) -> list[Problem]:
    """Return what the shapes find, violations and warnings, each with file and line.

    `cache` is a folder that remembers the files found right, by the hash of all that went into that.
    Raises: BuildError when a check could not run at all (a failure, not a violation).
    """
    if not any(content.of("shapes")):
        return []
    files = list(content.of("data/ttl"))
    neighbours = _Neighbourhoods([*content.of("ontology"), *files])
    tree = [quad for file in content.of("ontology") for quad in file.quads if quad.predicate == _SUBCLASS]
    shapes = {part: _shapes(content, part) for part in ("graph", "dataset")}
    about_shapes = hashlib.sha256(
        "".join(file.hash for file in content.of("shapes")).encode() + repr(sorted(map(str, tree))).encode()
    ).hexdigest()
    problems: list[Problem] = []
    for done, file in enumerate(files, 1):
        around = neighbours.of(file)
        key = hashlib.sha256(
            "\n".join([about_shapes, file.hash, *sorted(map(str, around))]).encode()
        ).hexdigest()
        kept = cache / key if cache else None
        if kept and kept.exists():
            continue
        found = _check(file, around, tree, shapes)
        problems += found
        if kept and not found:
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.touch()
        if progress:
            progress(done, len(files))
    return problems


def report(data: Iterable[Quad], shapes: Iterable[Quad]) -> rdflib.Graph:
    """Return SHACL's own report of what shapes find in data.

    Raises: CheckFailed when a shape can't be run at all.
    """
    return _run(_graph(data), _shapes_graph(shapes))


def _check(
    file: ContentGraph, around: list[Quad], tree: list[Quad], shapes: dict[str, rdflib.Graph]
) -> list[Problem]:
    own = {rdflib.URIRef(quad.subject.value) for quad in file.quads if isinstance(quad.subject, NamedNode)}
    alone = _report(_graph([*file.quads, *tree]), shapes["graph"], own, file)
    together = _report(_graph([*file.quads, *around, *tree]), shapes["dataset"], own, file)
    return alone + together


class _Neighbourhoods:
    """What every file says of the nodes that one file mentions."""

    def __init__(self, files: list[ContentGraph]) -> None:
        self._by_subject: defaultdict[str, list[Quad]] = defaultdict(list)
        for file in files:
            for quad in file.quads:
                self._by_subject[str(quad.subject)].append(quad)

    def of(self, file: ContentGraph) -> list[Quad]:
        """Return the statements of other files about the subjects of this one and what those point to."""
        own = {str(quad.subject) for quad in file.quads}
        subjects = {quad for subject in own for quad in self._by_subject[subject]}
        pointed = {str(quad.object) for quad in subjects if isinstance(quad.object, NamedNode)}
        linked = (quad for node in pointed - own for quad in self._by_subject.get(node, ()))
        return [quad for quad in (*subjects, *linked) if quad.graph_name != file.graph]


def _shapes(content: Content, part: str) -> rdflib.Graph:
    folder = graph_iri(f"shapes/{part}/")
    files = (file for file in content.of("shapes") if f"{file.graph}".startswith(f"<{folder}"))
    return _shapes_graph(quad for file in files for quad in file.quads)


def _shapes_graph(quads: Iterable[Quad]) -> rdflib.Graph:
    """Return shapes as a graph, with prefixes declared also along owl:imports, which pySHACL leaves out."""
    graph = _graph(quads)
    for prefixes in set(graph.objects(None, SH.prefixes)):
        for ontology in list(graph.transitive_objects(prefixes, OWL.imports)):
            for declaration in list(graph.objects(ontology, SH.declare)):
                graph.add((prefixes, SH.declare, declaration))
    return graph


def _run(data: rdflib.Graph, shapes: rdflib.Graph) -> rdflib.Graph:
    try:
        _, found, text = pyshacl.validate(data, shacl_graph=shapes, inference=None, inplace=True)
    except (ReportableRuntimeError, NotImplementedError) as error:
        found, text = None, getattr(error, "message", str(error))
    if not isinstance(found, rdflib.Graph):
        raise CheckFailed(f"The check could not run: {text}")
    return found


def _report(
    data: rdflib.Graph, shapes: rdflib.Graph, own: set[rdflib.URIRef], file: ContentGraph
) -> list[Problem]:
    """Return what is wrong with the file's `own` nodes; of its neighbours too little is in `data` to judge.

    pySHACL's own `focus_nodes` leaves nested shapes unchecked, so the report is filtered instead.
    """
    try:
        whole = _run(data, shapes)
    except CheckFailed as error:
        raise BuildError([Problem(file.place, None, str(error), "Mend the shape.")]) from None
    results = whole.subjects(RDF.type, SH.ValidationResult)
    found = (_problem(whole, result, file) for result in results if whole.value(result, SH.focusNode) in own)
    return list(dict.fromkeys(found))  # two constraints of one rule say the same


def _problem(report: rdflib.Graph, result: rdflib.term.Node, file: ContentGraph) -> Problem:
    focus = report.value(result, SH.focusNode)
    on = report.value(result, SH.resultPath)
    value = report.value(result, SH.value)
    predicate = str(on) if isinstance(on, rdflib.URIRef) else None
    line = file.line(str(focus), predicate, None if value is None else str(value))
    about = [compact(str(focus))]
    about += [compact(predicate)] if predicate else []
    about += (
        [f"is {value.n3()}" if isinstance(value, rdflib.Literal) else f"is {compact(str(value))}"]
        if value
        else []
    )
    severity = _SEVERITY.get(str(report.value(result, SH.resultSeverity)), "violation")
    message = str(report.value(result, SH.resultMessage))
    rule = compact(str(report.value(result, SH.sourceShape)))
    return Problem(file.place, line, message, f"{' '.join(about)} (rule {rule})", severity=severity)


def _graph(quads: Iterable[Quad]) -> rdflib.Graph:
    """Copy the engine's quads into a plain graph, the form that pySHACL reads; literals stay as written."""
    graph = rdflib.Graph()
    for quad in quads:
        graph.add((_term(quad.subject), _term(quad.predicate), _term(quad.object)))
    return graph


def _term(term: object) -> rdflib.term.Node:
    match term:
        case NamedNode():
            return rdflib.URIRef(term.value)
        case BlankNode():
            return rdflib.BNode(term.value)
        case Literal(language=str() as language):
            return rdflib.Literal(term.value, lang=language, normalize=False)
        case Literal(datatype=NamedNode(value=datatype)) if datatype == str(XSD.string):
            return rdflib.Literal(term.value)  # as rdflib reads a string in a SPARQL constraint
        case Literal():
            return rdflib.Literal(term.value, datatype=rdflib.URIRef(term.datatype.value), normalize=False)
    raise TypeError(f"{term} can't be checked: triple terms are not in use.")
