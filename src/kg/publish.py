"""Turn the content folders into a Release: load, validate, reason, hygiene, expected answers, publish.

Nothing that fails a step is ever visible. A Release is built in a folder of its
own beside the others and becomes one by a rename; `current` moves to it by
another. A build that is killed at any moment leaves the old Release in service.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from kg.counts import count
from kg.errors import BuildError, NoRelease, Problem
from kg.expected import wrong_answers
from kg.hygiene import find_offenders
from kg.load import Content, ContentFile, load
from kg.namespaces import DEF
from kg.questions import load_questions
from kg.reason import load_rules, reason
from kg.store import (
    CanonicalizationAlgorithm,
    Dataset,
    DefaultGraph,
    LocalAsker,
    NamedNode,
    Quad,
    Release,
    Store,
    current_release,
    release_path,
)
from kg.validate import validate

__all__ = ["Checked", "Steps", "check", "publish"]

_LAYER = NamedNode(DEF + "layer")
_CURATED = NamedNode(DEF + "curated")


class Steps(Protocol):
    """Told what is being done, so that long work shows progress."""

    def step(self, name: str) -> None: ...
    def advance(self, done: int, total: int) -> None: ...


@dataclass(frozen=True)
class Checked:
    """A dataset that may be published: all its quads, and what a publisher should still look at."""

    content: Content
    store: Store
    inferred: list[Quad]
    warnings: list[Problem]


def check(root: Path, steps: Steps, *, cache: Path | None = None) -> Checked:
    """Do all of a build but publish.

    `cache` keeps which files were found valid; leave it out to check all afresh.
    Raises: BuildError with every problem of the first step that finds any.
    """
    steps.step("load")
    content = load(root)
    _stop(content.problems)
    if not content.files:
        raise BuildError(
            [Problem(root, None, "There is no content here.", "Give the folder that holds data/ttl/.")]
        )
    steps.step("validate")
    found = validate(content, cache=cache, progress=steps.advance)
    _stop([problem for problem in found if problem.severity == "violation"])
    steps.step("reason")
    stated, curated = _by_layer(content)
    inferred = reason(stated, curated, load_rules(root), progress=lambda _: None)
    store = _dataset(content, inferred)
    steps.step("hygiene")
    _stop(find_offenders(content, store))
    steps.step("expected answers")
    _stop(asyncio.run(wrong_answers(load_questions(root), LocalAsker(store))))
    return Checked(
        content, store, inferred, [problem for problem in found if problem.severity != "violation"]
    )


def publish(root: Path, home: Path, steps: Steps) -> tuple[Release, bool, list[Problem]]:
    """Build the content and make it the Release in service; False when it is the one already.

    Raises: BuildError as `check` does; the Release in service then stays.
    """
    home.mkdir(parents=True, exist_ok=True)
    sources, built_from = _sources(root), home / "built-from"
    with contextlib.suppress(NoRelease, OSError):
        current = current_release(home)
        if built_from.read_text("utf-8") == f"{current.number} {sources}":
            return current, False, []
    checked = check(root, steps, cache=home / "cache")
    with _only_builder(home):
        manifest = _manifest(checked)
        release, new = _same(home, manifest), False
        if not release:
            steps.step("publish")
            release, new = _write(home, checked, manifest), True
        # What warns is looked at again at every build.
        if not checked.warnings:
            built_from.write_text(f"{release.number} {sources}", "utf-8")
        return release, new, checked.warnings


def _same(home: Path, manifest: dict[str, Any]) -> Release | None:
    """Return the Release in service if it says what the manifest does."""
    with contextlib.suppress(NoRelease):
        current = current_release(home)
        if current.identity == manifest["identity"]:
            return current
    return None


def _sources(root: Path) -> str:
    """Hash all that a build reads, our own code too: the same files need no second build."""
    code = Path(__file__).parent
    folders = [(root, name) for name in ("ontology", "shapes", "queries", "data")] + [(code, ".")]
    hashed = hashlib.sha256()
    for base, name in folders:
        for path in sorted((base / name).rglob("*")):
            if path.suffix in (".ttl", ".rq", ".csv", ".py"):
                hashed.update(path.relative_to(base).as_posix().encode())
                hashed.update(path.read_bytes())
    return hashed.hexdigest()


def _stop(problems: Iterable[Problem]) -> None:
    found = list(problems)
    if found:
        raise BuildError(found)


def _by_layer(content: Content) -> tuple[list[Quad], list[Quad]]:
    """Part what passages and references say, with the ontology, from what is curated."""
    stated: list[Quad] = []
    curated: list[Quad] = []
    for file in content.of("ontology", "data/ttl"):
        (curated if _is_curated(file) else stated).extend(file.quads)
    return stated, curated


def _is_curated(file: ContentFile) -> bool:
    return any(q.subject == file.graph and q.predicate == _LAYER and q.object == _CURATED for q in file.quads)


def _dataset(content: Content, inferred: list[Quad]) -> Store:
    """Return all graphs, and in the default graph each triple of data and ontology once; shapes stay out."""
    store = Store()
    store.bulk_extend(quad for file in content.files for quad in file.quads)
    store.bulk_extend(inferred)
    said = [quad for file in content.of("ontology", "data/ttl") for quad in file.quads]
    store.bulk_extend(Quad(q.subject, q.predicate, q.object, DefaultGraph()) for q in (*said, *inferred))
    return store


def _manifest(checked: Checked) -> dict[str, Any]:
    """Say of each graph what it holds and where it came from; the identity is a hash over all of them."""
    files = {file.graph.value: file for file in checked.content.files}
    by_graph: dict[str, list[Quad]] = {iri: file.quads for iri, file in files.items()}
    for quad in checked.inferred:
        by_graph.setdefault(str(quad.graph_name).strip("<>"), []).append(quad)
    graphs: dict[str, dict[str, Any]] = {}
    for iri, quads in sorted(by_graph.items()):
        graphs[iri] = {
            "hash": _hash(quads),
            "triples": len(set(quads)),
            "origin": "file" if iri in files else "rule",
        }
        if iri in files:
            graphs[iri]["path"] = files[iri].path.relative_to(checked.content.root).as_posix()
    questions = sorted((checked.content.root / "queries").rglob("*.rq"))
    asked = {path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in questions}
    identity = hashlib.sha256(
        json.dumps([{iri: graph["hash"] for iri, graph in graphs.items()}, asked], sort_keys=True).encode()
    ).hexdigest()
    default = sum(1 for _ in checked.store.quads_for_pattern(None, None, None, DefaultGraph()))
    return {
        "identity": f"sha256:{identity}",
        "triples": default,
        "counts": count(checked.store, {iri: graph["triples"] for iri, graph in graphs.items()}),
        "graphs": graphs,
        "questions": asked,
    }


def _hash(quads: list[Quad]) -> str:
    """Hash what a graph says: the same for any order of its statements and any names of its blank nodes."""
    said = Dataset(quads)
    said.canonicalize(CanonicalizationAlgorithm.RDFC_1_0)
    return hashlib.sha256("\n".join(sorted(map(str, said))).encode()).hexdigest()


def _write(home: Path, checked: Checked, manifest: dict[str, Any]) -> Release:
    releases = home / "releases"
    releases.mkdir(exist_ok=True)
    for left in releases.glob(".building-*"):  # of a build that was killed
        shutil.rmtree(left)
    number = 1 + max((int(path.name) for path in releases.iterdir() if path.name.isdigit()), default=0)
    building = releases / f".building-{number:06d}"
    building.mkdir()
    store = Store(str(building / "store"))
    store.bulk_extend(checked.store.quads_for_pattern(None, None, None, None))
    store.optimize()
    store.flush()
    del store  # closes it: a store being written must not be opened read-only
    created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    manifest = {"number": number, "created": created, **manifest}
    shutil.copytree(checked.content.root / "queries", building / "queries")
    (building / "manifest.json").write_text(json.dumps(manifest, indent=1), "utf-8")
    _sync(building)
    building.rename(release_path(home, number))
    _sync(releases)
    pointer = home / ".current-next"
    pointer.unlink(missing_ok=True)
    pointer.symlink_to(Path("releases") / f"{number:06d}")
    pointer.rename(home / "current")
    _sync(home)
    return Release(number, release_path(home, number), manifest)


def _sync(folder: Path) -> None:
    """Bring a folder, and all in it, to the disk before something points there."""
    for path in [
        *(p for p in folder.glob("**/*") if p.is_file() and folder.name.startswith(".building")),
        folder,
    ]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextlib.contextmanager
def _only_builder(home: Path) -> Iterator[None]:
    """Two builds at once would number the same Release: the second waits."""
    with (home / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
