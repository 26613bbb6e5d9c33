"""What is asked in the benchmark of services: lookups, a question of ours, many rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from kg.lexer import tokens
from kg.namespaces import ID, PREFIXES
from kg.store import QuerySolutions, Store

__all__ = ["N_ROWS", "ROWS", "bound", "lookups", "question"]

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


def bound(query: str, terms: Mapping[str, str]) -> str:
    """Return a query with a VALUES in each group that names a parameter, so that any engine binds it.

    A group is evaluated by itself, and its FILTER sees nothing that is bound outside of it.

    >>> bound("SELECT ?a { ?s ?p ?o { FILTER(?o < ?a) } }", {"a": "1"})
    'SELECT ?a { VALUES ?a { 1 } ?s ?p ?o { VALUES ?a { 1 } FILTER(?o < ?a) } }'
    """
    named: dict[int, set[str]] = {}  # by where a group begins
    stack: list[int | None] = []  # None for the braces around a sub-select
    projected: set[str] | None = None
    for token in tokens(query):
        if token.text.upper() == "SELECT":
            projected = set()
            if stack:
                stack[-1] = None
        elif token.text == "{":
            stack.append(token.start + 1)
            named[token.start + 1] = projected or set()
            projected = None
        elif token.text == "}":
            stack.pop()
        elif token.kind == "var" and token.text[1:] in terms:
            here = projected if projected is not None else named.get(stack[-1] or -1) if stack else None
            if here is not None:
                here.add(token.text[1:])
    for start in sorted(named, reverse=True):
        values = "".join(f" VALUES ?{name} {{ {terms[name]} }}" for name in sorted(named[start]))
        query = f"{query[:start]}{values}{query[start:]}"
    return query
