"""The triples that evidence speaks of, each once, and the named graphs that hold them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from kg.errors import TooLarge
from kg.namespaces import graph_iri
from kg.parameters import Asker
from kg.store import Term, to_term

__all__ = ["AT_ONCE", "MOST_STATEMENTS", "Statement", "Statements", "is_inferred", "pieces", "written"]

MOST_STATEMENTS = 20_000
# How many rows or triples one query asks about.
AT_ONCE = 500
_INFERRED = graph_iri("inferred/")
_SHAPES = graph_iri("shapes/")

Item = TypeVar("Item")


@dataclass(frozen=True)
class Statement:
    """A triple; `graph` is the one that a query asked it in, empty for the default graph."""

    graph: str
    subject: str
    predicate: str
    object: str


def written(term: Term | None) -> str | None:
    """Return a term as SPARQL writes it, "" for none, None for one that it can't write: a blank node.

    >>> written({"type": "literal", "value": "a", "xml:lang": "nl"}), written(None)
    ('"a"@nl', '')
    """
    if term is None:
        return ""
    return str(to_term(term)) if term["type"] in {"uri", "literal"} else None


def is_inferred(graph: str) -> bool:
    """Whether a graph holds what a rule added."""
    return graph.startswith(_INFERRED)


def pieces(items: Sequence[Item], size: int = AT_ONCE) -> Iterator[Sequence[Item]]:
    """Yield items in lists that one query can hold.

    >>> list(pieces([1, 2, 3], 2))
    [[1, 2], [3]]
    """
    return (items[at : at + size] for at in range(0, len(items), size))


class Statements:
    """Every triple met, by its number; `graphs` are those that hold it, once they were looked up."""

    def __init__(self) -> None:
        self.all: list[Statement] = []
        self.terms: list[tuple[Term, Term, Term]] = []
        self.graphs: list[tuple[str, ...]] = []
        self._numbers: dict[Statement, int] = {}
        self._looked_up = 0

    def number(self, graph: str, terms: tuple[Term, Term, Term]) -> int | None:
        """Return the number of a triple, None for one with a blank node. Raises: TooLarge."""
        parts = [written(term) for term in terms]
        if not all(parts):
            return None
        statement = Statement(graph, *map(str, parts))
        found = self._numbers.get(statement)
        if found is None:
            if len(self.all) == MOST_STATEMENTS:
                message = f"These rows rest on more than {MOST_STATEMENTS:,} triples."
                raise TooLarge(message, hint="Ask for the evidence of fewer rows, by LIMIT or maxRows.")
            found = self._numbers[statement] = len(self.all)
            self.all.append(statement)
            self.terms.append(terms)
            self.graphs.append((graph,) if graph else ())
        return found

    async def look_up(self, asker: Asker, dataset: str = "") -> list[int]:
        """Find the graphs of what was met since the last time, and return its numbers.

        `dataset` are the FROM NAMED clauses of the graphs that make up the default graph, if not all do.
        """
        new = range(self._looked_up, len(self.all))
        self._looked_up = len(self.all)
        for some in pieces([number for number in new if not self.all[number].graph]):
            rows = " ".join(f"({number} {_triple(self.all[number])})" for number in some)
            asked = f"VALUES (?n ?s ?p ?o) {{ {rows} }} GRAPH ?g {{ ?s ?p ?o }}"
            query = f"SELECT ?n ?g {dataset} WHERE {{ {asked} }}"
            found: dict[int, set[str]] = {}
            for row in await asker.rows(query, {}):
                found.setdefault(int(row["n"]["value"]), set()).add(row["g"]["value"])
            for number, graphs in found.items():
                # Shapes are about the data, and no part of the default graph.
                held = sorted(graph for graph in graphs if not graph.startswith(_SHAPES))
                self.graphs[number] = tuple(held)
        return list(new)

    def is_asserted(self, number: int) -> bool:
        """Whether a triple stands somewhere by itself, and not only because a rule says so."""
        graphs = self.graphs[number]
        return not graphs or not all(map(is_inferred, graphs))

    def is_inferred(self, number: int) -> bool:
        """Whether a rule added a triple, where it may stand by itself too."""
        return any(map(is_inferred, self.graphs[number]))


def _triple(statement: Statement) -> str:
    return f"{statement.subject} {statement.predicate} {statement.object}"
