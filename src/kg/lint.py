"""Read the `.rq` files for what an engine takes and answers wrongly, or not at all, without a word.

Every query: its prefixes, its terms, its variables. A question: what its header promises, that its
parameters reach where they are used, and that its rows come in an order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import cast

from kg.clauses import Names
from kg.construct import template_query, variables
from kg.errors import Problem
from kg.lexer import Token, place, tokens
from kg.namespaces import PREFIXES, compact
from kg.questions import CONTROLS, Question
from kg.store import NamedNode, QuerySolutions, Store

__all__ = ["faults_of_query", "faults_of_question", "lint"]

# Names for what is meant to have no value.
_MEANT = {"unbound", "none", "open", "unknown"}
_ANY = NamedNode(PREFIXES["tp"] + "any")
_BUILT_IN = (PREFIXES["xsd"], PREFIXES["rdf"], PREFIXES["rdfs"], PREFIXES["owl"], PREFIXES["sh"])


def lint(root: Path, questions: Mapping[str, Question], store: Store) -> list[Problem]:
    """Return what is wrong in the queries and rules of a content folder, over its dataset.

    Where no question has a case, the queries are another dataset's, and need no terms from this one.
    """
    found: list[Problem] = []
    is_their_own = any(question.cases for question in questions.values())
    for folder in ("queries", "ontology/rules"):
        for path in sorted((root / folder).rglob("*.rq")):
            found += faults_of_query(path, path.read_text("utf-8"), store if is_their_own else None)
    for question in questions.values():
        found += faults_of_question(question, has_case=is_their_own)
    return found


def faults_of_query(path: Path, text: str, store: Store | None = None) -> list[Problem]:
    """Return what is wrong in any query: prefixes, terms that a `store` lacks, variables without a value."""
    query = _Query(text)
    return [
        Problem(path, query.line(at), message, hint)
        for at, message, hint in (*_prefixes(query), *_terms(query, store), *_unbound(query))
    ]


def faults_of_question(question: Question, *, has_case: bool = True) -> list[Problem]:
    """Return what is wrong in a question, beside what is wrong in any query."""
    query = _Query(question.text)
    found = (
        *_projected(question, query),
        *_rows(question, query),
        *_header(question),
        # An analysis makes the columns, and may take parameters that its query doesn't.
        *(() if question.analysis else (*_columns(question, query), *_used(question, query))),
    )
    if has_case and not question.cases:
        found = (*found, (0, "The question has no case.", "Give one, read in a document, in x-kg-cases."))
    return [Problem(question.path, query.line(at), message, hint) for at, message, hint in found]


# Where it is in the text, what is wrong, and what to do.
_Fault = tuple[int, str, str]


@dataclass
class _Select:
    """One SELECT: what stands between the word and its group, and the group itself, by places in the text."""

    start: int
    opened: int = 0
    closed: int = 0
    head: list[Token] = field(default_factory=list)

    @property
    def names(self) -> set[str]:
        """What it projects, or makes."""
        return {token.text[1:] for token in self.head if token.kind == "var"}

    @property
    def takes_all(self) -> bool:
        return any(token.text == "*" for token in self.head) and not self.names

    def bare(self) -> list[Token]:
        """Return the variables that it projects as they are, not made by an expression."""
        depth, found = 0, []
        for token in self.head:
            depth += (token.text == "(") - (token.text == ")")
            if token.kind == "var" and not depth:
                found.append(token)
        return found


class _Query:
    """A query cut into tokens, and its SELECTs and groups."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(tokens(text))
        self.groups: list[tuple[int, int]] = []
        self.selects: list[_Select] = []
        self.first = next((t.start for t in self.tokens if t.kind == "word" and _is_verb(t)), 0)
        self._read()

    def line(self, start: int) -> int:
        return place(self.text, start)[0]

    def _read(self) -> None:
        opened: list[tuple[int, _Select | None]] = []
        heading: _Select | None = None
        for token in self.tokens:
            if token.kind == "word" and token.text.upper() == "SELECT":
                heading = _Select(token.start)
                self.selects.append(heading)
            elif token.text == "{" and token.kind == "sign":
                if heading:
                    heading.opened = token.start
                opened.append((token.start, heading))
                heading = None
            elif token.text == "}" and token.kind == "sign" and opened:
                start, select = opened.pop()
                self.groups.append((start, token.start + 1))
                if select:
                    select.closed = token.start + 1
            elif heading:
                heading.head.append(token)

    @cached_property
    def prologue(self) -> str:
        return "".join(f"PREFIX {prefix}: <{iri}> " for prefix, iri in PREFIXES.items())

    def bound_in(self, start: int, end: int) -> set[str]:
        """Return the variables that a group gives values to; none where it isn't a group of patterns."""
        with suppress(SyntaxError):
            solutions = Store().query(f"{self.prologue} SELECT * {self.text[start:end]}")
            return {name.value for name in cast(QuerySolutions, solutions).variables}
        return set()


def _is_verb(token: Token) -> bool:
    return token.text.upper() in {"SELECT", "CONSTRUCT", "ASK", "DESCRIBE"}


def _prefixes(query: _Query) -> Iterator[_Fault]:
    declared: dict[str, Token] = {}
    for token, iri in _declarations(query):
        prefix = token.text.removesuffix(":")
        declared[token.text] = token
        if PREFIXES.get(prefix) != iri.text[1:-1]:
            yield token.start, f"{prefix}: isn't a prefix for {iri.text} here.", "See kg/namespaces.py."
    after = [token for token in query.tokens if token.kind == "pname" and token.start >= query.first]
    used = {token.text.partition(":")[0] + ":" for token in after}
    for token in after:
        if token.text.partition(":")[0] + ":" not in declared:
            yield token.start, f"The prefix of {token.text} is not declared.", "Add its PREFIX line."
    for prefix, token in declared.items():
        if prefix not in used:
            yield token.start, f"The prefix {prefix} is not used.", "Remove its PREFIX line."


def _declarations(query: _Query) -> Iterator[tuple[Token, Token]]:
    prologue = [token for token in query.tokens if token.start < query.first]
    for word, prefix, iri in zip(prologue, prologue[1:], prologue[2:], strict=False):
        if word.kind == "word" and word.text.upper() == "PREFIX":
            yield prefix, iri


def _terms(query: _Query, store: Store | None) -> Iterator[_Fault]:
    names = Names()
    for token, iri in _declarations(query):
        names.declare(token, iri)
    for token in query.tokens:
        if store is None or token.start < query.first or token.kind not in ("iri", "pname"):
            continue
        term = names.iri(token)
        if term and not _exists(NamedNode(term), store):
            yield token.start, f"{compact(term)} is in neither ontology nor data.", "Is it misspelt?"


def _exists(term: NamedNode, store: Store) -> bool:
    if term == _ANY or term.value.startswith(_BUILT_IN) or term.value in PREFIXES.values():
        return True
    patterns = ((term, None, None), (None, term, None), (None, None, term))
    found = (next(iter(store.quads_for_pattern(s, p, o)), None) for s, p, o in patterns)
    return any(found) or store.contains_named_graph(term)


def _unbound(query: _Query) -> Iterator[_Fault]:
    """Yield variables that nothing gives a value: a misspelt one filters away every row, or none."""
    bound = {name for start, end in query.groups for name in query.bound_in(start, end)}
    previous = Token("", "", 0)
    seen: set[str] = set()
    for token in query.tokens:
        if token.kind == "var" and previous.kind == "word" and previous.text.upper() == "AS":
            bound.add(token.text[1:])
        previous = token
    outer = query.selects[0] if query.selects else None
    given = {token.text[1:] for token in outer.bare()} if outer else set()
    inside = [
        token for token in query.tokens if token.kind == "var" and (not outer or token not in outer.head)
    ]
    for token in inside:
        name = token.text[1:]
        # What the outer SELECT projects may be a parameter, which the caller gives.
        if name not in bound | given | seen | _MEANT:
            seen.add(name)
            yield token.start, f"Nothing gives {token.text} a value.", "Misspelt? Else call it ?unbound."
    for select in query.selects[1:]:
        made = query.bound_in(select.opened, select.closed)
        for token in select.bare():
            if token.text[1:] not in made | given:
                yield (
                    token.start,
                    f"This SELECT projects {token.text}, which nothing in it binds.",
                    "Remove it.",
                )


def _projected(question: Question, query: _Query) -> Iterator[_Fault]:
    """Yield SELECTs that a parameter can't get through."""
    for parameter in question.parameters:
        name = f"?{parameter.name}"
        for select in query.selects:
            uses = any(
                token.text == name and select.opened <= token.start < select.closed for token in query.tokens
            )
            is_outer = select is query.selects[0]
            if (uses or is_outer) and not select.takes_all and name not in [t.text for t in select.bare()]:
                what = "The query" if is_outer else "A sub-select that uses it"
                hint = "Without that it has no value there, or the engine raises."
                yield select.start, f"{what} doesn't project {name}.", hint
    given = {f"?{parameter.name}" for parameter in question.parameters}
    for word, _, argument in zip(query.tokens, query.tokens[1:], query.tokens[2:], strict=False):
        if word.text.upper() == "BOUND" and argument.text in given:
            hint = f"Write {argument.text} = tp:any for one that was left out."
            yield word.start, f"BOUND({argument.text}) is false for a bound parameter here.", hint


def _columns(question: Question, query: _Query) -> Iterator[_Fault]:
    if not query.selects:
        return
    outer = query.selects[0]
    columns = {column.name for column in question.columns}
    parameters = {parameter.name for parameter in question.parameters}
    projected = _named(outer)
    for name in sorted(columns - projected):
        yield outer.start, f"The column {name} is not projected.", "Project it, or take it from x-kg-columns."
    for name in sorted(projected - columns - parameters):
        yield outer.start, f"?{name} is projected and is no column.", "Name it in x-kg-columns, or remove it."


def _rows(question: Question, query: _Query) -> Iterator[_Fault]:
    if not query.selects:
        yield query.first, "A question is a SELECT.", "Write one."
        return
    outer = query.selects[0]
    parameters = {parameter.name for parameter in question.parameters}
    made = query.bound_in(outer.opened, outer.closed)
    for token in outer.bare():
        if token.text[1:] not in made | parameters:
            yield token.start, f"Nothing gives {token.text} a value.", "Bind it, or remove it."
    if not any(column.name == "passages" and column.type == "iris" for column in question.columns):
        yield outer.start, "The answer has no column `passages`.", "Every row names what it rests on."
    rest = [token.text.upper() for token in query.tokens if token.start >= outer.closed]
    if not question.analysis and ("ORDER", "BY") not in pairwise(rest):
        yield outer.closed, "The rows have no order.", "End with ORDER BY, down to the IRIs of the row."


def _named(select: _Select) -> set[str]:
    """Return the names of the columns that a SELECT makes."""
    named = {token.text[1:] for token in select.bare()}
    pairs: Sequence[tuple[Token, Token]] = list(pairwise(select.head))
    return named | {name.text[1:] for word, name in pairs if word.text.upper() == "AS" and name.kind == "var"}


def _header(question: Question) -> Iterator[_Fault]:
    columns = {column.name: column for column in question.columns}
    calendar = question.calendar
    used = {
        "x-kg-apart": [question.apart.column] if question.apart else [],
        "x-kg-calendar": [calendar.start, calendar.end, calendar.summary] if calendar else [],
        "x-kg-places": [question.places] if question.places else [],
        "x-kg-construct": sorted(variables(question.construct)),
    }
    for key, names in used.items():
        for name in names:
            if name not in columns:
                yield 0, f"{key} names {name}, which is no column.", "Name one of x-kg-columns."
    if (
        question.places
        and columns.get(question.places)
        and not columns[question.places].type.startswith("iri")
    ):
        yield 0, f"{question.places} holds no things, so no places.", "Its type is iri or iris."
    if question.construct:
        try:
            Store().query(template_query(question.construct, []))
        except SyntaxError as error:
            yield 0, f"x-kg-construct isn't a template: {error}.", "Write triples with columns as variables."
    for parameter in question.parameters:
        if parameter.name in CONTROLS:
            yield 0, f"A parameter can't be called {parameter.name}.", "Every question takes that already."
        if not str(parameter.example):
            yield 0, f"The parameter {parameter.name} has no example.", "Give one that is answered with rows."


def _used(question: Question, query: _Query) -> Iterator[_Fault]:
    inside = (
        {token.text for token in query.tokens if token.start > query.selects[0].opened}
        if query.selects
        else set()
    )
    for parameter in question.parameters:
        if f"?{parameter.name}" not in inside:
            yield query.first, f"The parameter {parameter.name} is not used.", "Use it, or remove it."
