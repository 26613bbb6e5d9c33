"""Rewrite a SELECT to the queries that say which triples gave its rows.

A level is one SELECT; those inside it are levels of their own, asked after it by what they gave. The
rows that evidence is asked for are written in as VALUES, the pattern is left as it stands, and each
solution then gives the triples that its patterns stood for. What a solution doesn't say by itself is
asked by a probe: the same level with one thing added in its place, the steps of a path or the
pattern of an EXISTS. So nothing multiplies with anything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from kg.bindings import sure, unsteady
from kg.patterns import (
    Expression,
    Group,
    Query,
    Select,
)
from kg.probes import Child, Probe, Quad, Walk
from kg.spelling import bound_text, expression_text, group_text, select_text, values_text

__all__ = ["Child", "Level", "Probe", "Quad", "level_of"]


@dataclass(frozen=True)
class Level:
    """One SELECT with its probes; `gaps` names what has no evidence."""

    query: Query
    select: Select
    graph: str
    probes: tuple[Probe, ...]
    gaps: tuple[str, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The variables by which a row's solutions are found: those of its group, else its own."""
        if self.select.keys is not None:
            names: Iterable[str] = (name for name, _ in self.select.keys)
        else:
            names = self.select.projected()
        seen = {*self.select.group.visible(), *self._made()} - self.unsteady
        graph = (self.graph,) if self.graph[:1] == "?" else ()
        return (*(name for name in names if name in seen), *graph)

    @property
    def unsteady(self) -> set[str]:
        """The variables whose values come out otherwise when asked again: lists in no fixed order."""
        return unsteady(Group((self.select,)))

    @property
    def hides_groups(self) -> bool:
        """Whether a row doesn't say by itself which groups it comes from."""
        plain = {name for name, expression in self.select.items if expression is None}
        return any(name not in plain for name, _ in self.select.keys or ())

    def _made(self) -> list[str]:
        """Return the variables that expressions make after the pattern."""
        made = [name for name, expression in self._extras()]
        values = self.select.values
        return [*made, *(values.variables if values and self.select.keys is None else ())]

    def _extras(self) -> list[tuple[str, Expression]]:
        extra = self.select.items if self.select.keys is None else self.select.keys
        return [(name, expression) for name, expression in extra if expression]

    def probe_query(self, probe: Probe, rows: Sequence[Mapping[str, str]]) -> str:
        """Return the query for what rows come from: `row`, `way` (which of the probe's), and its terms.

        Shapes: a row maps keys of this level to terms as SPARQL writes them, "" for unbound; at least
        one, with the same keys bound and unbound in each.
        """
        own = self.query.names.own
        ways = []
        for index, way in enumerate(probe.ways):
            known = f"FILTER(BOUND({way.marker})) " if way.marker else ""
            binds = " ".join(f"BIND({term} AS {own(str(n))})" for n, term in enumerate(way.terms) if term)
            ways.append(f"{{ {known}BIND({index} AS {own('way')}) {binds} }}")
        widest = max(len(way.terms) for way in probe.ways)
        names = " ".join(own(name) for name in ("row", "way", *map(str, range(widest))))
        return self._select(names, self._solutions(probe, rows), f"LATERAL {{ {' UNION '.join(ways)} }}")

    def groups_query(self, rows: Sequence[Mapping[str, str]]) -> str:
        """Return the query for the groups that rows come from, each by the keys of this level."""
        keys = self.select.keys or ()
        plain = {name for name, expression in self.select.items if expression is None}
        items = [(name, None) for name, _ in keys if name not in plain]
        whole = replace(self.select, items=(*items, *self.select.items), modifier="DISTINCT", tail="")
        # Its order and its bounds don't matter to a row that is there.
        found = f"{{ {select_text(whole, {})} }}"
        wanted = " ".join((self.query.names.own("row"), *self.keys))
        graph = f"GRAPH {self.graph} {found}" if self.graph else found
        return self._select(wanted, f"{{ {graph} {bound_text(rows)} }} {self._rows(rows)}", "")

    def is_sure(self, name: str) -> bool:
        """Whether every solution has a variable from the start, so that the engine can begin with it."""
        return name in sure(self.select.group)

    def solutions_query(self, rows: Sequence[Mapping[str, str]]) -> str:
        """Return the query for the solutions of rows, by every variable of the pattern."""
        names = (self.query.names.own("row"), *self.select.group.visible())
        return self._select(" ".join(names), self._solutions(Probe({}), rows), "")

    def _select(self, names: str, pattern: str, more: str) -> str:
        dataset = " ".join(f"FROM {kind} {graph}" for kind, graph in self.query.dataset)
        return f"{self.query.prologue} SELECT DISTINCT {names} {dataset} WHERE {{ {pattern} {more} }}"

    def _solutions(self, probe: Probe, rows: Sequence[Mapping[str, str]]) -> str:
        """Return the pattern of this level's solutions of these rows."""
        group = self.select.group
        inside = group_text(group, probe.beside)
        if self.graph:
            inside = f"GRAPH {self.graph} {{ {inside} }}"
        always = set(sure(group)) | ({self.graph} if self.graph else set())
        # Said at the start for the engine to begin with, where that changes nothing, and at the end for all.
        first = values_text(rows, [name for name, term in rows[0].items() if term and name in always])
        made = " ".join(
            f"BIND({expression_text(expression)} AS {name})" for name, expression in self._extras()
        )
        values = self.select.values
        joined = f"VALUES {values.text}" if values and self.select.keys is None else ""
        return f"{{ {{ {first} {inside} }} {made} {joined} {bound_text(rows, always)} }} {self._rows(rows)}"

    def _rows(self, rows: Sequence[Mapping[str, str]]) -> str:
        bound = [name for name, term in rows[0].items() if term]
        absent = "".join(f" FILTER(!BOUND({name}))" for name, term in rows[0].items() if not term)
        numbered = [{**row, self.query.names.own("row"): str(n)} for n, row in enumerate(rows)]
        return values_text(numbered, [self.query.names.own("row"), *bound]) + absent


def level_of(query: Query, select: Select, graph: str = "") -> Level:
    """Return a SELECT of a query as a level; `graph` is the one that its patterns are asked in."""
    walk = Walk(query.names)
    base = Probe({})
    walk.probes.append(base)
    walk.group(select.group, graph, base, "", frozenset())
    for _, expression in (*select.items, *(select.keys or ())):
        if expression and any(expression.exists()):
            walk.gaps.append("EXISTS in GROUP BY, HAVING or SELECT")
    if select.having and any(select.having.exists()):
        walk.gaps.append("EXISTS in GROUP BY, HAVING or SELECT")
    probes = tuple(probe for probe in walk.probes if probe.ways)
    return Level(query, select, graph, probes, tuple(dict.fromkeys(walk.gaps)))
