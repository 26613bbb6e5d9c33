"""Run one case against a service, and raise Failed where the service does otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import singledispatchmethod
from pathlib import Path
from urllib.parse import quote, urlsplit

from kg.store import DefaultGraph, NamedNode, Quad

from .compare import Row, same, value_of
from .description import faults
from .exchanges import Exchange, Expected
from .rdf import iri_of, read_quads
from .results import FORMAT_OF, GRAPH_TYPES, ROW_TYPES, Answer, differs, read, read_expected
from .suites import Case, DescriptionCase, ExchangeCase, QueryCase, Source, SyntaxCase, UpdateCase
from .target import Endpoint, Failed, Response, Target

__all__ = ["Peers", "Runner", "outcome"]

# Starts two more services, which may be called, also by one another.
Peers = Callable[[], tuple[Endpoint, Endpoint]]

_MALFORMED = 400
_UPDATE = "application/sparql-update"


def outcome(runner: Runner, case: Case) -> str | None:
    """Return why a case fails, or None."""
    try:
        runner.run(case)
    except (Failed, ValueError) as error:
        return str(error)
    return None


@dataclass
class Runner:
    """Runs cases against one service; `peers` is called when a case needs others to call."""

    root: Path
    endpoint: Endpoint
    peers: Peers

    def __post_init__(self) -> None:
        self._target = Target(self.endpoint, self._quads)
        self._others: list[Target] = []

    @singledispatchmethod
    def run(self, case: Case) -> None:
        """Run a case. Raises: Failed, or ValueError for an answer that can't be read."""
        raise TypeError(f"{case.name}: a {type(case).__name__}")

    @run.register
    def _query(self, case: QueryCase) -> None:
        text, instead = case.query.read_text("utf-8"), self._stand_ins(case)
        for iri, address in instead.items():
            text = text.replace(f"<{iri}>", f"<{address}>")
        self._target.load(case.data, instead)
        expected = read_expected(case.result, self.root)
        base = iri_of(case.query, self.root)
        response = self._target.query(f"BASE <{base}>\n{text}", _accept(case.result, expected))
        answer = _answer(response, base)
        if difference := differs(answer, expected, lax=case.lax):
            raise Failed(difference)

    @run.register
    def _update(self, case: UpdateCase) -> None:
        self._target.load(case.before)
        response = self._target.update(f"BASE <{iri_of(case.request, self.root)}>\n{_text(case.request)}")
        if not 200 <= response.status < 300:
            raise Failed(f"the update was not done: {response}")
        given, expected = list(self._target.rows()), list(self._expected_rows(case.after))
        if not same(given, expected):
            shown = "\n  ".join(map(str, [*given, "expected", *expected]))
            raise Failed(f"the dataset is\n  {shown}")

    @run.register
    def _syntax(self, case: SyntaxCase) -> None:
        """Only 400 says that a request is malformed; one that is refused for what it does is not."""
        text = _text(case.request)
        response = self._target.update(text) if case.is_update else self._target.query(text, "*/*")
        if case.right and response.status == _MALFORMED:
            raise Failed(f"it is well-formed, but: {response}")
        if not case.right and response.status != _MALFORMED:
            raise Failed(f"it is malformed, but: {response}")

    @run.register
    def _exchange(self, case: ExchangeCase) -> None:
        self._target.load(case.data)
        self._target.forget()
        locations: dict[str, str] = {}
        for exchange in case.exchanges:
            response = self._send(case, exchange, locations)
            try:
                _check(response, exchange.expected, self.endpoint.store_url)
            except (Failed, ValueError) as error:
                raise Failed(f"{exchange.method} {exchange.path}: {error}") from None
            if exchange.expected.location:
                locations[exchange.expected.location] = response.headers["location"]

    @run.register
    def _description(self, case: DescriptionCase) -> None:
        response = self._target.send("GET", urlsplit(self.endpoint.query_url).path, {"Accept": "text/turtle"})
        _answered(response)
        answer = read(response.body, response.media_type, self.endpoint.query_url)
        if not isinstance(answer, list):
            raise Failed(f"GET on the endpoint returns no RDF: {response}")
        if found := faults(answer, case.wish, self.endpoint.query_url):
            raise Failed("; ".join(found))

    def _send(self, case: ExchangeCase, exchange: Exchange, locations: Mapping[str, str]) -> Response:
        path, body, headers = exchange.path, exchange.body, exchange.headers
        for name, location in locations.items():
            path = path.replace(name, quote(location, safe=""))
            body = body.replace(name.encode(), location.encode()) if body else body
        url = urlsplit(self._url(case, exchange))
        for prefix in ("/sparql/", "/gsp"):
            if path.startswith(prefix):
                path = url.path + path.removeprefix(prefix)
        return self._target.send(exchange.method, path, headers, body)

    def _url(self, case: ExchangeCase, exchange: Exchange) -> str:
        """Return where a request goes: query and update may have addresses of their own."""
        if exchange.path.startswith("/gsp"):
            return self.endpoint.store_url
        asks = exchange.headers.get("content-type", "").startswith("application/sparql-query")
        return self.endpoint.query_url if asks or "update" not in case.name else self.endpoint.update_url

    def _stand_ins(self, case: QueryCase) -> Mapping[str, str]:
        """Load the peers with what a case wants called, and return which address stands for which."""
        if "SERVICE" not in _text(case.query) or not case.services:
            return {}
        self._others = self._others or [Target(peer, self._quads) for peer in self.peers()]
        instead = {}
        for (iri, path), other in zip(case.services, self._others, strict=False):
            other.load(frozenset([Source(path)]))
            instead[iri] = other.endpoint.query_url
        return instead

    def _quads(self, source: Source) -> list[Quad]:
        graph = NamedNode(source.graph) if source.graph else None
        return [
            Quad(quad.subject, quad.predicate, quad.object, graph) if graph else quad
            for quad in read_quads(source.path, self.root)
        ]

    def _expected_rows(self, sources: frozenset[Source]) -> Iterator[Row]:
        seen = dict.fromkeys(quad for source in sources for quad in self._quads(source))
        for quad in seen:
            row = [("o", value_of(quad.object)), ("p", quad.predicate), ("s", value_of(quad.subject))]
            named = [] if isinstance(quad.graph_name, DefaultGraph) else [("g", quad.graph_name)]
            yield (*named, *row)


def _text(path: Path) -> str:
    return path.read_text("utf-8")


def _accept(result: Path, expected: Answer) -> str:
    """Ask for the format that the suite's own answer is in, where it is one for answers."""
    if isinstance(expected, list):
        return "application/n-triples"
    return ROW_TYPES.get(result.suffix, ROW_TYPES[".srx"])


def _answered(response: Response) -> None:
    if response.status != 200:
        raise Failed(f"no answer: {response}")


def _answer(response: Response, base: str) -> Answer:
    _answered(response)
    return read(response.body, response.media_type, base)


def _check(response: Response, expected: Expected, base: str) -> None:
    if response.status not in expected.statuses:
        codes = sorted(expected.statuses)
        raise Failed(f"expected {codes if len(codes) < 10 else f'{codes[0]} to {codes[-1]}'}, got {response}")
    if expected.format and not _is_format(response, expected.format):
        raise Failed(f"expected a format for {expected.format}, got {response}")
    if expected.boolean is not None and read(response.body, response.media_type, base) != expected.boolean:
        raise Failed(f"expected {expected.boolean}, got {response}")
    if expected.location and "location" not in response.headers:
        raise Failed(f"expected a Location, got {response}")
    if expected.media_type and response.media_type != expected.media_type:
        raise Failed(f"expected {expected.media_type}, got {response}")
    if expected.graph is not None and expected.media_type:
        wanted = read(expected.graph, expected.media_type, base)
        if difference := differs(read(response.body, response.media_type, base), wanted):
            raise Failed(difference)


def _is_format(response: Response, wanted: str) -> bool:
    kinds = {
        "boolean": {kind for kind, suffix in FORMAT_OF.items() if suffix in {".srx", ".srj"}},
        "tabular": FORMAT_OF.keys(),
        "RDF": {*GRAPH_TYPES, "application/ld+json", "text/html"},
    }
    return response.media_type in kinds[wanted]
