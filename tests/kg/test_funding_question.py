"""What the money question says of each kind of scheme, on the small dataset."""

from __future__ import annotations

import asyncio
import datetime
from pathlib import Path

import pytest

from kg.answers import Answer, ask
from kg.errors import BadParameter
from kg.questions import load_questions
from kg.store import LocalAsker, Release, open_read_only

NAME = "funding-for-age-and-region"


@pytest.fixture(scope="module")
def asking(small_release: tuple[Path, Release]):
    _, release = small_release
    question = load_questions(release.path)[NAME]
    asker = LocalAsker(open_read_only(release))

    def run(**values: str) -> Answer:
        given = {"ageFrom": "12", "ageTo": "14", "region": "lmr:groot", "day": "2022-06-01"} | values
        return asyncio.run(ask(question, given, asker, today=datetime.date(2022, 6, 1)))

    return run


def rows(answer: Answer) -> dict[str, dict[str, object]]:
    return {row["scheme"]["value"].rsplit("/", 1)[-1]: row for row in answer.rows}


@pytest.mark.parametrize(
    ("scheme", "cover"),
    [
        ("wholly", "stated, wholly"),
        ("partly", "stated, in part"),
        ("open-top", "stated, wholly"),
        ("unbounded", "stated unbounded"),
        ("from-ten", "open bound"),
        ("by-situation", "through situation"),
        ("silent", "age not stated"),
    ],
)
def test_scheme_with_known_ages_says_why_it_covers(asking, scheme: str, cover: str) -> None:
    assert rows(asking())[scheme]["ageCover"]["value"] == cover


def test_scheme_for_other_ages_is_not_there(asking) -> None:
    assert "older" not in rows(asking())


def test_open_upper_bound_leaves_its_own_year_out(asking) -> None:
    assert "open-top" not in rows(asking(ageFrom="16", ageTo="18"))


def test_group_without_ages_is_named_by_the_situation_that_gives_them(asking) -> None:
    assert rows(asking())["by-situation"]["ageGroups"] == [
        "https://w3id.org/techniekpact/id/target-group/onderbouw"
    ]


def test_scheme_that_no_one_gives_ages_comes_last(asking) -> None:
    assert [row["ageCover"]["value"] for row in asking().rows][-1] == "age not stated"


@pytest.mark.parametrize(
    ("scheme", "cover"), [("wholly", "whole"), ("two-thirds", "2 of 3"), ("tied", "unknown")]
)
def test_place_is_counted_in_municipalities(asking, scheme: str, cover: str) -> None:
    assert rows(asking())[scheme]["placeCover"]["value"] == cover


@pytest.mark.parametrize("scheme", ["elsewhere", "untied"])
def test_scheme_for_another_region_is_not_there(asking, scheme: str) -> None:
    assert scheme not in rows(asking())


def test_region_asked_by_its_own_municipality_is_covered_wholly(asking) -> None:
    assert rows(asking(region="GM0001"))["two-thirds"]["placeCover"]["value"] == "whole"


def test_merged_municipality_counts_once_after_the_merger(asking) -> None:
    answer = rows(asking(day="2023-06-01"))
    assert answer["two-thirds"]["placeCover"]["value"] == "1 of 2"
    assert answer["wholly"]["placeCover"]["value"] == "whole"


def test_earlier_edition_counts_on_an_earlier_day(asking) -> None:
    assert rows(asking(region="lmr:klein", day="2016-06-01"))["two-thirds"]["placeCover"]["value"] == "whole"


def test_ended_scheme_is_left_out_and_is_there_on_an_earlier_day(asking) -> None:
    assert "ended" not in rows(asking())
    earlier = rows(asking(day="2021-06-30"))["ended"]
    assert (earlier["state"]["value"], earlier["until"]["value"]) == ("holds", "2021-06-30")
    assert "ended" not in rows(asking(day="2021-07-01"))


def test_scheme_that_has_not_begun_is_left_out(asking) -> None:
    assert "coming" not in rows(asking())
    assert "coming" not in rows(asking(day="2025-02-28"))
    assert "coming" in rows(asking(day="2025-03-01"))


def test_scheme_with_a_least_end_holds_until_then_and_is_undated_after(asking) -> None:
    assert rows(asking(day="2023-12-31"))["certain"]["state"]["value"] == "holds"
    assert rows(asking(day="2024-01-01"))["certain"]["state"]["value"] == "undated"


def test_scheme_without_a_period_is_listed_as_undated(asking) -> None:
    assert rows(asking())["wholly"]["state"]["value"] == "undated"


def test_only_programmes_of_the_region_are_listed(asking) -> None:
    assert rows(asking())["wholly"]["programmes"] == ["https://w3id.org/techniekpact/id/initiative/hier"]


def test_every_row_names_the_passage_that_it_rests_on(asking) -> None:
    answer = asking()
    for row in answer.rows:
        assert "https://w3id.org/techniekpact/graph/report/1" in row["passages"]
        assert set(row["passages"]) <= set(answer.evidence)


def test_tied_programme_region_rests_on_the_curation_that_ties_it(asking) -> None:
    assert "https://w3id.org/techniekpact/graph/curation/deel" in rows(asking())["tied"]["passages"]


def test_label_of_two_kinds_takes_the_preferred_one_and_names_the_other(asking) -> None:
    answer = asking(region="groot")
    assert answer.parameters["region"]["value"].endswith("/labour-market-region/groot")
    assert [iri.rsplit("/", 2)[-2:] for iri, _ in answer.others["region"]] == [
        ["energy-strategy-region", "groot"]
    ]


@pytest.mark.parametrize(
    "region",
    [
        "lmr:groot",
        "labour-market-region/groot",
        "AM01",
        "am01",
        "https://w3id.org/techniekpact/id/labour-market-region/groot",
    ],
)
def test_region_is_found_by_iri_path_prefix_or_code(asking, region: str) -> None:
    assert asking(region=region).parameters["region"]["value"].endswith("/labour-market-region/groot")


@pytest.mark.parametrize("region", ["nederland", "NETHERLANDS"])
def test_region_is_found_by_label_in_any_case_and_language(asking, region: str) -> None:
    assert asking(region=region).parameters["region"]["value"].endswith("/area/nl")


def test_unknown_region_lists_candidates(asking) -> None:
    with pytest.raises(BadParameter, match="There is no region 'cirk'") as caught:
        asking(region="cirk")
    assert [one["label"] for one in caught.value.candidates] == ["Bron en Cirkel", "Cirkel"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"ageFrom": "twelve"}, "ageFrom is a whole number from 0 to 120, not 'twelve'"),
        ({"ageFrom": "-1"}, "not '-1'"),
        ({"ageTo": "121"}, "not '121'"),
        ({"ageFrom": ""}, "Give ageFrom"),
        ({"ageFrom": "15"}, "turn them round"),
        ({"day": "1 December 2022"}, "day is a day such as 2022-12-01"),
        ({"day": "2022-02-30"}, "day is a day such as 2022-12-01"),
        ({"region": '"} ; DROP ALL'}, "There is no region"),
        ({"region": "> <urn:x"}, "There is no region"),
        ({"regio": "groot"}, "has no parameter 'regio'"),
    ],
)
def test_value_that_cannot_be_used_says_what_to_give(asking, values: dict[str, str], message: str) -> None:
    with pytest.raises(BadParameter, match=message):
        asking(**values)
