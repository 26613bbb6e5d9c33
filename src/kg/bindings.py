"""What is known of a group's variables: whether its solutions bind them, and to the same each time."""

from __future__ import annotations

from collections.abc import Iterator

from kg.patterns import (
    Bind,
    Block,
    Expression,
    Filter,
    Group,
    Pattern,
    Select,
    Union,
    Values,
)

__all__ = ["certain", "sure", "unsteady"]

_UNORDERED = {"GROUP_CONCAT", "SAMPLE"}


def sure(group: Group) -> Iterator[str]:
    """Yield variables that every solution of a group binds before anything optional is looked for."""
    for part in group.parts:
        match part:
            case Pattern():
                terms = (part.subject, part.predicate, part.object)
                yield from (term for term in terms if isinstance(term, str) and term[0] == "?")
            case Block(word="" | "GRAPH"):
                yield from ((part.name,) if part.name[:1] == "?" else ())
                yield from sure(part.group)
            case Union():
                yield from set.intersection(*(set(sure(each)) for each in part.groups))
            case Filter() | Select() | Values():
                continue
            case _:
                return


def certain(group: Group) -> Iterator[str]:
    """Yield variables that every solution of a group binds in the end."""
    for part in group.parts:
        if isinstance(part, Block) and part.word in {"", "GRAPH", "LATERAL"}:
            yield from ((part.name,) if part.name[:1] == "?" else ())
            yield from certain(part.group)
        elif isinstance(part, Union):
            yield from set.intersection(*(set(certain(each)) for each in part.groups))
        elif isinstance(part, Select):
            yield from set(part.projected()) & set(certain(part.group))
        elif isinstance(part, Pattern):
            yield from sure(Group((part,)))


def unsteady(group: Group) -> set[str]:
    """Return the variables of a group that rest on GROUP_CONCAT or SAMPLE, whose order is left open."""
    found: set[str] = set()

    def spoilt(expression: Expression | None) -> bool:
        words = (each for each in expression.parts if isinstance(each, str)) if expression else ()
        return any(word in found or word.upper() in _UNORDERED for word in words)

    for part in group.parts:
        match part:
            case Block():
                found |= unsteady(part.group)
            case Union():
                found |= set().union(*(unsteady(each) for each in part.groups))
            case Bind() if spoilt(part.expression):
                found.add(part.variable)
            case Select():
                inside = unsteady(part.group)
                found |= inside
                made = {name for name, each in (*part.items, *(part.keys or ())) if spoilt(each)}
                found -= inside - set(part.projected())
                found |= made
            case _:
                continue
    return found
