"""Write an answer for people and programs: a table with its passages, CSV, or JSON.

One place for the command line and the web, so that both say the same.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kg.answers import Answer, label
from kg.parameters import ANY
from kg.questions import Column
from kg.store import Release

__all__ = ["as_csv", "as_json", "cell", "citation", "json_value", "ordered", "write"]


def write(answer: Answer, release: Release, *, language: str, out: TextIO) -> None:
    """Write an answer as a table for people, each row with its passages."""
    _write_table(answer, release, language, out)


def as_json(
    answer: Answer, release: Release, *, evidence: bool, applied: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return an answer as JSON holds it; with `evidence`, each row has its passages in full.

    `applied` is what it was asked of: Release, layers, what was known by when, language.
    """
    rows = []
    for row in answer.rows:
        written = {
            column.name: json_value(column, row.get(column.name)) for column in answer.question.columns
        }
        if evidence:
            written["evidence"] = [{"iri": iri, **answer.evidence[iri]} for iri in ordered(row, answer)]
        rows.append(written)
    return {
        "question": answer.question.name,
        "title": answer.question.title,
        "release": {"number": release.number, "iri": release.iri},
        "applied": {**(applied or {})},
        "parameters": {name: term["value"] for name, term in answer.parameters.items() if term != ANY},
        "others": {
            name: [{"iri": iri, "kind": kind} for iri, kind in things]
            for name, things in answer.others.items()
        },
        "columns": {
            column.name: {
                "type": column.type,
                **column.label,
                **({"unit": column.unit} if column.unit else {}),
            }
            for column in answer.question.columns
        },
        "total": answer.total,
        **({"page": answer.page.number, "pageSize": answer.page.size} if answer.page else {}),
        "rows": rows,
        "labels": answer.labels,
    }


def as_csv(answer: Answer, language: str, *, separator: str = ",", decimal: str = ".") -> str:
    """Return an answer as CSV (RFC 4180): a header, CRLF; a cell can't start a formula.

    A column of things has a second one, `<name>Label`, with their names; lists are parted by spaces,
    names by "; ".
    """
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator="\r\n")
    named = [
        (column, column.type in ("iri", "iris") and column.name != "passages")
        for column in answer.question.columns
    ]
    writer.writerow(
        [
            name
            for column, has_label in named
            for name in (column.name, f"{column.name}Label")[: 1 + has_label]
        ]
    )
    for row in answer.rows:
        cells: list[str] = []
        for column, has_label in named:
            cells.append(_csv_value(column, row.get(column.name), decimal))
            if has_label:
                cells.append(_safe("; ".join(text for text, _ in cell(answer, column, row, language))))
        writer.writerow(cells)
    return out.getvalue()


def cell(answer: Answer, column: Column, row: dict[str, Any], language: str) -> list[tuple[str, str]]:
    """Return what a reader sees in a cell: pairs of text and IRI, the IRI empty for plain values."""
    value = row.get(column.name)
    if value is None:
        return []
    if isinstance(value, list):
        return [(label(answer.labels, iri, language), iri) for iri in value]
    if value["type"] == "uri":
        return [(label(answer.labels, value["value"], language), value["value"])]
    return [(_plain(column, value["value"], language), "")]


def citation(passage: dict[str, Any], language: str) -> str:
    """Return how a reader looks a passage up: document and locator, else its title and rule."""
    if "locator" in passage:
        document = passage.get("source", {}).get("label", "")
        return ", ".join(part for part in (document, passage["locator"]) if part)
    title = label({"": passage["title"]}, "", language)
    rule = label({"": passage["rule"]}, "", language) if passage["rule"] else ""
    return f"{title}: {rule}" if rule else title


def _plain(column: Column, text: str, language: str) -> str:
    if column.type in ("decimal", "integer"):
        return (
            f"{int(text):,}".replace(",", "." if language == "nl" else ",")
            if text.lstrip("-").isdigit()
            else text
        )
    if language == "nl" and column.words_nl:
        return " ".join(column.words_nl.get(word, word) for word in text.split())
    return text


def json_value(column: Column, value: Any) -> Any:
    """Return the value of a cell as JSON holds it: numbers as numbers, lists of IRIs as lists."""
    if value is None or isinstance(value, list):
        return value
    text = value["value"]
    if column.type in ("integer", "decimal"):
        return int(text) if text.lstrip("-").isdigit() else float(text)
    return text


def _csv_value(column: Column, value: Any, decimal: str) -> str:
    if value is None:
        return ""
    if column.type == "decimal" and re.fullmatch(r"-?[0-9.]+", value["value"]):
        return str(value["value"]).replace(".", decimal)
    return _safe(" ".join(value) if isinstance(value, list) else str(value["value"]))


def _safe(text: str) -> str:
    # A spreadsheet runs a cell that starts so: https://owasp.org/www-community/attacks/CSV_Injection
    formula = text.startswith(("=", "+", "-", "@", "\t", "\r")) and not re.fullmatch(r"-?[0-9.]+", text)
    return f"'{text}" if formula else text


def ordered(row: dict[str, Any], answer: Answer) -> list[str]:
    """Passages of documents first, then our readings, then reference and rules."""
    layers = ("stated", "curated", "reference", "inferred")
    known = [iri for iri in row.get("passages", ()) if iri in answer.evidence]
    return sorted(known, key=lambda iri: (layers.index(answer.evidence[iri]["layer"]), iri))


def _write_table(answer: Answer, release: Release, language: str, out: TextIO) -> None:
    console = Console(file=out, width=None if out.isatty() else 120, highlight=False)
    console.print(Text(answer.question.title[language], style="bold"))
    for name, term in answer.parameters.items():
        shown = label(answer.labels, term["value"], language)
        console.print(
            f"  {name}: {shown}" + (f"  <{term['value']}>" if term["type"] == "uri" else ""), markup=False
        )
        for iri, kind in answer.others.get(name, ()):
            also, sort = label(answer.labels, iri, language), label(answer.labels, kind, language)
            console.print(f"    not: {also} ({sort})  <{iri}>", markup=False)
    if not answer.rows:
        console.print({"nl": "Geen rij.", "en": "No row."}[language])
        console.print(answer.question.description[language], markup=False)
    for heading, rows in answer.parts():
        if heading and rows:
            console.print(Text(f"\n{heading[language]}", style="bold"))
        _write_rows(answer, rows, language, console)
    console.print(f"\nRelease {release.number}  <{release.iri}>", markup=False)


def _write_rows(answer: Answer, rows: list[dict[str, Any]], language: str, console: Console) -> None:
    for row in rows:
        table = Table(show_header=False, box=None, padding=(0, 1))
        for column in answer.question.columns:
            shown = "; ".join(text for text, _ in cell(answer, column, row, language))
            if shown and column.name != "passages":
                unit = f" ({column.unit})" if column.unit and language == "en" else ""
                table.add_row(Text(column.label[language] + unit), Text(shown))
        for iri in ordered(row, answer):
            passage = answer.evidence[iri]
            table.add_row(Text(passage["layer"], style="dim"), Text(citation(passage, language), style="dim"))
        console.print()
        console.print(table)
