"""What loses its only cover when a scheme ends: what is covered with it and without it, as a difference.

A cell is a region and an age phase. A scheme covers it wholly or in part, or it may: when it applies there
for ages that no source states, is for these ages in an area that no source states, or is undated. These are
the rules of `funding-gaps`; tests hold them against that question.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kg.rows import integer, iri, iris, text, value, values
from kg.store import Row, Term

__all__ = ["covers", "impact_of_ending"]

_WORDS = {1: "whole", 2: "in part", 3: "unknown", 4: "none stated"}
_HOLDS, _UNDATED = 1, 2
_WHOLE, _PART, _MAYBE, _NONE = _WORDS

_Cell = tuple[str, int, int]


@dataclass
class _Scheme:
    """What is known of a scheme: since when it counts, from which age to which, and where."""

    time: int = _UNDATED
    ages: list[tuple[int, int]] = field(default_factory=list)
    municipalities: dict[str, int] = field(default_factory=dict)
    is_placed: bool = False
    passages: set[str] = field(default_factory=set)

    def cover(self, cell: _Cell, n_municipalities: int) -> int:
        region, age_from, age_to = cell
        if self.time not in (_HOLDS, _UNDATED):
            return _NONE
        if self.ages and not any(low < age_to and age_from <= high for low, high in self.ages):
            return _NONE
        if (self.is_placed and region not in self.municipalities) or (not self.ages and not self.is_placed):
            return _NONE
        hit = self.municipalities.get(region, 0)
        if not self.ages or not hit or self.time == _UNDATED:
            return _MAYBE
        return _WHOLE if hit == n_municipalities else _PART


def impact_of_ending(rows: list[Row], parameters: Mapping[str, Term]) -> list[Row]:
    """Return the cells that would be covered less, by ages and regions alike, and what the scheme pays."""
    ending = parameters["scheme"]["value"]
    schemes = _schemes(rows)
    return [*_cells(rows, schemes, ending), *_initiatives(rows, ending)]


def _schemes(rows: Iterable[Row]) -> dict[str, _Scheme]:
    found: dict[str, _Scheme] = {}
    for row in rows:
        if value(row, "fact") not in ("time", "age", "place", "placed"):
            continue
        scheme = found.setdefault(value(row, "of"), _Scheme())
        match value(row, "fact"):
            case "time":
                scheme.time = int(value(row, "number"))
            case "age":
                scheme.ages.append((int(value(row, "ageFrom")), int(value(row, "ageTo"))))
            case "place":
                scheme.municipalities[value(row, "region")] = int(value(row, "number"))
            case _:
                scheme.is_placed = True
        scheme.passages |= set(values(row, "passages"))
    return found


def covers(rows: Iterable[Row]) -> dict[_Cell, dict[str, str]]:
    """Return how far each scheme covers each cell, in words."""
    found = list(rows)
    return {
        cell: {name: _WORDS[cover] for name, cover in of.items()}
        for cell, of in _covers(found, _schemes(found)).items()
    }


def _covers(rows: list[Row], schemes: Mapping[str, _Scheme]) -> dict[_Cell, dict[str, int]]:
    sizes = {
        value(row, "region"): int(value(row, "number")) for row in rows if value(row, "fact") == "region"
    }
    return {
        cell: {name: scheme.cover(cell, size) for name, scheme in schemes.items()}
        for age_from, age_to in _phases(rows)
        for region, size in sizes.items()
        for cell in [(region, age_from, age_to)]
    }


def _phases(rows: Iterable[Row]) -> dict[tuple[int, int], list[str]]:
    return {
        (int(value(row, "ageFrom")), int(value(row, "ageTo"))): values(row, "passages")
        for row in rows
        if value(row, "fact") == "phase"
    }


def _cells(rows: list[Row], schemes: Mapping[str, _Scheme], ending: str) -> list[Row]:
    alike: dict[tuple[int, int, int, int, tuple[str, ...]], list[str]] = {}
    for (region, age_from, age_to), of in _covers(rows, schemes).items():
        others = {name: cover for name, cover in of.items() if name != ending}
        before = min(of.values(), default=_NONE)
        after = min(others.values(), default=_NONE)
        if before < after:
            left = tuple(sorted(name for name, cover in others.items() if cover < _NONE))
            alike.setdefault((age_from, age_to, before, after, left), []).append(region)
    phases = _phases(rows)
    return [
        {
            "loses": text("ages in regions"),
            "ageFrom": integer(age_from),
            "ageTo": integer(age_to),
            "regions": iris(regions),
            "regionCount": integer(len(regions)),
            "before": text(_WORDS[before]),
            "after": text(_WORDS[after]),
            "remaining": iris(left),
            "passages": iris(
                [
                    *phases[age_from, age_to],
                    *(passage for name in (ending, *left) for passage in schemes[name].passages),
                ]
            ),
        }
        for (age_from, age_to, before, after, left), regions in sorted(alike.items())
    ]


def _initiatives(rows: Iterable[Row], ending: str) -> list[Row]:
    payers: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        if value(row, "fact") == "award":
            payers.setdefault(value(row, "of"), {})[value(row, "payer")] = values(row, "passages")
    return [
        {
            "loses": text("an initiative"),
            "initiative": iri(initiative),
            "before": text("one-of-several" if len(of) > 1 else "only one"),
            "after": text("others stay" if len(of) > 1 else "none stated"),
            "remaining": iris(of.keys() - {ending}),
            "passages": iris(passage for where in of.values() for passage in where),
        }
        for initiative, of in sorted(payers.items(), key=lambda pair: (len(pair[1]) > 1, pair[0]))
    ]
