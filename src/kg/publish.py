"""Turn content into a Release: load, validate, reason, hygiene, expected answers, publish.

Nothing that fails a step is ever visible. What was written online and what stands in the files
never fight: a build takes what changed in the files, keeps what changed online, and stops where
one graph changed in both.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from kg.counts import count
from kg.errors import BuildError, NoRelease, Problem
from kg.examples import example_quads
from kg.expected import wrong_answers
from kg.hygiene import find_offenders
from kg.load import Content, ContentGraph, folder_of, load, statements_hash
from kg.namespaces import DEF
from kg.questions import load_questions
from kg.reason import Rule, load_rules, reason
from kg.releases import DEFAULT, forget_old, graph_name, only_writer, write_release
from kg.store import (
    DefaultGraph,
    LocalAsker,
    NamedNode,
    Quad,
    Release,
    Row,
    Store,
    Term,
    current_release,
    open_read_only,
)
from kg.validate import validate

__all__ = [
    "MADE",
    "Checked",
    "Origins",
    "Steps",
    "check",
    "content_of",
    "dataset_of",
    "manifest_of",
    "publish",
]

_LAYER = NamedNode(DEF + "layer")
_CURATED = NamedNode(DEF + "curated")

# What a build adds, by the origin that the manifest gives it: what follows, and the example queries.
MADE = ("rule", "question")
# Where each other graph came from, by its key in the manifest: `origin` is file or online; `path` its
# file; `base` the hash of what the file said when the graph was first changed online.
Origins = dict[str, dict[str, str]]


class Steps(Protocol):
    """Told what is being done, so that long work shows progress."""

    def step(self, name: str) -> None: ...
    def advance(self, done: int, total: int) -> None: ...


@dataclass(frozen=True)
class Checked:
    """A dataset that may be published: all its quads, and what a publisher should still look at.

    `differences` are expected answers that no longer hold; a build refuses them before.
    """

    content: Content
    store: Store
    inferred: list[Quad]
    examples: list[Quad]
    warnings: list[Problem]
    differences: list[Problem]
    default_graph: str


def check(
    content: Content,
    steps: Steps,
    *,
    cache: Path | None = None,
    default_graph: str = "merge",
    answers_may_differ: bool = False,
) -> Checked:
    """Do all of a build but publish.

    `cache` keeps which graphs were found valid; leave it out to check all afresh.
    Raises: BuildError with every problem of the first step that finds any.
    """
    _stop(content.problems)
    if not content.graphs and default_graph == "merge":
        message = "There is no content here."
        raise BuildError([Problem(content.root, None, message, "Give the folder that holds data/ttl/.")])
    steps.step("validate")
    found = validate(content, cache=cache, progress=steps.advance)
    _stop([problem for problem in found if problem.severity == "violation"])
    steps.step("reason")
    store, inferred = dataset_of(content, load_rules(content.root), default_graph)
    steps.step("hygiene")
    _stop(find_offenders(content, store))
    steps.step("expected answers")
    questions, asker = load_questions(content.root), _Once(LocalAsker(store))
    differences = asyncio.run(wrong_answers(questions, asker))
    if not answers_may_differ:
        _stop(differences)
    examples = asyncio.run(example_quads(questions.values(), asker)) if questions else []
    store.extend(examples)
    warnings = [problem for problem in found if problem.severity != "violation"]
    return Checked(content, store, inferred, examples, warnings, differences, default_graph)


def publish(
    root: Path, home: Path, steps: Steps, *, default_graph: str = "merge", files_win: bool = False
) -> tuple[Release, bool, list[Problem]]:
    """Build the files of `root` and make them the Release in service; False when it is the one already.

    `files_win` drops what was written online where a file has changed since.
    Raises: BuildError as `check` does, or for a graph changed in both; the Release in service then stays.
    """
    home.mkdir(parents=True, exist_ok=True)
    sources, built_from = f"{default_graph} {_sources(root)}", home / "built-from"
    current = _current(home)
    with contextlib.suppress(OSError):
        if current and built_from.read_text("utf-8") == f"{current.number} {sources}":
            return current, False, []
    with only_writer(home):
        steps.step("load")
        current = _current(home)
        content, origins, deleted = _reconciled(load(root), current, files_win=files_win)
        checked = check(content, steps, cache=home / "cache", default_graph=default_graph)
        manifest = manifest_of(checked, origins, deleted)
        release, new = current, False
        # Where a graph comes from may change while it says the same: an export, read again.
        if not release or any(
            release.manifest.get(part) != manifest[part] for part in ("identity", "graphs", "deleted")
        ):
            steps.step("publish")
            release, new = write_release(home, checked.store, manifest, root), True
            forget_old(home)
        # What warns is looked at again at every build.
        if not checked.warnings:
            built_from.write_text(f"{release.number} {sources}", "utf-8")
        return release, new, checked.warnings


def content_of(release: Release) -> Content:
    """Return what a Release holds, but for what a build adds, as the content of its own folder."""
    store = open_read_only(release)
    graphs = []
    for key, entry in release.manifest["graphs"].items():
        if entry["origin"] not in MADE:
            name = graph_name(key)
            quads = list(store.quads_for_pattern(None, None, None, name))
            graphs.append(ContentGraph(None, folder_of(name), name, quads, entry["hash"]))
    return Content(release.path, graphs, [])


def manifest_of(checked: Checked, origins: Origins, deleted: Origins) -> dict[str, Any]:
    """Say of each graph what it holds and where it came from; the identity is a hash over all of them.

    `deleted` are graphs that were deleted online and still stand in a file.
    """
    graphs: dict[str, dict[str, Any]] = {
        key_of(graph.graph): {
            "hash": graph.hash,
            "triples": len(set(graph.quads)),
            **origins[key_of(graph.graph)],
        }
        for graph in checked.content.graphs
    }
    for origin, made in zip(MADE, (checked.inferred, checked.examples), strict=True):
        for key, quads in _by_graph(made).items():
            graphs[key] = {"hash": statements_hash(quads), "triples": len(set(quads)), "origin": origin}
    graphs = dict(sorted(graphs.items()))
    questions = sorted((checked.content.root / "queries").rglob("*.rq"))
    asked = {path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in questions}
    told = [{key: graph["hash"] for key, graph in graphs.items()}, asked]
    identity = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    return {
        "identity": f"sha256:{identity}",
        "default_graph": checked.default_graph,
        "triples": sum(1 for _ in checked.store.quads_for_pattern(None, None, None, DefaultGraph())),
        "counts": count(checked.store, {key: graph["triples"] for key, graph in graphs.items()}),
        "graphs": graphs,
        "deleted": deleted,
        "questions": asked,
    }


def _by_graph(quads: Iterable[Quad]) -> dict[str, list[Quad]]:
    graphs: dict[str, list[Quad]] = {}
    for quad in quads:
        graphs.setdefault(key_of(quad.graph_name), []).append(quad)
    return graphs


def key_of(graph: object) -> str:
    """Return what a manifest calls a graph."""
    return graph.value if isinstance(graph, NamedNode) else DEFAULT


def _current(home: Path) -> Release | None:
    with contextlib.suppress(NoRelease):
        return current_release(home)
    return None


def _reconciled(
    content: Content, current: Release | None, *, files_win: bool
) -> tuple[Content, Origins, Origins]:
    """Return the files' content with what was written online, where each came from, and what is deleted."""
    files = {key_of(graph.graph): graph for graph in content.graphs}
    origins: Origins = {key: _from_file(graph, content.root) for key, graph in files.items()}
    if current is None:
        return content, origins, {}
    online = {k: entry for k, entry in current.manifest["graphs"].items() if entry["origin"] == "online"}
    deleted: Origins = {}
    problems = list(content.problems)
    for key, entry in {**online, **current.manifest.get("deleted", {})}.items():
        now = files[key].hash if key in files else ""
        if now == entry.get("hash", ""):  # both say the same by now
            continue
        if now != entry.get("base", ""):
            if not files_win:
                problems.append(_fight(files.get(key), key, deleted=key not in online))
        elif key in online:
            files[key] = _online(current, key)
            origins[key] = {name: entry[name] for name in ("origin", "path", "base") if name in entry}
        else:
            del files[key]
            deleted[key] = entry
    return Content(content.root, list(files.values()), problems), origins, deleted


def _from_file(graph: ContentGraph, root: Path) -> dict[str, str]:
    path = graph.path.relative_to(root).as_posix() if graph.path else ""
    return {"origin": "file", "path": path}


def _online(release: Release, key: str) -> ContentGraph:
    return next(graph for graph in content_of(release).graphs if key_of(graph.graph) == key)


def _fight(file: ContentGraph | None, key: str, *, deleted: bool) -> Problem:
    online = "deleted online" if deleted else "changed online"
    what = f"{'changed here' if file else 'taken away here'} and {online}"
    hint = "Run `kg export` for the online version and merge by hand, or `kg build --files-win` to drop it."
    return Problem(file.place if file else key, None, f"The graph <{key}> was {what}.", hint)


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


class _Once:
    """Asks the same only once: cases and examples look up the same names over and over."""

    def __init__(self, asker: LocalAsker) -> None:
        self._asker = asker
        self._known: dict[str, list[Row]] = {}

    async def rows(self, query: str, bindings: Mapping[str, Term]) -> list[Row]:
        """Return the solutions of a SELECT."""
        key = json.dumps([query, bindings], sort_keys=True)
        if key not in self._known:
            self._known[key] = await self._asker.rows(query, bindings)
        return self._known[key]


def dataset_of(content: Content, rules: list[Rule], default_graph: str) -> tuple[Store, list[Quad]]:
    """Return a content with all that follows from it, and what follows apart."""
    stated, curated = _by_layer(content)
    inferred = reason(stated, curated, rules)
    return _dataset(content, inferred, default_graph), inferred


def _by_layer(content: Content) -> tuple[list[Quad], list[Quad]]:
    """Part what passages and references say, with the ontology, from what is curated."""
    stated: list[Quad] = []
    curated: list[Quad] = []
    for graph in content.of("ontology", "data/ttl"):
        (curated if _is_curated(graph) else stated).extend(graph.quads)
    return stated, curated


def _is_curated(graph: ContentGraph) -> bool:
    return any(
        q.subject == graph.graph and q.predicate == _LAYER and q.object == _CURATED for q in graph.quads
    )


def _dataset(content: Content, inferred: list[Quad], default_graph: str) -> Store:
    """Return all graphs, and merged in the default graph each triple of data and ontology once.

    Shapes stay out of it. When the default graph is its own, it holds what was written to it.
    """
    store = Store()
    store.bulk_extend(quad for graph in content.graphs for quad in graph.quads)
    store.bulk_extend(inferred)
    for graph in content.graphs:
        if isinstance(graph.graph, NamedNode):
            store.add_graph(graph.graph)
    if default_graph == "merge":
        said = [quad for graph in content.of("ontology", "data/ttl") for quad in graph.quads]
        store.bulk_extend(Quad(q.subject, q.predicate, q.object, DefaultGraph()) for q in (*said, *inferred))
    return store
