"""What is asked in the benchmark of services: lookups, a question of ours, many rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kg.examples import bound
from kg.namespaces import ID, PREFIXES
from kg.store import QuerySolutions, Store

__all__ = ["N_ROWS", "ROWS", "lookups", "question"]

N_ROWS = 100_000
ROWS = f"SELECT * {{ GRAPH ?passage {{ ?s ?p ?o }} }} LIMIT {N_ROWS}"
_NAME = "funding-for-age-and-region"
_TERMS = {
    "ageFrom": "12",
    "ageTo": "14",
    "region": f"<{ID}labour-market-region/drechtsteden>",
    "day": f'"2022-12-01"^^<{PREFIXES["xsd"]}date>',
}
_SUBJECTS = f"SELECT DISTINCT ?s {{ ?s <{PREFIXES['skos']}prefLabel> ?label }} ORDER BY ?s LIMIT 1000"


def lookups(store: Store) -> Sequence[str]:
    """Return a thousand queries for what is said of one thing each."""
    subjects = store.query(_SUBJECTS)
    assert isinstance(subjects, QuerySolutions)
    return [f"SELECT ?p ?o {{ {row['s']} ?p ?o }}" for row in subjects]


def question(content: Path) -> str:
    """Return the question of who pays for an age and a region, with its parameters in its text."""
    (path,) = (content / "queries").rglob(f"{_NAME}.rq")
    lines = (line for line in path.read_text("utf-8").splitlines() if not line.startswith("#+"))
    return bound("\n".join(lines), _TERMS)
