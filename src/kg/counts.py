"""Count what a dataset holds: passages, things of each class, statements of each kind of graph."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

from kg.namespaces import DEF, GRAPH, ID, compact
from kg.store import Literal, QuerySolutions, Store

__all__ = ["count"]

_PREFIX = f"PREFIX tp: <{DEF}>\n"
_PASSAGES = (
    _PREFIX
    + """SELECT (COUNT(DISTINCT ?g) AS ?n) {
  GRAPH ?g { ?g a ?class }
  VALUES ?class { tp:Passage tp:Entry }
}"""
)
# What rules add is left out, so that each thing counts under the class its file gives it.
_THINGS = (
    _PREFIX
    + f"""SELECT ?class (COUNT(DISTINCT ?thing) AS ?n) {{
  GRAPH ?g {{ ?thing a ?class }}
  FILTER NOT EXISTS {{ ?g tp:layer tp:inferred }}
  FILTER(STRSTARTS(STR(?thing), "{ID}"))
}} GROUP BY ?class"""
)
_LAYERS = _PREFIX + "SELECT ?g ?layer { GRAPH ?g { ?g tp:layer ?layer } }"


def count(store: Store, triples: dict[str, int]) -> dict[str, Any]:
    """Return the counts of a dataset; `triples` gives how many each graph holds, by its IRI.

    A kind of graph is its layer (stated, reference, curated, inferred), or for the
    vocabulary and the shapes the folder they stand in.
    """
    [passages] = _rows(store, _PASSAGES)
    layers = {row["g"].value: compact(row["layer"].value) for row in _rows(store, _LAYERS)}
    statements: Counter[str] = Counter()
    for iri, n in triples.items():
        folder = iri.removeprefix(GRAPH).split("/")[0]
        statements[layers.get(iri, folder).removeprefix("tp:")] += n
    things = {compact(row["class"].value): _int(row["n"]) for row in _rows(store, _THINGS)}
    return {
        "passages": _int(passages["n"]),
        "things": dict(sorted(things.items())),
        "statements": dict(sorted(statements.items())),
    }


def _rows(store: Store, query: str) -> QuerySolutions:
    return cast(QuerySolutions, store.query(query))


def _int(term: Literal) -> int:
    return int(term.value)
