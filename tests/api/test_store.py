"""Writing over HTTP: the Graph Store Protocol and updates, with tokens, on a service of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.app import create_server
from kg.publish import publish
from kg.settings import Settings
from kg.tokens import new_token

from ..conftest import Quiet

pytestmark = pytest.mark.service

TURTLE = {"Content-Type": "text/turtle"}
UPDATE = {"Content-Type": "application/sparql-update"}
ONE, TWO = "<urn:a> <urn:b> 1 .", "<urn:a> <urn:b> 2 ."


@contextmanager
def serving(folder: Path, **given: Any) -> Iterator[httpx.Client]:
    """Serve an empty dataset whose default graph is its own; the client holds a token."""
    (folder / "content").mkdir()
    tokens = folder / "tokens"
    secret = new_token(tokens, "publisher", "publisher")
    settings = Settings(
        home=folder / "home", default_graph="own", **{"workers": 1, "tokens": str(tokens), **given}
    )
    publish(folder / "content", settings.home, Quiet(), default_graph="own")
    listener = socket.create_server(("127.0.0.1", 0))
    server = create_server(settings)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        with httpx.Client(base_url=url, timeout=20, headers={"Authorization": f"Bearer {secret}"}) as client:
            while client.get("/ready").status_code != 200:
                continue
            yield client
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with serving(tmp_path_factory.mktemp("served")) as client:
        yield client


@pytest.fixture
def graph(client: httpx.Client, request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The parameters of a graph that holds one triple, and is away afterwards."""
    named = {"graph": f"urn:{request.node.name}"}
    client.put("/store", params=named, content=ONE, headers=TURTLE)
    yield named
    client.delete("/store", params=named)


def values(client: httpx.Client, params: dict[str, str]) -> list[str]:
    answer = client.get("/store", params=params, headers={"Accept": "application/n-triples"})
    assert answer.status_code == 200, answer.text
    return sorted(line.split('"')[1] for line in answer.text.splitlines())


def test_put_makes_a_graph_and_then_replaces_it(client: httpx.Client) -> None:
    named = {"graph": "urn:put"}
    assert client.put("/store", params=named, content=ONE, headers=TURTLE).status_code == 201
    assert client.put("/store", params=named, content=TWO, headers=TURTLE).status_code == 200
    assert values(client, named) == ["2"]


def test_post_extends_a_graph(client: httpx.Client, graph: dict[str, str]) -> None:
    assert client.post("/store", params=graph, content=TWO, headers=TURTLE).status_code == 200
    assert values(client, graph) == ["1", "2"]


def test_post_of_a_form_extends_by_every_file(client: httpx.Client, graph: dict[str, str]) -> None:
    files = {
        "one": ("two.ttl", TWO, "text/turtle"),
        "two": ("three.nt", '<urn:a> <urn:b> "3" .', "application/n-triples"),
    }
    assert client.post("/store", params=graph, files=files).status_code == 200
    assert values(client, graph) == ["1", "2", "3"]


def test_post_to_the_store_makes_a_graph_and_says_where(client: httpx.Client) -> None:
    made = client.post("/store", content=ONE, headers=TURTLE)
    assert made.status_code == 201
    assert values(client, {"graph": made.headers["location"]}) == ["1"]
    assert client.get(made.headers["location"]).status_code == 200


def test_deleted_graph_is_not_found(client: httpx.Client, graph: dict[str, str]) -> None:
    assert client.delete("/store", params=graph).status_code == 200
    for method in ("GET", "HEAD", "DELETE"):
        assert client.request(method, "/store", params=graph).status_code == 404


def test_head_says_what_get_would(client: httpx.Client, graph: dict[str, str]) -> None:
    head, got = client.head("/store", params=graph), client.get("/store", params=graph)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == got.headers["etag"]


def test_default_graph_and_address_of_a_graph_are_graphs_too(client: httpx.Client) -> None:
    client.put("/store?default", content=ONE, headers=TURTLE)
    assert client.get("/store?default").text.endswith("<urn:a> <urn:b> 1 .\n")
    assert client.put("/store/some/where", content="<> <urn:b> 1 .", headers=TURTLE).status_code == 201
    assert f"<{client.base_url.join('/store/some/where')}>" in client.get("/store/some/where").text


def test_dataset_is_replaced_as_a_whole(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        client.put("/store", params={"graph": "urn:g"}, content=ONE, headers=TURTLE)
        trig = {"Content-Type": "application/trig"}
        assert client.put("/store", content=f"GRAPH <urn:h> {{ {TWO} }}", headers=trig).status_code == 200
        assert client.get("/store?graph=urn:g").status_code == 404
        assert values(client, {"graph": "urn:h"}) == ["2"]


def test_update_is_seen_by_the_next_query(client: httpx.Client, graph: dict[str, str]) -> None:
    text = f"DELETE {{ ?s ?p 1 }} INSERT {{ ?s ?p 5 }} USING <{graph['graph']}> WHERE {{ ?s ?p 1 }}"
    with_graph = f"WITH <{graph['graph']}> DELETE {{ ?s ?p 1 }} INSERT {{ ?s ?p 5 }} WHERE {{ ?s ?p 1 }}"
    for way in ({"data": {"update": text}}, {"content": with_graph, "headers": UPDATE}):
        answer = client.post("/sparql", **way)  # type: ignore[arg-type]
        assert answer.status_code == 200, answer.text
    assert answer.json()["changed"] == [graph["graph"]]
    assert values(client, graph) == ["5"]


@pytest.mark.parametrize("header", ["", "Bearer wrong", "Basic cHVibGlzaGVyOng="])
def test_write_without_a_known_token_is_refused_and_says_how(client: httpx.Client, header: str) -> None:
    for method, url, kind in (("PUT", "/store?graph=urn:x", TURTLE), ("POST", "/sparql", UPDATE)):
        answer = client.request(method, url, content=ONE, headers={**kind, "Authorization": header})
        assert (answer.status_code, "Bearer" in answer.headers["www-authenticate"]) == (401, True)
    assert client.get("/store?graph=urn:x").status_code == 404


def test_without_tokens_writing_is_off_and_reading_is_not(tmp_path: Path) -> None:
    with serving(tmp_path, tokens="") as client:
        answer = client.put("/store?graph=urn:x", content=ONE, headers=TURTLE)
        assert (answer.status_code, answer.json()["detail"]) == (403, "Writing is off at this endpoint.")
        assert client.post("/sparql", data={"update": "CLEAR ALL"}).status_code == 403
        assert client.get("/sparql", params={"query": "ASK {}"}).status_code == 200


@pytest.mark.parametrize(
    ("request_line", "headers", "content", "status"),
    [
        ("PUT /store?graph=urn:x", TURTLE, "<urn:a> <urn:b>", 400),
        ("PUT /store?graph=urn:x", {"Content-Type": "image/png"}, ONE, 415),
        ("PUT /store?graph=urn:x", {**TURTLE, "Content-Encoding": "gzip"}, ONE, 415),
        ("PUT /store?graph=x", TURTLE, ONE, 400),
        ("PUT /store?graph=urn:x&default", TURTLE, ONE, 400),
        ("PUT /store", TURTLE, ONE, 400),
        ("GET /store", {}, "", 400),
        ("DELETE /store", {}, "", 400),
        ("PATCH /store?graph=urn:x", {}, "", 405),
        ("POST /store?graph=urn:x", {"Content-Type": "multipart/form-data; boundary=x"}, "--x--", 400),
        ("POST /store?graph=urn:x", {"Content-Type": "multipart/form-data"}, ONE, 400),
        ("POST /sparql", UPDATE, "INSERT DATA {", 400),
        ("POST /sparql", UPDATE, "LOAD <http://127.0.0.1/>", 403),
        ("POST /sparql?using-graph-uri=urn:x", UPDATE, "INSERT {} USING <urn:y> WHERE {}", 400),
        ("GET /sparql?update=CLEAR%20ALL", {}, "", 400),
    ],
)
def test_wrong_write_gets_its_status_and_changes_nothing(
    client: httpx.Client, request_line: str, headers: dict[str, str], content: str, status: int
) -> None:
    before = client.get("/ready").json()["release"]
    method, url = request_line.split()
    answer = client.request(method, url, headers=headers, content=content)
    assert answer.status_code == status, answer.text
    assert answer.headers["access-control-allow-origin"] == "*"
    assert client.get("/ready").json()["release"] == before


def test_burst_of_writes_is_committed_in_few_releases(client: httpx.Client) -> None:
    before = client.get("/ready").json()["release"]
    texts = [f"INSERT DATA {{ GRAPH <urn:burst> {{ <urn:a> <urn:n> {number} }} }}" for number in range(24)]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda text: client.post("/sparql", content=text, headers=UPDATE), texts))
    assert {answer.status_code for answer in answers} == {200}
    assert client.get("/ready").json()["release"] - before < len(texts)
    count = "SELECT (COUNT(*) AS ?n) { GRAPH <urn:burst> { ?s ?p ?o } }"
    counted = client.get("/sparql", params={"query": count}, headers={"Accept": "text/csv"})
    assert counted.text.split() == ["n", "24"]


def test_earlier_release_answers_as_it_did(client: httpx.Client) -> None:
    named = {"graph": "urn:then"}
    then = client.put("/store", params=named, content=ONE, headers=TURTLE).json()["release"]
    client.put("/store", params=named, content=TWO, headers=TURTLE)
    assert values(client, named) == ["2"]
    assert values(client, {**named, "release": str(then)}) == ["1"]
    asked = client.get(
        "/sparql", params={"query": "SELECT ?o { GRAPH <urn:then> { ?s ?p ?o } }", "release": then}
    )
    assert (asked.headers["x-release"], asked.json()["results"]["bindings"][0]["o"]["value"]) == (
        str(then),
        "1",
    )


@pytest.mark.parametrize(("number", "status"), [("99999", 404), ("0", 400), ("x", 400), ("1&release=2", 400)])
def test_release_that_is_none_is_said_to_be(client: httpx.Client, number: str, status: int) -> None:
    assert client.get(f"/sparql?query=ASK%20%7B%7D&release={number}").status_code == status


def test_update_without_end_is_stopped_and_the_next_one_goes_through(tmp_path: Path) -> None:
    with serving(tmp_path, time_limit_s=1.0) as client:
        rows = "\n".join(f"<urn:{n}> <urn:p> {n} ." for n in range(1000))
        client.put("/store?graph=urn:many", content=rows, headers=TURTLE)
        product = " . ".join(f"?a{n} ?b{n} ?c{n}" for n in range(4))
        endless = (
            f"INSERT {{ GRAPH <urn:x> {{ <urn:a> <urn:b> ?c0 }} }} USING <urn:many> WHERE {{ {product} }}"
        )
        answer = client.post("/sparql", content=endless, headers=UPDATE)
        assert answer.status_code == 503, answer.text
        assert client.put("/store?graph=urn:x", content=ONE, headers=TURTLE).status_code == 201


def test_default_graph_that_was_written_to_is_described_as_such(client: httpx.Client) -> None:
    client.put("/store?default", content=ONE, headers=TURTLE)
    described = client.get("/sparql", headers={"Accept": "text/turtle"})
    assert described.status_code == 200
    assert "sd:defaultGraph" in described.text
    assert "<default>" not in described.text
