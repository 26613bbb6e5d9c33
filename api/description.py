"""What programs read to know the service: /openapi.json, with the protocols and each question by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from fastapi import FastAPI

from kg.catalogue import Choices
from kg.formats import formats_of
from kg.namespaces import compact
from kg.questions import Parameter, Question

__all__ = ["describe"]

_OURS = yaml.safe_load(Path(__file__).with_name("description.yaml").read_text("utf-8"))
_TYPES = {"integer": {"type": "integer"}, "date": {"type": "string", "format": "date"}}
_VALUES: dict[str, dict[str, Any]] = {
    "iri": {"type": ["string", "null"], "format": "uri"},
    "iris": {"type": "array", "items": {"type": "string", "format": "uri"}},
    "integer": {"type": ["integer", "null"]},
    "decimal": {"type": ["number", "null"]},
    "date": {"type": ["string", "null"]},
    "string": {"type": ["string", "null"]},
}


def describe(app: FastAPI) -> None:
    """Let `app` describe all that the service answers, and the questions of the Release in service."""
    generated: Callable[[], dict[str, Any]] = app.openapi

    def described() -> dict[str, Any]:
        description = generated()
        return {
            **description,
            "paths": {
                **{path: _route(path, item) for path, item in description["paths"].items()},
                **_questions(app.state.questions, getattr(app.state, "choices", {})),
                **_OURS["paths"],
            },
            "components": _OURS["components"],
        }

    app.openapi = described  # type: ignore[method-assign]  # FastAPI's own way to extend it


def _route(path: str, item: Mapping[str, Any]) -> dict[str, Any]:
    """Return a route of the framework's with what it can answer when something goes wrong."""
    own = _OURS["routes"].get(path, {})
    return {
        method: {**operation, "responses": _responses({**operation["responses"], **own})}
        for method, operation in item.items()
    }


def _responses(given: Mapping[str, Any]) -> dict[str, Any]:
    # The framework's own 422 never comes: a question says 400 itself.
    return {**_OURS["usual"], **{status: each for status, each in given.items() if status != "422"}}


def _questions(questions: Mapping[str, Question], known: Choices) -> dict[str, Any]:
    return {
        f"/questions/{question.name}": {"get": _question(question, known)} for question in questions.values()
    }


def _question(question: Question, known: Choices) -> dict[str, Any]:
    given = _OURS["routes"]["/questions/{name}"]
    answered = {**given["200"], "content": _content(question)}
    return {
        "operationId": question.name,
        "tags": [question.theme],
        "summary": question.title["en"],
        "description": f"{question.description['en']}\n\nNo row: {question.empty['en']}",
        "parameters": [*(_parameter(each, known) for each in question.parameters), *_OURS["controls"]],
        "responses": _responses({**given, "200": answered}),
    }


def _content(question: Question) -> dict[str, Any]:
    """Return the forms that a question comes in; the rows of the JSON with its columns."""
    columns = {
        column.name: {
            **_VALUES.get(column.type, {}),
            "description": column.label["en"] + (f", in {column.unit}s" if column.unit else ""),
        }
        for column in question.columns
    }
    rows = {"type": "array", "items": {"type": "object", "properties": columns, "required": list(columns)}}
    answer = {"$ref": "#/components/schemas/Answer"}
    content: dict[str, Any] = {media_type: {} for media_type in formats_of(question).values()}
    content["application/json"] = {"schema": {"allOf": [answer, {"properties": {"rows": rows}}]}}
    return {**content, "text/html": {}}


def _parameter(parameter: Parameter, known: Choices) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": parameter.name,
        "in": "query",
        "required": not parameter.optional and parameter.default is None,
        "description": parameter.label["en"] + (f", in {parameter.unit}s" if parameter.unit else ""),
        "schema": _schema(parameter, known),
    }
    if str(parameter.example):
        is_number = parameter.type == "integer"
        told["example"] = int(parameter.example) if is_number else str(parameter.example)
    return told


def _schema(parameter: Parameter, known: Choices) -> dict[str, Any]:
    bounds = {"minimum": parameter.minimum, "maximum": parameter.maximum}
    schema = _TYPES.get(parameter.type, {"type": "string"}) | {
        name: bound for name, bound in bounds.items() if bound is not None
    }
    values = [compact(iri) for iri in known.get(parameter.of_class, {})]
    if not values:
        return schema
    named = {"type": "string", "description": "Or its name in Dutch or English, its code, or its IRI."}
    return {"anyOf": [{"type": "string", "enum": values}, named]}
