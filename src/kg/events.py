"""Write an answer as a calendar (iCalendar), where its rows are events.

A row without a full date for its first day is left out: a calendar can't say "some day in 2022".
Source: https://www.rfc-editor.org/rfc/rfc5545
"""

from __future__ import annotations

import datetime
import hashlib
import re
from typing import Any

from icalendar import Calendar, Event

from kg.answers import Answer
from kg.questions import Calendar as Columns
from kg.store import Release
from kg.tables import cell

__all__ = ["as_calendar"]

# What the build writes for a side that is open.
_OPEN = ("0001-01-01", "9999-12-31")


def as_calendar(answer: Answer, release: Release, language: str) -> tuple[bytes, int]:
    """Return the calendar, and how many rows were left out of it."""
    columns = answer.question.calendar
    assert columns
    calendar = Calendar()
    calendar.add("prodid", f"-//Techniekpact Knowledge Graph//{answer.question.name}//{language.upper()}")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", answer.question.title[language])
    made = datetime.datetime.fromisoformat(release.manifest["created"])
    left_out = 0
    for row in answer.rows:
        event = _event(answer, row, columns, language)
        if event is None:
            left_out += 1
        else:
            event.add("dtstamp", made)
            calendar.add_component(event)
    return calendar.to_ical(), left_out


def _event(answer: Answer, row: dict[str, Any], columns: Columns, language: str) -> Event | None:
    start = _day(row.get(columns.start))
    if start is None:
        return None
    end = _day(row.get(columns.end)) or start
    event = Event()
    told = [
        (column, "; ".join(text for text, _ in cell(answer, column, row, language)))
        for column in answer.question.columns
        if column.name != "passages"
    ]
    shown = {column.name: text for column, text in told}
    identity = [row.get(name) for name in (columns.summary, columns.start, columns.end)]
    event.add("uid", f"{hashlib.sha256(repr(identity).encode()).hexdigest()[:32]}@w3id.org")
    event.add("summary", shown.get(columns.summary, ""))
    event.add("dtstart", start)
    # The last day of an event is the day before its end.
    event.add("dtend", max(start, end) + datetime.timedelta(days=1))
    others = [
        f"{column.label[language]}: {text}"
        for column, text in told
        if text and column.name not in (columns.start, columns.end, columns.summary)
    ]
    event.add("description", "\n".join(others))
    return event


def _day(value: Any) -> datetime.date | None:
    text = value["value"] if value else ""
    if text in _OPEN or not re.match(r"\d{4}-\d{2}-\d{2}(T|$)", text):
        return None
    return datetime.date.fromisoformat(text[:10])
