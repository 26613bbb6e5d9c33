"""What a worker does for a federated query: read it, and write what an endpoint answered as VALUES.

Blank nodes of an answer are nobody else's: each gets a name of its own, in an IRI that a function
turns into a blank node, since VALUES can't hold one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from kg.store import (
    BlankNode,
    Literal,
    NamedNode,
    QueryResultsFormat,
    QuerySolutions,
    Store,
    Triple,
    parse_query_results,
)
from kg.terms import written

__all__ = ["FUNCTIONS", "Reading", "Values", "nothing", "perform"]

Node = NamedNode | BlankNode | Literal | Triple

_FORMATS = {
    "application/sparql-results+json": QueryResultsFormat.JSON,
    "application/json": QueryResultsFormat.JSON,
    "application/sparql-results+xml": QueryResultsFormat.XML,
    "application/xml": QueryResultsFormat.XML,
    "text/xml": QueryResultsFormat.XML,
}
_BLANK = "urn:x-kg:blank-node"


def _renamed(node: Node) -> Node:
    """Return the blank node that an IRI of ours stands for; anything else as it is."""
    if isinstance(node, Triple):
        return Triple(_renamed(node.subject), node.predicate, _renamed(node.object))  # type: ignore[arg-type]  # a subject stays one
    if isinstance(node, NamedNode) and node.value.startswith(f"{_BLANK}:"):
        return BlankNode(node.value.removeprefix(f"{_BLANK}:"))
    return node


# For the engine, with every text that `Values` has a part in.
FUNCTIONS: Mapping[NamedNode, Callable[..., Node]] = {NamedNode(_BLANK): _renamed}


@dataclass(frozen=True)
class Reading:
    """A text that calls nothing, to be read only; `patterns` are queries for the names they bind."""

    text: str
    update: bool
    base: str | None
    patterns: Sequence[str]

    def names(self) -> list[list[str]]:
        """Return the names that each pattern binds. Raises: SyntaxError.

        >>> Reading("ASK {}", False, None, ["SELECT * { ?s ?p ?o FILTER EXISTS { ?x ?y ?z } }"]).names()
        [['o', 'p', 's']]
        """
        # The engine has no parser apart; on nothing it is soon done.
        store = Store()
        with suppress(OSError, RuntimeError, ValueError):  # what could not be done could still be read
            if self.update:
                store.update(self.text, base_iri=self.base)
            else:
                store.query(self.text, base_iri=self.base)
        found = (cast(QuerySolutions, store.query(pattern)) for pattern in self.patterns)
        return [sorted(name.value for name in solutions.variables) for solutions in found]


def perform(task: Mapping[str, Any]) -> dict[str, Any]:
    """Do a task, given as the fields of `Reading` or `Values` and its `kind`; return what came of it.

    >>> perform({"kind": "Values", "media_type": "text/html", "content": "<p>", "names": ["s"]})
    {'reason': 'its answer is neither JSON nor XML'}
    """
    about = {field: value for field, value in task.items() if field != "kind"}
    if task["kind"] == Reading.__name__:
        return {"names": Reading(**about).names()}
    try:
        return {"values": Values(**about).written()}
    except ValueError as error:
        return {"reason": str(error)}


def nothing(names: Sequence[str]) -> str:
    """Return what stands for an endpoint that may fail and did: one solution that binds nothing.

    >>> nothing(["s", "o"])
    'VALUES (?s ?o) { (UNDEF UNDEF) }'
    """
    return _values(names, [" ".join(["UNDEF"] * len(names))])


@dataclass(frozen=True)
class Values:
    """An answer of an endpoint, of which only `names` count."""

    media_type: str
    content: str
    names: Sequence[str]

    def written(self) -> str:
        """Return the answer as a pattern. Raises: ValueError when it isn't SPARQL results.

        >>> Values("application/json", '{"head":{"vars":["s"]},"results":{"bindings":[{}]}}', ["s"]).written()
        'VALUES (?s) { (UNDEF) }'
        """
        if self.media_type not in _FORMATS:
            raise ValueError("its answer is neither JSON nor XML")
        blank: dict[str, str] = defaultdict(lambda: f"<{_BLANK}:{BlankNode().value}>")
        try:
            result = parse_query_results(self.content, format=_FORMATS[self.media_type])
            if not isinstance(result, QuerySolutions):
                raise ValueError("its answer is not a table")
            given = {name.value for name in result.variables}
            columns = [name if name in given else None for name in self.names]
            rows = [
                " ".join(_written(solution[name] if name else None, blank) for name in columns)
                for solution in result
            ]
        except SyntaxError:
            raise ValueError("its answer can't be read") from None
        return _with_blanks(self.names, rows) if blank else _values(self.names, rows)


def _values(names: Sequence[str], rows: Sequence[str]) -> str:
    head = " ".join(f"?{name}" for name in names)
    return f"VALUES ({head}) {{ {' '.join(f'({row})' for row in rows)} }}"


def _with_blanks(names: Sequence[str], rows: Sequence[str]) -> str:
    """Return VALUES under other names, and what they stand for."""
    fresh = max(names, key=len) + "_"
    chosen = " ".join(f"(<{_BLANK}>(?{fresh}{index}) AS ?{name})" for index, name in enumerate(names))
    return (
        f"{{ SELECT {chosen} {{ {_values([f'{fresh}{index}' for index, _ in enumerate(names)], rows)} }} }}"
    )


def _written(node: Node | None, blank: dict[str, str]) -> str:
    """Return a term as it stands in VALUES.

    >>> _written(Literal('a "b" \\\\u0022'), {})
    '"a \\\\"b\\\\" \\\\\\\\\\\\u00750022"'
    """
    match node:
        case None:
            return "UNDEF"
        case BlankNode():
            return blank[node.value]
        case Triple():
            parts = [_written(part, blank) for part in (node.subject, node.predicate, node.object)]
            return f"<<( {' '.join(parts)} )>>"
        case _:
            return written(node)
