"""`evidence=true` over real sockets: beside the rows of /sparql, and of a question."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from kg.evidence import MOST_ROWS
from kg.namespaces import DEF, GRAPH
from kg.store import Release

from .serving import Service, served

PREFIX = f"PREFIX tp: <{DEF}>"
FUNDERS = f"{PREFIX} SELECT ?scheme ?funder {{ ?scheme tp:funder ?funder }} ORDER BY ?scheme"

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def service(
    small_release: tuple[Path, Release], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("served") / "home"
    shutil.copytree(small_release[0], home, symlinks=True)
    with served(home) as service:
        yield service


def asked(service: Service, query: str, accept: str = "*/*", **more: Any) -> httpx.Response:
    fields = {"query": query, "evidence": "true", **more}
    return service.client.get("/sparql", params=fields, headers={"Accept": accept})


def test_rows_come_with_what_each_rests_on(service: Service) -> None:
    response = asked(service, FUNDERS)
    assert response.headers["content-type"] == "application/sparql-results+json"
    answer = response.json()
    rows, evidence = answer["results"]["bindings"], answer["evidence"]
    assert rows
    assert evidence["gaps"] == []
    for row, grounds in zip(rows, evidence["rows"], strict=True):
        [statement] = grounds["statements"]
        assert (statement["subject"], statement["object"]) == (row["scheme"], row["funder"])
        assert grounds["graphs"] == statement["graphs"] == [GRAPH + "report/1"]
    passage = evidence["graphs"][GRAPH + "report/1"]
    assert passage["layer"] == "stated"
    assert passage["locator"]
    assert passage["source"]["iri"]


def test_inferred_row_shows_its_rule_and_premises(service: Service) -> None:
    answer = asked(
        service, f"{PREFIX} SELECT ?a {{ ?a a tp:Area ; tp:period ?p }} ORDER BY ?a LIMIT 1"
    ).json()
    [grounds] = answer["evidence"]["rows"]
    [[follows]] = [each["follows"] for each in grounds["statements"] if "follows" in each]
    assert follows["rule"] == "subclass"
    assert follows["title"]["nl"]
    premises = [*grounds["statements"], *grounds["premises"]]
    named = {graph for n in follows["from"] for graph in premises[n]["graphs"]}
    assert {answer["evidence"]["graphs"][graph]["layer"] for graph in named} == {"ontology", "reference"}


def test_what_has_no_evidence_is_named(service: Service) -> None:
    query = f"{PREFIX} SELECT ?s {{ ?s tp:funder ?f FILTER NOT EXISTS {{ ?s tp:absent ?x }} }}"
    [gap] = asked(service, query).json()["evidence"]["gaps"]
    assert gap["of"] == "NOT EXISTS"
    assert gap["why"]


def test_form_by_post_is_answered_the_same(service: Service) -> None:
    response = service.client.post("/sparql", data={"query": FUNDERS, "evidence": "true"})
    assert response.json() == asked(service, FUNDERS).json()


def test_rows_are_bounded_and_the_answer_says_so(service: Service) -> None:
    response = asked(service, "SELECT ?s ?p ?o { ?s ?p ?o }")
    assert response.headers["x-max-rows"] == str(MOST_ROWS)
    assert len(response.json()["evidence"]["rows"]) == MOST_ROWS
    assert asked(service, FUNDERS, maxRows="1").headers["x-max-rows"] == "1"


def test_answer_with_evidence_is_known_apart_from_the_one_without(service: Service) -> None:
    plain = service.client.get("/sparql", params={"query": FUNDERS, "maxRows": str(MOST_ROWS)})
    tag = asked(service, FUNDERS).headers["etag"]
    assert tag != plain.headers["etag"]
    again = service.client.get(
        "/sparql", params={"query": FUNDERS, "evidence": "true"}, headers={"If-None-Match": tag}
    )
    assert again.status_code == 304


@pytest.mark.parametrize(
    ("query", "accept", "status", "kind"),
    [
        (FUNDERS, "text/csv", 406, "not-acceptable"),
        ("ASK {}", "*/*", 400, "no-evidence"),
        ("SELECT ?s { << ?s ?p ?o >> ?q ?r }", "*/*", 400, "no-evidence"),
        ("SELECT ?s {", "*/*", 400, "malformed-query"),
        ("SELECT * { SERVICE <http://example.org/> { ?s ?p ?o } }", "*/*", 403, "refused-query"),
        (f"SELECT * {{ ?s ?p ?o }} #{'x' * 21_000}", "*/*", 413, "too-large"),
    ],
)
def test_what_cannot_be_done_is_a_problem(
    service: Service, query: str, accept: str, status: int, kind: str
) -> None:
    response = asked(service, query, accept)
    assert response.status_code == status, response.text
    if "json" in response.headers["content-type"]:
        assert response.json()["type"].endswith(f"/{kind}")


def test_question_comes_with_what_each_row_rests_on(service: Service) -> None:
    answer = service.ask(evidence="true").json()
    evidence = answer["evidence"]
    assert len(evidence["rows"]) == len(answer["rows"])
    for row, grounds in zip(answer["rows"], evidence["rows"], strict=True):
        assert GRAPH + "report/1" in grounds["graphs"]
        assert any(row["scheme"] == each["subject"]["value"] for each in grounds["statements"])
    assert "evidence" not in service.ask().json()


def test_command_line_says_the_same(service: Service, tmp_path: Path) -> None:
    file = tmp_path / "funders.rq"
    file.write_text(FUNDERS, "utf-8")
    command = [sys.executable, "-m", "kg", "query", str(file), "--evidence", "--home", str(service.home)]
    done = subprocess.run(command, capture_output=True, check=True)
    assert json.loads(done.stdout)["evidence"] == asked(service, FUNDERS).json()["evidence"]
