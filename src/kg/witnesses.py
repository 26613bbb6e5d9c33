"""Find the triples that gave rows: ask the queries of a level, and of the levels inside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kg.parameters import Asker
from kg.patterns import Names
from kg.rewriting import Child, Level, Quad, level_of
from kg.statements import AT_ONCE, Statements, pieces, written
from kg.store import Row, Term

__all__ = ["Witnesses"]

# A row by the keys of its level, as SPARQL writes its terms; "" is unbound, absent is unknown.
_Key = Mapping[str, str]


class Witnesses:
    """Gathers triples for rows; `gaps` names what was met that has no evidence."""

    def __init__(self, asker: Asker, statements: Statements) -> None:
        self._asker = asker
        self._statements = statements
        self.gaps: dict[str, None] = {}

    async def of(self, level: Level, rows: Sequence[Row]) -> list[set[int]]:
        """Return the numbers of the triples of each row, in their order.

        A row is one of the SELECT's own solutions; its variables go without `?`.
        Raises: TooLarge, and what the asker raises.
        """
        self.gaps |= dict.fromkeys(level.gaps)
        found: list[set[int]] = [set() for _ in rows]
        if level.hides_groups:
            names = [name for name in level.select.projected() if name not in level.unsteady]
            owners, groups = await self._groups(level, [self._key(names, row) for row in rows])
        else:
            owners, groups = [[n] for n in range(len(rows))], list(rows)
        # Rows with the same key have the same evidence.
        by_key: dict[tuple[tuple[str, str], ...], list[int]] = {}
        for owner, row in zip(owners, groups, strict=True):
            by_key.setdefault(tuple(self._key(level.keys, row).items()), []).extend(owner)
        signatures: dict[tuple[tuple[str, bool], ...], list[tuple[tuple[str, str], ...]]] = {}
        for key in by_key:
            signatures.setdefault(tuple((name, bool(term)) for name, term in key), []).append(key)
        for keys in signatures.values():
            for some in pieces(keys):
                for key, numbers in zip(
                    some, await self._of_keys(level, [dict(each) for each in some]), strict=True
                ):
                    for owner_of in by_key[key]:
                        found[owner_of] |= numbers
        return found

    async def solutions(self, level: Level, keys: Sequence[_Key]) -> list[tuple[int, Row]]:
        """Return the solutions of rows given by their keys, the same ones in each: (which row, solution)."""
        found: list[tuple[int, Row]] = []
        for at, some in enumerate(pieces(keys)):
            rows = await self._numbered(level.solutions_query(some), level.query.names)
            found += [(at * AT_ONCE + owner, row) for owner, row in rows]
        return found

    async def _of_keys(self, level: Level, keys: Sequence[_Key]) -> list[set[int]]:
        found: list[set[int]] = [set() for _ in keys]
        own = level.query.names.own
        for probe in level.probes:
            inside: dict[Child, list[tuple[int, Row]]] = {}
            rows = await self._numbered(level.probe_query(probe, keys), level.query.names)
            # Only a count of nothing comes from no solution.
            if probe.is_sure and level.select.keys != () and len({owner for owner, _ in rows}) < len(keys):
                self.gaps["unmatched"] = None
            for owner, row in rows:
                way = probe.ways[int(row[own("way")[1:]]["value"])]
                terms = [row.get(own(str(n))[1:]) for n in range(len(way.terms))]
                if isinstance(way, Quad):
                    self._add(way, terms, found[owner])
                else:
                    given = zip(way.names, terms, strict=True)
                    inside.setdefault(way, []).append(
                        (owner, {name[1:]: term for name, term in given if term})
                    )
            for child, given_by in inside.items():
                below = level_of(level.query, child.select, child.graph)
                for (owner, _), numbers in zip(
                    given_by, await self.of(below, [row for _, row in given_by]), strict=True
                ):
                    found[owner] |= numbers
        return found

    def _add(self, quad: Quad, terms: Sequence[Term | None], found: set[int]) -> None:
        """Add the triple that a solution stands for, if it does."""
        graph, subject, predicate, target = terms
        if not (subject and predicate and target) or (quad.graph and not graph):
            return
        number = self._statements.number(graph["value"] if graph else "", (subject, predicate, target))
        if number is None:
            self.gaps["blank node"] = None
        else:
            found.add(number)

    async def _groups(self, level: Level, keys: list[_Key]) -> tuple[list[list[int]], list[Row]]:
        """Return the groups that rows come from, each with the row."""
        owners: list[list[int]] = []
        groups: list[Row] = []
        signatures: dict[tuple[tuple[str, bool], ...], list[int]] = {}
        for n, key in enumerate(keys):
            signatures.setdefault(tuple((name, bool(term)) for name, term in key.items()), []).append(n)
        for alike in signatures.values():
            for some in pieces(alike):
                query = level.groups_query([keys[n] for n in some])
                for owner, row in await self._numbered(query, level.query.names):
                    owners.append([some[owner]])
                    groups.append(row)
        return owners, groups

    async def _numbered(self, query: str, names: Names) -> list[tuple[int, Row]]:
        """Return rows of ours with the place of the row that each is about."""
        place = names.own("row")[1:]
        return [(int(row[place]["value"]), row) for row in await self._asker.rows(query, {})]

    def _key(self, names: Sequence[str], row: Row) -> dict[str, str]:
        """Return the terms of some variables in a row; a blank node can't be asked for."""
        key = {}
        for name in names:
            term = written(row.get(name[1:]))
            if term is None:
                self.gaps["blank node"] = None
            else:
                key[name] = term
        return key
