"""Read the suites' RDF: manifests as facts to look up, data and expected results as triples and quads.

Every file is read as if it stood where the suites are published, so that relative IRIs in
manifests, data, queries and results mean the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from urllib.parse import quote

from kg.store import BlankNode, Literal, NamedNode, Quad, RdfFormat, Triple, parse

__all__ = ["FORMATS", "Facts", "Term", "iri_of", "path_of", "read_facts", "read_quads"]

Term = NamedNode | BlankNode | Literal | Triple
Subject = NamedNode | BlankNode | Triple

_PUBLISHED = "https://w3c.github.io/"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_FIRST, _REST = NamedNode(_RDF + "first"), NamedNode(_RDF + "rest")

FORMATS = {
    ".ttl": RdfFormat.TURTLE,
    ".rdf": RdfFormat.RDF_XML,
    ".nt": RdfFormat.N_TRIPLES,
    ".nq": RdfFormat.N_QUADS,
    ".trig": RdfFormat.TRIG,
}


class Facts:
    """The triples of one document, by subject and predicate.

    >>> facts = Facts([Triple(NamedNode("urn:a"), NamedNode("urn:b"), Literal("c"))])
    >>> facts.one(NamedNode("urn:a"), "urn:b").value
    'c'
    """

    def __init__(self, triples: Iterable[Triple | Quad]) -> None:
        self._objects: defaultdict[tuple[Term, str], list[Term]] = defaultdict(list)
        self._subjects: defaultdict[tuple[str, Term], list[Subject]] = defaultdict(list)
        for triple in triples:
            self._objects[triple.subject, triple.predicate.value].append(triple.object)
            self._subjects[triple.predicate.value, triple.object].append(triple.subject)

    def all(self, subject: Term, predicate: str) -> list[Term]:
        return self._objects.get((subject, predicate), [])

    def one(self, subject: Term, predicate: str) -> Term | None:
        found = self.all(subject, predicate)
        return found[0] if found else None

    def text(self, subject: Term, predicate: str) -> str | None:
        """Return the value of a literal or an IRI."""
        found = self.one(subject, predicate)
        return found.value if isinstance(found, Literal | NamedNode) else None

    def having(self, predicate: str, value: Term) -> list[Subject]:
        return self._subjects.get((predicate, value), [])

    def items(self, head: Term | None) -> Iterator[Term]:
        """Yield the members of an RDF list."""
        while head is not None and (first := self.one(head, _FIRST.value)) is not None:
            yield first
            head = self.one(head, _REST.value)


def iri_of(path: Path, root: Path) -> str:
    """Return where a file of the suites is published.

    >>> iri_of(Path("/w3c/rdf-tests/sparql/a b.rq"), Path("/w3c"))
    'https://w3c.github.io/rdf-tests/sparql/a%20b.rq'
    """
    return _PUBLISHED + quote(path.relative_to(root).as_posix())


def path_of(iri: str, root: Path) -> Path:
    """Return the file that is published at an IRI."""
    return root / iri.removeprefix(_PUBLISHED)


def read_facts(path: Path, root: Path) -> Facts:
    """Return the triples of one file of the suites."""
    return Facts(read_quads(path, root))


@cache
def read_quads(path: Path, root: Path) -> tuple[Quad, ...]:
    """Return what a file of the suites says; its blank nodes are its own."""
    return tuple(
        parse(
            path.read_bytes(),
            FORMATS[path.suffix],
            base_iri=iri_of(path, root),
            rename_blank_nodes=True,
        )
    )
