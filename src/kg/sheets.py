"""Write an answer as a workbook (XLSX): its rows, what was asked and what the columns mean, its passages.

Text is written as text, so no cell can start a formula; numbers and days are written as such.
"""

from __future__ import annotations

import datetime
import io
from collections.abc import Mapping, Sequence
from typing import Any

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from kg.answers import Answer, label
from kg.parameters import ANY
from kg.questions import Column
from kg.store import Release
from kg.tables import cell, citation, json_value

__all__ = ["as_workbook"]

# What a cell of a spreadsheet can hold.
_MOST_CHARACTERS = 32_767
_WIDTHS = {"iri": 40, "iris": 40, "string": 30, "integer": 12, "decimal": 14, "date": 12}
_WORDS = {
    "nl": ("Antwoord", "Vraag", "Passages", "kolom", "betekenis", "eenheid", "document en plaats", "laag"),
    "en": ("Answer", "Question", "Passages", "column", "meaning", "unit", "document and place", "layer"),
}
# A spreadsheet's calendar begins here.
_FIRST_DAY = datetime.date(1900, 3, 1)


def as_workbook(answer: Answer, release: Release, language: str, applied: Mapping[str, Any]) -> bytes:
    """Return the workbook as bytes: the same answer makes the same bytes."""
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with Workbook(out, options) as book:
        made = datetime.datetime.fromisoformat(release.manifest["created"])
        book.set_properties({"title": answer.question.title[language], "created": made.replace(tzinfo=None)})
        writing = _Writing(book, answer, language)
        writing.rows()
        writing.asked(release, applied)
        writing.passages()
    return out.getvalue()


class _Writing:
    """One workbook that is being written."""

    def __init__(self, book: Workbook, answer: Answer, language: str) -> None:
        self._book = book
        self._answer = answer
        self._language = language
        self._words = _WORDS[language]
        self._bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        self._date = book.add_format({"num_format": "yyyy-mm-dd"})

    def rows(self) -> None:
        """Write the rows under a heading that stays in sight and can be filtered by.

        A column of things is two: their names, then their IRIs.
        """
        sheet = self._book.add_worksheet(self._words[0])
        columns = [
            (column, named)
            for column in self._answer.question.columns
            for named in ((True, False) if _has_names(column) else (False,))
        ]
        for place, (column, named) in enumerate(columns):
            title = column.name if _has_names(column) and not named else column.label[self._language]
            _text(sheet, 0, place, title + (f" ({column.unit})" if column.unit else ""), self._bold)
            sheet.set_column(place, place, _WIDTHS.get(column.type, 20))
        for line, row in enumerate(self._answer.rows, start=1):
            for place, (column, named) in enumerate(columns):
                if named:
                    _text(sheet, line, place, self._shown(column, row))
                else:
                    self._value(sheet, (line, place), column, row)
        sheet.freeze_panes(1, 0)
        if self._answer.rows:
            sheet.autofilter(0, 0, len(self._answer.rows), len(columns) - 1)

    def asked(self, release: Release, applied: Mapping[str, Any]) -> None:
        """Write what was asked and of which data, and what each column means."""
        sheet = self._book.add_worksheet(self._words[1])
        question, answer, language = self._answer.question, self._answer, self._language
        lines: list[tuple[Sequence[str], bool]] = [
            ((question.title[language],), True),
            ((question.description[language],), False),
            *(
                ((each.label[language], label(answer.labels, term["value"], language)), False)
                for each in question.parameters
                if (term := answer.parameters[each.name]) != ANY
            ),
            (("Release", str(release.number), release.iri), False),
            *(
                ((name, _told(value)), False)
                for name, value in applied.items()
                if value and name != "release"
            ),
            ((), False),
            (self._words[3:6], True),
            *(((each.name, each.label[language], each.unit), False) for each in question.columns),
        ]
        for line, (texts, is_heading) in enumerate(lines):
            for place, text in enumerate(texts):
                _text(sheet, line, place, text, self._bold if is_heading else None)
        sheet.set_column(0, 0, 30)
        sheet.set_column(1, 1, 60)

    def passages(self) -> None:
        """Write where each passage is found, if the answer knows."""
        if not self._answer.evidence:
            return
        sheet = self._book.add_worksheet(self._words[2])
        for place, text in enumerate(("passage", *self._words[6:8])):
            _text(sheet, 0, place, text, self._bold)
        for line, (iri, passage) in enumerate(sorted(self._answer.evidence.items()), start=1):
            for place, text in enumerate((iri, citation(passage, self._language), passage["layer"])):
                _text(sheet, line, place, text)
        sheet.set_column(0, 1, 60)

    def _value(self, sheet: Worksheet, at: tuple[int, int], column: Column, row: dict[str, Any]) -> None:
        value = json_value(column, row.get(column.name))
        if value is None:
            return
        if isinstance(value, int | float):
            sheet.write_number(*at, value)
        elif column.type == "date" and (day := _day(value)):
            sheet.write_datetime(*at, day, self._date)
        elif isinstance(value, list):
            _text(sheet, *at, " ".join(value))
        else:
            _text(sheet, *at, value if column.type == "iri" else self._shown(column, row))

    def _shown(self, column: Column, row: dict[str, Any]) -> str:
        return "; ".join(text for text, _ in cell(self._answer, column, row, self._language))


def _has_names(column: Column) -> bool:
    return column.type in ("iri", "iris") and column.name != "passages"


def _told(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _text(sheet: Worksheet, line: int, place: int, text: str, style: Format | None = None) -> None:
    cut = text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 1] + "…"
    sheet.write_string(line, place, cut, style)


def _day(text: str) -> datetime.date | None:
    try:
        day = datetime.date.fromisoformat(text)
    except ValueError:
        return None
    return day if day >= _FIRST_DAY else None
