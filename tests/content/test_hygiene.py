"""Every hygiene query finds what it is for, and nothing in a small world where all is well.

hygiene/_clean/         that world, as it lies under data/ttl/
hygiene/one-code/       what spoils it for that query, laid over it
hygiene/one-code.csv    the rows it must then give; the place is empty where the query doesn't tell it
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from kg.errors import BuildError
from kg.header import read_header
from kg.load import load
from kg.publish import check

REPOSITORY = Path(__file__).parents[2]
EXAMPLES = Path(__file__).parent / "hygiene"
QUERIES = sorted(path.stem for path in (REPOSITORY / "queries" / "hygiene").glob("*.rq"))


class Quiet:
    """Steps that no one watches."""

    def step(self, name: str) -> None: ...
    def advance(self, done: int, total: int) -> None: ...


@pytest.fixture(scope="module")
def spoilt(lay: Callable[..., Path]) -> Callable[[str], Path]:
    """Return what lays the clean world with the files of one example over it."""

    def laid(example: str) -> Path:
        folders = [EXAMPLES / "_clean", EXAMPLES / example]
        data = {
            path.relative_to(folder).as_posix(): path for folder in folders for path in folder.rglob("*.ttl")
        }
        return lay(data, ["ontology", "shapes", "queries/hygiene"])

    return laid


def test_clean_world_gives_no_row(spoilt: Callable[[str], Path]) -> None:
    checked = check(load(spoilt("_clean")), Quiet())
    assert checked.warnings == []
    assert checked.inferred


@pytest.mark.parametrize("query", QUERIES)
def test_spoilt_world_gives_the_expected_rows(spoilt: Callable[[str], Path], query: str) -> None:
    with (EXAMPLES / f"{query}.csv").open(encoding="utf-8", newline="") as file:
        expected = list(csv.DictReader(file))
    root = spoilt(query)
    with pytest.raises(BuildError) as error:
        check(load(root), Quiet())
    problems = error.value.problems
    subjects = [problem.hint.partition(f" ({query}: ")[0] for problem in problems]
    assert {(subject, problem.message) for subject, problem in zip(subjects, problems, strict=True)} == {
        (row["subject"], row["message"]) for row in expected
    }
    places = {problem.path.relative_to(root).as_posix() for problem in problems}
    assert {f"data/ttl/{row['place']}" for row in expected if row["place"]} <= places
    for subject, problem in zip(subjects, problems, strict=True):
        if problem.line is not None:
            line = problem.path.read_text("utf-8").splitlines()[problem.line - 1]
            node = f"<#{subject.removesuffix('>').rpartition('#')[2]}>"
            assert line.startswith("<>") or subject in line or node in line


@pytest.mark.parametrize("query", QUERIES)
def test_query_says_in_one_sentence_what_is_well(query: str) -> None:
    header = read_header(REPOSITORY / "queries" / "hygiene" / f"{query}.rq")
    assert re.fullmatch(r"[A-Z][^.]+\.", header["summary"])


def test_every_example_is_of_a_query() -> None:
    assert sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir()) == ["_clean", *QUERIES]
