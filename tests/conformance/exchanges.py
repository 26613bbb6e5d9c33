"""Read HTTP exchanges from the vocabulary in which the protocol suites write them.

    cnt:  Representing Content in RDF    https://www.w3.org/TR/Content-in-RDF10/
    ht:   HTTP Vocabulary in RDF         https://www.w3.org/TR/HTTP-in-RDF10/

What must come back stands in the suites' own terms: `mf:expectedStatus`, `mf:expectedBoolean`,
`mf:expectedFormat`, `mf:expectedLocation`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from .rdf import Facts, Term

__all__ = ["Exchange", "Expected", "read_exchanges"]

_CNT = "http://www.w3.org/2011/content#"
_HT = "http://www.w3.org/2011/http#"
_HTS = "http://www.w3.org/2011/http-statusCodes#"
_MF = "http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#"

_CODES = {
    "OK": {200},
    "Created": {201},
    "NoContent": {204},
    "NotFound": {404},
    "StatusCode2xx": set(range(200, 300)),
    "StatusCode3xx": set(range(300, 400)),
    "StatusCode4xx": set(range(400, 500)),
    "StatusCode5xx": set(range(500, 600)),
}


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What must come back; None where the suite leaves it open.

    Shapes: `format` is "boolean", "tabular" or "RDF"; `location` is the name under which later
    requests use the Location of this answer; `graph` is the body that the answer's graph must equal.
    """

    statuses: frozenset[int]
    boolean: bool | None = None
    format: str | None = None
    location: str | None = None
    media_type: str | None = None
    graph: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One request, and what must come back."""

    method: str
    path: str
    headers: dict[str, str] = field(hash=False)
    body: bytes | None
    expected: Expected


def read_exchanges(facts: Facts, connection: Term) -> Iterator[Exchange]:
    """Yield the exchanges of one `ht:Connection`, in order."""
    for request in facts.items(facts.one(connection, _HT + "requests")):
        response = facts.one(request, _HT + "resp")
        assert response is not None
        boolean = facts.text(response, _MF + "expectedBoolean")
        headers = _headers(facts, response)
        yield Exchange(
            method=facts.text(request, _HT + "methodName") or "",
            path=facts.text(request, _HT + "absolutePath") or "",
            headers=_headers(facts, request),
            body=_body(facts, request),
            expected=Expected(
                statuses=_statuses(facts, response),
                boolean=None if boolean is None else boolean == "true",
                format=facts.text(response, _MF + "expectedFormat"),
                location=facts.text(response, _MF + "expectedLocation"),
                media_type=headers.get("content-type", "").partition(";")[0] or None,
                graph=_body(facts, response),
            ),
        )


def _headers(facts: Facts, message: Term) -> dict[str, str]:
    return {
        (facts.text(header, _HT + "fieldName") or "").lower(): facts.text(header, _HT + "fieldValue") or ""
        for header in facts.items(facts.one(message, _HT + "headers"))
    }


def _body(facts: Facts, message: Term) -> bytes | None:
    body = facts.one(message, _HT + "body")
    if body is None:
        return None
    text = facts.text(body, _CNT + "chars") or ""
    return text.encode(facts.text(body, _CNT + "characterEncoding") or "UTF-8")


def _statuses(facts: Facts, response: Term) -> frozenset[int]:
    names = [
        term.value.removeprefix(_HTS)
        for term in facts.all(response, _MF + "expectedStatus")
        if hasattr(term, "value")
    ]
    assert names
    return frozenset(code for name in names for code in _CODES[name])
