"""Which things are alike: the groups that share something, each with all that its members share.

Two things share what is stated of both. Every such set of shared values makes one group: all things
of which all of it is stated. So a group can't grow without sharing less.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations

from kg.rows import given, integer, iris, text, value, values
from kg.store import Row, Term

__all__ = ["similar"]

_RESPECTS = {"aim": "aim", "group": "target group", "area": "area"}


@dataclass
class _Stated:
    """What is stated of one thing: its passages, by respect and value."""

    passages: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    def of(self, respect: str) -> set[str]:
        return set(self.passages.get(respect, {}))

    def traits(self) -> set[tuple[str, str]]:
        """Return what it can be alike in."""
        return {(respect, each) for respect in _RESPECTS for each in self.of(respect)}


def similar(rows: list[Row], parameters: Mapping[str, Term]) -> list[Row]:
    """Return the groups that share an aim and a target group or area; those that share most come first.

    Order: by how many respects are shared, how many values, how many members, then their names.
    """
    stated: dict[str, _Stated] = {}
    for row in rows:
        thing = stated.setdefault(value(row, "initiative"), _Stated())
        thing.passages.setdefault(value(row, "respect"), {})[value(row, "value")] = values(row, "passages")
    in_region = {
        name for name, thing in stated.items() if thing.of("area") or not given(parameters, "region")
    }
    counted = {name for name, thing in stated.items() if name in in_region or not thing.of("stated area")}
    found = [
        _row(members, stated) for members in _groups(sorted(counted), stated) if in_region & set(members)
    ]
    return sorted((row for row in found if row), key=_rank)


def _groups(names: list[str], stated: Mapping[str, _Stated]) -> list[list[str]]:
    """Return each largest group that shares what some two of these share, without what holds another."""
    traits = {name: stated[name].traits() for name in names}
    shared = {frozenset(traits[one] & traits[other]) for one, other in combinations(names, 2)}
    alike = [common for common in shared if {respect for respect, _ in common} > {"aim"}]
    groups = ([name for name in names if common <= traits[name]] for common in alike)
    parts = (tuple(_without_wholes(members, stated)) for members in groups)
    return [list(members) for members in set(parts) if len(members) > 1]


def _without_wholes(members: Iterable[str], stated: Mapping[str, _Stated]) -> list[str]:
    wholes = {whole for name in members for whole in stated[name].of("whole")}
    return [name for name in members if name not in wholes]


def _row(members: list[str], stated: Mapping[str, _Stated]) -> Row:
    things = [stated[name] for name in members]
    shared = {
        respect: set.intersection(*(thing.of(respect) for thing in things))
        for respect in (*_RESPECTS, "actor", "whole")
    }
    alike = [word for respect, word in _RESPECTS.items() if shared[respect]]
    row = {
        "initiatives": iris(members),
        "count": integer(len(members)),
        "shared": text(" and ".join(filter(None, (", ".join(alike[:-1]), alike[-1])))),
        "aims": iris(shared["aim"]),
        "targetGroups": iris(shared["group"]),
        "areas": iris(shared["area"]),
        "actors": iris(shared["actor"]),
        "partOf": iris(shared["whole"]),
        "passages": iris(
            passage
            for thing in things
            for respect, common in shared.items()
            for each in common
            for passage in thing.passages[respect][each]
        ),
    }
    for respect in _RESPECTS:
        if not shared[respect]:
            row["rest"] = text("different" if all(thing.of(respect) for thing in things) else "not stated")
    return row


def _rank(row: Row) -> tuple[int, int, int, str]:
    common = [values(row, column) for column in ("aims", "targetGroups", "areas")]
    return (
        -sum(1 for each in common if each),
        -sum(len(each) for each in common),
        -len(values(row, "initiatives")),
        value(row, "initiatives"),
    )
