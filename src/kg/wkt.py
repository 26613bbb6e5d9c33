"""Read the geometries of the data (GeoSPARQL's WKT) as GeoJSON wants them.

GeoJSON is WGS 84 with longitude before latitude (RFC 7946, section 4), as WKT without a reference
system is; EPSG's own systems have latitude first. ETRS89 differs from WGS 84 by less than a metre.
"""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

__all__ = ["geometry"]

_CRS84 = {"", "http://www.opengis.net/def/crs/OGC/1.3/CRS84", "http://www.opengis.net/def/crs/OGC/0/CRS84"}
_LATITUDE_FIRST = {f"http://www.opengis.net/def/crs/EPSG/0/{code}" for code in (4326, 4258)}
_TYPES = {
    name.upper(): name
    for name in ("Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon")
}
_WHOLE = re.compile(r"\s*(?:<([^>]*)>)?\s*([A-Za-z]+)\s*(\(.*\))\s*", re.DOTALL)
_POSITION = re.compile(r"(-?[0-9.]+(?:[eE][+-]?[0-9]+)?)\s+(-?[0-9.]+(?:[eE][+-]?[0-9]+)?)")

Ring = list[list[float]]


def geometry(wkt: str) -> dict[str, Any]:
    """Return a WKT literal as a GeoJSON geometry, its outer rings counterclockwise.

    Raises: ValueError for what isn't WKT of a type that GeoJSON has, or is in another reference system.

    >>> geometry("POINT(4.9 52.4)")
    {'type': 'Point', 'coordinates': [4.9, 52.4]}
    >>> geometry("<http://www.opengis.net/def/crs/EPSG/0/4258> POINT(52.4 4.9)")["coordinates"]
    [4.9, 52.4]
    >>> geometry("POLYGON((0 0,0 1,1 1,0 0))")["coordinates"]
    [[[0, 0], [1, 1], [0, 1], [0, 0]]]
    """
    whole = _WHOLE.fullmatch(wkt)
    kind = _TYPES.get(whole[2].upper()) if whole else None
    if not whole or not kind:
        raise ValueError(f"this isn't a geometry: {wkt[:40]}")
    system = whole[1] or ""
    if system not in _CRS84 | _LATITUDE_FIRST:
        raise ValueError(f"coordinates in <{system}> can't be turned into WGS 84 here")
    order = r"[\2,\1]" if system in _LATITUDE_FIRST else r"[\1,\2]"
    lists = _POSITION.sub(order, whole[3]).translate(str.maketrans("()", "[]"))
    try:
        coordinates = json.loads(lists)
    except json.JSONDecodeError:
        raise ValueError(f"this isn't a geometry: {wkt[:40]}") from None
    return {"type": kind, "coordinates": _shaped(kind, coordinates)}


def _shaped(kind: str, coordinates: Any) -> Any:
    match kind:
        case "Point":
            return coordinates[0]
        case "MultiPoint":  # each position may have parentheses of its own
            return [each[0] if isinstance(each[0], list) else each for each in coordinates]
        case "Polygon":
            return _turned(coordinates)
        case "MultiPolygon":
            return [_turned(polygon) for polygon in coordinates]
        case _:
            return coordinates


def _turned(rings: list[Ring]) -> list[Ring]:
    """Return rings as RFC 7946 has them: the outer one counterclockwise, holes clockwise."""
    return [ring if (_area(ring) > 0) == (index == 0) else ring[::-1] for index, ring in enumerate(rings)]


def _area(ring: Ring) -> float:
    """Return twice the area, positive when counterclockwise."""
    return sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairwise(ring))
