"""Each question of ours: its example has rows, and published as text it says the same as with bound terms."""

from __future__ import annotations

import asyncio
import datetime
from pathlib import Path
from typing import Any

import pytest

from kg.answers import ask
from kg.catalogue import example_values
from kg.examples import bound_question
from kg.lint import lint
from kg.parameters import resolve
from kg.questions import Question, load_questions
from kg.store import LocalAsker, NamedNode, Release, open_in_memory

REPOSITORY = Path(__file__).parents[2]
QUESTIONS = load_questions(REPOSITORY)
CASES = [
    pytest.param(question, values, id=f"{name}-{case}")
    for name, question in QUESTIONS.items()
    for case, values in {
        "example": example_values(question),
        **{each.name: each.values for each in question.cases},
    }.items()
]
TODAY = datetime.date(2022, 12, 1)
SELECT = NamedNode("http://www.w3.org/ns/shacl#select")


@pytest.fixture(scope="module")
def asker(real_release: tuple[Path, Release]) -> LocalAsker:
    return LocalAsker(open_in_memory(real_release[1]))


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS.keys())
def test_example_of_a_question_is_answered_with_rows(question: Question, asker: LocalAsker) -> None:
    assert asyncio.run(ask(question, example_values(question), asker, today=TODAY, evidence=False)).rows


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS.keys())
def test_example_of_a_value_that_may_be_left_out_stands_for_something(
    question: Question, asker: LocalAsker
) -> None:
    optional = {each.name: str(each.example) for each in question.parameters if each.optional}
    assert all(optional.values()), "give an example of each"
    asyncio.run(resolve(question, {**example_values(question), **optional}, asker, today=TODAY))


@pytest.mark.parametrize(("question", "values"), CASES)
def test_question_with_its_values_written_in_says_the_same(
    question: Question, values: dict[str, str], asker: LocalAsker
) -> None:
    terms = asyncio.run(resolve(question, values, asker, today=TODAY)).terms
    with_terms = asyncio.run(asker.rows(question.text, terms))
    as_text = asyncio.run(asker.rows(bound_question(question, terms), {}))
    assert _told(as_text, question) == _told(with_terms, question)


def test_every_question_is_published_in_a_graph_of_its_own_that_is_not_in_the_default_graph(
    real_release: tuple[Path, Release],
) -> None:
    store = open_in_memory(real_release[1])
    published = {
        quad.graph_name.value.rsplit("/", 1)[-1] for quad in store.quads_for_pattern(None, SELECT, None, None)
    }
    assert published == QUESTIONS.keys()


def _told(rows: list[dict[str, Any]], question: Question) -> list[dict[str, Any]]:
    """Return rows with lists in a fixed order: GROUP_CONCAT has none."""
    lists = {column.name for column in question.columns if column.type == "iris"}
    return [
        {
            column.name: sorted(set(row[column.name]["value"].split()))
            if column.name in lists
            else row[column.name]
            for column in question.columns
            if column.name in row
        }
        for row in rows
    ]


def test_no_query_or_rule_has_a_fault(real_release: tuple[Path, Release]) -> None:
    assert not lint(REPOSITORY, QUESTIONS, open_in_memory(real_release[1]))
