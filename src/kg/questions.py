"""The questions: one `.rq` file each, with its text, parameters, columns and cases in the header.

    queries/<theme>/<name>.rq                    SPARQL as it stands, under a header of `#+` lines
    queries/<theme>/<name>.<case>.csv            the rows that a case must give

What a parameter's value stands for is found in `parameters`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from kg.analyses import ANALYSES
from kg.errors import BuildError, Problem, UnknownQuestion
from kg.header import read_header
from kg.namespaces import ID, expand

__all__ = [
    "CONTROLS",
    "Apart",
    "Calendar",
    "Case",
    "Column",
    "Parameter",
    "Question",
    "find_question",
    "load_question",
    "load_questions",
]

# What a URL may hold beside a question's own parameters; no parameter may be called so.
CONTROLS = (
    *("lang", "evidence", "_mediatype", "separator", "excel"),
    *("page", "pageSize", "release", "knownOn", "layers"),
)
_LANGUAGES = ("nl", "en")
_Found = TypeVar("_Found")


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One thing a question asks for: its type, or the class or concept scheme of what it must be.

    One that is `optional` and not given stands for any.
    """

    name: str
    label: dict[str, str]
    type: str = "thing"
    of_class: str = ""
    prefer: tuple[str, ...] = ()
    unit: str = ""
    minimum: int | None = None
    maximum: int | None = None
    default: str | None = None
    optional: bool = False
    example: str = ""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of an answer: `iris` is a list of IRIs, shown by their labels."""

    name: str
    type: str
    label: dict[str, str]
    unit: str = ""
    words_nl: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Apart:
    """Rows that are listed apart: those with this value in this column, under a heading of their own."""

    column: str
    value: str
    heading: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """The columns that make a row an event: its first day, its last, and what it is called."""

    start: str
    end: str
    summary: str


@dataclass(frozen=True, kw_only=True)
class Case:
    """An expected answer: the values asked, whether rows are exact or included, and where it was read."""

    name: str
    values: dict[str, str]
    rows: str
    read_in: str
    path: Path


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question: what it asks in words and in SPARQL, and what must come out.

    `construct` is a template that makes triples of a row, `places` the column whose things have a
    place on the map; `analysis` makes the rows of those that the query finds, `compare` is the parameter
    that numbers an earlier Release to ask, too. Each is empty where there is none.
    """

    path: Path
    name: str
    theme: str
    title: dict[str, str]
    description: dict[str, str]
    empty: dict[str, str]
    parameters: tuple[Parameter, ...]
    order: tuple[tuple[str, str], ...]
    columns: tuple[Column, ...]
    apart: Apart | None
    cases: tuple[Case, ...]
    text: str
    analysis: str = ""
    compare: str = ""
    construct: str = ""
    calendar: Calendar | None = None
    places: str = ""

    @property
    def needs_values(self) -> bool:
        """Whether nothing can be answered before something is given."""
        return any(not each.optional and each.default is None for each in self.parameters)


def load_questions(root: Path) -> dict[str, Question]:
    """Read every question of a content folder, by name; hygiene queries are no questions.

    Raises: BuildError naming the file whose header lacks or mistakes something.
    """
    return {path.stem: _question(path) for path in _paths(root)}


def _paths(root: Path) -> list[Path]:
    return sorted(path for path in (root / "queries").glob("*/*.rq") if path.parent.name != "hygiene")


def load_question(root: Path, name: str) -> Question:
    """Read one question of a content folder. Raises: UnknownQuestion, BuildError."""
    return _question(find_question({path.stem: path for path in _paths(root)}, name))


def find_question(questions: Mapping[str, _Found], name: str) -> _Found:
    """Raises: UnknownQuestion that names the questions there are."""
    if name not in questions:
        raise UnknownQuestion(
            f"There is no question {name!r}. There are: {', '.join(sorted(questions)) or 'none'}."
        )
    return questions[name]


def _question(path: Path) -> Question:
    text = path.read_text("utf-8")
    header = read_header(path, text)
    try:
        return Question(
            path=path,
            name=path.stem,
            theme=path.parent.name,
            title={"en": header["summary"], "nl": header["x-kg-title-nl"]},
            description={"en": header["description"].strip(), "nl": header["x-kg-description-nl"].strip()},
            empty={language: header["x-kg-empty"][language] for language in _LANGUAGES},
            parameters=tuple(_parameter(name, spec) for name, spec in header.get("x-kg-params", {}).items()),
            order=tuple((low, high) for low, high in header.get("x-kg-order", [])),
            columns=tuple(_column(name, spec) for name, spec in header["x-kg-columns"].items()),
            apart=_apart(header["x-kg-apart"]) if "x-kg-apart" in header else None,
            cases=tuple(_case(path, name, spec) for name, spec in header.get("x-kg-cases", {}).items()),
            text=text,
            analysis=_analysis(header),
            compare=header.get("x-kg-compare", ""),
            construct=header.get("x-kg-construct", "").strip(),
            calendar=Calendar(**header["x-kg-calendar"]) if "x-kg-calendar" in header else None,
            places=header.get("x-kg-places", ""),
        )
    except (KeyError, TypeError, AttributeError) as error:
        hint = "docs/questions.md lists what a header holds."
        raise BuildError([Problem(path, 1, f"The header lacks or mistakes {error}.", hint)]) from None


def _analysis(header: Mapping[str, Any]) -> str:
    name: str = header.get("x-kg-analysis", "")
    if name and name not in ANALYSES:
        raise KeyError(f"x-kg-analysis: {name}")
    return name


def _parameter(name: str, spec: Mapping[str, Any]) -> Parameter:
    of_class = expand(spec["class"]) if "class" in spec else ID + spec["in"] if "in" in spec else ""
    return Parameter(
        name=name,
        label={language: spec[language] for language in _LANGUAGES},
        type=spec.get("type", "thing"),
        of_class=of_class,
        prefer=tuple(expand(kind) for kind in spec.get("prefer", ())),
        unit=spec.get("unit", ""),
        minimum=spec.get("min"),
        maximum=spec.get("max"),
        default=spec.get("default"),
        optional=spec.get("optional", False),
        example=spec.get("example", ""),
    )


def _column(name: str, spec: Mapping[str, Any]) -> Column:
    return Column(
        name=name,
        type=spec["type"],
        label={language: spec[language] for language in _LANGUAGES},
        unit=spec.get("unit", ""),
        words_nl=spec.get("words-nl", {}),
    )


def _apart(spec: Mapping[str, Any]) -> Apart:
    heading = {language: spec[language] for language in _LANGUAGES}
    return Apart(column=spec["column"], value=spec["value"], heading=heading)


def _case(path: Path, name: str, spec: Mapping[str, Any]) -> Case:
    values = {key: str(value) for key, value in spec.items() if key not in ("rows", "read-in")}
    csv = path.with_name(f"{path.stem}.{name}.csv")
    return Case(name=name, values=values, rows=spec["rows"], read_in=spec["read-in"], path=csv)
