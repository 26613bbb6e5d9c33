"""Answers that are kept: which are, for how long, and that they are the same as new ones."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api.caching import Validators
from api.kept import Kept, Shelf
from kg.store import Release

from .serving import Service, served

ONE = "SELECT ?o { <https://w3id.org/techniekpact/id/scheme/sto> ?p ?o } ORDER BY ?o"
LABELS = "PREFIX skos: <http://www.w3.org/2004/02/skos/core#> SELECT ?label { ?thing skos:prefLabel ?label }"


def kept(body: bytes) -> Kept:
    release = Release(1, Path(), {"identity": "one"})
    return Kept("hash", Validators(release, "digest"), "", {}, body)


def test_what_was_not_asked_for_longest_goes_first() -> None:
    shelf, names = Shelf(0.1), [b"%02d" % number for number in range(21)]
    for name in names[:20]:  # each takes some 5,000 bytes of 104,857
        shelf.keep((name,), kept(b"x" * 3_000))
    assert shelf.find((names[0],))
    shelf.keep((names[20],), kept(b"x" * 3_000))
    assert [name for name in names if shelf.find((name,)) is None] == [names[1]]
    assert shelf.n_bytes <= 0.1 * 1024 * 1024


def test_large_answer_is_not_kept() -> None:
    shelf = Shelf(1)
    shelf.keep((b"a",), kept(b"x" * 70_000))
    assert shelf.find((b"a",)) is None
    assert shelf.n_bytes == 0


def n_kept(service: Service) -> float:
    lines = service.client.get("/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith("kg_kept_answers_total")).split()[1])


def without_id(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name not in {"x-query-id", "date"}}


@pytest.fixture(scope="module")
def home(small_release: tuple[Path, Release], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small dataset in a home of its own."""
    return Path(shutil.copytree(small_release[0], tmp_path_factory.mktemp("kept") / "home", symlinks=True))


@pytest.fixture(scope="module")
def service(home: Path) -> Iterator[Service]:
    with served(home) as service:
        yield service


@pytest.mark.service
@pytest.mark.parametrize("send", ["get", "form", "direct", "QUERY"])
def test_answer_given_again_is_the_same_but_for_its_id(service: Service, send: str) -> None:
    def ask() -> httpx.Response:
        query = f"{ONE} # {send}"
        if send == "get":
            return service.query(query)
        if send == "form":
            return service.client.post("/sparql", data={"query": query})
        method = "POST" if send == "direct" else "QUERY"
        headers = {"Content-Type": "application/sparql-query"}
        return service.client.request(method, "/sparql", content=query, headers=headers)

    first = ask()
    before = n_kept(service)
    second = ask()
    assert n_kept(service) == before + 1
    assert (second.status_code, second.content) == (first.status_code, first.content) == (200, first.content)
    assert without_id(second) == without_id(first)
    assert second.headers["x-query-id"] != first.headers["x-query-id"]
    tag = {"If-None-Match": first.headers["etag"]}
    if send == "get":
        assert service.query(f"{ONE} # get", **tag).status_code == 304


@pytest.mark.service
def test_other_format_dataset_or_cap_is_another_answer(service: Service) -> None:
    asked = {"query": LABELS}
    service.client.get("/sparql", params=asked)
    before = n_kept(service)
    as_csv = service.client.get("/sparql", params=asked, headers={"Accept": "text/csv"})
    assert as_csv.headers["content-type"].startswith("text/csv")
    capped = service.client.get("/sparql", params={**asked, "maxRows": "1"})
    assert len(capped.json()["results"]["bindings"]) == 1
    none = service.client.get("/sparql", params={**asked, "default-graph-uri": "urn:none"})
    assert none.json()["results"]["bindings"] == []
    assert n_kept(service) == before


@pytest.mark.service
@pytest.mark.parametrize("query", ["SELECT (UUID() AS ?id) {}", "SELECT (NOW() AS ?now) {}", "SELECT"])
def test_what_differs_or_fails_is_not_kept(service: Service, query: str) -> None:
    before = n_kept(service)
    for _ in range(2):
        service.query(query)
    assert n_kept(service) == before


@pytest.mark.service
def test_nothing_is_kept_where_there_is_no_room(home: Path) -> None:
    with served(home, cache_mb=0) as service:
        for _ in range(2):
            assert service.query(ONE).status_code == 200
        assert n_kept(service) == 0
