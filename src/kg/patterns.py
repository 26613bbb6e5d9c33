"""The tree of the patterns of a query: which triples it asks, and where; its expressions stay tokens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

__all__ = [
    "Bind",
    "Block",
    "Exists",
    "Expression",
    "Filter",
    "Group",
    "Items",
    "Names",
    "Part",
    "Path",
    "Pattern",
    "Query",
    "Select",
    "Union",
    "Values",
]


@dataclass(frozen=True)
class Path:
    """A property path. `kind` is one of `/ | ^ + * ? !`; the parts of `!` are names, or `^` of one."""

    kind: str
    parts: tuple[Path | str, ...]


@dataclass(frozen=True, eq=False)
class Pattern:
    """A triple pattern, its terms as they are written; a path only where it is no name or variable."""

    subject: str
    predicate: Path | str
    object: str


@dataclass(frozen=True, eq=False)
class Exists:
    """EXISTS in an expression; `negated` where what it finds speaks against."""

    group: Group
    written_not: bool
    negated: bool


@dataclass(frozen=True, eq=False)
class Expression:
    """The tokens of an expression, with the EXISTS among them."""

    parts: tuple[str | Exists, ...]

    def exists(self) -> Iterator[Exists]:
        return (part for part in self.parts if isinstance(part, Exists))


@dataclass(frozen=True, eq=False)
class Filter:
    """A condition on the group that it stands in."""

    expression: Expression


@dataclass(frozen=True, eq=False)
class Bind:
    """A variable that an expression gives."""

    expression: Expression
    variable: str


@dataclass(frozen=True, eq=False)
class Values:
    """Rows written in the query."""

    variables: tuple[str, ...]
    text: str


@dataclass(frozen=True, eq=False)
class Block:
    """A group under a word: OPTIONAL, MINUS, LATERAL, GRAPH or SERVICE with a name, or none."""

    word: str
    name: str
    group: Group


@dataclass(frozen=True, eq=False)
class Union:
    """Groups of which any may hold."""

    groups: tuple[Group, ...]


@dataclass(frozen=True, eq=False)
class Select:
    """A SELECT: an item without an expression is a variable by itself.

    `keys` are what it groups by, None where it doesn't group; `tail` is its order and its bounds.
    """

    modifier: str
    items: tuple[tuple[str, Expression | None], ...]
    group: Group
    keys: tuple[tuple[str, Expression | None], ...] | None
    having: Expression | None
    tail: str
    values: Values | None

    def projected(self) -> tuple[str, ...]:
        """Return the variables that it gives, as `?name`."""
        return tuple(variable for variable, _ in self.items)


Items = tuple[tuple[str, Expression | None], ...]
Part = Pattern | Filter | Bind | Values | Block | Union | Select


@dataclass(frozen=True, eq=False)
class Group:
    """What stands between braces, in order."""

    parts: tuple[Part, ...]

    def visible(self) -> tuple[str, ...]:
        """Return the variables that it may bind, as `?name`, in order."""
        return tuple(dict.fromkeys(self._visible()))

    def _visible(self) -> Iterator[str]:
        for part in self.parts:
            match part:
                case Pattern():
                    terms = (part.subject, part.predicate, part.object)
                    yield from (term for term in terms if isinstance(term, str) and term[0] == "?")
                case Bind():
                    yield part.variable
                case Values():
                    yield from part.variables
                case Block() if part.word != "MINUS":
                    yield from ((part.name,) if part.name[:1] == "?" else ())
                    yield from part.group.visible()
                case Union():
                    for group in part.groups:
                        yield from group.visible()
                case Select():
                    yield from part.projected()


@dataclass
class Names:
    """Variables that a text doesn't have: `fresh()` gives one after another."""

    text: str
    _numbers: Iterator[int] = field(default_factory=count)
    prefix: str = ""

    def __post_init__(self) -> None:
        self.prefix = next(name for n in count() if (name := f"ev{n or ''}_") not in self.text)

    def fresh(self, hint: str = "x") -> str:
        """Return another variable."""
        return f"?{self.prefix}{hint}{next(self._numbers)}"

    def own(self, name: str) -> str:
        """Return the variable that has this name of ours."""
        return f"?{self.prefix}{name}"


@dataclass(frozen=True)
class Query:
    """A text taken apart; `template` is what a CONSTRUCT gives, empty for a SELECT.

    `dataset` are its FROM clauses: NAMED or nothing, and the graph as it is written.
    """

    prologue: str
    select: Select
    template: tuple[Pattern, ...]
    names: Names
    dataset: tuple[tuple[str, str], ...]
