"""The one door to the engine, and what a Release on disk is.

    $KG_HOME/
    ├── current -> releases/000002     replaced by rename, so it always points to a whole Release
    ├── built-from                     what the last build read, so that the same is not built twice
    ├── cache/                         which files were found right
    ├── views/                         Releases as they were known on a day, or without a layer
    └── releases/000001/, 000002/, …
        ├── store/                     the engine's files
        ├── queries/                   the questions as they were
        └── manifest.json              every graph with its hash, and what the Release is

`publish` writes a Release, everything that serves opens one. A store directory
is never opened read-only while a writer has it open: `publish` closes it first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pyoxigraph import (
    BlankNode,
    CanonicalizationAlgorithm,
    Dataset,
    DefaultGraph,
    Literal,
    NamedNode,
    Quad,
    QueryBoolean,
    QueryResultsFormat,
    QuerySolutions,
    QueryTriples,
    RdfFormat,
    Store,
    Triple,
    Variable,
    parse,
    parse_query_results,
    serialize,
)

from kg.errors import NoRelease
from kg.namespaces import BASE

__all__ = [
    "BlankNode",
    "CanonicalizationAlgorithm",
    "Dataset",
    "DefaultGraph",
    "Literal",
    "LocalAsker",
    "NamedNode",
    "Quad",
    "QueryBoolean",
    "QueryResultsFormat",
    "QuerySolutions",
    "QueryTriples",
    "RdfFormat",
    "Release",
    "Row",
    "Store",
    "Term",
    "Triple",
    "Variable",
    "copied",
    "current_release",
    "open_in_memory",
    "open_read_only",
    "parse",
    "parse_query_results",
    "read_release",
    "release_path",
    "serialize",
    "to_term",
]

# A term, and a solution, as SPARQL results in JSON write them: type, value, and datatype or xml:lang.
Term = dict[str, str]
Row = dict[str, Term]


@dataclass(frozen=True)
class Release:
    """An immutable, numbered, validated dataset on disk."""

    number: int
    path: Path
    manifest: dict[str, Any]

    @property
    def iri(self) -> str:
        return f"{BASE}release/{self.number}"

    @property
    def identity(self) -> str:
        """The hash of the content: two Releases that say the same have the same one."""
        return str(self.manifest["identity"])


def release_path(home: Path, number: int) -> Path:
    """Return where a Release lies.

    >>> release_path(Path("var"), 7).as_posix()
    'var/releases/000007'
    """
    return home / "releases" / f"{number:06d}"


def current_release(home: Path) -> Release:
    """Return the Release in service.

    Raises: NoRelease when nothing has been built yet.
    """
    try:
        return read_release((home / "current").resolve(strict=True))
    except OSError:
        raise NoRelease(f"There is no Release in {home}. Run `kg build` first.") from None


def read_release(path: Path) -> Release:
    """Return the Release in a folder. Raises: OSError when there is none."""
    return Release(int(path.name), path, json.loads((path / "manifest.json").read_text("utf-8")))


def open_read_only(release: Release) -> Store:
    """Open a Release's store from disk; many processes may."""
    return Store.read_only(str(release.path / "store"))


def open_in_memory(release: Release) -> Store:
    """Load a Release into memory: scans and large answers are several times faster than from disk."""
    return copied(open_read_only(release), Store())


def copied(source: Store, target: Store) -> Store:
    """Fill an empty store with all that another holds, its empty graphs too; return it."""
    target.bulk_extend(source.quads_for_pattern(None, None, None, None))
    for name in source.named_graphs():
        target.add_graph(name)
    return target


def to_term(term: Term) -> NamedNode | Literal:
    """Return the engine's term for one written as in SPARQL results in JSON.

    >>> to_term({"type": "uri", "value": "urn:a"})
    <NamedNode value=urn:a>
    """
    if term["type"] == "uri":
        return NamedNode(term["value"])
    if "xml:lang" in term:
        return Literal(term["value"], language=term["xml:lang"])
    datatype = term.get("datatype")
    return Literal(term["value"], datatype=NamedNode(datatype) if datatype else None)


class LocalAsker:
    """Asks the store of this process: for the command line and the build, where nobody waits behind us."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def rows(self, query: str, bindings: Mapping[str, Term]) -> list[Row]:
        """Return the solutions of a SELECT as SPARQL results in JSON write them."""
        terms: dict[Variable, NamedNode | BlankNode | Literal | Triple] = {
            Variable(name): to_term(term) for name, term in bindings.items()
        }
        solutions = cast(QuerySolutions, self._store.query(query, substitutions=terms))
        written = solutions.serialize(format=QueryResultsFormat.JSON)
        rows: list[Row] = json.loads(written or b"{}")["results"]["bindings"]
        return rows
