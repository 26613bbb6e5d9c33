"""What changed by meaning: on hand-made editions, and between two Releases on disk."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable
from pathlib import Path

import pytest

from kg.answers import Answer, ask
from kg.changes import changes
from kg.editions import local_editions
from kg.errors import UnknownRelease
from kg.namespaces import expand
from kg.publish import publish
from kg.questions import load_questions
from kg.store import LocalAsker, Release, Row, current_release, open_read_only

from ..conftest import Quiet

Edit = Callable[[str, str, str], Path]


def _edition(name: str, *triples: str) -> list[Row]:
    """Read `scheme:a rdf:type tp:FundingScheme` as a row; what has no prefix is a literal, `#x` a node."""

    def term(text: str) -> dict[str, str]:
        if text.startswith("#"):
            return {"type": "uri", "value": f"urn:passage{text}"}
        return {"type": "uri", "value": expand(text)} if ":" in text else {"type": "literal", "value": text}

    return [
        {
            "edition": {"type": "literal", "value": name},
            "passage": {"type": "uri", "value": "urn:passage"},
            "subject": term(subject),
            "property": term(predicate),
            "value": term(value),
        }
        for subject, predicate, value in (triple.split(" ", 2) for triple in triples)
    ]


def _changed(earlier: list[Row], later: list[Row]) -> list[tuple[str, ...]]:
    return [
        tuple(
            row[name]["value"].rpartition("/")[2] if name in row else ""
            for name in ("change", "thing", "before", "after")
        )
        for row in changes([*earlier, *later], {})
    ]


SCHEME = ("scheme:a rdf:type tp:FundingScheme", "scheme:a skos:prefLabel Regeling")


def test_new_thing_is_one_row_and_its_properties_none() -> None:
    later = _edition("later", *SCHEME, "scheme:a tp:minAge 12")
    (row,) = changes(later, {})
    assert (row["change"]["value"], row["what"]["value"]) == ("new", expand("tp:FundingScheme"))
    assert (row["thing"]["value"], row["name"]["value"]) == (expand("scheme:a"), "Regeling")


def test_thing_that_is_gone_keeps_its_name() -> None:
    (row,) = changes(_edition("earlier", *SCHEME), {})
    assert (row["change"]["value"], row["name"]["value"]) == ("removed", "Regeling")


def test_changed_amount_is_a_change_of_the_scheme() -> None:
    amount = ("scheme:a tp:amount #sum", "#sum rdf:type tp:Amount", "#sum schema:currency EUR")
    assert _changed(
        _edition("earlier", *SCHEME, *amount, "#sum schema:value 100"),
        _edition("later", *SCHEME, *amount, "#sum schema:value 200"),
    ) == [("changed", "a", "value 100, currency EUR", "value 200, currency EUR")]


def test_open_period_that_gets_an_end_has_ended_and_a_moved_end_is_a_change() -> None:
    period = ("scheme:a tp:period #time", "#time rdf:type tp:Period", "#time dcat:startDate 2020")
    open_one = _edition("earlier", *SCHEME, *period)
    closed = _edition("later", *SCHEME, *period, "#time dcat:endDate 2024")
    assert _changed(open_one, closed) == [("ended", "a", "startDate 2020", "startDate 2020, endDate 2024")]
    moved = _edition("earlier", *SCHEME, *period, "#time dcat:endDate 2023")
    assert [row[0] for row in _changed(moved, closed)] == ["changed"]


def test_statement_that_comes_or_goes_names_what_it_is_about() -> None:
    less, more = (
        (*SCHEME, "scheme:a tp:funder actor:x"),
        (*SCHEME, "scheme:a tp:funder actor:x", "scheme:a tp:funder actor:y"),
    )
    assert _changed(_edition("earlier", *less), _edition("later", *more)) == [("added", "a", "", "actor:y")]
    assert _changed(_edition("earlier", *more), _edition("later", *less)) == [
        ("withdrawn", "a", "actor:y", "")
    ]


def test_statement_that_moved_to_another_passage_is_no_change() -> None:
    earlier, later = _edition("earlier", *SCHEME), _edition("later", *SCHEME)
    later[1]["passage"] = {"type": "uri", "value": "urn:other"}
    assert changes([*earlier, *later], {}) == []


def test_new_nodes_of_a_passage_are_counted_by_kind() -> None:
    later = _edition(
        "later", "#one rdf:type tp:Finding", "#two rdf:type tp:Finding", "#sum rdf:type tp:Observation"
    )
    assert [
        (row["what"]["value"].rpartition("/")[2], row["thing"]["value"], row["count"]["value"])
        for row in changes(later, {})
    ] == [("Finding", "urn:passage", "2"), ("Observation", "urn:passage", "1")]


def _asked(home: Path, release: Release, since: str, *, editions: bool = True) -> Answer:
    question = load_questions(release.path)["changes"]
    asker = LocalAsker(open_read_only(release))
    others = local_editions(home, release) if editions else None
    today = datetime.date(2022, 6, 1)
    return asyncio.run(ask(question, {"since": since}, asker, today=today, editions=others))


@pytest.fixture
def two_releases(small: Path, tmp_path: Path, edit: Edit) -> tuple[Path, Release]:
    home = tmp_path / "home"
    publish(small, home, Quiet())
    edit("report/1", "schema:value 1500.5", "schema:value 1600")
    edit(
        "report/1",
        'dcat:startDate "2025-03"^^xsd:gYearMonth .',
        'dcat:startDate "2025-03"^^xsd:gYearMonth ; dcat:endDate "2026"^^xsd:gYear .',
    )
    edit(
        "report/1",
        "scheme:silent tp:character character:public ; tp:appliesIn area:nl .",
        "scheme:silent tp:character character:public .",
    )
    publish(small, home, Quiet())
    return home, current_release(home)


def test_two_releases_differ_in_what_was_edited(two_releases: tuple[Path, Release]) -> None:
    answer = _asked(*two_releases, "1")
    assert [
        (
            row["change"]["value"],
            row["what"]["value"].rpartition("/")[2],
            row["thing"]["value"].rpartition("/")[2],
        )
        for row in answer.rows
    ] == [
        ("ended", "period", "coming"),
        ("changed", "amount", "wholly"),
        ("withdrawn", "appliesIn", "silent"),
    ]
    assert answer.rows[0]["passages"] == ["https://w3id.org/techniekpact/graph/report/1"]


def test_release_did_not_change_since_itself(two_releases: tuple[Path, Release]) -> None:
    assert _asked(*two_releases, "2").rows == []


def test_before_the_first_release_there_was_nothing(two_releases: tuple[Path, Release]) -> None:
    assert {row["change"]["value"] for row in _asked(*two_releases, "0", editions=False).rows} == {"new"}


def test_release_that_is_not_there_is_said(two_releases: tuple[Path, Release]) -> None:
    with pytest.raises(UnknownRelease, match="no Release 9"):
        _asked(*two_releases, "9")
    with pytest.raises(UnknownRelease, match="can't be asked here"):
        _asked(*two_releases, "1", editions=False)
