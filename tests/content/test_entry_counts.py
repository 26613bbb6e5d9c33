"""Our branche and category of the entries of appendix 2 can be those of table 4.

Each entry has one of each, or stands in docs/coverage/entries-open.csv with those that it may have, and why.
No cell of the table has more entries than it says; and the open entries fill what it lacks, one for one.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from kg.load import Content, load
from kg.namespaces import BASE, DEF, ID

REPOSITORY = Path(__file__).parents[2]
REPORT = f"{BASE}graph/zuid-holland-2022/"
OPEN = REPOSITORY / "docs" / "coverage" / "entries-open.csv"
ENTRIES = range(1, 237)

Cell = tuple[str, str]


@pytest.fixture(scope="module")
def values() -> dict[str, dict[str, list[str]]]:
    """What any file says by a property of ours, of each subject."""
    content: Content = load(REPOSITORY)
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for file in content.of("data/ttl"):
        for quad in file.quads:
            if quad.predicate.value.startswith(DEF):
                subject, value = (getattr(term, "value", "") for term in (quad.subject, quad.object))
                found[subject][quad.predicate.value.removeprefix(DEF)].append(value)
    return found


@pytest.fixture(scope="module")
def decided(values: dict[str, dict[str, list[str]]]) -> dict[int, dict[str, list[str]]]:
    """The branches and categories of each entry, without their prefix."""
    return {
        number: {
            kind: [one.removeprefix(f"{ID}{kind}/") for one in values[f"{REPORT}appendix-2/{number}"][kind]]
            for kind in ("branche", "category")
        }
        for number in ENTRIES
    }


@pytest.fixture(scope="module")
def table(values: dict[str, dict[str, list[str]]]) -> Counter[Cell]:
    """The numbers of table 4, by branche and category."""
    return Counter(
        {
            (
                node["branche"][0].removeprefix(f"{ID}branche/"),
                node["category"][0].removeprefix(f"{ID}category/"),
            ): int(node["value"][0])
            for name, node in values.items()
            if name.startswith(f"{REPORT}table-4#") and {"branche", "category", "value"} <= set(node)
        }
    )


def may_have() -> dict[int, dict[str, list[str]]]:
    """The open entries, with the branches and categories that fit."""
    with OPEN.open(encoding="utf-8", newline="") as file:
        return {
            int(row["number"]): {"branche": row["branches"].split(), "category": row["categories"].split()}
            for row in csv.DictReader(file)
            if row["why"]
        }


def test_entry_has_one_branche_and_one_category_or_is_open(decided: dict[int, dict[str, list[str]]]) -> None:
    undecided = {number for number, has in decided.items() if [*map(len, has.values())] != [1, 1]}
    assert undecided == set(may_have())


def test_open_entry_may_have_what_is_decided_of_it_and_more_of_the_rest(
    decided: dict[int, dict[str, list[str]]],
) -> None:
    for number, fits in may_have().items():
        for kind, ones in fits.items():
            assert ones == decided[number][kind] or (len(ones) > 1 and not decided[number][kind]), number


def test_entries_and_table_add_up_to_the_same(table: Counter[Cell]) -> None:
    assert table.total() == len(ENTRIES)


def test_open_entries_are_what_the_table_has_more(
    decided: dict[int, dict[str, list[str]]], table: Counter[Cell]
) -> None:
    counted = Counter(
        (has["branche"][0], has["category"][0]) for number, has in decided.items() if number not in may_have()
    )
    assert counted <= table
    assert unplaced(may_have(), list((table - counted).elements())) == []


def unplaced(fits: dict[int, dict[str, list[str]]], places: list[Cell]) -> list[int]:
    """Return the entries that find no place when as many as can be are given one that fits them."""
    taken: dict[int, int] = {}

    def place(number: int, tried: set[int]) -> bool:
        for at, (branche, category) in enumerate(places):
            fit = branche in fits[number]["branche"] and category in fits[number]["category"]
            if fit and at not in tried:
                tried.add(at)
                if at not in taken or place(taken[at], tried):
                    taken[at] = number
                    return True
        return False

    return [number for number in fits if not place(number, set())]
