"""Read a SELECT, or the CONSTRUCT of a rule, as the tree of its patterns.

Only what evidence needs is taken apart. The engine has read the query before, so what can't be read
here is right, and of a kind that evidence doesn't know.
Source: https://www.w3.org/TR/sparql11-query/#sparqlGrammar
"""

from __future__ import annotations

from kg.cursor import plain
from kg.errors import NoEvidence
from kg.patterns import (
    Bind,
    Block,
    Exists,
    Expression,
    Filter,
    Group,
    Part,
    Pattern,
    Query,
    Select,
    Union,
    Values,
)
from kg.triples import TripleReader

__all__ = ["read_query"]

_BLOCKS = {"OPTIONAL", "MINUS", "LATERAL"}
_AGGREGATES = {"COUNT", "SUM", "MIN", "MAX", "AVG", "SAMPLE", "GROUP_CONCAT"}
_MODIFIERS = {"ORDER", "LIMIT", "OFFSET", "VALUES", "HAVING", "GROUP"}


def read_query(text: str) -> Query:
    """Return a query as the tree of its patterns.

    Raises: NoEvidence for what is no SELECT or CONSTRUCT, or is written as evidence doesn't know it.

    >>> read_query("SELECT ?s { ?s <urn:p>/<urn:q> ?o }").select.group.visible()
    ('?s', '?ev_x0', '?o')
    """
    try:
        return _Reader(text).query()
    except IndexError:
        raise NoEvidence("The query ends before evidence has read it.") from None


class _Reader(TripleReader):
    """Reads on through queries, groups and expressions."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._dataset: list[tuple[str, str]] = []

    # Queries

    def query(self) -> Query:
        begins = self._at
        while self._word() not in {"SELECT", "CONSTRUCT"}:
            if self._word() in {"ASK", "DESCRIBE"} or not self._peek():
                raise NoEvidence("Evidence is for SELECT.", hint="Ask for rows.")
            self._at += 1
        prologue = " ".join(token.text for token in self._tokens[begins : self._at])
        template: tuple[Pattern, ...] = ()
        if self._word() == "CONSTRUCT":
            self._at += 1
            self._expect("{")
            patterns = self._group().parts
            template = tuple(part for part in patterns if isinstance(part, Pattern))
        select = self._select(construct=bool(template))
        if self._peek():
            raise self._unknown()
        return Query(prologue, select, template, self._names, tuple(self._dataset))

    def _select(self, *, construct: bool = False) -> Select:
        modifier, items = "", None
        if not construct:
            self._expect("SELECT")
            if self._word() in {"DISTINCT", "REDUCED"}:
                modifier = self._next().text
            items = self._items()
        while self._takes("FROM"):
            self._dataset.append(("NAMED" if self._takes("NAMED") else "", self._next().text))
        self._takes("WHERE")
        self._expect("{")
        group = self._group()
        keys = self._keys()
        having = self._having()
        tail: list[str] = []
        while self._word() in {"ORDER", "LIMIT", "OFFSET"}:
            tail += self._until_modifier()
        values = self._values() if self._takes("VALUES") else None
        if items is None:
            items = self._all_of(group, values)
        gathers = having or any(expression and _aggregates(expression) for _, expression in items)
        if keys is None and gathers:
            keys = ()
        return Select(modifier, items, group, keys, having, " ".join(tail), values)

    def _all_of(self, group: Group, values: Values | None) -> tuple[tuple[str, None], ...]:
        """Return what `*` stands for: what can be seen, without the variables that we made."""
        seen = dict.fromkeys((*group.visible(), *(values.variables if values else ())))
        return tuple((name, None) for name in seen if not name.startswith(self._names.own("")))

    def _items(self) -> tuple[tuple[str, Expression | None], ...] | None:
        if self._takes("*"):
            return None
        items: list[tuple[str, Expression | None]] = []
        while True:
            if self._tokens[self._at].kind == "var":
                items.append((self._variable(), None))
            elif self._takes("("):
                expression = self._expression_as()
                items.append((self._variable(), expression))
                self._expect(")")
            else:
                return tuple(items)

    def _keys(self) -> tuple[tuple[str, Expression | None], ...] | None:
        if not self._takes("GROUP"):
            return None
        self._expect("BY")
        keys: list[tuple[str, Expression | None]] = []
        while self._peek() not in {"}", ""} and self._word() not in _MODIFIERS:
            if self._tokens[self._at].kind == "var":
                keys.append((self._variable(), None))
            elif self._peek() == "(":
                self._at += 1
                expression = self._expression(stop="AS")
                named = self._takes("AS")
                keys.append((self._variable() if named else self._names.fresh("k"), expression))
                self._expect(")")
            else:
                keys.append((self._names.fresh("k"), self._call()))
        return tuple(keys)

    def _having(self) -> Expression | None:
        if not self._takes("HAVING"):
            return None
        parts: list[str | Exists] = []
        while self._peek() not in {"}", ""} and self._word() not in _MODIFIERS:
            parts += ["(", *self._call().parts, ")"]
        return Expression(tuple(parts))

    def _until_modifier(self) -> list[str]:
        """Return the tokens of one modifier of the solutions."""
        taken, depth = [self._next().text], 0
        while self._peek() and (depth or (self._peek() != "}" and self._word() not in _MODIFIERS)):
            text = self._next().text
            depth += (text == "(") - (text == ")")
            if text == "{":
                raise self._unknown()
            taken.append(plain(text))
        return taken

    # Groups

    def _group(self) -> Group:
        """Read what follows an opening brace, and its closing one."""
        if self._word() == "SELECT":
            select = self._select()
            self._expect("}")
            return Group((select,))
        parts: list[Part] = []
        while not self._takes("}"):
            if not self._takes("."):
                parts += self._part()
        return Group(tuple(parts))

    def _part(self) -> list[Part]:  # noqa: PLR0911  one for each kind of part
        word = self._word()
        if word in _BLOCKS:
            self._at += 1
            self._expect("{")
            return [Block(word, "", self._group())]
        if word in {"GRAPH", "SERVICE"}:
            self._at += 1
            silent = "SILENT " if word == "SERVICE" and self._takes("SILENT") else ""
            name = silent + self._term()
            self._expect("{")
            return [Block(word, name, self._group())]
        if word == "FILTER":
            self._at += 1
            return [Filter(self._call())]
        if word == "BIND":
            self._at += 1
            self._expect("(")
            expression = self._expression_as()
            bind = Bind(expression, self._variable())
            self._expect(")")
            return [bind]
        if self._takes("VALUES"):
            return [self._values()]
        if self._takes("{"):
            groups = [self._group()]
            while self._takes("UNION"):
                self._expect("{")
                groups.append(self._group())
            return [Union(tuple(groups)) if len(groups) > 1 else Block("", "", groups[0])]
        return self._triples()

    def _values(self) -> Values:
        variables: list[str] = []
        if self._tokens[self._at].kind == "var":
            variables.append(self._variable())
            head = variables[0]
        else:
            self._expect("(")
            while not self._takes(")"):
                variables.append(self._variable())
            head = f"({' '.join(variables)})"
        self._expect("{")
        rows = ["{"]
        while rows[-1] != "}":
            rows.append(self._next().text)
        return Values(tuple(variables), f"{head} {_joined(rows)}")

    # Expressions

    def _call(self) -> Expression:
        """Read a condition: in parentheses, the call of a function, or EXISTS."""
        parts: list[str | Exists] = []
        self._operand(parts, negated=False)
        return Expression(tuple(parts))

    def _operand(self, parts: list[str | Exists], *, negated: bool) -> None:
        if self._word() in {"EXISTS", "NOT"}:
            parts.append(self._exists(negated=negated))
            return
        while self._peek() != "(":
            if self._tokens[self._at].kind not in {"word", "iri", "pname"}:
                raise self._unknown()
            parts.append(self._next().text)
        self._at += 1
        inside = self._expression(negated=negated)
        self._expect(")")
        parts += ["(", *inside.parts, ")"]

    def _expression_as(self) -> Expression:
        expression = self._expression(stop="AS")
        self._expect("AS")
        return expression

    def _expression(self, *, stop: str = "", negated: bool = False) -> Expression:
        """Read up to the parenthesis that closes, or a word; neither is taken."""
        parts: list[str | Exists] = []
        while self._peek() != ")" and (not stop or self._word() != stop):
            text = self._peek()
            not_before = parts[-1:] == ["!"]
            if self._word() in {"EXISTS", "NOT"} and self._names_exists():
                parts.append(self._exists(negated=negated != not_before))
            elif text == "(":
                self._at += 1
                inside = self._expression(negated=negated != not_before)
                self._expect(")")
                parts += ["(", *inside.parts, ")"]
            elif text == self._peek(1) == "<":
                raise self._unknown()
            else:
                parts.append(plain(self._next().text))
        return Expression(tuple(parts))

    def _names_exists(self) -> bool:
        return self._word() == "EXISTS" or self._peek(1).upper() == "EXISTS"

    def _exists(self, *, negated: bool) -> Exists:
        written_not = self._takes("NOT")
        self._expect("EXISTS")
        self._expect("{")
        return Exists(self._group(), written_not, negated != written_not)


def _joined(texts: list[str]) -> str:
    """Return tokens as text again: what is one term stays in one piece."""
    out: list[str] = []
    for text in texts:
        if out and (text == "^^" or text[0] == "@" or out[-1].endswith("^^") or out[-1] in {"+", "-"}):
            out[-1] += text
        else:
            out.append(text)
    return " ".join(out)


def _aggregates(expression: Expression) -> bool:
    """Whether a word of an expression gathers rows."""
    return any(isinstance(part, str) and part.upper() in _AGGREGATES for part in expression.parts)
