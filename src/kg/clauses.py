"""Find the SERVICE clauses of a query or update by its tokens, and write others in their place.

An endpoint is called by the very address that was listed. What a name in the text resolves to only
decides whether it is one of those, so nobody can be made to call what resolves in two ways.
Source: https://www.w3.org/TR/sparql11-federated-query/
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from urllib.parse import urljoin

from kg.errors import MalformedQuery, QueryError, RefusedQuery
from kg.lexer import Token, decoded, place, tokens

__all__ = ["Clause", "Clauses", "Names", "hollow", "replaced", "request"]


@dataclass(frozen=True)
class Clause:
    """One outermost clause: its head from `start`, its pattern from `brace` to `end`.

    `prologue` is what names in it rest on; `heads` are its own place and those of the clauses inside.
    """

    url: str
    silent: bool
    start: int
    brace: int
    end: int
    prologue: str
    heads: tuple[tuple[int, int], ...]


class Names:
    """What the BASE and PREFIX of a text have said so far; nothing is worked out before it is asked for."""

    def __init__(self, base: str | None = None) -> None:
        self._base = base
        # prefix -> the base at that point, and the IRI as written
        self._prefixes: dict[str, tuple[str | None, str]] = {}
        self._written = [f"BASE <{base}>"] if base else []

    def rebase(self, token: Token) -> None:
        self._base = _whole(self._base, token.text)
        self._written.append(f"BASE {token.text}")

    def declare(self, prefix: Token, token: Token) -> None:
        self._prefixes[prefix.text] = (self._base, token.text)
        self._written.append(f"PREFIX {prefix.text} {token.text}")

    def iri(self, token: Token) -> str | None:
        """Return what an IRI or a prefixed name stands for, None where its prefix is not declared.

        >>> Names("http://example.org/sparql").iri(Token("iri", "<g>", 0))
        'http://example.org/g'
        """
        if token.kind == "iri":
            return _whole(self._base, token.text)
        prefix, colon, local = token.text.partition(":")
        declared = self._prefixes.get(prefix + colon)
        return declared and _whole(*declared) + re.sub(r"\\(.)", r"\1", local)

    @property
    def prologue(self) -> str:
        return " ".join([*self._written, ""])


def _whole(base: str | None, written: str) -> str:
    """Return an IRI without its brackets, with its scheme if there is a base that gives one."""
    iri = decoded(written[1:-1])
    return urljoin(base, iri) if base and not re.match("[A-Za-z][A-Za-z0-9+.-]*:", iri) else iri


@dataclass
class _Open:
    """A clause that is being read: in its head until it has a `brace`."""

    start: int
    silent: bool = False
    url: str = ""
    brace: int = 0
    depth: int = 0
    heads: list[tuple[int, int]] = field(default_factory=list)


class Clauses:
    """Reads on from the first SERVICE of a text; `found` are the outermost clauses."""

    def __init__(self, text: str, listed: Collection[str], names: Names) -> None:
        self.found: list[Clause] = []
        self._text = text
        self._listed = listed
        self._names = names
        self._open: list[_Open] = []
        self._depth = 0

    def take(self, token: Token) -> None:
        """Read one token. Raises: RefusedQuery, MalformedQuery."""
        if self._open and not self._open[-1].brace:
            self._in_head(self._open[-1], token)
        elif token.kind == "word" and token.text.upper() == "SERVICE":
            self._open.append(_Open(token.start))
        elif token.kind == "sign":
            self._in_pattern(token)

    def finish(self) -> None:
        """Say that the text has ended. Raises: MalformedQuery inside a clause."""
        if self._open:
            raise self._wrong(self._open[0].start, MalformedQuery, "the clause has no end.")

    def _in_head(self, clause: _Open, token: Token) -> None:
        if token.kind == "word" and token.text.upper() == "SILENT" and not clause.silent and not clause.url:
            clause.silent = True
        elif token.kind in {"iri", "pname"} and not clause.url:
            clause.url = self._called(clause.start, token)
        elif token.text == "{" and clause.url:
            clause.brace, clause.depth = token.start, self._depth
            self._open[0].heads.append((clause.start, token.start))
            self._depth += 1
        elif token.kind == "var" and not clause.url:
            why = "an endpoint can't be called by a variable."
            raise self._wrong(clause.start, RefusedQuery, why, "Write its IRI, and a clause for each.")
        else:
            why = "an IRI and a group in braces must follow."
            raise self._wrong(clause.start, MalformedQuery, why)

    def _in_pattern(self, token: Token) -> None:
        self._depth += (token.text == "{") - (token.text == "}")
        if token.text != "}" or not self._open or self._depth > self._open[-1].depth:
            return
        closed = self._open.pop()
        if not self._open:
            end, prologue = token.start + 1, self._names.prologue
            heads = tuple(closed.heads)
            self.found.append(
                Clause(closed.url, closed.silent, closed.start, closed.brace, end, prologue, heads)
            )

    def _called(self, start: int, token: Token) -> str:
        url = self._names.iri(token)
        if url is None:
            raise self._wrong(start, MalformedQuery, f"the prefix of {token.text} is not declared.")
        if url not in self._listed:
            hint = "Ask that endpoint itself, or ask the operator to list it in KG_SERVICES."
            raise self._wrong(
                start, RefusedQuery, f"<{url}> is not an endpoint that this one may call.", hint
            )
        return url

    def _wrong(self, start: int, kind: type[QueryError], why: str, hint: str = "") -> QueryError:
        line, column = place(self._text, start)
        return kind(f"SERVICE at {line}:{column}: {why}", hint=hint, line=line, column=column)


def hollow(text: str, clauses: Iterable[Clause]) -> str:
    """Return a text that calls nothing, and is right, and binds the same names, where `text` is and does.

    OPTIONAL may stand where SERVICE may and nowhere else; every place in the text stays where it was.

    >>> hollow("ASK { SERVICE <urn:a> { ?s ?p 1 } }", [Clause("", False, 6, 22, 0, "", ((6, 22),))])
    'ASK { OPTIONAL        { ?s ?p 1 } }'
    """
    for start, brace in (head for clause in clauses for head in clause.heads):
        blank = re.sub(r"[^\n]", " ", text[start + len("SERVICE") : brace])
        # The new word is longer by one.
        text = f"{text[:start]}OPTIONAL{blank.replace(' ', '', 1)}{text[brace:]}"
    return text


def request(text: str, clause: Clause) -> str:
    """Return the query that a clause asks, without comments: not everyone ends them in the same place."""
    pieces, at = [], clause.brace
    for token in tokens(text[clause.brace : clause.end]):
        start = clause.brace + token.start
        pieces += [" " if start > at else "", token.text]
        at = start + len(token.text)
    return f"{clause.prologue}SELECT * WHERE {''.join(pieces)}"


def replaced(text: str, clauses: Iterable[Clause], instead: Iterable[str]) -> str:
    """Return a text with other patterns in the place of its clauses.

    >>> replaced("ASK { SERVICE <urn:a> {} }", [Clause("", False, 6, 22, 24, "", ())], ["VALUES ?x { 1 }"])
    'ASK {  VALUES ?x { 1 }  }'
    """
    pieces, at = [], 0
    for clause, pattern in zip(clauses, instead, strict=True):
        pieces += [text[at : clause.start], f" {pattern} "]
        at = clause.end
    return "".join([*pieces, text[at:]])
