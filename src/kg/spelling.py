"""Write patterns as SPARQL again, with what a probe adds to them."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from kg.patterns import (
    Bind,
    Block,
    Exists,
    Expression,
    Filter,
    Group,
    Part,
    Path,
    Pattern,
    Select,
    Union,
    Values,
)

__all__ = ["Beside", "bound_text", "expression_text", "group_text", "path_text", "select_text", "values_text"]

# What stands beside a pattern or at the end of a group while a probe asks, and instead of an EXISTS.
Beside = Mapping[object, str | Group]


def bound_text(rows: Sequence[Mapping[str, str]], sure: Container[str] = ()) -> str:
    """Return the condition that a solution binds what rows bind: one that doesn't would join with any."""
    names = (name for name, term in rows[0].items() if term and name not in sure)
    return " ".join(f"FILTER(BOUND({name}))" for name in names)


def values_text(rows: Sequence[Mapping[str, str]], names: Sequence[str]) -> str:
    """Return rows as a pattern, each once; nothing when they say nothing."""
    lines = dict.fromkeys(" ".join(row[name] for name in names) for row in rows)
    return f"VALUES ({' '.join(names)}) {{ {' '.join(f'({line})' for line in lines)} }}" if names else ""


def group_text(group: Group, beside: Beside) -> str:
    """Return what stands between the braces of a group, with what a probe adds to it."""
    written, after = [], []
    for part in group.parts:
        written.append(_part(part, beside))
        if isinstance(part, Filter | Bind):
            found = (beside.get(each) for each in part.expression.exists())
            after += [
                f"LATERAL {{ {group_text(each, beside)} }}" for each in found if isinstance(each, Group)
            ]
    return " ".join([*written, *after, str(beside.get(group, ""))])


def _part(part: Part, beside: Beside) -> str:  # noqa: PLR0911  one for each kind of part
    match part:
        case Pattern():
            more = beside.get(part, "")
            return f"{part.subject} {path_text(part.predicate)} {part.object} . {more}"
        case Filter():
            return f"FILTER({expression_text(part.expression)})"
        case Bind():
            return f"BIND({expression_text(part.expression)} AS {part.variable})"
        case Values():
            return f"VALUES {part.text}"
        case Block():
            return f"{part.word} {part.name} {{ {group_text(part.group, beside)} }}"
        case Union():
            return " UNION ".join(f"{{ {group_text(each, beside)} }}" for each in part.groups)
        case Select():
            return f"{{ {{ {select_text(part, {})} }} {beside.get(part, '')} }}"


def select_text(select: Select, beside: Beside) -> str:
    items = " ".join(f"({expression_text(each)} AS {name})" if each else name for name, each in select.items)
    pieces = [f"SELECT {select.modifier} {items or '*'} WHERE {{ {group_text(select.group, beside)} }}"]
    if select.keys:
        keys = (f"({expression_text(each)} AS {name})" if each else name for name, each in select.keys)
        pieces.append(f"GROUP BY {' '.join(keys)}")
    if select.having:
        pieces.append(f"HAVING {expression_text(select.having)}")
    pieces.append(select.tail)
    if select.values:
        pieces.append(f"VALUES {select.values.text}")
    return " ".join(pieces)


def expression_text(expression: Expression) -> str:
    out: list[str] = []
    for part in expression.parts:
        if isinstance(part, Exists):
            out.append(f"{'NOT ' * part.written_not}EXISTS {{ {group_text(part.group, {})} }}")
        elif out and (out[-1] + part in {"!=", "<=", ">="} or part[0] in "@()," or out[-1][-1] == "("):
            # The engine takes no space behind the parenthesis of COALESCE and CONCAT.
            out[-1] += part
        else:
            out.append(part)
    return " ".join(out)


def path_text(path: Path | str) -> str:
    if isinstance(path, str):
        return path
    if path.kind in {"/", "|"}:
        return f"({path.kind.join(path_text(part) for part in path.parts)})"
    if path.kind == "^":
        return f"(^{path_text(path.parts[0])})"
    if path.kind == "!":
        return f"!({'|'.join(each if isinstance(each, str) else f'^{each.parts[0]}' for each in path.parts)})"
    return f"({path_text(path.parts[0])}){path.kind}"
