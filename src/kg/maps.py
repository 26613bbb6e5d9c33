"""Write an answer as GeoJSON, where a column of it holds places.

Source: https://www.rfc-editor.org/rfc/rfc7946
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

from kg.answers import Answer, label
from kg.parameters import Asker, with_values
from kg.store import Row
from kg.tables import cell, json_value
from kg.wkt import geometry

__all__ = ["as_geojson", "geometries"]


async def geometries(answer: Answer, asker: Asker) -> dict[str, dict[str, Any]]:
    """Return the geometry of each place in an answer that has one.

    Of several: those of the asked day before others, outlines before points, then the newest.
    """
    places = {iri for row in answer.rows for iri in _places(answer, row)}
    if not places:
        return {}
    day = answer.parameters.get("day", {}).get("value", "9999-12-31")
    found: dict[str, list[Row]] = {}
    for row in await asker.rows(with_values("geometries", "place", places), {}):
        found.setdefault(row["place"]["value"], []).append(row)
    drawn = {}
    for iri, rows in found.items():
        best = max(rows, key=lambda row: _rank(row, day))
        # What is in a reference system that we don't know has no place on this map.
        with contextlib.suppress(ValueError):
            drawn[iri] = geometry(best["wkt"]["value"])
    return drawn


def as_geojson(answer: Answer, drawn: Mapping[str, Mapping[str, Any]], language: str) -> dict[str, Any]:
    """Return a feature for each row; one whose place has no known geometry has none.

    Properties are the columns, and for a column of things `<name>Label` with their names.
    """
    return {
        "type": "FeatureCollection",
        "title": label({"": answer.question.title}, "", language),
        "features": [
            {
                "type": "Feature",
                "geometry": _geometry([drawn[iri] for iri in _places(answer, row) if iri in drawn]),
                "properties": _properties(answer, row, language),
            }
            for row in answer.rows
        ],
    }


def _rank(row: Row, day: str) -> tuple[bool, bool, str, str]:
    first, last = (row.get(name, {}).get("value", "") for name in ("first", "last"))
    wkt = row["wkt"]["value"]
    return (first <= day <= (last or "9999-12-31"), "POINT" not in wkt[:80].upper(), last, wkt)


def _places(answer: Answer, row: Mapping[str, Any]) -> list[str]:
    value = row.get(answer.question.places)
    if isinstance(value, list):
        return value
    return [value["value"]] if value and value["type"] == "uri" else []


def _geometry(found: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    several = list(found)
    if len(several) > 1:
        return {"type": "GeometryCollection", "geometries": several}
    return several[0] if several else None


def _properties(answer: Answer, row: Mapping[str, Any], language: str) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for column in answer.question.columns:
        properties[column.name] = json_value(column, row.get(column.name))
        if column.type in ("iri", "iris") and column.name != "passages":
            shown = cell(answer, column, dict(row), language)
            properties[f"{column.name}Label"] = "; ".join(text for text, _ in shown)
    return properties
