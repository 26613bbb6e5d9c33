"""Who may import whom: the imports are read, so that the architecture stays what it is drawn as."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
ROOTS = {"kg": REPOSITORY / "src" / "kg", "api": REPOSITORY / "api"}

# `write` builds from what it is sent, so it uses the guard as the serving side does.
_BUILDING = ("load", "validate", "reason", "hygiene", "expected", "publish", "restrict", "export")
BUILD = {f"kg.{name}" for name in _BUILDING}
_SERVING = (
    *("guard", "results", "caps", "pieces", "fairness", "attempts", "pool"),
    *("worker", "workers", "process", "processes", "zygote", "metadata"),
    *("clauses", "caller", "federation", "inlining", "archive"),
    *("evidence", "patterns", "premises", "proofs", "reading", "rewriting", "statements", "witnesses"),
    *("bindings", "probes", "renaming", "spelling"),
)
SERVE = {f"kg.{name}" for name in _SERVING}
FOUNDATIONS = {"kg.settings", "kg.namespaces", "kg.errors"}

# engine or framework -> the modules, or the package, that may know it
DOORS = {
    "pyoxigraph": {"kg.store"},
    "pyshacl": {"kg.validate"},
    "owlrl": {"kg.reason"},
    "fastapi": {"api"},
    "starlette": {"api"},
    "uvicorn": {"api"},
    "h11": {"kg.caller"},
    "icalendar": {"kg.events"},
    "networkx": {"kg.network", "kg.proofs"},
    "pandas": {"kg.client"},
    "prometheus_client": {"api.metrics"},
    "jinja2": {"api"},
    "rich": {"kg.cli", "kg.cli_questions", "kg.tables"},
    "typer": {"kg.cli", "kg.cli_questions", "kg.cli_releases", "kg.tables"},
    "xlsxwriter": {"kg.sheets"},
}


@dataclass(frozen=True)
class Import:
    """One import: by which module, in which function (empty at its top), of what, and where it stands."""

    importer: str
    function: str
    imported: str
    place: str


def _modules() -> dict[str, Path]:
    """Return our modules by name; a package goes by its folder's."""
    found = {}
    for root, folder in ROOTS.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            found[".".join([root, *(part for part in parts if part != "__init__")])] = path
    return found


MODULES = _modules()
TREES = {name: ast.parse(path.read_text("utf-8"), str(path)) for name, path in MODULES.items()}


def _imports(name: str) -> Iterator[Import]:
    for function, node in _with_function(TREES[name], ""):
        place = f"{MODULES[name].relative_to(REPOSITORY)}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(name, function, alias.name, place)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(name, node)
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                yield Import(name, function, whole if whole in MODULES else base, place)


def _with_function(node: ast.AST, function: str) -> Iterator[tuple[str, ast.AST]]:
    for child in ast.iter_child_nodes(node):
        yield function, child
        inside = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
        yield from _with_function(child, inside)


def _absolute(name: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    is_package = MODULES[name].name == "__init__.py"
    parts = name.split(".")
    kept = parts[: len(parts) - node.level + is_package]
    return ".".join([*kept, *([node.module] if node.module else [])])


IMPORTS = [each for name in MODULES for each in _imports(name)]
OURS = {
    name: {each.imported for each in IMPORTS if each.importer == name and each.imported in MODULES}
    for name in MODULES
}


def _reached(name: str) -> set[str]:
    """Return every module of ours that importing one brings in."""
    reached: set[str] = set()
    ahead = {name}
    while ahead:
        reached |= ahead
        ahead = {further for module in ahead for further in OURS[module]} - reached
    return reached - {name}


def _is_in(name: str, packages: set[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def test_reading_finds_the_modules_and_their_imports() -> None:
    assert MODULES.keys() >= BUILD | SERVE | FOUNDATIONS | {"kg.store", "kg.cli", "api.app"}
    assert "kg.store" in OURS["kg.load"]
    assert "kg.tables" in OURS["kg.cli_questions"]


def test_library_imports_the_web_only_to_serve() -> None:
    into_web = [each for each in IMPORTS if _is_in(each.importer, {"kg"}) and _is_in(each.imported, {"api"})]
    assert {(each.importer, each.function, each.imported) for each in into_web} == {
        ("kg.cli", "serve", "api.app")
    }, [each.place for each in into_web]


def test_face_does_not_import_the_command_line() -> None:
    assert {name: OURS[name] & {"kg.cli"} for name in MODULES if _is_in(name, {"api"})} == {
        name: set() for name in MODULES if _is_in(name, {"api"})
    }


@pytest.mark.parametrize("name", sorted(FOUNDATIONS))
def test_foundation_imports_nothing_else_of_ours(name: str) -> None:
    assert OURS[name] <= FOUNDATIONS


@pytest.mark.parametrize("engine", sorted(DOORS))
def test_engine_has_one_door(engine: str) -> None:
    using = [each for each in IMPORTS if _is_in(each.imported, {engine})]
    assert using, f"{engine} is imported nowhere: take it off the list"
    assert not [each.place for each in using if not _is_in(each.importer, DOORS[engine])]


@pytest.mark.parametrize(
    ("name", "other_wing"),
    [*((name, SERVE) for name in sorted(BUILD)), *((name, BUILD) for name in sorted(SERVE))],
)
def test_build_and_serve_wings_meet_only_in_the_release(name: str, other_wing: set[str]) -> None:
    assert not _reached(name) & other_wing


def test_imports_run_in_no_circle() -> None:
    assert list(TopologicalSorter(OURS).static_order())


@pytest.mark.parametrize("name", sorted(MODULES))
def test_sparql_longer_than_a_line_lives_in_a_file_of_its_own(name: str) -> None:
    written = [
        f"{MODULES[name].relative_to(REPOSITORY)}:{node.lineno}"
        for node in ast.walk(TREES[name])
        if isinstance(node, ast.Constant | ast.JoinedStr) and _is_long_sparql(node)
    ]
    assert not written, "Move the query to a .rq file."


def _is_long_sparql(node: ast.Constant | ast.JoinedStr) -> bool:
    parts = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]
    text = "".join(part for part in parts if isinstance(part, str))
    spans_lines = "\n" in text or (node.end_lineno or node.lineno) > node.lineno
    return spans_lines and "SELECT" in text and "WHERE" in text
