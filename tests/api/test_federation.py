"""Calling others by SERVICE, and being called: over real sockets, between real services."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest
import rdflib

from kg.store import RdfFormat, Store, parse

from ..conformance.services import oxigraph_services
from ..kg.endpoints import Endpoint, Handler, endpoint, hang, literal, results, uri
from .test_store import UPDATE, serving

pytestmark = pytest.mark.service

NAMES = '<urn:a> <urn:name> "A" . <urn:b> <urn:name> "B" . <urn:c> <urn:name> "C" .'
AGES = "<urn:a> <urn:age> 1 . <urn:b> <urn:age> 2 . _:x <urn:age> 3 ."
TURTLE = {"Content-Type": "text/turtle"}
FEATURE = "http://www.w3.org/ns/sparql-service-description#feature"


@contextmanager
def holding(folder: Path, data: str, **settings: Any) -> Iterator[httpx.Client]:
    """Serve this Turtle."""
    folder.mkdir(exist_ok=True)
    with serving(folder, **settings) as client:
        assert client.put("/store?default", content=data, headers=TURTLE).is_success
        yield client


def address(client: httpx.Client) -> str:
    return f"{str(client.base_url).rstrip('/')}/sparql"


def ask(client: httpx.Client, query: str, **headers: str) -> httpx.Response:
    return client.get("/sparql", params={"query": query}, headers=headers)


def rows(answer: httpx.Response) -> list[tuple[str | None, ...]]:
    assert answer.status_code == 200, answer.text
    names = answer.json()["head"]["vars"]
    found = answer.json()["results"]["bindings"]
    return sorted((tuple(row.get(name, {}).get("value") for name in names) for row in found), key=str)


@contextmanager
def calling(folder: Path, *others: Endpoint | httpx.Client, **settings: Any) -> Iterator[httpx.Client]:
    """Serve the names, and let the service call these."""
    urls = tuple(other.url if isinstance(other, Endpoint) else address(other) for other in others)
    with holding(folder, NAMES, services=urls, **settings) as client:
        yield client


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, str]]:
    """Our service with the names, which may call another with the ages; and the other's address."""
    folder = tmp_path_factory.mktemp("pair")
    with holding(folder / "ages", AGES) as ages, calling(folder / "names", ages) as names:
        yield names, address(ages)


@pytest.fixture(scope="module")
def others() -> Iterator[dict[str, Endpoint]]:
    """Endpoints that answer well, badly, and not at all."""
    with ExitStack() as running:
        good = results({"s": uri("urn:a"), "o": literal("1")}, {"s": uri("urn:b"), "o": literal("2")})
        inside = running.enter_context(endpoint(good))
        answers = {
            "good": good,
            "hanging": hang,
            "broken": lambda handler: handler.send(b"", status=500),
            "moved": lambda handler: handler.send(b"", status=307, Location=inside.url),
            "page": b"<html>",
            "hostile": results({"s": uri("http://x> } SERVICE <http://169.254.169.254/> { ?s ?p ?o")}),
        }
        found = {name: running.enter_context(endpoint(answer)) for name, answer in answers.items()}
        yield {**found, "inside": inside}


@pytest.fixture(scope="module")
def caller(tmp_path_factory: pytest.TempPathFactory, others: dict[str, Endpoint]) -> Iterator[httpx.Client]:
    with calling(tmp_path_factory.mktemp("caller"), *others.values(), service_time_limit_s=0.5) as client:
        yield client


def test_another_instance_answers_a_part_of_a_query(pair: tuple[httpx.Client, str]) -> None:
    names, ages = pair
    query = f"SELECT ?n ?o {{ ?s <urn:name> ?n SERVICE <{ages}> {{ ?s <urn:age> ?o FILTER(?o > 1) }} }}"
    assert rows(ask(names, query)) == [("B", "2")]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("?s <urn:name> ?n OPTIONAL {{ {call} }}", ["A1", "B2", "C-"]),
        ("?s <urn:name> ?n MINUS {{ {call} }}", ["C-"]),
        ("?s <urn:name> ?n FILTER EXISTS {{ {call} }}", ["A-", "B-"]),
        ("?s <urn:name> ?n FILTER NOT EXISTS {{ {call} }}", ["C-"]),
        ("{{ ?s <urn:name> ?n }} UNION {{ {call} }}", ["A-", "B-", "C-", "-1", "-2", "-3"]),
        ("{{ SELECT * {{ {call} }} ORDER BY DESC(?o) LIMIT 1 }} OPTIONAL {{ ?s <urn:name> ?n }}", ["-3"]),
        ("VALUES ?o {{ 1 3 }} {call} OPTIONAL {{ ?s <urn:name> ?n }}", ["-3", "A1"]),
        ("{call} {call} FILTER(isBlank(?s)) BIND('x' AS ?n)", []),
        ("{call} FILTER(isBlank(?s)) BIND('x' AS ?n)", ["x3"]),
    ],
)
def test_clause_stands_wherever_a_pattern_may(
    pair: tuple[httpx.Client, str], pattern: str, expected: list[str]
) -> None:
    names, ages = pair
    where = pattern.format(call=f"SERVICE <{ages}> {{ ?s <urn:age> ?o }}")
    found = rows(ask(names, f"SELECT ?n ?o {{ {where} }}"))
    assert sorted("".join(value or "-" for value in row) for row in found) == sorted(expected)


def test_form_other_than_rows_calls_too(pair: tuple[httpx.Client, str]) -> None:
    names, ages = pair
    call = f"SERVICE <{ages}> {{ ?s <urn:age> ?o }}"
    graph = ask(names, f"CONSTRUCT {{ ?s <urn:is> ?o }} WHERE {{ {call} }}", Accept="application/n-triples")
    assert graph.text.count("<urn:is>") == 3
    assert graph.text.count("_:") == 1
    assert ask(names, f"ASK {{ {call} FILTER(?o > 3) }}").json()["boolean"] is False
    assert "urn:name" in ask(names, f"DESCRIBE ?s {{ {call} FILTER(?o = 1) }}").text


def test_answer_that_rests_on_others_is_not_kept(pair: tuple[httpx.Client, str]) -> None:
    names, ages = pair
    answer = ask(names, f"ASK {{ SERVICE <{ages}> {{ ?s ?p ?o }} }}")
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers
    assert "x-failed-service" not in answer.headers


def test_only_a_service_that_may_call_says_that_it_federates(pair: tuple[httpx.Client, str]) -> None:
    names, ages = pair
    for url, federates in ((address(names), True), (ages, False)):
        content = httpx.get(url, headers={"Accept": "application/n-triples"}).content
        predicates = {triple.predicate.value for triple in parse(content, format=RdfFormat.N_TRIPLES)}
        assert (FEATURE in predicates) == federates


def test_oxigraph_answers_a_part_of_a_query(tmp_path: Path) -> None:
    with oxigraph_services() as (peer, _):
        assert httpx.put(f"{peer.store_url}?default", content=AGES, headers=TURTLE).is_success
        with holding(tmp_path, NAMES, services=(peer.query_url,)) as names:
            query = f"SELECT ?n ?o {{ ?s <urn:name> ?n SERVICE <{peer.query_url}> {{ ?s <urn:age> ?o }} }}"
            assert rows(ask(names, query)) == [("A", "1"), ("B", "2")]


def test_oxigraph_and_rdflib_call_us_and_oxigraph_through_us_another(pair: tuple[httpx.Client, str]) -> None:
    names, ages = pair
    inner = f"?s <urn:name> ?n SERVICE <{ages}> {{ ?s <urn:age> ?o }}"
    query = f"SELECT ?s ?n ?o {{ ?s <urn:likes> <urn:tea> SERVICE <{address(names)}> {{ {inner} }} }}"
    data = "<urn:a> <urn:likes> <urn:tea> ."
    store = Store()
    store.load(data.encode(), RdfFormat.TURTLE)
    assert [(row["n"].value, row["o"].value) for row in store.query(query)] == [("A", "1")]  # type: ignore[union-attr,index]
    # rdflib's own grammar has no end where a clause stands in a clause.
    plain = query.replace(inner, "?s <urn:name> ?n").replace(" ?o ", " ")
    graph = rdflib.Graph().parse(data=data, format="turtle")
    assert [str(row[1]) for row in graph.query(plain)] == ["A"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("hanging", "not within 0.5 seconds"),
        ("broken", "its status was 500"),
        ("moved", "it redirects (307), which is not followed"),
        ("page", "its answer can't be read"),
        ("hostile", "its answer can't be read"),
    ],
)
def test_failed_endpoint_is_an_error_that_names_it(
    caller: httpx.Client, others: dict[str, Endpoint], name: str, reason: str
) -> None:
    url = others[name].url
    answer = ask(caller, f"SELECT * {{ {{ ?s ?p ?n }} UNION {{ SERVICE <{url}> {{ ?s ?q ?o }} }} }}")
    assert answer.status_code == 502
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"].endswith("/problem/service-failed")
    assert (problem["service"], problem["reason"]) == (url, reason)
    assert others["inside"].queries == []


@pytest.mark.parametrize("name", ["hanging", "broken", "moved", "page", "hostile"])
def test_silent_query_does_without_a_failed_endpoint_and_says_so(
    caller: httpx.Client, others: dict[str, Endpoint], name: str
) -> None:
    url = others[name].url
    query = f"SELECT ?n ?o {{ ?s <urn:name> ?n SERVICE SILENT <{url}> {{ ?s <urn:age> ?o }} }}"
    answer = ask(caller, query)
    assert rows(answer) == [("A", None), ("B", None), ("C", None)]
    assert answer.headers["x-failed-service"].startswith(f'<{url}>; reason="')
    assert "X-Failed-Service" in answer.headers["access-control-expose-headers"]


def test_every_failed_endpoint_is_named_and_what_answered_counts(
    caller: httpx.Client, others: dict[str, Endpoint]
) -> None:
    calls = " ".join(
        f"OPTIONAL {{ SERVICE SILENT <{others[name].url}> {{ ?s <urn:age> ?{name} }} }}"
        for name in ("broken", "moved")
    )
    query = (
        f"SELECT ?n ?o {{ ?s <urn:name> ?n SERVICE <{others['good'].url}> {{ ?s <urn:age> ?o }} {calls} }}"
    )
    answer = ask(caller, query)
    assert rows(answer) == [("A", "1"), ("B", "2")]
    named = answer.headers["x-failed-service"].split(", <")
    assert [others[name].url in each for name, each in zip(("broken", "moved"), named, strict=True)] == [
        True
    ] * 2


def test_endpoint_is_called_once_for_each_clause_at_most(
    caller: httpx.Client, others: dict[str, Endpoint]
) -> None:
    good = others["good"]
    good.queries.clear()
    call = f"SERVICE <{good.url}> {{ ?s <urn:age> ?o }}"
    ask(caller, f"SELECT * {{ ?s <urn:name> ?n FILTER EXISTS {{ {call} }} FILTER EXISTS {{ {call} }} }}")
    assert len(good.queries) == 1


@pytest.mark.parametrize(
    ("status", "query"),
    [
        (400, "SELECT * {{ SERVICE <{url}> {{ ?s ?p ?o }}"),
        (400, "SELECT * {{ SERVICE <{url}> {{ ?s ?p }} }}"),
        (400, "SELECT * {{ SERVICE <{url}> {{ ?s ?p ?o }} BIND(1 AS ?s) }}"),
        (400, "SELECT * {{ SERVICE <{url}> {{ ?s ?p ?o }} UNION {{ }} }}"),
        (403, "SELECT * {{ SERVICE <{url}> {{ SERVICE <http://127.0.0.1/> {{ ?s ?p ?o }} }} }}"),
        (403, "SELECT * {{ VALUES ?e {{ <{url}> }} SERVICE ?e {{ ?s ?p ?o }} }}"),
        (403, "SELECT * {{ SERVICE <{url}/> {{ ?s ?p ?o }} }}"),
        (413, "SELECT * {{ " + "SERVICE <{url}> {{ ?s ?p ?o }} " * 11 + "}}"),
    ],
)
def test_query_that_is_wrong_calls_nobody(
    caller: httpx.Client, others: dict[str, Endpoint], status: int, query: str
) -> None:
    good = others["good"]
    good.queries.clear()
    answer = ask(caller, query.format(url=good.url))
    assert answer.status_code == status, answer.text
    assert good.queries == []


def test_syntax_error_has_its_place_in_the_query_that_was_sent(
    caller: httpx.Client, others: dict[str, Endpoint]
) -> None:
    answer = ask(caller, f"SELECT * {{\n SERVICE <{others['good'].url}>\n {{ ?s ?p }} }}")
    assert (answer.json()["line"], answer.json()["column"]) == (3, 12)


def test_nobody_may_be_called_where_none_is_listed(pair: tuple[httpx.Client, str]) -> None:
    answer = httpx.get(pair[1], params={"query": f"SELECT * {{ SERVICE <{pair[1]}> {{}} }}"})
    assert answer.status_code == 403
    assert "calls no other endpoint" in answer.json()["detail"]


def test_answers_over_their_size_are_an_error(tmp_path: Path) -> None:
    many = results(*({"s": uri(f"urn:{n}"), "o": literal("x" * 100)} for n in range(1_000)))
    with endpoint(many) as other, calling(tmp_path, other, service_size_limit_mb=0.25) as client:
        calls = [f"{{ SERVICE <{other.url}> {{ ?s ?p ?o FILTER(?o > {n}) }} }}" for n in range(2)]
        assert ask(client, f"ASK {calls[0]}").status_code == 200
        answer = ask(client, f"ASK {{ {' UNION '.join(calls)} }}")
        assert answer.status_code == 502
        assert answer.json()["reason"] == "more than 0.25 MB came of this query"


def test_more_calling_queries_than_places_are_answered_or_told_to_wait(tmp_path: Path) -> None:
    with endpoint(hang) as other:
        limits = {"service_time_limit_s": 0.2, "queue": 4}
        with calling(tmp_path, other, **limits) as client, ThreadPoolExecutor(24) as pool:
            query = f"ASK {{ SERVICE <{other.url}> {{ ?s ?p ?o }} }}"
            statuses = Counter(
                answer.status_code for answer in pool.map(lambda _: ask(client, query), range(24))
            )
            assert statuses[502] >= 1
            assert statuses[503] + statuses[429] >= 1
            assert statuses.keys() <= {502, 503, 429}
            # However many fell away, and where: as often as there are places, and once more, one is free.
            assert {ask(client, query).status_code for _ in range(9)} == {502}
            assert ask(client, "ASK {}").status_code == 200


def test_large_answer_of_another_is_counted_whole(tmp_path: Path) -> None:
    many = results(*({"s": uri(f"urn:{n}"), "o": literal(f"{n} é")} for n in range(50_000)))
    with endpoint(many) as other, calling(tmp_path, other) as client:
        query = f"SELECT (COUNT(*) AS ?n) {{ SERVICE <{other.url}> {{ ?s ?p ?o }} }}"
        assert rows(ask(client, query)) == [("50000",)]


def test_waiting_for_another_holds_no_worker(tmp_path: Path) -> None:
    asked = threading.Event()

    def answer(handler: Handler) -> None:
        asked.set()
        hang(handler)

    with endpoint(answer) as other, calling(tmp_path, other, workers=1) as client:
        query = f"ASK {{ SERVICE SILENT <{other.url}> {{ ?s ?p ?o }} }}"
        waiting = threading.Thread(target=lambda: ask(client, query))
        waiting.start()
        assert asked.wait(5)
        began = monotonic()
        assert len(rows(httpx.get(address(client), params={"query": "SELECT * { ?s ?p ?o }"}))) == 3
        assert monotonic() - began < 3
        other.gone.set()
        waiting.join()


def test_client_that_leaves_ends_the_call(tmp_path: Path) -> None:
    left = threading.Event()

    def answer(handler: Handler) -> None:
        handler.send(b"", Content_Length="100")
        if not handler.connection.recv(1):
            left.set()

    with endpoint(answer) as other, calling(tmp_path, other, service_time_limit_s=60.0) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.get(
                "/sparql", params={"query": f"ASK {{ SERVICE <{other.url}> {{ ?s ?p ?o }} }}"}, timeout=0.5
            )
        assert left.wait(5)


def test_update_writes_what_another_says(pair: tuple[httpx.Client, str]) -> None:
    names, ages = pair
    where = f"?s <urn:name> ?n SERVICE <{ages}> {{ ?s <urn:age> ?o }}"
    update = f"PREFIX u: <urn:> INSERT {{ GRAPH u:g {{ ?s u:age ?o }} }} WHERE {{ {where} }}"
    assert names.post("/sparql", content=update, headers=UPDATE).status_code == 200
    found = rows(ask(names, "SELECT ?s ?o { GRAPH <urn:g> { ?s <urn:age> ?o } }"))
    assert found == [("urn:a", "1"), ("urn:b", "2")]


def test_update_writes_the_blank_nodes_of_another(pair: tuple[httpx.Client, str]) -> None:
    names, ages = pair
    where = f"SERVICE <{ages}> {{ ?s <urn:age> ?o FILTER(isBlank(?s)) }}"
    update = f"INSERT {{ GRAPH <urn:blank> {{ ?s <urn:a> ?o . ?s <urn:b> ?o }} }} WHERE {{ {where} }}"
    for _ in range(2):
        assert names.post("/sparql", content=update, headers=UPDATE).status_code == 200
    count = "SELECT (COUNT(DISTINCT ?s) AS ?n) { GRAPH <urn:blank> { ?s ?p ?o FILTER(isBlank(?s)) } }"
    assert rows(ask(names, count)) == [("2",)]


def test_update_with_a_failed_endpoint_changes_nothing_unless_it_is_silent(
    caller: httpx.Client, others: dict[str, Endpoint]
) -> None:
    broken = others["broken"].url

    def write(silent: str) -> httpx.Response:
        call = f"SERVICE {silent} <{broken}> {{ ?s ?p ?o }}"
        update = f"INSERT {{ GRAPH <urn:g> {{ <urn:new> <urn:b> 1 }} }} WHERE {{ {call} }}"
        return caller.post("/sparql", content=update, headers=UPDATE)

    refused = write("")
    assert (refused.status_code, refused.json()["service"]) == (502, broken)
    assert ask(caller, "ASK { GRAPH ?g { <urn:new> ?p ?o } }").json()["boolean"] is False
    assert broken in write("SILENT").headers["x-failed-service"]
    assert ask(caller, "ASK { GRAPH ?g { <urn:new> ?p ?o } }").json()["boolean"] is True


@pytest.mark.parametrize(
    ("status", "update"),
    [
        (403, "INSERT {{ ?s ?p ?o }} WHERE {{ SERVICE <{url}/> {{ ?s ?p ?o }} }}"),
        (403, "INSERT {{ ?s ?p ?o }} WHERE {{ SERV\\u0049CE <{url}> {{ ?s ?p ?o }} }}"),
        (403, "LOAD <{url}>"),
        (400, "INSERT DATA {{ SERVICE <{url}> {{ <urn:s> <urn:p> 1 }} }}"),
        (400, "INSERT {{ SERVICE <{url}> {{ ?s ?p ?o }} }} WHERE {{ ?s ?p ?o }}"),
    ],
)
def test_update_that_is_wrong_calls_nobody(
    caller: httpx.Client, others: dict[str, Endpoint], status: int, update: str
) -> None:
    good = others["good"]
    good.queries.clear()
    answer = caller.post("/sparql", content=update.format(url=good.url), headers=UPDATE)
    assert answer.status_code == status, answer.text
    assert good.queries == []


def test_call_is_a_query_that_another_reads(caller: httpx.Client, others: dict[str, Endpoint]) -> None:
    good = others["good"]
    good.queries.clear()
    ask(caller, f"PREFIX u: <urn:> ASK {{ SERVICE <{good.url}> {{ ?s u:age ?o # so\n }} }}")
    (query,) = good.queries
    assert query == f"BASE <{address(caller)}> PREFIX u: <urn:> SELECT * WHERE {{ ?s u:age ?o }}"
