"""Read the content folders: each Turtle file becomes one named graph.

    ontology/funding.ttl             BASE/graph/ontology/funding
    shapes/graph/passages.ttl        BASE/graph/shapes/graph/passages
    data/ttl/curation/sto-names.ttl  BASE/graph/curation/sto-names

What is wrong is gathered as Problems with file and line, so that one run shows
all of it: syntax, a base that isn't the file's own, blank nodes, unknown terms.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kg.errors import Problem
from kg.namespaces import DEF, PREFIXES, compact, graph_iri
from kg.positions import line_of
from kg.store import (
    BlankNode,
    CanonicalizationAlgorithm,
    Dataset,
    DefaultGraph,
    NamedNode,
    Quad,
    RdfFormat,
    parse,
)

__all__ = [
    "FOLDERS",
    "Content",
    "ContentGraph",
    "folder_of",
    "held_to_ontology",
    "load",
    "statements_hash",
]

# folder -> what precedes the file's path in its graph IRI
FOLDERS = {"ontology": "ontology/", "shapes": "shapes/", "data/ttl": ""}

_TYPE = NamedNode(PREFIXES["rdf"] + "type")
_BASE_LINE = re.compile(r"\s*@base\s+<([^>]*)>", re.IGNORECASE)


@dataclass(frozen=True)
class ContentGraph:
    """One graph as it was written: in a file, or online, when `path` is None; `hash` is of its statements."""

    path: Path | None
    folder: str
    graph: NamedNode | DefaultGraph
    quads: list[Quad]
    hash: str

    @property
    def place(self) -> Path | str:
        """Where a reader finds it: the file, or else the graph's IRI."""
        if self.path:
            return self.path
        return self.graph.value if isinstance(self.graph, NamedNode) else "the default graph"

    def line(self, subject: str | None, predicate: str | None = None, obj: object = None) -> int | None:
        """Return the line of a statement in the file, where there is one."""
        return line_of(self.path, subject, predicate, obj) if self.path else None


@dataclass(frozen=True)
class Content:
    """All that is written of a dataset, by folder, and the problems met in reading it.

    `root` also holds the rules and the queries that a build runs over it.
    """

    root: Path
    graphs: list[ContentGraph]
    problems: list[Problem]

    def of(self, *folders: str) -> Iterator[ContentGraph]:
        return (graph for graph in self.graphs if graph.folder in folders)


def load(root: Path) -> Content:
    """Read every Turtle file under the content folders of `root`, in a fixed order.

    Returns what could be read; never raises for a wrong file, see `Content.problems`.
    """
    graphs: list[ContentGraph] = []
    problems: list[Problem] = []
    for folder, prefix in FOLDERS.items():
        base = root / folder
        for path in sorted(base.rglob("*.ttl")):
            expected = graph_iri(prefix + path.relative_to(base).with_suffix("").as_posix())
            read = _read(path, folder, NamedNode(expected))
            if isinstance(read, ContentGraph):
                graphs.append(read)
            else:
                problems.append(read)
    return held_to_ontology(Content(root, graphs, problems))


def held_to_ontology(content: Content) -> Content:
    """Return the content with a problem for each blank node and each term that the ontology doesn't declare.

    A dataset without an ontology has nothing to be held to.
    """
    if not any(content.of("ontology")):
        return content
    found = [*content.problems, *_blank_nodes(content), *_unknown_terms(content)]
    return Content(content.root, content.graphs, found)


def statements_hash(quads: list[Quad]) -> str:
    """Hash what a graph says: the same for any order of its statements and any names of its blank nodes."""
    said = Dataset(quads)
    said.canonicalize(CanonicalizationAlgorithm.RDFC_1_0)
    return hashlib.sha256("\n".join(sorted(map(str, said))).encode()).hexdigest()


def folder_of(graph: NamedNode | DefaultGraph) -> str:
    """Return the content folder that a graph belongs to, by its IRI.

    >>> folder_of(NamedNode(graph_iri("shapes/graph/statements")))
    'shapes'
    """
    iri = str(getattr(graph, "value", ""))
    named = (folder for folder, prefix in FOLDERS.items() if prefix and iri.startswith(graph_iri(prefix)))
    return next(named, "data/ttl")


def _read(path: Path, folder: str, graph: NamedNode) -> ContentGraph | Problem:
    data = path.read_bytes()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return Problem(path, line, "This is not UTF-8.", "Save the file as UTF-8.")
    written = _BASE_LINE.match(text)
    if not written or written[1] != graph.value:
        return Problem(
            path,
            1,
            "The file doesn't begin with the base of its own graph.",
            f"Write: @base <{graph.value}> .",
        )
    try:
        quads = [Quad(t.subject, t.predicate, t.object, graph) for t in parse(data, RdfFormat.TURTLE)]
    except SyntaxError as error:
        line = error.lineno or 1
        shown = text.splitlines()[line - 1].strip() if text else ""
        message = re.sub(r"^Parser error at .*?: ", "", error.msg)
        return Problem(
            path, line, f"This is not Turtle: {message}.", f"The line reads: {shown}", error.offset
        )
    return ContentGraph(path, folder, graph, quads, statements_hash(quads))


def _blank_nodes(content: Content) -> Iterator[Problem]:
    """A blank node can't be cited, corrected or compared between Releases; only shapes need them."""
    for graph in content.of("ontology", "data/ttl"):
        for quad in graph.quads:
            if isinstance(quad.subject, BlankNode):
                yield Problem(
                    graph.place,
                    graph.line(None, quad.predicate.value),
                    "Blank nodes can't be cited.",
                    "Give the node a name: <#name> instead of [ … ].",
                )
                break


def _unknown_terms(content: Content) -> Iterator[Problem]:
    """A term must be declared in ontology/ before anything may use it."""
    declared = {
        quad.subject.value
        for graph in content.of("ontology")
        for quad in graph.quads
        if quad.predicate == _TYPE and isinstance(quad.subject, NamedNode)
    }
    for graph in content.of("ontology", "data/ttl"):
        seen: set[str] = set()
        for quad, term in _terms(graph.quads):
            if term.value not in declared and term.value not in seen:
                seen.add(term.value)
                subject = quad.subject.value if isinstance(quad.subject, NamedNode) else None
                yield Problem(
                    graph.place,
                    graph.line(subject, quad.predicate.value, quad.object),
                    f"The term {compact(term.value)} is unknown.",
                    _suggest(term.value, declared),
                )


def _terms(quads: Iterable[Quad]) -> Iterator[tuple[Quad, NamedNode]]:
    for quad in quads:
        yield quad, quad.predicate
        if (
            isinstance(quad.object, NamedNode)
            and (quad.predicate == _TYPE or quad.object.value.startswith(DEF))
            and quad.object.value != DEF
        ):
            yield quad, quad.object


def _suggest(term: str, declared: Iterable[str]) -> str:
    names = sorted(compact(iri) for iri in declared)
    close = difflib.get_close_matches(compact(term), names, n=3, cutoff=0.7)
    if close:
        return f"Did you mean {' or '.join(close)}? Else declare it in ontology/."
    return "Declare it in ontology/, or use a term that is there."
