"""Change a Release: apply updates and uploads to a copy of it, check the whole, publish the next one.

Nothing invalid is ever visible: what doesn't conform is thrown away and its sender gets the report.
Writes that come together are committed together; where they don't conform as one, each is tried
alone, in the order in which they came.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from kg.errors import KgError, MalformedData, QueryError, RefusedQuery
from kg.examples import FOLDER
from kg.guard import inspect
from kg.inlining import FUNCTIONS
from kg.load import Content, ContentGraph, folder_of, held_to_ontology, statements_hash
from kg.namespaces import GRAPH, file_of
from kg.publish import Origins, check, content_of, key_of, manifest_of
from kg.releases import DEFAULT, forget_old, graph_name, only_writer, write_release
from kg.store import (
    BlankNode,
    DefaultGraph,
    NamedNode,
    Quad,
    RdfFormat,
    Release,
    Store,
    current_release,
    open_in_memory,
    parse,
)
from kg.updates import malformed, with_dataset, without_sources

__all__ = ["Outcome", "Update", "Upload", "Write", "Writing"]


@dataclass(frozen=True)
class Update:
    """A SPARQL Update; the graphs are those of the protocol's `using-` parameters."""

    text: str
    base: str | None = None
    using: tuple[str, ...] = ()
    using_named: tuple[str, ...] = ()


@dataclass(frozen=True)
class Upload:
    """What the Graph Store Protocol changes: `verb` is PUT, POST or DELETE.

    `graph` is an IRI, "default", or None for the whole dataset; each part is a media type's engine
    format by name, a base, and the bytes.
    """

    verb: str
    graph: str | None
    parts: tuple[tuple[str, str | None, bytes], ...] = ()


Write = Update | Upload


@dataclass(frozen=True)
class Outcome:
    """What came of a write: the Release that holds it, or the error that refused it.

    `existed` tells whether an upload's graph was there before. `differences` are the expected
    answers that the Release changes; `changed` are the graphs that its commit changed.
    """

    release: int = 0
    existed: bool = False
    changed: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    error: KgError | None = None


class _Quiet:
    def step(self, name: str) -> None: ...
    def advance(self, done: int, total: int) -> None: ...


@dataclass
class _Held:
    """The dataset of a Release in memory, ready to be changed, and what each graph said before."""

    release: Release
    content: Content
    store: Store
    before: dict[str, set[Quad]]


@dataclass
class Writing:
    """Commits writes to the Releases of `home`; it keeps the last one in memory for the next."""

    home: Path
    default_graph: str
    _held: _Held | None = field(default=None, init=False)

    def commit(self, writes: list[Write], progress: Callable[[], None] = lambda: None) -> list[Outcome]:
        """Return what came of each write.

        `progress` is called when the dataset is at hand, and after each write that has been applied
        to it; then the whole is checked. Raises: NoRelease when there is nothing to write to.
        """
        with only_writer(self.home):
            return self._commit(writes, progress)

    def _commit(self, writes: list[Write], progress: Callable[[], None]) -> list[Outcome]:
        held = self._hold()
        self._held = None  # until it is known that it holds what was published
        progress()
        outcomes = []
        for write in writes:
            outcomes.append(_applied(held.store, write))
            progress()
        try:
            done = self._publish(held)
        except KgError as error:
            if len(writes) > 1:
                return [outcome for write in writes for outcome in self._commit([write], progress)]
            return [outcome if outcome.error else Outcome(error=error) for outcome in outcomes]
        return [outcome if outcome.error else replace(done, existed=outcome.existed) for outcome in outcomes]

    def _hold(self) -> _Held:
        release = current_release(self.home)
        if self._held and self._held.release.number == release.number:
            return self._held
        store = open_in_memory(release)
        return _Held(release, content_of(release), store, _by_graph(store))

    def _publish(self, held: _Held) -> Outcome:
        """Make a Release of what the store holds by now. Raises: RefusedQuery, BuildError."""
        before, after = held.before, _by_graph(held.store)
        changed = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
        for key in changed:
            self._refuse(key, held.release)
        if not changed:
            self._held = held
            return Outcome(held.release.number)
        content, origins, deleted = _rewritten(changed, after, held)
        checked = check(
            held_to_ontology(content),
            _Quiet(),
            cache=self.home / "cache",
            default_graph=self.default_graph,
            answers_may_differ=True,
        )
        manifest = manifest_of(checked, origins, deleted)
        release = write_release(self.home, checked.store, manifest, content.root, based_on=held.release)
        forget_old(self.home)
        content = Content(release.path, content.graphs, [])
        self._held = _Held(release, content, checked.store, _by_graph(checked.store))
        differences = tuple(problem.message for problem in checked.differences)
        return Outcome(release.number, changed=tuple(changed), differences=differences)

    def _refuse(self, key: str, release: Release) -> None:
        """Refuse a change of what isn't written by hand, or not online."""
        origin = release.manifest["graphs"].get(key, {}).get("origin")
        if origin == "rule":
            raise _refused(key, "is made by rules", "Write what it follows from.")
        if origin == "question":
            raise _refused(key, "is made from a question", "Change the question's file, and run `kg build`.")
        if self.default_graph == "own":
            return
        if key == DEFAULT:
            raise RefusedQuery(
                "The default graph is made from the named graphs and can't be written to.",
                hint=f"Name the graph: INSERT DATA {{ GRAPH <{GRAPH}source/passage> {{ … }} }}.",
            )
        if file_of(key) is None or key.startswith((f"{GRAPH}inferred/", f"{GRAPH}{FOLDER}/")):
            raise _refused(key, "has no name of this dataset", f"Call it <{GRAPH}source/passage>.")
        if folder_of(graph_name(key)) != "data/ttl":
            raise _refused(key, "is ontology or shapes", "Change the file, and run `kg build`.")


def _refused(key: str, what: str, hint: str) -> RefusedQuery:
    return RefusedQuery(f"The graph <{key}> {what} and can't be written online.", hint=hint)


def _by_graph(store: Store) -> dict[str, set[Quad]]:
    """Return what each graph says, by its key in the manifest; a graph may be there and say nothing."""
    graphs: dict[str, set[Quad]] = {key_of(name): set() for name in store.named_graphs()}
    graphs[DEFAULT] = set()
    for quad in store:
        graphs[key_of(quad.graph_name)].add(quad)
    return graphs


def _rewritten(
    changed: list[str], after: dict[str, set[Quad]], held: _Held
) -> tuple[Content, Origins, Origins]:
    """Return the content as it is now, where each graph came from, and what stands deleted."""
    entries = held.release.manifest["graphs"]
    graphs = {key_of(graph.graph): graph for graph in held.content.graphs}
    origins: Origins = {
        key: {name: entry[name] for name in ("origin", "path", "base") if name in entry}
        for key, entry in entries.items()
    }
    deleted = dict(held.release.manifest["deleted"])
    for key in changed:
        entry = entries.get(key) or deleted.pop(key, {})
        # What the file said when the graph was first changed online.
        base = entry["hash"] if entry.get("origin") == "file" else entry.get("base", "")
        from_file = {"path": entry.get("path", ""), "base": base} if base else {}
        if after.get(key) or (key in after and key != DEFAULT):
            name, quads = graph_name(key), list(after[key])
            graphs[key] = ContentGraph(None, folder_of(name), name, quads, statements_hash(quads))
            origins[key] = {"origin": "online", **from_file}
        else:
            graphs.pop(key, None)
            if from_file:
                deleted[key] = from_file
    return Content(held.content.root, list(graphs.values()), []), origins, deleted


def _applied(store: Store, write: Write) -> Outcome:
    """Apply one write, wholly or not at all."""
    try:
        if isinstance(write, Update):
            inspect(write.text, update=True)
            text = without_sources(with_dataset(write.text, write.using, write.using_named))
            store.update(text, base_iri=write.base, custom_functions=dict(FUNCTIONS))
            return Outcome()
        return _uploaded(store, write)
    except SyntaxError as error:
        return Outcome(error=malformed(str(error)))
    except OSError:
        message = "LOAD: this endpoint reads from no address."
        return Outcome(error=RefusedQuery(message, hint="Send the data itself, by PUT or POST to /store."))
    except (KgError, RuntimeError, ValueError) as error:
        return Outcome(error=error if isinstance(error, KgError) else QueryError(f"{error}"))


def _uploaded(store: Store, upload: Upload) -> Outcome:
    graph = None if upload.graph is None else graph_name(upload.graph)
    quads = [quad for part in upload.parts for quad in _read(part, graph)]
    existed = graph is None or _exists(store, graph)
    if upload.verb in {"PUT", "DELETE"}:
        _clear(store, graph)
    store.extend(quads)
    if isinstance(graph, NamedNode) and upload.verb != "DELETE":
        store.add_graph(graph)
    return Outcome(existed=existed)


def _exists(store: Store, graph: NamedNode | DefaultGraph) -> bool:
    return isinstance(graph, DefaultGraph) or store.contains_named_graph(graph)


def _clear(store: Store, graph: NamedNode | DefaultGraph | None) -> None:
    if graph is None:
        store.clear()
    elif isinstance(graph, NamedNode):
        store.remove_graph(graph)
    else:
        store.clear_graph(graph)


def _read(part: tuple[str, str | None, bytes], graph: NamedNode | DefaultGraph | None) -> Iterable[Quad]:
    """Return what a part says, in `graph`, or of a whole dataset where it says. Raises: MalformedData."""
    extension, base, content = part
    form = RdfFormat.from_extension(extension)
    try:
        # Blank nodes of two documents are never the same.
        said = list(parse(content, form, base_iri=base, rename_blank_nodes=True))
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        message = re.sub(r"^Parser error at .*?: ", "", getattr(error, "msg", None) or str(error))
        column = getattr(error, "offset", None)
        raise MalformedData(f"This can't be read: {message}.", line=line, column=column) from None
    if any(isinstance(quad.graph_name, BlankNode) for quad in said):
        raise MalformedData("A graph has no name that lasts.", hint="Name it by an IRI.")
    if graph is None:
        return said
    if any(quad.graph_name != DefaultGraph() for quad in said):
        raise MalformedData(
            "The data names graphs of its own.", hint="Send one graph, in a format such as Turtle."
        )
    return [Quad(quad.subject, quad.predicate, quad.object, graph) for quad in said]
