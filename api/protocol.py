"""Read what a request asks, by the SPARQL 1.1 Protocol and by what clients in use send.

Source: https://www.w3.org/TR/sparql11-protocol/#query-operation
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from api.fields import Fields, fields_of
from api.negotiation import is_open
from api.problems import BadRequest, UnsupportedMediaType
from kg.store import NamedNode

__all__ = ["FORM", "QUERY", "UPDATE", "Change", "Question", "is_iri", "read", "release_of"]

FORM = "application/x-www-form-urlencoded"
QUERY = "application/sparql-query"
UPDATE = "application/sparql-update"

# What rdflib, SPARQLWrapper and others write for `output` and `format`.
_SHORT = {
    "json": "application/json",
    "xml": "application/xml",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "turtle": "text/turtle",
    "ttl": "text/turtle",
    "nt": "application/n-triples",
    "jsonld": "application/ld+json",
    "rdf": "application/rdf+xml",
}
_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\x00-\x20<>\"{}|\\^`]*")


@dataclass(frozen=True)
class Question:
    """What is asked; a `query` of None asks for the service description, a dataset of None is ours."""

    query: str | None
    default_graphs: list[str] | None
    named_graphs: list[str] | None
    accept: str | None
    max_rows: int | None = None
    evidence: bool = False


@dataclass(frozen=True)
class Change:
    """An update, and the graphs that its patterns read instead of the dataset's own."""

    update: str
    using: tuple[str, ...]
    using_named: tuple[str, ...]


def read(method: str, said: Fields, content_type: str, body: bytes, accept: str | None) -> Question | Change:
    """Return what a GET, HEAD, POST or QUERY asks, or a POST changes; `said` is its query string.

    Raises: BadRequest, UnsupportedMediaType.

    >>> read("GET", {"query": ["ASK {}"], "output": ["csv"]}, "", b"", "*/*").accept
    'text/csv, */*;q=0.1'
    """
    fields = {name: list(values) for name, values in said.items()}
    if method in {"POST", "QUERY"}:
        _read_body(fields, content_type.partition(";")[0].strip().lower(), body)
    queries, updates = fields.get("query", []), fields.get("update", [])
    if len(queries) + len(updates) > 1:
        raise BadRequest("A request holds one query or one update.", hint="Send `query` or `update` once.")
    if updates:
        return _change(method, updates[0], fields)
    if not queries and method in {"POST", "QUERY"}:
        raise BadRequest("The request holds no query.", hint=f"Send it as `query` in a form, or as {QUERY}.")
    return Question(
        query=queries[0] if queries else None,
        default_graphs=_graphs(fields, "default-graph-uri"),
        named_graphs=_graphs(fields, "named-graph-uri"),
        accept=_accept(fields, accept),
        max_rows=_max_rows(fields),
        evidence=fields.get("evidence", [""])[0] in {"true", "1", "yes"},
    )


def _change(method: str, update: str, fields: Fields) -> Change:
    if method != "POST":
        raise BadRequest("An update is sent by POST.", hint=f"Send it as {UPDATE}, or as `update` in a form.")
    using, named = _graphs(fields, "using-graph-uri"), _graphs(fields, "using-named-graph-uri")
    return Change(update, tuple(using or ()), tuple(named or ()))


def _read_body(fields: Fields, media_type: str, body: bytes) -> None:
    """Add to `fields` what the body says; an empty one leaves it to the URL, as Blazegraph does."""
    if not body and media_type != UPDATE:
        return
    if media_type == FORM:
        for name, values in fields_of(body).items():
            fields.setdefault(name, []).extend(values)
    elif media_type == QUERY:
        fields.setdefault("query", []).append(_text(body))
    elif media_type == UPDATE:
        fields.setdefault("update", []).append(_text(body))
    else:
        message = f"A body of type {media_type or 'unknown'} isn't read here."
        raise UnsupportedMediaType(
            message,
            hint=f"Send {QUERY}, {UPDATE} or {FORM}.",
            headers={"Accept-Post": f"{QUERY}, {UPDATE}, {FORM}"},
        )


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRequest(f"The query isn't UTF-8 at byte {error.start}.") from None


def _graphs(fields: Fields, name: str) -> list[str] | None:
    for iri in fields.get(name, []):
        if not is_iri(iri):
            raise BadRequest(f"{name}={iri} is not an absolute IRI.", hint="Write it whole, with its scheme.")
    return fields.get(name)


def is_iri(text: str) -> bool:
    """Whether a text is an absolute IRI.

    >>> is_iri("urn:a"), is_iri("a"), is_iri("urn:a> <urn:b"), is_iri("http://a:b:c/")
    (True, False, False, False)
    """
    if not _IRI.fullmatch(text):
        return False
    try:
        NamedNode(text)
    except ValueError:  # the engine knows more of what a host or a port may be
        return False
    return True


def _max_rows(fields: Fields) -> int | None:
    """Return how many rows are wanted at most, None for all."""
    text = fields.get("maxRows", [""])[0]
    if not text:
        return None
    if not re.fullmatch("[1-9][0-9]{0,17}", text):
        raise BadRequest(f"maxRows={text[:40]} is not a number of rows.", hint="Write 1 or more in digits.")
    return int(text)


def release_of(fields: Fields) -> int | None:
    """Return the number of the Release that a request names by `release`, if it does.

    Raises: BadRequest.

    >>> release_of({"query": ["ASK {}"], "release": ["41"]})
    41
    """
    named = fields.get("release", [])
    if not named:
        return None
    if len(named) > 1 or not re.fullmatch("[1-9][0-9]{0,8}", named[0]):
        raise BadRequest(f"release={named[0]} is no Release.", hint="Give the number of one, once.")
    return int(named[0])


def _accept(fields: Fields, accept: str | None) -> str | None:
    """Return the Accept header, or what a parameter says instead of it."""
    for name in ("_mediatype", "output", "format"):
        wish = fields.get(name, [""])[0].lower()
        media_type = wish if "/" in wish else _SHORT.get(wish)
        if media_type and (name == "_mediatype" or is_open(accept)):
            return f"{media_type}, */*;q=0.1"
    return accept
