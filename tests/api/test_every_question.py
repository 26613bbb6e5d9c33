"""Every question of ours as a client finds it: described, and answered with rows for its example."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kg.namespaces import expand
from kg.questions import load_questions
from kg.store import RdfFormat, Release, parse

from .serving import Service, served

pytestmark = pytest.mark.service
QUESTIONS = load_questions(Path(__file__).parents[2])
NAMES = sorted(QUESTIONS)


@pytest.fixture(scope="module")
def service(real_release: tuple[Path, Release]) -> Iterator[Service]:
    with served(real_release[0]) as service:
        yield service


@pytest.fixture(scope="module")
def published(service: Service) -> dict[str, str]:
    """The text of each example, by the name of its question, as an editor finds it."""
    found = service.query("SELECT ?g ?q { GRAPH ?g { ?s <http://www.w3.org/ns/shacl#select> ?q } }")
    rows = found.json()["results"]["bindings"]
    return {row["g"]["value"].rsplit("/", 1)[-1]: row["q"]["value"] for row in rows}


@pytest.fixture(scope="module")
def described(service: Service) -> dict[str, Any]:
    paths: dict[str, Any] = service.client.get("/openapi.json").json()["paths"]
    return paths


@pytest.mark.parametrize("name", NAMES)
def test_example_in_the_description_is_answered_with_rows_in_every_form(
    service: Service, described: dict[str, Any], name: str
) -> None:
    asked = described[f"/questions/{name}"]["get"]
    questions = {each["name"]: each for each in service.client.get("/questions").json()["questions"]}
    parameters = questions[name]["parameters"]
    needed = {key for key, each in parameters.items() if not each.get("optional")}
    values = {
        each["name"]: each["example"]
        for each in asked["parameters"]
        if each["name"] in needed and "example" in each
    }
    for media_type in asked["responses"]["200"]["content"]:
        response = service.client.get(f"/questions/{name}", params=values, headers={"Accept": media_type})
        assert response.status_code == 200, response.text
        assert response.headers["content-type"].startswith(media_type)
        if media_type == "application/json":
            body = response.json()
            assert body["rows"]
            assert body["columns"].keys() == questions[name]["columns"].keys()


def test_service_description_shows_editors_the_examples(service: Service, published: dict[str, str]) -> None:
    described = service.client.get("/sparql", headers={"Accept": "application/n-triples"})
    said: dict[str, set[str]] = {}
    for quad in parse(described.content, format=RdfFormat.N_TRIPLES):
        said.setdefault(quad.predicate.value, set()).add(quad.object.value)
    assert said[expand("sh:select")] == set(published.values())
    assert said[expand("schema:target")] == {f"{service.url}/sparql"}
    assert expand("sh:declare") in said


@pytest.mark.parametrize("name", NAMES)
def test_published_example_runs_at_the_endpoint_and_has_the_rows_of_the_question(
    service: Service, published: dict[str, str], name: str
) -> None:
    questions = {each["name"]: each for each in service.client.get("/questions").json()["questions"]}
    asked = service.client.get(f"/questions/{name}", params=questions[name]["example"]).json()
    answered = service.client.post("/sparql", data={"query": published[name]})
    assert answered.status_code == 200, answered.text
    n_rows = len(answered.json()["results"]["bindings"])
    # What an analysis makes of its facts is the service's own.
    assert n_rows > 0 if QUESTIONS[name].analysis else n_rows == asked["total"] > 0
