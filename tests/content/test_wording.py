"""Descriptions are in our own words: none repeats a run of its source, where the documents are given."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from kg.load import load
from kg.store import Literal

REPOSITORY = Path(__file__).parents[2]
SOURCES = os.environ.get("KG_SOURCES_DIR")
LONGEST_RUN = 12
DOCUMENTS = {
    "stakeholders-2021": "000_f476b115b3a57d36.txt",
    "voortgang-2018": "001_f5a402e978f79919.txt",
    "advies-2020": "002_301abc56c3fff47c.txt",
    "zuid-holland-2022": "003_342337ba31c5919d.txt",
    "noord-veluwe-2021": "004_d4c8f3073a12583c.txt",
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
