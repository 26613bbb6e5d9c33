"""Which derivations a triple really rests on: those that can be followed down without a circle.

Two properties that are each other's inverse derive each other's triples; a triple doesn't rest on
what rests on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import networkx

from kg.premises import Derivation
from kg.statements import Statements

__all__ = ["Proofs"]

_Ways = dict[int, dict[Derivation, None]]
# What one triple comes to: all triples below it, and the derivations between them.
_Proof = tuple[frozenset[int], frozenset[tuple[int, Derivation]]]


class Proofs:
    """Follows derivations down; `gaps` says "rule" when an inferred triple turned out to have none."""

    def __init__(self, statements: Statements, derivations: Mapping[int, tuple[Derivation, ...]]) -> None:
        self._statements = statements
        self._derivations = derivations
        self._known: dict[tuple[int, frozenset[int]], _Proof | None] = {}
        self.gaps: set[str] = set()
        below = networkx.DiGraph()
        for number, ways in derivations.items():
            below.add_edges_from((number, premise) for way in ways for premise in way.premises)
        # Only triples that can derive each other can go in a circle.
        self._circles = {
            number: frozenset(circle)
            for circle in networkx.strongly_connected_components(below)
            for number in circle
        }

    def of(self, numbers: Iterable[int]) -> tuple[set[int], _Ways]:
        """Return these triples with all that they rest on, and the derivations by what they derive."""
        shown: set[int] = set()
        ways: _Ways = {}
        for number in sorted(numbers):
            proof = self._proof(number, frozenset())
            if proof is None:
                self.gaps.add("rule")
                shown.add(number)
                continue
            shown |= proof[0]
            for owner, way in proof[1]:
                ways.setdefault(owner, {})[way] = None
        return shown, {owner: dict.fromkeys(sorted(found, key=_order)) for owner, found in ways.items()}

    def _proof(self, number: int, above: frozenset[int]) -> _Proof | None:
        """Return what a triple rests on without any of those above it; None if it doesn't hold without."""
        above &= self._circles.get(number, frozenset())
        if number in above:
            return None
        key = (number, above)
        if key not in self._known:
            self._known[key] = self._found(number, above | {number})
        return self._known[key]

    def _found(self, number: int, above: frozenset[int]) -> _Proof | None:
        shown: set[int] = {number}
        used: set[tuple[int, Derivation]] = set()
        holds = self._statements.is_asserted(number)
        for way in self._derivations.get(number, ()):
            if number in way.premises:
                continue
            proofs = [self._proof(premise, above) for premise in way.premises]
            if all(proofs):
                holds = True
                used.add((number, way))
                for proof in proofs:
                    assert proof is not None
                    shown |= proof[0]
                    used |= proof[1]
        return (frozenset(shown), frozenset(used)) if holds else None


def _order(way: Derivation) -> tuple[str, list[int]]:
    return way.rule.name, sorted(way.premises)
