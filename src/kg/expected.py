"""Hold each question's answers against the rows that its cases expect.

A case's rows lie beside the query as `<name>.<case>.csv`, with the columns that
matter to it. They were read in the documents, not copied from an answer.
"""

from __future__ import annotations

import csv
import datetime
from collections import Counter
from collections.abc import Mapping
from typing import Any

from kg.answers import Answer, ask
from kg.errors import Problem, QuestionError
from kg.namespaces import compact
from kg.parameters import Asker
from kg.questions import Case, Question

__all__ = ["case_rows", "wrong_answers"]


async def wrong_answers(questions: Mapping[str, Question], asker: Asker) -> list[Problem]:
    """Return a problem for each row that is missing from a case, or should not be there."""
    problems = []
    for question in questions.values():
        for case in question.cases:
            problems += await _judge(question, case, asker)
    return problems


async def _judge(question: Question, case: Case, asker: Asker) -> list[Problem]:
    """Compare a case's rows with the expected ones: all of them, or those it must include or exclude."""
    try:
        answer = await ask(question, case.values, asker, today=datetime.date(2000, 1, 1), evidence=False)
    except (QuestionError, SyntaxError, ValueError) as error:
        return [
            Problem(
                question.path,
                None,
                f"Case {case.name} can't be asked: {error}",
                "Mend the question or the case.",
            )
        ]
    try:
        with case.path.open(encoding="utf-8", newline="") as file:
            expected = Counter(tuple(sorted(row.items())) for row in csv.DictReader(file))
    except OSError:
        return [
            Problem(case.path, None, "The expected rows are missing.", f"Write them, read in {case.read_in}.")
        ]
    columns = {name for row in expected for name, _ in row}
    given = Counter(
        tuple(sorted((name, value) for name, value in row.items() if not columns or name in columns))
        for row in case_rows(answer)
    )
    missing = list((expected - given).elements()) if case.rows != "exclude" else []
    extra = {"exact": given - expected, "include": Counter[Any](), "exclude": given & expected}[case.rows]
    return [_difference(case, "is missing", row) for row in missing] + [
        _difference(case, "should not be there", row) for row in extra.elements()
    ]


def _difference(case: Case, what: str, row: tuple[tuple[str, str], ...]) -> Problem:
    shown = ", ".join(f"{name}={value}" for name, value in row if value)
    return Problem(
        case.path,
        None,
        f"A row {what}: {shown}",
        f"If the answer is right, change the case; it was read in {case.read_in}.",
    )


def case_rows(answer: Answer) -> list[dict[str, str]]:
    """Return rows as an expected-rows file writes them: prefixed names, plain values, lists with spaces."""
    return [
        {column.name: _plain(row.get(column.name)) for column in answer.question.columns}
        for row in answer.rows
    ]


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return " ".join(compact(iri) for iri in value)
    return compact(value["value"]) if value["type"] == "uri" else str(value["value"])
