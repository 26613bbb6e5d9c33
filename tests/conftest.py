"""What many tests need: content folders of their own, over our ontology, shapes and questions."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kg.load import load
from kg.publish import publish
from kg.reason import load_rules, reason
from kg.store import DefaultGraph, Quad, Release, Store

REPOSITORY = Path(__file__).parents[1]
SMALL = Path(__file__).parent / "small"


class Quiet:
    """Steps that no one watches."""

    def step(self, name: str) -> None: ...
    def advance(self, done: int, total: int) -> None: ...


def lay_content(root: Path, data: Path) -> Path:
    """Lay a content folder: our ontology, shapes and questions (without their cases) over the given data."""
    for folder in ("ontology", "shapes"):
        (root / folder).symlink_to(REPOSITORY / folder, target_is_directory=True)
    shutil.copytree(data / "data", root / "data")
    for path in sorted((REPOSITORY / "queries").rglob("*.rq")):
        copy = root / path.relative_to(REPOSITORY)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(re.sub(r"#\+ x-kg-cases:\n(#\+  .*\n)*", "", path.read_text("utf-8")), "utf-8")
    return root


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A content folder with the small dataset, free to change."""
    root = tmp_path / "content"
    root.mkdir()
    return lay_content(root, SMALL)


@pytest.fixture(scope="session")
def small_release(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Release]:
    """The small dataset as a Release, and the home that it is in."""
    root = tmp_path_factory.mktemp("content")
    home = tmp_path_factory.mktemp("home")
    release, _, _ = publish(lay_content(root, SMALL), home, Quiet())
    return home, release


@pytest.fixture(scope="session")
def real_release(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Release]:
    """The repository's own content as a Release, and the home that it is in."""
    home = tmp_path_factory.mktemp("home")
    release, _, _ = publish(REPOSITORY, home, Quiet())
    return home, release


@pytest.fixture(scope="session")
def real_store() -> Store:
    """The repository's own content with what follows from it, unchecked."""
    content = load(REPOSITORY)
    graphs = list(content.of("ontology", "data/ttl"))
    curated = [graph for graph in graphs if "/graph/curation/" in str(graph.graph)]
    stated = [quad for graph in graphs if graph not in curated for quad in graph.quads]
    curation = [quad for graph in curated for quad in graph.quads]
    store = Store()
    for quad in (*stated, *curation, *reason(stated, curation, load_rules(REPOSITORY))):
        store.extend([quad, Quad(quad.subject, quad.predicate, quad.object, DefaultGraph())])
    return store


@pytest.fixture
def edit(small: Path) -> Callable[[str, str, str], Path]:
    """Change a file of the small content: `edit("report/1", old, new)` gives its path."""

    def change(name: str, old: str, new: str) -> Path:
        path = small / "data" / "ttl" / f"{name}.ttl"
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), "utf-8")
        return path

    return change
