"""Say whether two bags of rows are the same but for the names of blank nodes and the way values are written.

A row is a tuple of terms: a solution, a triple, a quad. Numbers, booleans and language tags are
compared by value within their datatype, since an engine may write a value in another way.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from decimal import Decimal
from struct import pack, unpack

from kg.store import BlankNode, Literal, NamedNode, Triple

from .rdf import Term

__all__ = ["Row", "same", "same_but_repeats", "value_of"]

Row = tuple[Hashable, ...]

_XSD = "http://www.w3.org/2001/XMLSchema#"
_INTEGER = re.compile(r"[+-]?\d+")
_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
_DOUBLE = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|[+-]?INF|NaN")
_INTEGERS = {
    *("integer", "long", "int", "short", "byte", "nonNegativeInteger", "positiveInteger"),
    *("nonPositiveInteger", "negativeInteger"),
    *("unsignedLong", "unsignedInt", "unsignedShort", "unsignedByte"),
}
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def same(left: Iterable[Row], right: Iterable[Row]) -> bool:
    """Whether both bags hold the same rows, for some pairing of their blank nodes.

    >>> same([(BlankNode("a"), BlankNode("b"))], [(BlankNode("x"), BlankNode("y"))])
    True
    >>> same([(BlankNode("a"), BlankNode("a"))], [(BlankNode("x"), BlankNode("y"))])
    False
    """
    ours, theirs = list(left), list(right)
    return len(ours) == len(theirs) and _match(ours, theirs, {}, {})


def same_but_repeats(given: Iterable[Row], expected: Iterable[Row]) -> bool:
    """Whether each expected row is given at least once and at most as often as expected: REDUCED.

    >>> same_but_repeats([(1,), (2,)], [(1,), (1,), (2,)])
    True
    """
    counts, most = Counter(given), Counter(expected)
    return counts.keys() == most.keys() and all(counts[row] <= most[row] for row in counts)


def value_of(term: Term) -> Hashable:
    """Return what a term says, the same for every way to write it; a blank node stays itself.

    >>> integer = NamedNode(_XSD + "integer")
    >>> value_of(Literal("01", datatype=integer)) == value_of(Literal("1", datatype=integer))
    True
    """
    if isinstance(term, Triple):
        return ("triple", value_of(term.subject), term.predicate, value_of(term.object))
    if not isinstance(term, Literal):
        return term
    if term.language:
        return ("text", term.value, term.language.lower(), str(term.direction))
    return ("literal", term.datatype.value, _value(term.value, term.datatype))


def _value(text: str, datatype: NamedNode) -> Hashable:
    """Return a value within its datatype; an ill-typed literal stands for its own text."""
    kind = datatype.value.removeprefix(_XSD)
    if kind in _INTEGERS and _INTEGER.fullmatch(text):
        return int(text)
    if kind == "decimal" and _DECIMAL.fullmatch(text):
        return Decimal(text)
    if kind in {"double", "float"} and _DOUBLE.fullmatch(text):
        number = float(text)
        return str(unpack("f", pack("f", number))[0] if kind == "float" else number)
    if kind == "boolean":
        return _BOOLEANS.get(text, text)
    if kind in {"date", "dateTime", "time"}:
        return re.sub(r"[+-]00:00$", "Z", text)
    return text


Colours = Mapping[BlankNode, int]


def _match(left: Sequence[Row], right: Sequence[Row], mine: Colours, theirs: Colours) -> bool:
    """Colour the blank nodes of both sides by where they stand; where a colour is shared, try each pair."""
    mine, theirs = _refined(left, mine), _refined(right, theirs)
    if _painted(left, mine) != _painted(right, theirs):
        return False
    alike = defaultdict(list)
    for node, colour in theirs.items():
        alike[colour].append(node)
    shared = next((node for node, colour in mine.items() if len(alike[colour]) > 1), None)
    if shared is None:
        return True
    picked = hash(("picked", mine[shared]))
    return any(
        _match(left, right, {**mine, shared: picked}, {**theirs, node: picked})
        for node in alike[mine[shared]]
    )


def _refined(rows: Sequence[Row], colours: Colours) -> Colours:
    """Tell blank nodes apart by the rows they stand in, until that tells no more of them apart."""
    standing = defaultdict(list)
    for row in rows:
        for node in set(_blank_nodes(row)):
            standing[node].append(row)
    now = {node: colours.get(node, 0) for node in standing}
    while True:
        after = {
            node: hash((now[node], *sorted(hash(_paint(row, now, node)) for row in found)))
            for node, found in standing.items()
        }
        if len(set(after.values())) == len(set(now.values())):
            return after
        now = after


def _painted(rows: Sequence[Row], colours: Colours) -> Counter[Hashable]:
    return Counter(_paint(row, colours, None) for row in rows)


def _paint(cell: Hashable, colours: Colours, me: BlankNode | None) -> Hashable:
    if isinstance(cell, BlankNode):
        return ("me",) if cell == me else ("blank", colours[cell])
    if isinstance(cell, tuple):
        return tuple(_paint(part, colours, me) for part in cell)
    return cell


def _blank_nodes(cell: Hashable) -> Iterable[BlankNode]:
    if isinstance(cell, BlankNode):
        yield cell
    elif isinstance(cell, tuple):
        for part in cell:
            yield from _blank_nodes(part)
