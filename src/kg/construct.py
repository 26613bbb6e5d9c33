"""Write an answer as a graph, by the template in the question's header.

Each row fills the template in; a column that lists things fills it in for each of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any, cast

from kg.answers import Answer
from kg.lexer import tokens
from kg.namespaces import PREFIXES
from kg.store import NamedNode, QueryTriples, RdfFormat, Store, serialize, to_term
from kg.terms import written

__all__ = ["as_turtle", "template_query", "variables"]

_UNBOUND = "UNDEF"


def as_turtle(answer: Answer) -> bytes:
    """Return the triples of all rows as Turtle."""
    names = sorted(variables(answer.question.construct))
    rows = [
        f"({' '.join(terms)})" for row in answer.rows for terms in product(*(_terms(row, n) for n in names))
    ]
    # The template is ours and the terms are written by the library; an empty store holds nothing else.
    triples = cast(QueryTriples, Store().query(template_query(answer.question.construct, rows)))
    used = {prefix: iri for prefix, iri in PREFIXES.items() if f"{prefix}:" in answer.question.construct}
    return serialize(triples, format=RdfFormat.TURTLE, prefixes=used) or b""


def template_query(template: str, rows: list[str]) -> str:
    """Return the query that fills a template in with rows of written terms, by the order of their names."""
    prologue = "".join(f"PREFIX {prefix}: <{iri}>\n" for prefix, iri in PREFIXES.items())
    head = " ".join(f"?{name}" for name in sorted(variables(template)))
    return f"{prologue}CONSTRUCT {{ {template} }} {{ VALUES ({head}) {{ {' '.join(rows)} }} }}"


def variables(template: str) -> set[str]:
    """Return the names of the columns that a template uses.

    >>> sorted(variables("?scheme tp:funder ?funders ; tp:locator 'what?'"))
    ['funders', 'scheme']
    """
    return {token.text[1:] for token in tokens(template) if token.kind == "var"}


def _terms(row: Mapping[str, Any], name: str) -> list[str]:
    value = row.get(name)
    if isinstance(value, list):
        return [written(NamedNode(iri)) for iri in value] or [_UNBOUND]
    return [written(to_term(value))] if value else [_UNBOUND]
