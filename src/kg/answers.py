"""Ask a question: resolve its parameters, run it, and name what stands in the answer.

Labels and passages are fetched in a second step, so that two languages don't
multiply the rows.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kg.editions import Editions, rows_of
from kg.errors import BadParameter
from kg.parameters import Asker, resolve, with_values
from kg.questions import Column, Question
from kg.store import Row, Term

__all__ = ["Answer", "Page", "ask", "described", "label"]


@dataclass(frozen=True, kw_only=True)
class Page:
    """Which rows of an answer these are: page `number` of those with `size` rows, of `total` rows in all."""

    number: int
    size: int
    total: int = 0

    @property
    def last(self) -> int:
        """The number of the last page.

        >>> Page(number=1, size=10, total=21).last, Page(number=1, size=10, total=0).last
        (3, 1)
        """
        return max(1, -(-self.total // self.size))


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Rows with what they rest on.

    Shapes: `others` is what else a parameter's name could have meant, as (thing, kind); `rows` hold
    terms by column, `iris` columns as lists; `labels` by IRI and language; `evidence` by passage IRI:
    title, locator, layer, rule, source, citations; `found` are the rows as the query gave them;
    without a `page` all rows are there.
    """

    question: Question
    parameters: dict[str, Term]
    others: dict[str, list[tuple[str, str]]]
    rows: list[dict[str, Any]]
    labels: dict[str, dict[str, str]]
    evidence: dict[str, dict[str, Any]]
    found: list[Row] = field(default_factory=list)
    page: Page | None = None

    @property
    def total(self) -> int:
        """How many rows there are on all pages."""
        return self.page.total if self.page else len(self.rows)

    def parts(self) -> list[tuple[dict[str, str] | None, list[dict[str, Any]]]]:
        """Return the rows in lists, each with its heading: those that the question lists apart come last."""
        apart = self.question.apart
        if not apart:
            return [(None, self.rows)]
        beside = [row for row in self.rows if row.get(apart.column, {}).get("value") == apart.value]
        return [(None, [row for row in self.rows if row not in beside]), (apart.heading, beside)]


async def ask(
    question: Question,
    values: Mapping[str, str],
    asker: Asker,
    *,
    today: datetime.date,
    evidence: bool = True,
    page: Page | None = None,
    most: int | None = None,
    names: Asker | None = None,
    editions: Editions | None = None,
) -> Answer:
    """Answer with the rows of a page, or with all; of more than `most`, with the first page of so many.

    `names` knows what values stand for and what things are called, where `asker` knows less;
    `editions` lends the other Release to a question that compares two.

    Raises: BadParameter for values that can't be used, and what the asker raises for the query.
    """
    names = names or asker
    resolved = await resolve(question, values, names, today=today)
    parameters = resolved.terms
    found = await rows_of(question, parameters, asker, editions)
    if page is None and most is not None and len(found) > most:
        page = Page(number=1, size=most)
    if page is not None:
        page = _placed(page, len(found))
        found = found[(page.number - 1) * page.size : page.number * page.size]
    rows = [_row(question.columns, row) for row in found]
    passages = {iri for row in rows for iri in row.get("passages", ())}
    shown = {iri for row in rows for name in row if name != "passages" for iri in _iris(row[name])}
    shown |= {term["value"] for term in parameters.values() if term["type"] == "uri"}
    shown |= {iri for things in resolved.others.values() for pair in things for iri in pair}
    return Answer(
        question=question,
        parameters=parameters,
        others=resolved.others,
        rows=rows,
        labels=await _labels(shown, names),
        evidence=await described(passages, names) if evidence else {},
        found=found,
        page=page,
    )


def _placed(page: Page, total: int) -> Page:
    """Return a page that knows how many rows there are. Raises: BadParameter when it is beyond the last."""
    placed = replace(page, total=total)
    if placed.number > placed.last:
        raise BadParameter(
            "page",
            f"There is no page {placed.number}: the last is {placed.last}.",
            f"Er is geen pagina {placed.number}: de laatste is {placed.last}.",
        )
    return placed


def label(labels: Mapping[str, Mapping[str, str]], iri: str, language: str) -> str:
    """Return the name of a thing: in the asked language, else Dutch, English, any; else its IRI.

    >>> label({"urn:a": {"nl": "gemeente"}}, "urn:a", "en")
    'gemeente'
    """
    names = labels.get(iri, {})
    return names.get(language) or names.get("nl") or names.get("en") or next(iter(names.values()), iri)


def _row(columns: Iterable[Column], row: Row) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for column in columns:
        term = row.get(column.name)
        if column.type == "iris":
            read[column.name] = sorted(set(term["value"].split())) if term else []
        elif term is not None:
            read[column.name] = term
    return read


def _iris(value: Any) -> list[str]:
    if isinstance(value, list):
        return value
    return [value["value"]] if value["type"] == "uri" else []


async def _labels(iris: Iterable[str], asker: Asker) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for row in await asker.rows(with_values("labels", "thing", iris), {}):
        found.setdefault(row["thing"]["value"], {})[row["label"].get("xml:lang", "")] = row["label"]["value"]
    return found


async def described(passages: Iterable[str], asker: Asker) -> dict[str, dict[str, Any]]:
    """Return what a reader needs to look up each graph that says what it is, by its IRI."""
    found: dict[str, dict[str, Any]] = {}
    for row in await asker.rows(with_values("passages", "passage", passages), {}):
        one = found.setdefault(row["passage"]["value"], {"title": {}, "rule": {}, "citations": []})
        one["layer"] = row["layer"]["value"].rsplit("/", 1)[-1]
        for name in ("title", "rule"):
            if name in row:
                one[name][row[name].get("xml:lang", "")] = row[name]["value"]
        if "locator" in row:
            one["locator"] = row["locator"]["value"]
        if "source" in row:
            one["source"] = {"iri": row["source"]["value"], "label": row["sourceLabel"]["value"]}
        if "citation" in row and row["citation"]["value"] not in one["citations"]:
            one["citations"].append(row["citation"]["value"])
    return found
