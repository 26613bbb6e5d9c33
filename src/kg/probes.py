"""What there is to ask about where a SELECT's rows come from: its probes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from kg.bindings import certain, sure
from kg.errors import TooLarge
from kg.patterns import (
    Bind,
    Block,
    Exists,
    Filter,
    Group,
    Names,
    Path,
    Pattern,
    Select,
    Union,
)
from kg.renaming import Renaming, same_if_bound
from kg.spelling import Beside, path_text

__all__ = ["Child", "Probe", "Quad", "Walk"]

_MOST_PROBES = 300


@dataclass(frozen=True)
class Quad:
    """A triple that a solution stands for: `graph` is empty for the default graph.

    Only solutions that bind `marker` have it, where there is one.
    """

    graph: str
    subject: str
    predicate: str
    object: str
    marker: str = ""

    @property
    def terms(self) -> tuple[str, ...]:
        """What a solution must say of it."""
        return (self.graph, self.subject, self.predicate, self.object)


@dataclass(frozen=True)
class Child:
    """A SELECT inside a level, the graph that it is asked in, and a marker as a quad has.

    `names` are the variables that it gives, and that of its graph; `terms` are where a solution of
    the level has their values: what it leaves unbound, something beside it may bind.
    """

    select: Select
    graph: str
    marker: str
    names: tuple[str, ...]
    terms: tuple[str, ...]


@dataclass
class Probe:
    """What one query asks of a level: the quads and the children of its solutions."""

    beside: Beside
    ways: list[Quad | Child] = field(default_factory=list)

    @property
    def is_sure(self) -> bool:
        """Whether every solution of the level says something by this probe."""
        adds = any(isinstance(each, Pattern | Exists) for each in self.beside)
        return not adds and any(not way.marker for way in self.ways)


class Walk:
    """Goes through the patterns of a level and gathers what to ask."""

    def __init__(self, names: Names) -> None:
        self.probes: list[Probe] = []
        self.gaps: list[str] = []
        self._names = names

    def group(
        self,
        group: Group,
        graph: str,
        probe: Probe,
        marker: str,
        outside: frozenset[str],
    ) -> None:
        """Add what a group's own solutions say to `probe`, and a probe for each thing that they don't.

        `marker` is bound where the group took part; `outside` are the variables that an EXISTS sees
        from around it.
        """
        seen = outside | set(group.visible())
        for part in group.parts:
            match part:
                case Pattern() if isinstance(part.predicate, str):
                    probe.ways.append(Quad(graph, part.subject, part.predicate, part.object, marker))
                case Pattern():
                    for more, quad in self._steps(part.predicate, part.subject, part.object, ""):
                        self._new({**probe.beside, part: more}).ways.append(
                            replace(quad, graph=graph, marker=marker)
                        )
                case Select():
                    self._child(part, graph, probe, marker)
                case Block(word="MINUS" | "SERVICE"):
                    self.gaps.append(part.word)
                case Block(word="OPTIONAL"):
                    self._marked(part.group, graph, probe, seen)
                case Block():
                    self.group(part.group, part.name or graph, probe, marker, seen)
                case Union():
                    for each in part.groups:
                        self._marked(each, graph, probe, seen)
                case Filter() | Bind():
                    self._exists(part, group, graph, probe, marker, seen=seen)

    def _child(self, select: Select, graph: str, probe: Probe, marker: str) -> None:
        bound = set(sure(select.group))
        copies = {name: self._names.fresh("c") for name in select.projected() if name not in bound}
        binds = " ".join(f"BIND({name} AS {copy})" for name, copy in copies.items())
        probe.beside = {**probe.beside, select: binds}
        names = dict.fromkeys((*select.projected(), *((graph,) if graph[:1] == "?" else ())))
        terms = tuple(copies.get(name, name) for name in names)
        probe.ways.append(Child(select, graph, marker, tuple(names), terms))

    def _marked(self, group: Group, graph: str, probe: Probe, outside: frozenset[str]) -> None:
        """Go through a group that may have taken part or not, and mark the solutions in which it did."""
        marker = self._names.fresh("m")
        probe.beside = {**probe.beside, group: f"BIND(true AS {marker})"}
        self.group(group, graph, probe, marker, outside)

    def _exists(
        self,
        part: Filter | Bind,
        group: Group,
        graph: str,
        probe: Probe,
        marker: str,
        *,
        seen: frozenset[str],
    ) -> None:
        for exists in part.expression.exists():
            if exists.negated:
                self.gaps.append("NOT EXISTS")
                continue
            inside = self._apart(exists.group, group, seen)
            self.group(inside, graph, self._new({**probe.beside, exists: inside}), marker, seen)

    def _apart(self, inside: Group, around: Group, seen: frozenset[str]) -> Group:
        """Return the pattern of an EXISTS for a LATERAL, which may bind no variable of its solution.

        What that may leave unbound gets a name of its own, and must be the same where it is bound.
        """
        unsure = (set(around.visible()) - set(certain(around))) & set(inside.visible())
        renaming = Renaming(self._names, seen - unsure)
        copied = renaming.group(inside)
        same = tuple(same_if_bound(name, copy) for name, copy in renaming.given.items() if name in unsure)
        return Group((*copied.parts, *same))

    def _new(self, beside: Beside) -> Probe:
        if len(self.probes) == _MOST_PROBES:
            message = f"Evidence would have to ask more than {_MOST_PROBES} queries for each page of rows."
            raise TooLarge(message, hint="Ask with fewer paths and EXISTS.")
        self.probes.append(Probe(dict(beside)))
        return self.probes[-1]

    def _steps(self, path: Path | str, start: str, end: str, before: str) -> Iterator[tuple[str, Quad]]:
        """Yield the quads of the steps that a path took, each with the patterns that find it."""
        if isinstance(path, str):
            yield f"{before} {start} {path} {end} .", Quad("", start, path, end)
        elif path.kind == "^":
            yield from self._steps(path.parts[0], end, start, before)
        elif path.kind == "/":
            stops = [start, *(self._names.fresh() for _ in path.parts[1:]), end]
            walked = [f"{stops[n]} {path_text(part)} {stops[n + 1]} ." for n, part in enumerate(path.parts)]
            whole = f"{before} {' '.join(walked)}"
            for n, part in enumerate(path.parts):
                yield from self._steps(part, stops[n], stops[n + 1], whole)
        elif path.kind == "|":
            names = [part for part in path.parts if isinstance(part, str)]
            if names:
                step = self._names.fresh("p")
                yield (
                    f"{before} VALUES {step} {{ {' '.join(names)} }} {start} {step} {end} .",
                    Quad("", start, step, end),
                )
            for part in path.parts:
                if isinstance(part, Path):
                    yield from self._steps(part, start, end, before)
        elif path.kind == "!":
            yield from self._step_of_none(path, start, end, before)
        elif path.kind == "?":
            yield from self._steps(path.parts[0], start, end, f"{before} FILTER(!sameTerm({start}, {end}))")
        else:
            # Every step that lies between the two ends, on whichever way.
            this, that = self._names.fresh(), self._names.fresh()
            any_way = path_text(Path("*", path.parts))
            moved = f"FILTER(!sameTerm({start}, {end}))" if path.kind == "*" else ""
            between = f"{before} {moved} {start} {any_way} {this} . {that} {any_way} {end} ."
            yield from self._steps(path.parts[0], this, that, between)

    def _step_of_none(self, path: Path, start: str, end: str, before: str) -> Iterator[tuple[str, Quad]]:
        forth = [part for part in path.parts if isinstance(part, str)]
        back = [str(part.parts[0]) for part in path.parts if isinstance(part, Path)]
        for names, one, other in ((forth, start, end), (back, end, start)):
            # Without an inverse among its parts it goes forth only.
            if names or (one is start and not back):
                step = self._names.fresh("p")
                excluded = f"FILTER({step} NOT IN ({', '.join(names)}))"
                yield f"{before} {one} {step} {other} . {excluded}", Quad("", one, step, other)
