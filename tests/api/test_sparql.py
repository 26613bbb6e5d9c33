"""The endpoint, over real sockets: methods, formats, statuses, and answers that are cut."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from api.sparql import Sparql
from api.writing import Door
from kg.committer import Committer
from kg.settings import Settings
from kg.store import Literal, RdfFormat, parse
from kg.workers import Workers

from ..kg.serving import ENDLESS, GRAPH, RUNAWAY, becomes_true, is_alive, small_release

ONE = "SELECT ?o { <urn:thing/1> ?p ?o }"
ALL = "SELECT * { ?a ?b ?c . ?d ?e ?f }"
QUERY = {"Content-Type": "application/sparql-query"}
VOID = "http://rdfs.org/ns/void#"


@dataclass(frozen=True)
class Service:
    client: httpx.Client
    workers: Workers
    port: int

    def get(self, query: str = ONE, accept: str = "*/*", **params: Any) -> httpx.Response:
        return self.client.get("/sparql", params={"query": query, **params}, headers={"Accept": accept})


async def _unheard(_: int) -> None:
    """Nothing is written here."""


@contextmanager
def served(folder: Path, http: str = "auto", **limits: Any) -> Iterator[Service]:
    """Serve a small Release by uvicorn on a port of its own."""
    given = {"workers": 2, "time_limit_s": 0.5, "idle_limit_s": 1.0, "body_limit_mb": 0.01, **limits}
    settings, release = Settings(**given), small_release(folder)
    ready, listener = threading.Event(), socket.create_server(("127.0.0.1", 0))
    held: dict[str, Any] = {}

    async def main() -> None:
        async with Workers(settings, release) as workers:
            config = uvicorn.Config(
                Sparql(settings, workers, Door(settings, Committer(settings, _unheard))),
                http=http,
                lifespan="off",
                log_level="critical",
                proxy_headers=False,
            )
            held.update(workers=workers, server=uvicorn.Server(config))
            ready.set()
            await held["server"].serve(sockets=[listener])

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    assert ready.wait(10)
    port = listener.getsockname()[1]
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            yield Service(client, held["workers"], port)
    finally:
        held["server"].should_exit = True
        thread.join()
        listener.close()


@pytest.fixture(scope="module", params=["httptools", "h11"])
def service(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Service]:
    with served(tmp_path_factory.mktemp("served"), request.param) as service:
        yield service


def _value(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    return str(response.json()["results"]["bindings"][0]["o"]["value"])


def test_every_way_to_send_a_query_answers(service: Service) -> None:
    client = service.client
    assert _value(service.get()) == "1"
    assert _value(client.post("/sparql", data={"query": ONE})) == "1"
    assert _value(client.post("/sparql/", content=ONE, headers=QUERY)) == "1"
    assert _value(client.post("/sparql", params={"query": ONE})) == "1"
    assert _value(client.request("QUERY", "/sparql", content=ONE, headers=QUERY)) == "1"


def test_head_has_the_headers_of_get_and_no_body(service: Service) -> None:
    got, head = service.get(), service.client.head("/sparql", params={"query": ONE})
    assert head.content == b""
    assert {head.headers[name] == got.headers[name] for name in ("etag", "content-type")} == {True}


@pytest.mark.parametrize(
    ("query", "accept", "media_type"),
    [
        (ONE, "*/*", "application/sparql-results+json"),
        (ONE, "application/json", "application/sparql-results+json"),
        (ONE, "application/sparql-results+xml", "application/sparql-results+xml"),
        (ONE, "application/sparql-results+xml,application/rdf+xml,*/*", "application/sparql-results+xml"),
        (ONE, "text/csv", "text/csv; charset=utf-8"),
        (ONE, "text/tab-separated-values", "text/tab-separated-values; charset=utf-8"),
        ("ASK {}", "text/turtle, application/json;q=0.5", "application/sparql-results+json"),
        ("DESCRIBE <urn:thing/1>", "*/*", "text/turtle; charset=utf-8"),
        ("DESCRIBE <urn:thing/1>", "application/ld+json", "application/ld+json"),
        ("CONSTRUCT WHERE { ?s ?p ?o }", "application/rdf+xml", "application/rdf+xml"),
        ("CONSTRUCT WHERE { ?s ?p ?o }", "application/n-triples", "application/n-triples"),
    ],
)
def test_accept_decides_the_format(service: Service, query: str, accept: str, media_type: str) -> None:
    response = service.get(query, accept)
    assert (response.status_code, response.headers["content-type"]) == (200, media_type)


def test_output_parameter_counts_only_where_accept_leaves_it_open(service: Service) -> None:
    assert service.get(output="csv").headers["content-type"].startswith("text/csv")
    assert service.get(format="xml").headers["content-type"] == "application/sparql-results+xml"
    assert service.get(accept="text/csv", output="json").headers["content-type"].startswith("text/csv")
    assert service.get("DESCRIBE <urn:thing/1>", output="csv").status_code == 200


@pytest.mark.parametrize(
    ("query", "accept"), [(ONE, "image/png"), (ONE, "text/turtle"), ("DESCRIBE <urn:a>", "text/csv")]
)
def test_nothing_acceptable_is_406(service: Service, query: str, accept: str) -> None:
    assert service.get(query, accept).status_code == 406


def test_dataset_parameters_choose_the_graphs(service: Service) -> None:
    count = "SELECT (COUNT(*) AS ?o) { ?s ?p ?x }"
    assert _value(service.get(count, **{"default-graph-uri": GRAPH})) == "1000"
    assert _value(service.get(count, **{"default-graph-uri": "urn:none"})) == "0"
    assert service.get(count, **{"named-graph-uri": "relative"}).status_code == 400


def test_relative_iri_is_resolved_against_the_endpoint(service: Service) -> None:
    answer = _value(service.get("SELECT (STR(<thing>) AS ?o) {}"))
    assert answer == f"http://127.0.0.1:{service.port}/thing"


def test_syntax_error_is_400_with_its_place(service: Service) -> None:
    response = service.get("SELECT * {\n ?s ?p }")
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.json()["line"], response.json()["column"]) == (2, 9)
    assert response.json()["queryId"] == response.headers["x-query-id"]


@pytest.mark.parametrize(
    ("status", "method", "options"),
    [
        (400, "GET", {"params": {"query": [ONE, ONE]}}),
        (400, "GET", {"params": {"query": ONE, "update": "CLEAR ALL"}}),
        (400, "POST", {"data": {"other": "x"}}),
        (400, "POST", {}),
        (400, "POST", {"params": {"query": ONE}, "content": ONE, "headers": QUERY}),
        (400, "POST", {"content": b"\xff", "headers": QUERY}),
        (400, "GET", {"params": b"query=%FF"}),
        (403, "POST", {"data": {"update": "CLEAR ALL"}}),
        (403, "POST", {"content": "CLEAR ALL", "headers": {"Content-Type": "application/sparql-update"}}),
        (403, "GET", {"params": {"query": "SELECT * { SERVICE <http://x> {} }"}}),
        (405, "DELETE", {}),
        (413, "POST", {"content": "#" * 20_000, "headers": QUERY}),
        (413, "POST", {"content": iter([b"#" * 10_000] * 2), "headers": QUERY}),
        (415, "POST", {"content": ONE, "headers": {"Content-Type": "text/plain"}}),
        (503, "GET", {"params": {"query": RUNAWAY}}),
    ],
)
def test_what_is_wrong_has_its_status_and_is_open_to_all(
    service: Service, status: int, method: str, options: dict[str, Any]
) -> None:
    if isinstance(options.get("content"), Iterator):
        options = {**options, "content": iter([b"#" * 10_000] * 2)}
    response = service.client.request(method, "/sparql", **options)
    assert (response.status_code, response.json()["status"]) == (status, status)
    assert response.headers["access-control-allow-origin"] == "*"


def test_method_not_allowed_says_which_are(service: Service) -> None:
    assert "QUERY" in service.client.delete("/sparql").headers["allow"]


def test_length_and_transfer_encoding_together_close_the_connection(service: Service) -> None:
    framing = b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"
    request = b"POST /sparql HTTP/1.1\r\nHost: x\r\n" + framing + b"\r\n0\r\n\r\n"
    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as connection:
        connection.sendall(request)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400")


def test_preflight_allows_what_editors_send(service: Service) -> None:
    response = service.client.options("/sparql")
    assert response.status_code == 204
    allowed = response.headers["access-control-allow-methods"].split(", ")
    assert {"GET", "POST", "HEAD", "OPTIONS", "QUERY"} <= set(allowed)
    assert "If-None-Match" in response.headers["access-control-allow-headers"]


def test_same_question_is_not_sent_twice(service: Service) -> None:
    first = service.get()
    headers = {"If-None-Match": first.headers["etag"]}
    again = service.client.get("/sparql", params={"query": ONE}, headers=headers)
    assert (again.status_code, again.content) == (304, b"")
    assert first.headers["cache-control"] == "public, max-age=60"
    assert first.headers["vary"] == "Accept, Accept-Encoding, Accept-Profile, Accept-Language"
    assert first.headers["x-release"] == "1"
    other = service.client.get("/sparql", params={"query": ONE}, headers={**headers, "Accept": "text/csv"})
    assert other.status_code == 200


def test_answer_that_varies_is_not_kept(service: Service) -> None:
    response = service.get("SELECT (RAND() AS ?o) {}")
    assert response.headers["cache-control"] == "no-store"
    assert "etag" not in response.headers


@pytest.mark.parametrize("accept", ["*/*", "application/ld+json", "text/html, */*;q=0.1"])
def test_no_query_gives_the_service_description(service: Service, accept: str) -> None:
    response = service.client.get("/sparql", headers={"Accept": accept})
    form = RdfFormat.from_media_type(response.headers["content-type"].partition(";")[0])
    triples = {
        (quad.predicate.value, getattr(quad.object, "value", ""))
        for quad in parse(response.content, format=form)
    }
    sd = "http://www.w3.org/ns/sparql-service-description#"
    assert (f"{sd}endpoint", f"http://127.0.0.1:{service.port}/sparql") in triples
    assert {(f"{sd}name", GRAPH), (f"{VOID}triples", Literal(1000).value)} <= triples


def test_only_html_without_a_page_is_406(service: Service) -> None:
    assert service.client.get("/sparql", headers={"Accept": "text/html"}).status_code == 406


@pytest.mark.parametrize("http", ["httptools", "h11"])
def test_answer_over_its_limit_is_cut_not_closed_as_whole(tmp_path: Path, http: str) -> None:
    with served(tmp_path, http, stream_limit_s=0.3) as service:
        with service.client.stream("GET", "/sparql", params={"query": ENDLESS}) as response:
            assert response.status_code == 200
            with pytest.raises(httpx.RemoteProtocolError):
                deque(response.iter_raw(), maxlen=0)
        assert _value(service.get()) == "1"


def test_client_that_leaves_before_the_first_byte_ends_its_worker(tmp_path: Path) -> None:
    with served(tmp_path, workers=1, time_limit_s=20) as service:
        (pid,) = service.workers.pids
        with pytest.raises(httpx.ReadTimeout):
            service.client.get("/sparql", params={"query": RUNAWAY}, timeout=0.2)
        assert becomes_true(lambda: not is_alive(pid))
        assert _value(service.get()) == "1"


def test_client_that_takes_nothing_is_let_go(tmp_path: Path) -> None:
    with served(tmp_path, workers=1, idle_limit_s=0.3) as service:
        (pid,) = service.workers.pids
        with socket.create_connection(("127.0.0.1", service.port)) as connection:
            query = "SELECT%20*%7B%3Fa%20%3Fb%20%3Fc.%3Fd%20%3Fe%20%3Ff.%3Fg%20%3Fh%20%3Fi%7D"
            connection.sendall(f"GET /sparql?query={query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert becomes_true(lambda: not is_alive(pid))


# --- gzip


MANY = "SELECT ?a ?d { ?a ?b ?c . ?d ?e ?f FILTER(?c < 10) }"


def _tag(service: Service, query: str, encoding: str) -> str:
    headers = {"Accept-Encoding": encoding}
    return service.client.get("/sparql", params={"query": query}, headers=headers).headers["etag"]


@pytest.mark.parametrize("accept", ["*/*", "text/csv", "application/xml"])
def test_answer_is_compressed_where_asked_for(service: Service, accept: str) -> None:
    plain = service.client.get(
        "/sparql", params={"query": MANY}, headers={"Accept": accept, "Accept-Encoding": "identity"}
    )
    packed = service.client.get(
        "/sparql", params={"query": MANY}, headers={"Accept": accept, "Accept-Encoding": "br, gzip"}
    )
    assert ("content-encoding" in plain.headers, packed.headers["content-encoding"]) == (False, "gzip")
    assert packed.content == plain.content
    assert packed.num_bytes_downloaded < len(plain.content) / 5
    assert "Accept-Encoding" in packed.headers["vary"]


def test_small_answer_is_not_compressed(service: Service) -> None:
    response = service.get()
    assert "gzip" in response.request.headers["accept-encoding"]
    assert "content-encoding" not in response.headers


def test_graph_is_compressed_too(service: Service) -> None:
    response = service.get("CONSTRUCT WHERE { ?s ?p ?o }", "application/n-triples")
    assert (response.headers["content-encoding"], response.text.count("\n")) == ("gzip", 1000)


def test_each_coding_has_a_tag_of_its_own_and_either_is_known_again(service: Service) -> None:
    plain, packed = _tag(service, MANY, "identity"), _tag(service, MANY, "gzip")
    assert plain != packed
    for tag, encoding, status in [
        (packed, "gzip", 304),
        (plain, "gzip", 304),
        (plain, "identity", 304),
        (packed, "identity", 200),
    ]:
        headers = {"Accept-Encoding": encoding, "If-None-Match": tag}
        again = service.client.get("/sparql", params={"query": MANY}, headers=headers)
        assert again.status_code == status
        assert status == 200 or again.headers["etag"] == tag


@pytest.mark.parametrize(
    ("query", "is_weak"),
    [
        (ONE, False),
        ("ASK {}", False),
        ("CONSTRUCT { [] <urn:p> ?o } WHERE { <urn:thing/1> ?p ?o }", True),
        ("DESCRIBE <urn:thing/1>", True),
    ],
)
def test_tag_is_strong_only_where_the_bytes_are_the_same_each_time(
    service: Service, query: str, is_weak: bool
) -> None:
    first = service.get(query)
    assert first.headers["etag"].startswith("W/") == is_weak
    headers = {"If-None-Match": first.headers["etag"]}
    assert service.client.get("/sparql", params={"query": query}, headers=headers).status_code == 304
    assert is_weak or service.get(query).content == first.content


# --- caps on rows


def test_capped_answer_says_whether_it_was_cut(service: Service) -> None:
    whole, cut = service.get(MANY, maxRows=20_000), service.get(MANY, maxRows=3)
    assert (cut.headers["x-max-rows"], cut.headers["x-max-rows-reached"]) == ("3", "true")
    assert len(cut.json()["results"]["bindings"]) == 3
    assert cut.json()["head"]["link"] == ["https://w3id.org/techniekpact/limit/rows/3"]
    assert whole.headers["x-max-rows"] == "20000"
    assert len(whole.json()["results"]["bindings"]) == 10_000
    assert "x-max-rows" not in service.get(MANY).headers


def test_capped_answer_that_is_whole_at_once_says_so(service: Service) -> None:
    assert service.get(maxRows=1).headers["x-max-rows-reached"] == "false"


def test_large_capped_answer_has_as_many_rows_as_its_header_says(service: Service) -> None:
    query = "SELECT ?a ?d { ?a ?b ?c . ?d ?e ?f FILTER(?c < 50) }"
    response = service.get(query, "text/csv", maxRows=40_000)
    assert "x-max-rows-reached" not in response.headers
    assert response.headers["x-max-rows"] == "40000"
    assert response.text.count("\n") == 40_001


def test_cap_is_part_of_what_an_answer_is_known_by(service: Service) -> None:
    tags = {service.get(MANY, maxRows=rows).headers["etag"] for rows in (1, 2)}
    assert len({*tags, service.get(MANY).headers["etag"]}) == 3


def test_graph_is_capped_by_its_statements(service: Service) -> None:
    response = service.get("CONSTRUCT WHERE { ?s ?p ?o }", maxRows=5)
    assert response.headers["x-max-rows-reached"] == "true"
    assert response.text.endswith("# Cut after 5: there are more.\n")


@pytest.mark.parametrize("rows", ["0", "-1", "1.5", "many", "9" * 30])
def test_cap_that_is_no_number_of_rows_is_400(service: Service, rows: str) -> None:
    assert service.get(maxRows=rows).status_code == 400


def test_clients_cap_counts_only_below_the_services(tmp_path: Path) -> None:
    with served(tmp_path, max_rows=5) as service:
        rows = [
            service.get(MANY, "text/csv", **caps).headers["x-max-rows"]
            for caps in ({}, {"maxRows": 9}, {"maxRows": 2})
        ]
        assert rows == ["5", "5", "2"]


def test_empty_graph_keeps_its_worker(tmp_path: Path) -> None:
    with served(tmp_path, workers=1) as service:
        pids = service.workers.pids
        assert service.get("CONSTRUCT { ?s ?p ?o } WHERE { ?s <urn:none> ?o }").content == b""
        assert _value(service.get()) == "1"
        assert service.workers.pids == pids


def test_large_answer_arrives_whole(tmp_path: Path) -> None:
    with served(tmp_path, time_limit_s=10) as service:
        response = service.get("SELECT ?a ?d { ?a ?b ?c . ?d ?e ?f FILTER(?c < 100) }")
        assert len(json.loads(response.content)["results"]["bindings"]) == 100_000
