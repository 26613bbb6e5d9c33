"""What /openapi.json says: the protocols, each question by its name, and no answer that never comes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from api import questions
from api.description import describe
from kg.questions import CONTROLS, load_questions

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    app = FastAPI()
    app.include_router(questions.router)
    app.state.questions = load_questions(REPOSITORY)
    scheme = "https://w3id.org/techniekpact/def/Source"
    app.state.choices = {scheme: {"https://w3id.org/techniekpact/id/source/advies-2020": {"nl": "Advies"}}}
    describe(app)
    written: dict[str, Any] = json.loads(json.dumps(app.openapi()))
    return written


def test_description_names_the_protocols_and_each_question(description: dict[str, Any]) -> None:
    asked = {f"/questions/{name}" for name in load_questions(REPOSITORY)}
    assert description["paths"].keys() >= {"/sparql", "/store", "/questions", "/questions/{name}"} | asked


def test_parameter_of_a_question_has_its_bounds_and_an_example(description: dict[str, Any]) -> None:
    asked = description["paths"]["/questions/funding-for-age-and-region"]["get"]
    given = {parameter["name"]: parameter for parameter in asked["parameters"]}
    assert given["ageFrom"]["schema"] == {"type": "integer", "minimum": 0, "maximum": 120}
    assert (given["ageFrom"]["example"], given["region"]["required"], given["day"]["required"]) == (
        12,
        True,
        False,
    )


def test_value_that_may_be_one_of_a_few_has_them_listed(description: dict[str, Any]) -> None:
    asked = description["paths"]["/questions/discrepancies"]["get"]
    (source,) = [each for each in asked["parameters"] if each["name"] == "source"]
    assert source["schema"]["anyOf"][0] == {"type": "string", "enum": ["source:advies-2020"]}
    names = {each["name"] for each in asked["parameters"]} - {"source"}
    assert names == set(CONTROLS)


def test_answer_of_a_question_has_its_columns_and_forms(description: dict[str, Any]) -> None:
    content = description["paths"]["/questions/funding-for-age-and-region"]["get"]["responses"]["200"][
        "content"
    ]
    rows = content["application/json"]["schema"]["allOf"][1]["properties"]["rows"]
    assert rows["items"]["properties"]["overYears"] == {
        "type": ["integer", "null"],
        "description": "over years, in years",
    }
    assert "text/calendar" not in content
    assert "text/csv" in content


def test_no_answer_is_described_that_never_comes(description: dict[str, Any]) -> None:
    described = {
        status
        for item in description["paths"].values()
        for operation in item.values()
        for status in operation["responses"]
    }
    assert "500" not in described
    assert "422" not in description["paths"]["/questions/{name}"]["get"]["responses"]


def test_every_reference_leads_somewhere(description: dict[str, Any]) -> None:
    text = json.dumps(description)
    names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert names == description["components"]["schemas"].keys()
