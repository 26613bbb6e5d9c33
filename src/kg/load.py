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
from kg.store import BlankNode, NamedNode, Quad, RdfFormat, parse

__all__ = ["FOLDERS", "Content", "ContentFile", "load"]

# folder -> what precedes the file's path in its graph IRI
FOLDERS = {"ontology": "ontology/", "shapes": "shapes/", "data/ttl": ""}

_TYPE = NamedNode(PREFIXES["rdf"] + "type")
_BASE_LINE = re.compile(r"\s*@base\s+<([^>]*)>", re.IGNORECASE)


@dataclass(frozen=True)
class ContentFile:
    """One Turtle file: its place, its graph, what it says, and the hash of its text."""

    path: Path
    folder: str
    graph: NamedNode
    quads: list[Quad]
    hash: str


@dataclass(frozen=True)
class Content:
    """All files of a dataset, by folder, and the problems met in reading them."""

    root: Path
    files: list[ContentFile]
    problems: list[Problem]

    def of(self, *folders: str) -> Iterator[ContentFile]:
        return (file for file in self.files if file.folder in folders)


def load(root: Path) -> Content:
    """Read every Turtle file under the content folders of `root`, in a fixed order.

    Returns what could be read; never raises for a wrong file, see `Content.problems`.
    """
    files: list[ContentFile] = []
    problems: list[Problem] = []
    for folder, prefix in FOLDERS.items():
        base = root / folder
        for path in sorted(base.rglob("*.ttl")):
            expected = graph_iri(prefix + path.relative_to(base).with_suffix("").as_posix())
            read = _read(path, folder, NamedNode(expected))
            if isinstance(read, ContentFile):
                files.append(read)
            else:
                problems.append(read)
    content = Content(root, files, problems)
    problems.extend(_blank_nodes(content))
    problems.extend(_unknown_terms(content))
    return content


def _read(path: Path, folder: str, graph: NamedNode) -> ContentFile | Problem:
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
    return ContentFile(path, folder, graph, quads, hashlib.sha256(data).hexdigest())


def _blank_nodes(content: Content) -> Iterator[Problem]:
    """A blank node can't be cited, corrected or compared between Releases; only shapes need them."""
    for file in content.of("ontology", "data/ttl"):
        for quad in file.quads:
            if isinstance(quad.subject, BlankNode):
                line = line_of(file.path, None, quad.predicate.value)
                yield Problem(
                    file.path,
                    line,
                    "Blank nodes can't be cited.",
                    "Give the node a name: <#name> instead of [ … ].",
                )
                break


def _unknown_terms(content: Content) -> Iterator[Problem]:
    """A term must be declared in ontology/ before anything may use it."""
    declared = {
        quad.subject.value
        for file in content.of("ontology")
        for quad in file.quads
        if quad.predicate == _TYPE and isinstance(quad.subject, NamedNode)
    }
    for file in content.of("ontology", "data/ttl"):
        seen: set[str] = set()
        for quad, term in _terms(file.quads):
            if term.value not in declared and term.value not in seen:
                seen.add(term.value)
                subject = quad.subject.value if isinstance(quad.subject, NamedNode) else None
                line = line_of(file.path, subject, quad.predicate.value, quad.object)
                yield Problem(
                    file.path,
                    line,
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
