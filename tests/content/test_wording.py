"""Descriptions are in our own words: none repeats a run of its source, where the documents are given.

Each says what it is about by itself: it is read alone, so none begins with a word that only points back.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from kg.errors import Problem
from kg.load import load
from kg.namespaces import PREFIXES
from kg.store import Literal

REPOSITORY = Path(__file__).parents[2]
SOURCES = os.environ.get("KG_SOURCES_DIR")
LONGEST_RUN = 12
DESCRIPTION = PREFIXES["dct"] + "description"
KEYWORDS = PREFIXES["schema"] + "keywords"
DOCUMENTS = {
    "stakeholders-2021": "000_f476b115b3a57d36.txt",
    "voortgang-2018": "001_f5a402e978f79919.txt",
    "advies-2020": "002_301abc56c3fff47c.txt",
    "zuid-holland-2022": "003_342337ba31c5919d.txt",
    "noord-veluwe-2021": "004_d4c8f3073a12583c.txt",
}
# What begins with one of these points back to a sentence that a reader of one description doesn't have.
# "Zij-instroom" is another word.
POINTING_BACK = {
    "nl": re.compile(
        r"(Deze|Dit|Die|Zij|Ze|Daarom|Daarbij|Hierbij|Daarvoor|Hiervoor|Daardoor|Hierdoor"
        r"|Daarmee|Hiermee|Daarvan|Hiervan|Daarna|Daarnaast)(?![\w-])"
    ),
    "en": re.compile(r"(This|These|They|Therefore)(?![\w-])"),
}


def words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", re.sub(r"-\n", "", text).casefold())


def runs(of: list[str], length: int) -> set[tuple[str, ...]]:
    return {tuple(of[start : start + length]) for start in range(len(of) - length + 1)}


@pytest.mark.skipif(
    not SOURCES, reason="KG_SOURCES_DIR is not set: the documents are not here to compare with"
)
@pytest.mark.parametrize("source", DOCUMENTS)
def test_no_description_repeats_more_than_twelve_words_of_its_source(source: str) -> None:
    text = (Path(str(SOURCES)) / DOCUMENTS[source]).read_text("utf-8")
    said = runs(words(text), LONGEST_RUN + 1)
    described = [
        quad
        for file in load(REPOSITORY).of("data/ttl")
        if file.path.relative_to(REPOSITORY / "data" / "ttl").parts[0] == source
        for quad in file.quads
        if isinstance(quad.object, Literal)
        and quad.predicate.value.endswith(("/description", "/rule", "/reading"))
    ]
    assert described
    repeating = [
        str(quad.subject) for quad in described if runs(words(quad.object.value), LONGEST_RUN + 1) & said
    ]
    assert repeating == []


@pytest.mark.skipif(
    not SOURCES, reason="KG_SOURCES_DIR is not set: the documents are not here to compare with"
)
@pytest.mark.parametrize("source", DOCUMENTS)
def test_each_keyword_stands_in_its_document(source: str) -> None:
    text = " ".join(words((Path(str(SOURCES)) / DOCUMENTS[source]).read_text("utf-8")))
    keywords = [
        str(Problem(file.place, line_that_begins(file.path, quad.object.value), quad.object.value))
        for file in load(REPOSITORY).of("data/ttl")
        if file.path.relative_to(REPOSITORY / "data" / "ttl").parts[0] == source
        for quad in file.quads
        if quad.predicate.value == KEYWORDS and " ".join(words(quad.object.value)) not in text
    ]
    assert not keywords, "\n".join(keywords)


def points_back(text: str, language: str | None) -> str | None:
    """Return the word with which a description points back to another, if it begins with one."""
    found = POINTING_BACK[language].match(text) if language in POINTING_BACK else None
    return found and found[1]


def line_that_begins(path: Path, text: str) -> int | None:
    """Return the line of a file on which a literal begins; `line_of` gives where its statement was read."""
    written = '"' + text.replace('"', r"\"")
    return next(
        (n for n, line in enumerate(path.read_text("utf-8").splitlines(), 1) if written in line), None
    )


def test_no_description_begins_with_a_word_that_points_back() -> None:
    wrong = []
    for file in load(REPOSITORY).of("data/ttl"):
        for _, predicate, said, _ in file.quads:
            if predicate.value == DESCRIPTION and (word := points_back(said.value, said.language)):
                message = f"The description begins with {word!r}, which points back: {said.value!r}"
                hint = "It is read alone: name what it is about."
                wrong.append(str(Problem(file.place, line_that_begins(file.path, said.value), message, hint)))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("text", "language", "word"),
    [
        ("Deze regio is vrij groot.", "nl", "Deze"),
        ("Daarom, en ook elders, is het nodig.", "nl", "Daarom"),
        ("They receive girls.", "en", "They"),
        ("Zij-instroom is gebaat bij begeleiding.", "nl", None),
        ("Dat minder mensen instromen, is een knelpunt.", "nl", None),
        ("Die Zauberflöte", "de", None),
    ],
)
def test_a_word_that_points_back_is_told_from_one_that_does_not(
    text: str, language: str, word: str | None
) -> None:
    assert points_back(text, language) == word
