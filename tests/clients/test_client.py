"""Our own client: answers as rows and frames, errors with what the server said."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from kg.client import Client
from kg.errors import AskFailed

from .conftest import Service

pytestmark = pytest.mark.service
NAME = "funding-for-age-and-region"
VALUES: dict[str, Any] = {"ageFrom": 12, "ageTo": 14, "region": "lmr:groot", "day": datetime.date(2022, 6, 1)}
PREFIX = "PREFIX tp: <https://w3id.org/techniekpact/def/> "


@pytest.fixture
def client(service: Service) -> Client:
    return Client(service.url)


def test_frame_names_things_and_says_where_each_row_is_written(client: Client) -> None:
    answer = client.ask(NAME, **VALUES)
    frame = answer.frame().set_index("scheme")
    wholly = frame.loc["stated wholly"]
    assert (wholly["funders"], wholly["amount"]) == ("Fonds", 1500.5)
    assert wholly["schemeIri"].endswith("/scheme/wholly")
    assert "Rapport van de proef, §1" in wholly["evidence"]
    assert str(frame["certainUntil"].dropna().iloc[0]) == "2023-12-31 00:00:00"
    assert len(frame) == len(answer.rows)
    assert frame.attrs["units"] == {"overYears": "year"}
    assert frame.attrs["asked"]["region"].endswith("/labour-market-region/groot")


def test_frame_without_evidence_has_no_such_column_and_an_empty_one_has_its_columns(client: Client) -> None:
    frame = client.ask(NAME, evidence=False, lang="en", **VALUES).frame()
    assert "evidence" not in frame
    assert "Fund" in set(frame["funders"])
    none = client.ask(NAME, **{**VALUES, "ageFrom": 110, "ageTo": 120}, layers=["stated"]).frame()
    assert none.empty
    assert list(none.columns)[:2] == ["scheme", "schemeIri"]


def test_answer_is_of_what_was_known_and_of_the_layers_asked_for(client: Client) -> None:
    whole = client.ask(NAME, **VALUES)
    stated = client.ask(NAME, layers=["stated", "inferred"], **VALUES)
    before = client.ask(NAME, known_on=datetime.date(2020, 1, 1), **VALUES)
    assert [len(each.rows) for each in (stated, before)] == [len(whole.rows) - 1, 0]
    assert before.applied["knownOn"] == "2020-01-01"


def test_all_pages_of_an_answer_are_brought(client: Client) -> None:
    assert client.ask(NAME, pageSize=2, **VALUES).rows == client.ask(NAME, **VALUES).rows


def test_query_gives_numbers_and_days_as_such(client: Client) -> None:
    table = client.select(PREFIX + "SELECT ?day (COUNT(*) AS ?n) { ?g tp:knownFromDay ?day } GROUP BY ?day")
    assert table.rows[0]["day"] == datetime.date(2022, 6, 1)
    assert table.rows[0]["n"] >= 1
    assert list(table.frame().columns) == ["day", "n"]


def test_name_that_is_not_found_raises_with_the_candidates(client: Client) -> None:
    with pytest.raises(AskFailed, match="There is no region 'cirk'") as failed:
        client.ask(NAME, **{**VALUES, "region": "cirk"})
    assert (failed.value.status, failed.value.parameter) == (400, "region")
    assert [one["label"] for one in failed.value.candidates] == ["Bron en Cirkel", "Cirkel"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT", "SPARQL"),
        ("ASK {}", "That query gives no rows"),
        ("SELECT * { SERVICE <urn:x> {} }", "SERVICE"),
    ],
)
def test_query_that_cannot_be_answered_raises_with_why(client: Client, query: str, said: str) -> None:
    with pytest.raises(AskFailed, match=said):
        client.select(query)


def test_question_that_is_not_there_and_server_that_is_not_there_raise(client: Client) -> None:
    with pytest.raises(AskFailed, match="There is no question 'none'") as failed:
        client.ask("none")
    assert failed.value.status == 404
    with pytest.raises(AskFailed, match="does not answer"):
        Client("http://127.0.0.1:9").questions()


def test_catalogue_is_listed(client: Client) -> None:
    assert NAME in {one["name"] for one in client.questions()}
