"""What ends with a scheme: on hand-made facts, and held against the money question on the small dataset."""

from __future__ import annotations

import asyncio
import datetime
from pathlib import Path

import pytest

from kg.answers import ask
from kg.impact import covers, impact_of_ending
from kg.questions import load_questions
from kg.store import LocalAsker, Release, Row, Term, open_read_only

ID = "https://w3id.org/techniekpact/id/"
REGIONS = ("region region=north number=4", "region region=south number=2")
PHASES = ("phase ageFrom=6 ageTo=12", "phase ageFrom=12 ageTo=14")
EVERYWHERE = "placed of={0}; place of={0} region=north number=4; place of={0} region=south number=2"


def _facts(*written: str) -> list[Row]:
    """Read `age of=a ageFrom=6 ageTo=11` as a row; `;` parts several."""
    rows = []
    for fact in "; ".join([*REGIONS, *PHASES, *written]).split("; "):
        name, *pairs = fact.split()
        row = {
            key: {"type": "literal", "value": text}
            for key, _, text in (pair.partition("=") for pair in pairs)
        }
        rows.append({"fact": {"type": "literal", "value": name}, **row})
    return rows


def _ending(scheme: str, *written: str) -> list[tuple[str, ...]]:
    names = ("ageFrom", "ageTo", "regions", "initiative", "before", "after", "remaining")
    return [
        tuple(row[name]["value"] for name in names if row.get(name, {}).get("value"))
        for row in impact_of_ending(_facts(*written), {"scheme": {"type": "uri", "value": scheme}})
    ]


def test_only_cover_of_an_age_everywhere_is_one_row_for_all_regions() -> None:
    assert _ending("a", "time of=a number=1", "age of=a ageFrom=12 ageTo=13", EVERYWHERE.format("a")) == [
        ("12", "14", "north south", "whole", "none stated")
    ]


def test_phase_ends_where_the_next_begins() -> None:
    ends_at_twelve = ("time of=a number=1", "age of=a ageFrom=6 ageTo=12", EVERYWHERE.format("a"))
    assert [row[:2] for row in _ending("a", *ends_at_twelve)] == [("6", "12"), ("12", "14")]
    starts_at_twelve = ("time of=a number=1", "age of=a ageFrom=12 ageTo=20", EVERYWHERE.format("a"))
    assert [row[:2] for row in _ending("a", *starts_at_twelve)] == [("12", "14")]


def test_what_another_covers_as_well_is_no_loss() -> None:
    a = ("time of=a number=1", "age of=a ageFrom=12 ageTo=13", EVERYWHERE.format("a"))
    b = ("time of=b number=1", "age of=b ageFrom=0 ageTo=999", EVERYWHERE.format("b"))
    assert _ending("a", *a, *b) == []


def test_cover_of_a_part_stays_when_the_whole_ends() -> None:
    a = ("time of=a number=1", "age of=a ageFrom=12 ageTo=13", EVERYWHERE.format("a"))
    b = (
        "time of=b number=1",
        "age of=b ageFrom=12 ageTo=13",
        "placed of=b",
        "place of=b region=north number=1",
    )
    assert _ending("a", *a, *b) == [
        ("12", "14", "north", "whole", "in part", "b"),
        ("12", "14", "south", "whole", "none stated"),
    ]


def test_what_may_cover_is_named_and_never_called_cover() -> None:
    a = ("time of=a number=1", "age of=a ageFrom=12 ageTo=13", EVERYWHERE.format("a"))
    no_ages = ("time of=b number=1", EVERYWHERE.format("b"))
    no_area = ("time of=c number=1", "age of=c ageFrom=12 ageTo=13")
    undated = ("time of=d number=2", "age of=d ageFrom=12 ageTo=13", EVERYWHERE.format("d"))
    says_nothing, ended = ("time of=e number=1",), ("time of=f number=4", EVERYWHERE.format("f"))
    assert _ending("a", *a, *no_ages, *no_area, *undated, *says_nothing, *ended) == [
        ("12", "14", "north south", "whole", "unknown", "b c d")
    ]


def test_scheme_that_has_ended_takes_no_cover_away() -> None:
    assert _ending("a", "time of=a number=4", "age of=a ageFrom=12 ageTo=13", EVERYWHERE.format("a")) == []


def test_initiatives_that_nobody_else_pays_come_first() -> None:
    awards = ("award of=x payer=a", "award of=x payer=b", "award of=y payer=a")
    assert _ending("a", "time of=a number=1", *awards) == [
        ("y", "only one", "none stated"),
        ("x", "one-of-several", "others stay", "b"),
    ]


def test_cover_is_what_the_money_question_says(small_release: tuple[Path, Release]) -> None:
    _, release = small_release
    questions, asker = load_questions(release.path), LocalAsker(open_read_only(release))
    day = datetime.date(2022, 6, 1)
    region = f"{ID}labour-market-region/groot"
    found = covers(asyncio.run(asker.rows(questions["impact-of-ending"].text, _bound(day.isoformat()))))[
        region, 12, 14
    ]
    # The phase of 12 to 14 is the years 12 and 13.
    values = {"ageFrom": "12", "ageTo": "13", "region": region, "day": day.isoformat()}
    answer = asyncio.run(ask(questions["funding-for-age-and-region"], values, asker, today=day))
    stated = {
        row["scheme"]["value"]: "unknown"
        if row["state"]["value"] == "undated"
        or row["ageCover"]["value"] == "age not stated"
        or row["placeCover"]["value"] == "unknown"
        else "whole"
        if row["placeCover"]["value"] == "whole"
        else "in part"
        for row in answer.rows
    }
    assert {name: cover for name, cover in found.items() if cover != "none stated"} == stated


@pytest.mark.parametrize("day", ["2018-06-01", "2022-12-01", "2025-06-01"])
def test_cover_of_each_cell_is_what_the_question_after_gaps_says(
    real_release: tuple[Path, Release], day: str
) -> None:
    _, release = real_release
    questions, asker = load_questions(release.path), LocalAsker(open_read_only(release))
    facts = asyncio.run(asker.rows(questions["impact-of-ending"].text, _bound(day)))
    best = {
        cell: min(of.values(), key=["whole", "in part", "unknown", "none stated"].index)
        for cell, of in covers(facts).items()
    }
    values = {"partition": "tp:LabourMarketRegion", "day": day}
    today = datetime.date.fromisoformat(day)
    answer = asyncio.run(ask(questions["funding-gaps"], values, asker, today=today, evidence=False))
    gaps = {
        (row["inRegion"]["value"], int(row["ageFrom"]["value"]), int(row["ageTo"]["value"])): row["gap"][
            "value"
        ]
        for row in answer.rows
    }
    assert len(best) > 200
    assert {cell: gap for cell, gap in best.items() if gap != "whole"} == {
        cell: "none stated" if gap in {"ended", "not yet"} else gap for cell, gap in gaps.items()
    }


def _bound(day: str) -> dict[str, Term]:
    date = "http://www.w3.org/2001/XMLSchema#date"
    return {
        "scheme": {"type": "uri", "value": f"{ID}scheme/silent"},
        "day": {"type": "literal", "value": day, "datatype": date},
    }
