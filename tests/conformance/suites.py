"""Read the W3C's manifests into cases: what to load, what to send, what must come back.

Sources: https://w3c.github.io/rdf-tests/ and https://w3c.github.io/data-shapes/ as they lie in the
folder that KG_CONFORMANCE_DIR names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urldefrag, urljoin

from kg.store import NamedNode

from .exchanges import Exchange, read_exchanges
from .rdf import Facts, Term, iri_of, path_of, read_facts

__all__ = [
    "SUITES",
    "Case",
    "DescriptionCase",
    "ExchangeCase",
    "QueryCase",
    "Source",
    "SyntaxCase",
    "UpdateCase",
    "load_cases",
]

_MF = "http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#"
_QT = "http://www.w3.org/2001/sw/DataAccess/tests/test-query#"
_UT = "http://www.w3.org/2009/sparql/tests/test-update#"
_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
_LABEL = "http://www.w3.org/2000/01/rdf-schema#label"

_ENTRIES = ("sparql10/manifest.ttl", "sparql11/manifest-all.ttl", "sparql12/manifest.ttl")
# Regimes that answer from what follows; ours is applied when a Release is made, see docs/conformance.md.
_LEFT_OUT = {"entailment"}

# version and kind of test -> the row of the table that it counts in
SUITES = {
    ("sparql10", "query"): "SPARQL 1.0 query",
    ("sparql11", "query"): "SPARQL 1.1 query and result formats",
    ("sparql11", "update"): "SPARQL 1.1 update",
    ("sparql10", "syntax"): "SPARQL 1.0 and 1.1 syntax",
    ("sparql11", "syntax"): "SPARQL 1.0 and 1.1 syntax",
    ("sparql11", "protocol"): "SPARQL 1.1 protocol",
    ("sparql11", "graph store"): "SPARQL 1.1 graph store protocol",
    ("sparql11", "description"): "SPARQL 1.1 service description",
    ("sparql11", "federation"): "SPARQL 1.1 federated query",
    ("sparql12", "query"): "SPARQL 1.2 query (draft)",
    ("sparql12", "update"): "SPARQL 1.2 update (draft)",
    ("sparql12", "syntax"): "SPARQL 1.2 syntax (draft)",
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One test of a suite; `name` is its folder and the name in its manifest."""

    name: str
    suite: str


@dataclass(frozen=True)
class Source:
    """A file to load, into a graph or, without one, as it says itself."""

    path: Path
    graph: str | None = None


@dataclass(frozen=True, kw_only=True)
class QueryCase(Case):
    """A query over data; `services` maps the endpoints that it calls to what they hold."""

    query: Path
    data: frozenset[Source]
    result: Path
    lax: bool
    services: tuple[tuple[str, Path], ...]


@dataclass(frozen=True, kw_only=True)
class UpdateCase(Case):
    """An update, the dataset before it and after it."""

    request: Path
    before: frozenset[Source]
    after: frozenset[Source]


@dataclass(frozen=True, kw_only=True)
class SyntaxCase(Case):
    """A query or update that is right or not."""

    request: Path
    right: bool

    @property
    def is_update(self) -> bool:
        return self.request.suffix == ".ru"


@dataclass(frozen=True, kw_only=True)
class ExchangeCase(Case):
    """HTTP requests, one after another, with what must come back."""

    data: frozenset[Source]
    exchanges: tuple[Exchange, ...]


@dataclass(frozen=True, kw_only=True)
class DescriptionCase(Case):
    """What a service description must show; the manifest says it in words."""

    wish: str


def load_cases(root: Path) -> list[Case]:
    """Return the cases of the SPARQL suites, those with the same data next to each other."""
    sparql = root / "rdf-tests" / "sparql"
    cases = [case for entry in _ENTRIES for case in _manifest(sparql / entry, root)]
    order = {suite: index for index, suite in enumerate(dict.fromkeys(SUITES.values()))}
    return sorted(cases, key=lambda case: (order[case.suite], _data_of(case)))


def _data_of(case: Case) -> list[str]:
    sources = case.data if isinstance(case, QueryCase) else ()
    return sorted(f"{source.path} {source.graph}" for source in sources)


def _manifest(path: Path, root: Path) -> Iterator[Case]:
    facts = read_facts(path, root)
    for manifest in facts.having(_TYPE, NamedNode(_MF + "Manifest")):
        for head in facts.all(manifest, _MF + "include"):
            for included in facts.items(head):
                assert isinstance(included, NamedNode)
                further = path_of(included.value, root)
                if further.parent.name not in _LEFT_OUT:
                    yield from _manifest(further, root)
        for head in facts.all(manifest, _MF + "entries"):
            for test in facts.items(head):
                yield _Reader(path, root, facts, test).case()


class _Reader:
    """One test of one manifest."""

    def __init__(self, manifest: Path, root: Path, facts: Facts, test: Term) -> None:
        assert isinstance(test, NamedNode)
        self._root, self._facts, self._test = root, facts, test
        self._folder, self._version = manifest.parent.name, manifest.parent.parent.name
        self._action = facts.one(test, _MF + "action") or test
        self._result = facts.one(test, _MF + "result") or test
        fragment = urldefrag(test.value).fragment or test.value.rpartition("/")[2]
        self._name = f"{self._version}/{self._folder}/{fragment}"

    def case(self) -> Case:
        kind = (self._facts.text(self._test, _TYPE) or "").removeprefix(_MF).removesuffix("11")
        match kind:
            case "QueryEvaluationTest" | "CSVResultFormatTest":
                return self._query()
            case "UpdateEvaluationTest":
                return UpdateCase(
                    **self._named("update"),
                    request=self._path(self._facts.text(self._action, _UT + "request")),
                    before=frozenset(self._sources(self._action, _UT)),
                    after=frozenset(self._sources(self._result, _UT)),
                )
            case (
                "PositiveSyntaxTest"
                | "NegativeSyntaxTest"
                | "PositiveUpdateSyntaxTest"
                | "NegativeUpdateSyntaxTest"
            ):
                assert isinstance(self._action, NamedNode)
                return SyntaxCase(
                    **self._named("syntax"),
                    request=self._path(self._action.value),
                    right=kind.startswith("Positive"),
                )
            case "ProtocolTest" | "GraphStoreProtocolTest":
                return ExchangeCase(
                    **self._named("protocol" if kind == "ProtocolTest" else "graph store"),
                    data=frozenset(self._sources(self._test, _UT)),
                    exchanges=tuple(read_exchanges(self._facts, self._action)),
                )
            case "ServiceDescriptionTest":
                return DescriptionCase(
                    **self._named("description"), wish=self._facts.text(self._test, _MF + "name") or ""
                )
        raise ValueError(f"{self._name}: no one knows how to run a {kind}")

    def _named(self, kind: str) -> dict[str, str]:
        return {"name": self._name, "suite": SUITES[self._version, kind]}

    def _query(self) -> QueryCase:
        query = self._path(self._facts.text(self._action, _QT + "query"))
        services = tuple(
            (
                str(self._facts.text(service, _QT + "endpoint")),
                self._path(self._facts.text(service, _QT + "data")),
            )
            for service in self._facts.all(self._action, _QT + "serviceData")
        )
        lax = self._facts.text(self._test, _MF + "resultCardinality") == _MF + "LaxCardinality"
        return QueryCase(
            **self._named("federation" if self._folder == "service" else "query"),
            query=query,
            data=frozenset([*self._sources(self._action, _QT), *self._from(query)]),
            result=self._path(self._facts.text(self._test, _MF + "result")),
            lax=lax,
            services=tuple(sorted(services)),
        )

    def _sources(self, holder: Term, vocabulary: str) -> Iterator[Source]:
        for data in self._facts.all(holder, vocabulary + "data"):
            assert isinstance(data, NamedNode)
            yield Source(self._path(data.value))
        for graph in self._facts.all(holder, vocabulary + "graphData"):
            if isinstance(graph, NamedNode):
                yield Source(self._path(graph.value), graph.value)
            else:
                path = self._path(self._facts.text(graph, vocabulary + "graph"))
                yield Source(path, self._facts.text(graph, _LABEL))

    def _from(self, query: Path) -> Iterator[Source]:
        """What FROM and FROM NAMED name is loaded as a named graph: a service reads no files."""
        text = re.sub(r"(?m)^\s*#.*$", "", query.read_text("utf-8"))
        for written in re.findall(r"\bFROM\s+(?:NAMED\s+)?<([^>]*)>", text, re.IGNORECASE):
            iri = urljoin(iri_of(query, self._root), written)
            path = path_of(iri, self._root)
            if path.is_file():
                yield Source(path, iri)

    def _path(self, iri: str | None) -> Path:
        assert iri, self._name
        return path_of(iri, self._root)
