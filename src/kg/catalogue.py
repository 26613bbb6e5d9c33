"""Tell of a question all that one needs to ask it and to read its answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kg.answers import label
from kg.formats import formats_of
from kg.namespaces import ID, compact
from kg.parameters import Asker, with_values
from kg.questions import Parameter, Question

__all__ = ["Choices", "choices", "described", "example_values", "themes"]

# By class or concept scheme: each thing that a parameter may be, with its names by language.
Choices = Mapping[str, Mapping[str, Mapping[str, str]]]

# Of more than so many, nobody reads a list.
_MOST_CHOICES = 40
# The order in which themes are shown; others follow.
_THEMES = ("money", "actors", "regions", "initiatives", "life-line", "side-entry", "policy", "about")


async def choices(questions: Iterable[Question], asker: Asker) -> Choices:
    """Return what there is to choose from, for each class and scheme of which that isn't much."""
    kinds = {each.of_class for question in questions for each in question.parameters if each.of_class}
    found: dict[str, dict[str, dict[str, str]]] = {}
    for row in await asker.rows(with_values("choices", "kind", kinds), {}):
        thing = found.setdefault(row["kind"]["value"], {}).setdefault(row["thing"]["value"], {})
        thing[row["label"].get("xml:lang", "")] = row["label"]["value"]
    return {kind: things for kind, things in found.items() if len(things) <= _MOST_CHOICES}


def themes(questions: Iterable[Question]) -> dict[str, list[Question]]:
    """Return the questions by theme, in the order in which they are shown."""
    by_theme: dict[str, list[Question]] = {}
    for question in questions:
        by_theme.setdefault(question.theme, []).append(question)
    last = len(_THEMES)
    place = {theme: place for place, theme in enumerate(_THEMES)}
    return dict(sorted(by_theme.items(), key=lambda pair: (place.get(pair[0], last), pair[0])))


def example_values(question: Question) -> dict[str, str]:
    """Return values that the question can be asked with: the examples of what it needs."""
    return {
        each.name: str(each.example)
        for each in question.parameters
        if not each.optional and (each.default is None or each.example)
    }


def described(question: Question, known: Choices) -> dict[str, Any]:
    """Return what a question is: texts, parameters with what they may be, columns, forms and cases."""
    return {
        "name": question.name,
        "theme": question.theme,
        "title": question.title,
        "description": question.description,
        "empty": question.empty,
        "parameters": {each.name: _parameter(each, known) for each in question.parameters},
        "order": [list(pair) for pair in question.order],
        "columns": {
            each.name: {"type": each.type, **each.label, **({"unit": each.unit} if each.unit else {})}
            for each in question.columns
        },
        "formats": formats_of(question),
        "example": example_values(question),
        "cases": {
            each.name: {"values": each.values, "rows": each.rows, "readIn": each.read_in}
            for each in question.cases
        },
    }


def _parameter(parameter: Parameter, known: Choices) -> dict[str, Any]:
    is_concept = parameter.of_class.startswith(ID)
    told: dict[str, Any] = {
        **parameter.label,
        "type": "concept" if is_concept else parameter.type,
        "scheme" if is_concept else "class": compact(parameter.of_class) if parameter.of_class else None,
        "unit": parameter.unit or None,
        "minimum": parameter.minimum,
        "maximum": parameter.maximum,
        "default": parameter.default,
        "optional": parameter.optional or None,
        "example": str(parameter.example),
        "values": [
            {
                "value": compact(iri),
                "nl": label(names_of(names), "", "nl"),
                "en": label(names_of(names), "", "en"),
            }
            for iri, names in known.get(parameter.of_class, {}).items()
        ]
        or None,
    }
    return {name: value for name, value in told.items() if value is not None}


def names_of(names: Mapping[str, str]) -> dict[str, Mapping[str, str]]:
    """Return the names of one thing as `label` takes them."""
    return {"": names}
