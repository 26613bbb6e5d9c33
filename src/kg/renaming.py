"""Copy patterns with other variables, with constants in their place, or without what must be absent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from kg.patterns import (
    Bind,
    Block,
    Exists,
    Expression,
    Filter,
    Group,
    Items,
    Names,
    Part,
    Pattern,
    Query,
    Select,
    Union,
    Values,
)

__all__ = ["Renaming", "same_if_bound", "with_constants", "without_absence"]


def without_absence(query: Query) -> Query:
    """Return a query that holds whatever is there too: without its conditions NOT EXISTS."""
    return replace(query, select=replace(query.select, group=_unconditional(query.select.group)))


def _unconditional(group: Group) -> Group:
    def absent(part: Part) -> bool:
        only = part.expression.parts if isinstance(part, Filter) else ()
        return len(only) == 1 and isinstance(only[0], Exists) and only[0].negated

    return Group(tuple(part for part in group.parts if not absent(part)))


def with_constants(query: Query, terms: Mapping[str, str]) -> Query:
    """Return a query with terms in the place of variables, wherever they stand; it gives them no more."""
    return replace(query, select=_Constants(query.names, frozenset(), dict(terms)).select(query.select))


def same_if_bound(name: str, other: str) -> Filter:
    """Return the condition that a variable is some other term wherever it is bound."""
    return Filter(Expression(("!", "BOUND", "(", name, ")", "||", "sameTerm", "(", name, ",", other, ")")))


@dataclass(frozen=True)
class Renaming:
    """Copies a group with names of its own for what isn't seen outside."""

    names: Names
    seen: frozenset[str]
    given: dict[str, str] = field(default_factory=dict)

    def name(self, term: str) -> str:
        if term[:1] != "?" or term in self.seen or len(term) == 1:
            return term
        if term not in self.given:
            self.given[term] = self.names.fresh("e")
        return self.given[term]

    def group(self, group: Group) -> Group:
        return Group(tuple(self._part(part) for part in group.parts))

    def _part(self, part: Part) -> Part:  # noqa: PLR0911  one for each kind of part
        match part:
            case Pattern():
                verb = self.name(part.predicate) if isinstance(part.predicate, str) else part.predicate
                return Pattern(self.name(part.subject), verb, self.name(part.object))
            case Filter():
                return Filter(self._expression(part.expression))
            case Bind():
                return Bind(self._expression(part.expression), self.name(part.variable))
            case Values():
                return self.values(part)
            case Block():
                return Block(part.word, self.name(part.name), self.group(part.group))
            case Union():
                return Union(tuple(self.group(group) for group in part.groups))
            case Select():
                return self.select(part)

    def _expression(self, expression: Expression) -> Expression:
        return Expression(
            tuple(
                self.name(each)
                if isinstance(each, str)
                else Exists(self.group(each.group), each.written_not, each.negated)
                for each in expression.parts
            )
        )

    def values(self, values: Values) -> Values:
        names = tuple(self.name(name) for name in values.variables)
        rows = values.text[values.text.index("{") :]
        return Values(names, f"({' '.join(names)}) {rows}" if values.text[0] == "(" else f"{names[0]} {rows}")

    def _items(self, items: Items) -> Items:
        return tuple((self.name(name), each and self._expression(each)) for name, each in items)

    def select(self, select: Select) -> Select:
        return Select(
            select.modifier,
            self._items(select.items),
            self.group(select.group),
            self._items(select.keys) if select.keys is not None else None,
            select.having and self._expression(select.having),
            " ".join(self.name(word) for word in select.tail.split(" ")),
            select.values and self.values(select.values),
        )


class _Constants(Renaming):
    """Copies a query with constants in the place of some variables."""

    def name(self, term: str) -> str:
        return self.given.get(term, term)

    def select(self, select: Select) -> Select:
        values = select.values
        if values and select.keys is None and self._given_of(values):
            # Behind a SELECT that doesn't group they stand as at the end of its pattern.
            select = replace(select, group=Group((*select.group.parts, values)), values=None)
        return super().select(select)

    def _part(self, part: Part) -> Part:
        if not isinstance(part, Values) or not self._given_of(part):
            return super()._part(part)
        # No constant can head a column: a variable does, and the rows with the constant stay.
        copies = Renaming(self.names, frozenset(part.variables) - set(self._given_of(part)))
        written = copies.values(part)
        same = (same_if_bound(copy, self.given[name]) for name, copy in copies.given.items())
        return Block("", "", Group((written, *same)))

    def _given_of(self, values: Values) -> list[str]:
        return [name for name in values.variables if name in self.given]

    def _items(self, items: Items) -> Items:
        kept = super()._items(tuple(item for item in items if item[0] not in self.given))
        # Nothing left is not the same as everything.
        return kept or ((self.names.fresh("n"), Expression(("1",))),) if items else ()
