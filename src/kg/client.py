"""Ask a server of this graph from Python: answers as rows, and as a pandas DataFrame with their evidence.

    from kg.client import Client
    client = Client("http://127.0.0.1:8000")
    client.ask("funding-for-age-and-region", ageFrom=12, ageTo=14, region="drechtsteden").frame()

It needs nothing but Python; `frame` needs pandas (`pip install 'techniekpact-kg[client]'`).
"""

from __future__ import annotations

import datetime
import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import Request, urlopen

from kg.errors import AskFailed

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Answer", "Client", "Table"]

_XSD = "http://www.w3.org/2001/XMLSchema#"
_NUMBERS = {"integer": int, "decimal": float, "double": float, "float": float, "int": int, "long": int}
_UNAVAILABLE = 503


@dataclass(frozen=True)
class Table:
    """What a SELECT gave: `rows` hold values by column, a column without a value is not there."""

    columns: list[str]
    rows: list[dict[str, Any]]

    def frame(self) -> pd.DataFrame:
        """Return the rows as a DataFrame."""
        frame: pd.DataFrame = _pandas().DataFrame(self.rows, columns=self.columns)
        return frame


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a question gave.

    Shapes: `rows` are as in the JSON, things as IRIs; `columns` says the type, the meaning and the unit
    of each; `labels` has the names of things by IRI and language; `asked` is what each value stood
    for, `applied` of what it was answered: Release, day, layers.
    """

    question: str
    columns: Mapping[str, Mapping[str, str]]
    rows: list[dict[str, Any]]
    labels: Mapping[str, Mapping[str, str]]
    asked: Mapping[str, str]
    applied: Mapping[str, Any]
    language: str = "nl"
    others: Mapping[str, Any] = field(default_factory=dict)

    def name(self, iri: str) -> str:
        """Return the name of a thing in the answer's language, else in any, else its IRI."""
        names = self.labels.get(iri, {})
        return names.get(self.language) or names.get("nl") or next(iter(names.values()), iri)

    def frame(self) -> pd.DataFrame:
        """Return the rows as a DataFrame: things by name, with their IRIs in `<column>Iri`.

        With evidence, `evidence` says for each row where it is written, and `passages` gives the IRIs;
        `frame.attrs` holds the question, what was asked, of what, and the units of columns.
        """
        frame: pd.DataFrame = _pandas().DataFrame(
            [self._told(row) for row in self.rows], columns=self._order()
        )
        for name, column in self.columns.items():
            if column["type"] == "date":
                frame[name] = _pandas().to_datetime(frame[name])
        units = {name: column["unit"] for name, column in self.columns.items() if "unit" in column}
        frame.attrs.update(
            question=self.question, asked=dict(self.asked), applied=dict(self.applied), units=units
        )
        return frame

    def _order(self) -> list[str]:
        order = []
        for name, column in self.columns.items():
            order += [name, f"{name}Iri"] if _has_names(name, column) else [name]
        return [*order, "evidence"] if any("evidence" in row for row in self.rows) else order

    def _told(self, row: Mapping[str, Any]) -> dict[str, Any]:
        told: dict[str, Any] = {}
        for name, column in self.columns.items():
            value = row.get(name)
            if _has_names(name, column):
                told[f"{name}Iri"] = value
                value = (
                    "; ".join(map(self.name, value))
                    if isinstance(value, list)
                    else value and self.name(value)
                )
            told[name] = value
        if "evidence" in row:
            told["evidence"] = [self._citation(passage) for passage in row["evidence"]]
        return told

    def _citation(self, passage: Mapping[str, Any]) -> str:
        title = passage.get("title", {})
        parts = (passage.get("source", {}).get("label", ""), passage.get("locator", ""))
        cited = ", ".join(part for part in parts if part)
        return cited or title.get(self.language) or next(iter(title.values()), passage.get("iri", ""))


class Client:
    """Asks one server; `timeout_s` is for a whole answer, waiting until the server has time included."""

    def __init__(self, url: str, *, timeout_s: float = 60.0) -> None:
        self._url = url.rstrip("/")
        self._timeout_s = timeout_s

    def questions(self) -> list[dict[str, Any]]:
        """Return what there is to ask, each with its parameters, columns and an example."""
        found: list[dict[str, Any]] = json.loads(self._get("/questions", {})[0])["questions"]
        return found

    def ask(
        self,
        question: str,
        *,
        evidence: bool = True,
        lang: str = "nl",
        known_on: datetime.date | str | None = None,
        layers: Iterable[str] | None = None,
        release: int | None = None,
        **values: Any,
    ) -> Answer:
        """Ask a question with its values, named as in the catalogue; all pages of its answer.

        Raises: AskFailed with what the server says, and the candidates where a name is not found.
        """
        options = {
            "evidence": evidence,
            "lang": lang,
            "knownOn": known_on,
            "layers": ",".join(layers) if layers is not None else None,
            "release": release,
        }
        asked = {name: _written(value) for name, value in {**options, **values}.items() if value is not None}
        content, link = self._get(f"/questions/{quote(question, safe='')}", asked)
        body = json.loads(content)
        rows, labels = body["rows"], body["labels"]
        while following := re.search('<([^>]*)>; rel="next"', link):
            further = urlsplit(following[1])
            content, link = self._get(f"/questions/{quote(question, safe='')}?{further.query}", {})
            page = json.loads(content)
            rows += page["rows"]
            labels.update(page["labels"])
        return Answer(
            question=question,
            columns=body["columns"],
            rows=rows,
            labels=labels,
            asked=body["parameters"],
            applied=body["applied"],
            language=lang,
            others=body["others"],
        )

    def select(self, query: str, *, release: int | None = None) -> Table:
        """Run a SELECT; numbers and days come as such. Raises: AskFailed."""
        fields = {"query": query, **({"release": str(release)} if release else {})}
        body = json.loads(self._get("/sparql", {}, urlencode(fields).encode())[0])
        if "results" not in body:
            raise AskFailed("That query gives no rows.", hint="Write a SELECT.")
        rows = [{name: _value(term) for name, term in row.items()} for row in body["results"]["bindings"]]
        return Table(body["head"]["vars"], rows)

    def _get(self, path: str, values: Mapping[str, str], body: bytes | None = None) -> tuple[bytes, str]:
        """Return what the server answers, and its Link header; wait where it asks to."""
        url = f"{self._url}{path}" + (f"?{urlencode(values)}" if values else "")
        until = time.monotonic() + self._timeout_s
        while True:
            left_s = max(until - time.monotonic(), 0.1)
            request = Request(url, data=body, headers={"Accept": "application/json"})
            try:
                with urlopen(request, timeout=left_s) as response:
                    return response.read(), response.headers.get("Link", "")
            except HTTPError as error:
                with error:
                    wait_s = float(error.headers.get("Retry-After") or 0)
                    if error.code != _UNAVAILABLE or not wait_s or time.monotonic() + wait_s > until:
                        raise _failed(error) from None
                time.sleep(wait_s)
            except (URLError, TimeoutError) as error:
                reason = getattr(error, "reason", error)
                raise AskFailed(f"{self._url} does not answer: {reason}.", hint="Is it running?") from None


def _failed(error: HTTPError) -> AskFailed:
    try:
        problem = json.loads(error.read())
    except ValueError:
        problem = {}
    return AskFailed(
        problem.get("detail") or f"The server answered {error.code}.",
        status=error.code,
        hint=problem.get("hint", ""),
        parameter=problem.get("parameter", ""),
        candidates=problem.get("candidates", []),
    )


def _has_names(name: str, column: Mapping[str, str]) -> bool:
    return column["type"] in ("iri", "iris") and name != "passages"


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, datetime.date) else str(value)


def _value(term: Mapping[str, str]) -> Any:
    kind = term.get("datatype", "").removeprefix(_XSD)
    text = term["value"]
    try:
        if kind == "date":
            return datetime.date.fromisoformat(text)
        return _NUMBERS[kind](text) if kind in _NUMBERS else text == "true" if kind == "boolean" else text
    except ValueError:  # what isn't of its type is what it says
        return text


def _pandas() -> Any:
    try:
        import pandas as pd  # noqa: PLC0415  only who wants a frame needs it
    except ImportError:
        message = "A frame needs pandas: pip install 'techniekpact-kg[client]'."
        raise AskFailed(message) from None
    return pd
