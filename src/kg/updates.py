"""Rewrite the text of an update, by its tokens: what it reads, and what it must not load.

Source: https://www.w3.org/TR/sparql11-protocol/#update-dataset
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from kg.errors import MalformedQuery
from kg.lexer import place, tokens

__all__ = ["malformed", "with_dataset", "without_sources"]


def with_dataset(update: str, using: Sequence[str], using_named: Sequence[str]) -> str:
    """Return an update whose operations read the graphs that the protocol's parameters name.

    Raises: MalformedQuery when it names graphs of its own, which the protocol forbids beside them.

    >>> with_dataset("DELETE { ?s ?p ?o } WHERE { ?s ?p ?o }", ["urn:g"], [])
    'DELETE { ?s ?p ?o } USING <urn:g> WHERE { ?s ?p ?o }'
    """
    if not using and not using_named:
        return update
    clauses = [f"USING <{iri}>" for iri in using]
    clauses += [f"USING NAMED <{iri}>" for iri in using_named]
    pieces, at, depth = [], 0, 0
    before = ""
    for token in tokens(update):
        word = token.text.upper()
        depth += (token.text == "{") - (token.text == "}")
        if depth == 0 and word in {"USING", "WITH"}:
            line, column = place(update, token.start)
            message = f"{word} at {line}:{column} can't be used with using-graph-uri."
            raise MalformedQuery(message, line=line, column=column)
        # `DELETE WHERE { … }` has no place for them.
        if depth == 0 and word == "WHERE" and before != "DELETE":
            pieces += [update[at : token.start], " ".join(clauses), " "]
            at = token.start
        before = word
    return "".join([*pieces, update[at:]])


def without_sources(update: str) -> str:
    """Return an update whose every LOAD is of a source that no engine can fetch.

    So it fails as a source that isn't there does: loudly, or with SILENT without a word.

    >>> without_sources("LOAD SILENT <http://127.0.0.1/> INTO GRAPH <urn:g>")
    'LOAD SILENT <refused:source> INTO GRAPH <urn:g>'
    """
    pieces, at = [], 0
    loads = False
    for token in tokens(update):
        if loads and token.kind in {"iri", "pname"}:
            pieces += [update[at : token.start], "<refused:source>"]
            at = token.start + len(token.text)
        word = token.text.upper()
        loads = word == "LOAD" or (loads and word == "SILENT")
    return "".join([*pieces, update[at:]])


def malformed(message: str) -> MalformedQuery:
    """Return a syntax error with its position, which the engine gives only in words."""
    found = re.match(r"error at (\d+):(\d+): (.*)", message, re.DOTALL)
    if not found:
        return MalformedQuery(f"This isn't SPARQL 1.1 Update: {message}")
    return MalformedQuery(
        f"This isn't SPARQL 1.1 Update: {found[3]}", line=int(found[1]), column=int(found[2])
    )
