"""Find what an inferred triple rests on: ask the body of every rule that could have added it.

A rule's head is bound to the triple, and each solution of its body is a derivation: the triples that
the body's patterns stood for are its premises. A premise that was inferred has derivations in turn.
Only derivations that don't go in a circle count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from kg.clauses import Names as Prefixes
from kg.header import read_header
from kg.lexer import tokens
from kg.parameters import Asker
from kg.patterns import Pattern, Query
from kg.reading import read_query
from kg.renaming import without_absence
from kg.rewriting import Level, level_of
from kg.statements import Statements, is_inferred
from kg.store import NamedNode
from kg.witnesses import Witnesses

__all__ = ["Derivation", "Premises", "Rule", "read_rules"]


@dataclass(frozen=True, eq=False)
class Rule:
    """A rule that can be asked for its premises: its name, its title by language, its head and its body.

    `anyway` is the body without what must be absent: what the rule added is there now.
    """

    name: str
    title: dict[str, str]
    head: tuple[Pattern, ...]
    body: Level
    anyway: Level


@dataclass(frozen=True)
class Derivation:
    """One way in which a triple follows: by a rule, from premises by their numbers."""

    rule: Rule
    premises: frozenset[int]


def read_rules(folder: Path) -> tuple[Rule, ...]:
    """Read the rules of a Release. Raises: NoEvidence, BuildError."""
    return tuple(_rule(path) for path in sorted((folder / "ontology" / "rules").glob("*.rq")))


def _rule(path: Path) -> Rule:
    query = read_query(path.read_text("utf-8"))
    items = tuple((name, None) for name in query.select.group.visible())
    query = replace(query, select=replace(query.select, items=items))
    anyway = without_absence(query)
    head = tuple(_whole(pattern, query) for pattern in query.template)
    title: Any = read_header(path).get("title", {})
    return Rule(
        path.stem.partition("-")[2],
        title,
        head,
        level_of(query, query.select),
        level_of(anyway, anyway.select),
    )


def _whole(pattern: Pattern, query: Query) -> Pattern:
    """Return a pattern of a head with its names as whole IRIs, as statements have them."""
    prefixes = Prefixes()
    read = list(tokens(query.prologue))
    for before, iri in pairwise(read):
        if before.kind == "pname" and iri.kind == "iri":
            prefixes.declare(before, iri)

    def term(text: str) -> str:
        token = next(tokens(text))
        iri = prefixes.iri(token) if token.kind in {"iri", "pname"} else None
        return str(NamedNode(iri)) if iri else text

    return Pattern(term(pattern.subject), term(str(pattern.predicate)), term(pattern.object))


class Premises:
    """Derivations of triples, found as they are met."""

    def __init__(self, rules: Sequence[Rule], asker: Asker, statements: Statements) -> None:
        self._rules = rules
        self._asker = asker
        self._statements = statements
        self._witnesses = Witnesses(asker, statements)
        self.of: dict[int, tuple[Derivation, ...]] = {}

    async def find(self, numbers: Iterable[int]) -> None:
        """Find the derivations of these triples where a rule added them, and of their premises, and so on."""
        ahead = list(numbers)
        while inferred := [n for n in ahead if self._statements.is_inferred(n) and n not in self.of]:
            found: dict[int, list[Derivation]] = {n: [] for n in inferred}
            for rule in self._rules:
                own = [n for n in inferred if self._is_of(rule, n)]
                for pattern in rule.head:
                    # A rule that makes a node of its own is the only one to speak of it.
                    others = pattern.subject[0] != "?" or rule.body.is_sure(pattern.subject)
                    await self._by(rule, rule.body, pattern, inferred if others else own, found)
                for pattern in rule.head:
                    without = [n for n in own if not found[n]]
                    await self._by(rule, rule.anyway, pattern, without, found)
            self.of |= {n: tuple(dict.fromkeys(ways)) for n, ways in found.items()}
            ahead = await self._statements.look_up(self._asker)

    def _is_of(self, rule: Rule, number: int) -> bool:
        return any(
            is_inferred(graph) and graph.endswith(f"/{rule.name}")
            for graph in self._statements.graphs[number]
        )

    async def _by(
        self,
        rule: Rule,
        body: Level,
        pattern: Pattern,
        numbers: Sequence[int],
        found: dict[int, list[Derivation]],
    ) -> None:
        bound = [(n, terms) for n in numbers if (terms := self._bound(pattern, n)) is not None]
        if not bound:
            return
        solutions = await self._witnesses.solutions(body, [terms for _, terms in bound])
        premises = await self._witnesses.of(body, [row for _, row in solutions])
        for (owner, _), rests_on in zip(solutions, premises, strict=True):
            found[bound[owner][0]].append(Derivation(rule, frozenset(rests_on)))

    def _bound(self, pattern: Pattern, number: int) -> Mapping[str, str] | None:
        """Return what a triple makes of the variables of a head, None where it isn't one of its kind."""
        statement = self._statements.all[number]
        bound: dict[str, str] = {}
        pairs = (
            (pattern.subject, statement.subject),
            (str(pattern.predicate), statement.predicate),
            (pattern.object, statement.object),
        )
        for asked, term in pairs:
            if bound.setdefault(asked, term) != term or (asked[0] != "?" and asked != term):
                return None
        return {name: term for name, term in bound.items() if name[0] == "?"}
