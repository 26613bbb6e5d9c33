"""The forms in which a question can be answered, and writing each: the same for the web and the command."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kg.answers import Answer
from kg.construct import as_turtle
from kg.events import as_calendar
from kg.maps import as_geojson, geometries
from kg.parameters import Asker
from kg.questions import Question
from kg.sheets import as_workbook
from kg.store import Release
from kg.tables import as_csv, as_json

__all__ = ["MEDIA_TYPES", "SEPARATORS", "Style", "Written", "formats_of", "write"]

# In the order in which we prefer them.
MEDIA_TYPES = {
    "json": "application/json",
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ttl": "text/turtle",
    "ics": "text/calendar",
    "geojson": "application/geo+json",
}
_LABELS = {"csv": "; charset=utf-8; header=present", "ttl": "; charset=utf-8", "ics": "; charset=utf-8"}
SEPARATORS = {",": ",", ";": ";", "tab": "\t"}


@dataclass(frozen=True, kw_only=True)
class Style:
    """How to write an answer: `excel` is CSV that Excel opens well, in the manner of the language.

    `applied` is what the answer says it was asked of; `more` are further members of its JSON.
    """

    language: str = "nl"
    evidence: bool = False
    separator: str = ""
    excel: bool = False
    applied: Mapping[str, Any] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Written:
    """An answer as it goes out; `left_out` rows could not be said in its form."""

    content: bytes
    media_type: str
    left_out: int = 0


def formats_of(question: Question) -> dict[str, str]:
    """Return the media type of each form that a question comes in, by the suffix of its files."""
    offered = {
        "ttl": bool(question.construct),
        "ics": question.calendar is not None,
        "geojson": bool(question.places),
    }
    return {suffix: media_type for suffix, media_type in MEDIA_TYPES.items() if offered.get(suffix, True)}


async def write(answer: Answer, release: Release, suffix: str, style: Style, asker: Asker) -> Written:
    """Write an answer in a form that its question comes in; what is large holds up no one else."""
    drawn = await geometries(answer, asker) if suffix == "geojson" else {}
    return await asyncio.to_thread(_written, answer, release, suffix, style, drawn)


def _written(
    answer: Answer, release: Release, suffix: str, style: Style, drawn: Mapping[str, Mapping[str, Any]]
) -> Written:
    left_out = 0
    match suffix:
        case "csv":
            content = _csv(answer, style)
        case "xlsx":
            content = as_workbook(answer, release, style.language, style.applied)
        case "ttl":
            content = as_turtle(answer)
        case "ics":
            content, left_out = as_calendar(answer, release, style.language)
        case "geojson":
            content = _json({**as_geojson(answer, drawn, style.language), "applied": style.applied})
        case _:
            told = as_json(answer, release, evidence=style.evidence, applied=style.applied)
            content = _json({**told, **style.more})
    return Written(content, MEDIA_TYPES[suffix] + _LABELS.get(suffix, ""), left_out)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _csv(answer: Answer, style: Style) -> bytes:
    dutch = style.excel and style.language == "nl"
    separator = SEPARATORS[style.separator] if style.separator else ";" if dutch else ","
    text = as_csv(answer, style.language, separator=separator, decimal="," if dutch else ".")
    # Excel takes a file for UTF-8 only when it begins so.
    return text.encode("utf-8-sig" if style.excel else "utf-8")
