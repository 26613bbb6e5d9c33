"""What programs read to know the service: /openapi.json, with the protocols and each question by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from fastapi import FastAPI

from kg.questions import Parameter, Question

__all__ = ["describe"]

_OURS = yaml.safe_load(Path(__file__).with_name("description.yaml").read_text("utf-8"))
_TYPES = {"integer": {"type": "integer"}, "date": {"type": "string", "format": "date"}}
# What every question takes beside its own parameters.
_CONTROLS: list[dict[str, Any]] = [
    {"name": "lang", "in": "query", "schema": {"type": "string", "enum": ["nl", "en"]}},
    {"name": "evidence", "in": "query", "schema": {"type": "boolean"}},
]


def describe(app: FastAPI) -> None:
    """Let `app` describe all that the service answers, and the questions of the Release in service."""
    generated: Callable[[], dict[str, Any]] = app.openapi

    def described() -> dict[str, Any]:
        description = generated()
        return {
            **description,
            "paths": {
                **{path: _route(path, item) for path, item in description["paths"].items()},
                **_questions(app.state.questions),
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


def _questions(questions: Mapping[str, Question]) -> dict[str, Any]:
    return {f"/questions/{question.name}": {"get": _question(question)} for question in questions.values()}


def _question(question: Question) -> dict[str, Any]:
    return {
        "operationId": question.name,
        "tags": [question.theme],
        "summary": question.title["en"],
        "description": question.description["en"],
        "parameters": [*map(_parameter, question.parameters), *_CONTROLS],
        "responses": _responses(_OURS["routes"]["/questions/{name}"]),
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    bounds = {"minimum": parameter.minimum, "maximum": parameter.maximum}
    schema = _TYPES.get(parameter.type, {"type": "string"}) | {
        name: bound for name, bound in bounds.items() if bound is not None
    }
    return {
        "name": parameter.name,
        "in": "query",
        "required": parameter.default is None,
        "description": parameter.label["en"] + (f", in {parameter.unit}s" if parameter.unit else ""),
        "schema": schema,
        "example": int(parameter.example) if parameter.type == "integer" else str(parameter.example),
    }
