"""All 236 entries of appendix 2 are there, and what their text holds is in their graph or explained.

The second half reads the document, where it is given: each capitalised run, number, date, `%` and `€` of an
entry's text stands in a label or literal of its graph or of a thing that it names, or else in
docs/coverage/entries-left.csv, with why.
"""

from __future__ import annotations

import csv
import os
import re
from collections import defaultdict
from pathlib import Path

import pytest

from kg.load import Content, load
from kg.namespaces import DEF, PREFIXES
from kg.store import Literal, NamedNode, Quad

REPOSITORY = Path(__file__).parents[2]
SOURCES = os.environ.get("KG_SOURCES_DIR")
DOCUMENT = "003_342337ba31c5919d.txt"
LEFT = REPOSITORY / "docs" / "coverage" / "entries-left.csv"
KEYWORDS = PREFIXES["schema"] + "keywords"
ENTRIES = 236

_DATE = re.compile(r"\b(\d{1,2})-(\d{1,2})-(\d{2})\b")
_CAPITAL = r"[A-ZÀ-Ý][\w&'’/-]*"
_TOKEN = re.compile(
    rf"\d{{4}}-\d{{2}}-\d{{2}}|(?<![\w.]){_CAPITAL}(?:[ -](?:{_CAPITAL}|\d+\b|&))*|\d+(?:\.\d{{3}})*|[€%]"
)


@pytest.fixture(scope="module")
def content() -> Content:
    return load(REPOSITORY)


def test_entries_are_numbered_from_1_to_236_once_each(content: Content) -> None:
    folder = REPOSITORY / "data" / "ttl" / "zuid-holland-2022" / "appendix-2"
    numbers = {
        int(quad.object.value): file.path.stem
        for file in content.of("data/ttl")
        if file.path.parent == folder
        for quad in file.quads
        if quad.predicate.value == DEF + "number" and isinstance(quad.object, Literal)
    }
    assert numbers == {number: str(number) for number in range(1, ENTRIES + 1)}


@pytest.mark.skipif(not SOURCES, reason="KG_SOURCES_DIR is not set: the document is not here to read")
def test_what_an_entry_says_is_in_its_graph_or_explained(content: Content) -> None:
    with LEFT.open(encoding="utf-8", newline="") as file:
        explained = {(int(row["number"]), row["words"]) for row in csv.DictReader(file) if row["why"]}
    assert left_over(content) == explained


def left_over(content: Content) -> set[tuple[int, str]]:
    """Return what no label or literal accounts for, by entry; a keyword is a word, not a statement."""

    def speaks(quad: Quad) -> bool:
        return isinstance(quad.object, Literal) and quad.predicate.value != KEYWORDS

    said = defaultdict(list)
    for file in content.graphs:
        for quad in file.quads:
            if isinstance(quad.subject, NamedNode) and speaks(quad):
                said[quad.subject.value].append(quad.object.value)
    files = {file.path.stem: file for file in content.of("data/ttl") if file.path.parent.name == "appendix-2"}
    left = set()
    for number, text in entries().items():
        file = files[str(number)]
        things = {
            term.value for q in file.quads for term in (q.subject, q.object) if isinstance(term, NamedNode)
        }
        literals = [quad.object.value for quad in file.quads if speaks(quad)]
        known = plain(" ".join([*literals, *(value for thing in things for value in said[thing])]))
        left |= {(number, token) for token in tokens(text) if not accounted(token, known)}
    return left


def entries() -> dict[int, str]:
    """Read the rows of appendix 2; a row that goes on over the page is one."""
    text = (Path(str(SOURCES)) / DOCUMENT).read_text("utf-8")
    start = text.rindex("Bijlage 2: Lijst initiatieven")
    rows: dict[int, str] = {}
    number = 0
    for line in text[start : text.index("Bijlage 3: Uitwerking sessie", start)].splitlines():
        first, *rest = line.split("\t")
        if first.strip().isdigit() and rest:
            number = int(first)
            rows[number] = ". ".join(rest)
        elif number and line.strip() and not line.startswith("Nr."):
            rows[number] += f" {line.strip()}"
    return rows


def tokens(text: str) -> list[str]:
    """Return the capitalised runs, numbers, dates and signs; a word that only begins a sentence is none."""
    text = _DATE.sub(lambda date: f"20{date[3]}-{int(date[2]):02}-{int(date[1]):02}", text)
    found = []
    for match in _TOKEN.finditer(text):
        token = match[0]
        begins = re.search(r"(?:^|[.:!?]\s*|\s[–-]\s)$", text[: match.start()])
        if begins and re.match(r"[A-ZÀ-Ý][a-zà-ÿ]+\b(?![A-Z-])", token):
            token = re.sub(r"^\S+\s*", "", token)
        if token:
            found.append(token)
    return found


def accounted(token: str, known: str) -> bool:
    words = plain(token).split()
    return all(f" {word} " in known for word in words) if words else token in known


def plain(text: str) -> str:
    """Return lower-case words apart, thousands without their point, signs as they are."""
    text = re.sub(r"(?<=\d)\.(?=\d{3}\b)", "", text.casefold())
    words = re.findall(r"[€%]|[^\W_]+", text)
    return f" {' '.join(words)} "
