"""The docs say all that there is: settings, commands, questions and folders."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from api.metrics import OUTCOMES
from api.operations import router
from api.problems import TABLE, kebab
from kg.cli import app
from kg.errors import QueryError
from kg.questions import load_questions
from kg.settings import Settings

REPOSITORY = Path(__file__).parents[1]
QUESTIONS = sorted(load_questions(REPOSITORY))
VARIABLES = [f"KG_{name.upper()}" for name in Settings.__dataclass_fields__]
COMMANDS = [
    command.name or command.callback.__name__ for command in app.registered_commands if command.callback
]
ROUTES = sorted({route.path for route in router.routes if isinstance(route, APIRoute)})
PROBLEMS = sorted(kebab(kind.__name__) for kind in TABLE if issubclass(kind, QueryError))


def _text(name: str) -> str:
    path = REPOSITORY / name
    assert path.is_file(), f"{name} is not written yet."
    return path.read_text("utf-8")


def _guide() -> str:
    """Return what a reader has: the README and every page of docs/."""
    pages = sorted(path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "docs").glob("*.md"))
    return "\n".join(_text(name) for name in ["README.md", *pages])


def _folders() -> list[str]:
    """Return the top-level folders that hold files and are kept in git."""
    ignored = {line.strip().strip("/") for line in _text(".gitignore").splitlines()}
    kept = (path for path in REPOSITORY.iterdir() if path.is_dir() and not path.name.startswith("."))
    return sorted(
        path.name
        for path in kept
        if path.name not in ignored and any(inside.is_file() for inside in path.rglob("*"))
    )


def test_settings_page_has_a_heading_for_each_setting_and_no_other() -> None:
    headings = re.findall(r"^#+ .*$", _text("docs/settings.md"), re.MULTILINE)
    assert sorted(re.findall(r"\bKG_\w+", "\n".join(headings))) == sorted(VARIABLES)


@pytest.mark.parametrize("command", COMMANDS)
def test_command_is_in_the_docs(command: str) -> None:
    assert re.search(rf"\bkg {command}\b", _guide())


@pytest.mark.parametrize("question", QUESTIONS)
def test_question_is_in_the_docs(question: str) -> None:
    assert question in _guide()


@pytest.mark.parametrize("route", ROUTES)
def test_route_of_operations_is_in_the_docs(route: str) -> None:
    assert re.sub(r"\{\w+\}", "{id}", route) in _text("docs/endpoint.md")


@pytest.mark.parametrize("name", [*OUTCOMES, *PROBLEMS])
def test_outcome_and_problem_is_in_the_docs(name: str) -> None:
    assert f"`{name}`" in _text("docs/endpoint.md")


@pytest.mark.parametrize("folder", _folders())
def test_folder_is_named_in_the_readme(folder: str) -> None:
    assert f"{folder}/" in _text("README.md")
