"""A service under test, known only by its addresses: query, update, graph store.

Requests go out as they are written: no client library stands between to mend or to add.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from kg.store import NamedNode, Quad, RdfFormat, serialize

from .compare import Row, value_of
from .results import Solutions, read
from .suites import Source

__all__ = ["Endpoint", "Failed", "Response", "Target"]

_ALL = "SELECT ?s ?p ?o ?g { { ?s ?p ?o } UNION { GRAPH ?g { ?s ?p ?o } } }"
_TIMEOUT_S = 30.0


class Failed(Exception):
    """A service did something else than the suite expects; says what."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where a service is and what lets us write to it."""

    query_url: str
    update_url: str
    store_url: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def authority(self) -> str:
        return urlsplit(self.query_url).netloc


@dataclass(frozen=True)
class Response:
    """An answer; `headers` are by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip()

    def __str__(self) -> str:
        return f"{self.status} {self.media_type} {self.body[:300].decode('utf-8', 'replace')}".strip()


class Target:
    """Talks to one service, and knows which data it holds so as not to load the same again."""

    def __init__(self, endpoint: Endpoint, read_quads: Callable[[Source], list[Quad]]) -> None:
        self.endpoint = endpoint
        self._read_quads = read_quads
        self._connection = http.client.HTTPConnection(endpoint.authority, timeout=_TIMEOUT_S)
        self._holds: object = None

    def send(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Response:
        """Send one request as it is; `target` is a path with its query. Raises: Failed without an answer."""
        try:
            self._connection.request(method, target, body, {**self.endpoint.headers, **(headers or {})})
            answer = self._connection.getresponse()
            given = {name.lower(): value for name, value in answer.getheaders()}
            return Response(answer.status, given, answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise Failed(f"no answer to {method} {target}: {error!r}") from None
        finally:
            self._connection.close()

    def query(self, text: str, accept: str) -> Response:
        headers = {"Content-Type": "application/sparql-query", "Accept": accept}
        return self.send("POST", _path(self.endpoint.query_url), headers, text.encode())

    def update(self, text: str) -> Response:
        self.forget()
        headers = {"Content-Type": "application/sparql-update"}
        return self.send("POST", _path(self.endpoint.update_url), headers, text.encode())

    def forget(self) -> None:
        """Load afresh next time: what is here may have changed."""
        self._holds = None

    def load(self, sources: frozenset[Source], instead: Mapping[str, str] | None = None) -> None:
        """Let these files be the whole dataset; `instead` replaces IRIs in them. Raises: Failed."""
        wanted = (sources, tuple((instead or {}).items()))
        if wanted == self._holds:
            return
        self.forget()
        quads = [_replaced(quad, instead or {}) for source in sources for quad in self._read_quads(source)]
        body = serialize(quads, format=RdfFormat.N_QUADS) or b""
        headers = {"Content-Type": "application/n-quads"}
        response = self.send("PUT", _path(self.endpoint.store_url), headers, body)
        if response.status not in {200, 201, 204}:
            raise Failed(f"the data could not be loaded: {response}")
        self._holds = wanted

    def rows(self) -> Iterator[Row]:
        """Yield every quad that the service holds, the default graph's without a fourth term."""
        response = self.query(_ALL, "application/sparql-results+json")
        answer = read(response.body, response.media_type, self.endpoint.query_url)
        if not isinstance(answer, Solutions):
            raise Failed(f"the dataset could not be read: {response}")
        for row in answer.rows:
            yield tuple((name, value_of(term)) for name, term in sorted(row.items()))


def _path(url: str) -> str:
    return urlsplit(url).path


def _replaced(quad: Quad, instead: Mapping[str, str]) -> Quad:
    value = quad.object
    if isinstance(value, NamedNode) and value.value in instead:
        return Quad(quad.subject, quad.predicate, NamedNode(instead[value.value]), quad.graph_name)
    return quad
