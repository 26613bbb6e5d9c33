"""The forms an answer can take, and writing one straight from the engine.

Two tables, since the form of the query decides which applies: rows (SELECT and ASK) and graphs
(CONSTRUCT and DESCRIBE). Each is in the order we prefer.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, cast

from kg.caps import Cap, CappedRows, Enough
from kg.namespaces import PREFIXES
from kg.store import (
    QueryBoolean,
    QueryResultsFormat,
    QuerySolutions,
    QueryTriples,
    RdfFormat,
    serialize,
)

__all__ = ["GRAPHS", "ROWS", "Form", "Result", "kind_of", "write"]

Result = QuerySolutions | QueryBoolean | QueryTriples


@dataclass(frozen=True)
class Form:
    """One way to write an answer: the media type it is labelled with, and how files of it end."""

    media_type: str
    suffix: str
    kind: str
    engine: QueryResultsFormat | RdfFormat


def _rows(media_type: str, suffix: str, engine: QueryResultsFormat) -> Form:
    return Form(media_type, suffix, "rows", engine)


def _graph(media_type: str, suffix: str, engine: RdfFormat) -> Form:
    return Form(media_type, suffix, "graph", engine)


_JSON = _rows("application/sparql-results+json", ".json", QueryResultsFormat.JSON)
_XML = _rows("application/sparql-results+xml", ".xml", QueryResultsFormat.XML)
_TURTLE = _graph("text/turtle", ".ttl", RdfFormat.TURTLE)
_JSON_LD = _graph("application/ld+json", ".jsonld", RdfFormat.JSON_LD)
_RDF_XML = _graph("application/rdf+xml", ".rdf", RdfFormat.RDF_XML)

# What may be asked for -> what comes, so that `application/json` is answered and labelled well.
ROWS: Mapping[str, Form] = {
    "application/sparql-results+json": _JSON,
    "application/json": _JSON,
    "application/sparql-results+xml": _XML,
    "application/xml": _XML,
    "text/xml": _XML,
    "text/csv": _rows("text/csv", ".csv", QueryResultsFormat.CSV),
    "text/tab-separated-values": _rows("text/tab-separated-values", ".tsv", QueryResultsFormat.TSV),
}
GRAPHS: Mapping[str, Form] = {
    "text/turtle": _TURTLE,
    "application/n-triples": _graph("application/n-triples", ".nt", RdfFormat.N_TRIPLES),
    "application/ld+json": _JSON_LD,
    "application/json": _JSON_LD,
    "application/rdf+xml": _RDF_XML,
    "application/xml": _RDF_XML,
    "text/xml": _RDF_XML,
    "application/trig": _graph("application/trig", ".trig", RdfFormat.TRIG),
    "application/n-quads": _graph("application/n-quads", ".nq", RdfFormat.N_QUADS),
}


def kind_of(result: Result) -> str:
    """Return which table applies to a result: "rows" or "graph"."""
    return "graph" if isinstance(result, QueryTriples) else "rows"


def write(result: Result, form: Form, sink: IO[bytes], cap: Cap | None = None) -> None:
    """Write a result as it comes, on the thread that asked; only `sink`'s write and flush are used.

    A `cap` lets through so many rows or statements, and knows afterwards whether there were more.
    Raises: whatever `sink.write` raises, which also stops the query.

    >>> import io
    >>> from kg.store import Store
    >>> sink = io.BytesIO()
    >>> write(Store().query("ASK {}"), ROWS["application/json"], sink)
    >>> sink.getvalue()
    b'{"head":{},"boolean":true}'
    """
    if isinstance(result, QueryTriples) and isinstance(form.engine, RdfFormat):
        # The engine writes no prefixes by itself; through `serialize` it does.
        serialize(cap.first(result) if cap else result, sink, form.engine, prefixes=PREFIXES)
        if cap:
            sink.write(cap.note(form.engine))
    elif isinstance(result, QueryTriples) or not isinstance(form.engine, QueryResultsFormat):
        raise TypeError(f"{form.media_type} can't hold the answer of this query.")
    elif cap and isinstance(result, QuerySolutions):
        capped = CappedRows(sink, form.engine, cap)
        with contextlib.suppress(Enough):
            result.serialize(cast(IO[bytes], capped), form.engine)
        capped.close()
    else:
        result.serialize(sink, form.engine)
