"""Decide by the tokens of a query what this endpoint does not do, before any engine sees it.

The engine's grammar has no word boundaries (`service:x {}` and `trueSERVICE<x>{}` call out) and
reads codepoint escapes only in strings and IRIs, while the standard decodes them everywhere. So a
query is read both ways and must be allowed in both. What the two could lex differently is refused.
SERVICE is allowed where it calls an endpoint that was listed; the engine never sees that (`federation`).
Source: https://www.w3.org/TR/sparql11-query/#grammar
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from kg.clauses import Clause, Clauses, Names
from kg.errors import MalformedQuery, QueryError, RefusedQuery, TooLarge
from kg.lexer import Token, decoded, place, tokens

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_OF_A_KIND", "MAX_SERVICES", "MAX_TOKENS", "Verdict", "inspect"]

MAX_BYTES = 1_000_000
MAX_DEPTH = 100
# The engine recurses on what it joins: from about 3,000 of a kind it overruns its stack.
MAX_OF_A_KIND = 1_000
# Without the rows of VALUES and the triples of INSERT DATA, which cost the parser nothing.
MAX_TOKENS = 20_000
# Each is a call to someone else.
MAX_SERVICES = 10

_FORMS = {"SELECT", "ASK", "CONSTRUCT", "DESCRIBE"}
_UPDATES = {"INSERT", "DELETE", "LOAD", "CLEAR", "DROP", "CREATE", "ADD", "MOVE", "COPY"}
# By their end, since `ORDER BYRAND()` works too.
_VOLATILE = ("NOW", "RAND", "UUID", "BNODE")
_COUNTED_WORDS = {
    "UNION",
    "OPTIONAL",
    "MINUS",
    "GRAPH",
    "FILTER",
    "BIND",
    "EXISTS",
    "VALUES",
    "AS",
    "LATERAL",
}
_COUNTED_SIGNS = set("{[.;/|^!*+-") | {"||", "&&"}
_OPENS, _CLOSES = "{([", "})]"


@dataclass(frozen=True)
class Verdict:
    """What is known of an allowed query: its form, if it says so plainly, whether it may vary, its calls."""

    query_form: str | None
    volatile: bool
    clauses: tuple[Clause, ...] = ()

    @property
    def calls(self) -> list[tuple[str, bool]]:
        """Which endpoints it calls, and whether it can do without them."""
        return [(clause.url, clause.silent) for clause in self.clauses]


def inspect(
    query: str, *, update: bool = False, services: Collection[str] = (), base: str | None = None
) -> Verdict:
    """Return the verdict on an allowed query, or `update`; syntax is the engine's to judge.

    An update may be as long as a request: what it holds is data. `services` are the endpoints that
    it may call, `base` is what an IRI without a scheme is resolved against.

    Raises: RefusedQuery for what is not done here, TooLarge over a bound, MalformedQuery for a
    string without an end; each says where.

    >>> inspect("SELECT ?service { ?service a <http://example.org/SERVICE> }")
    Verdict(query_form='SELECT', volatile=False, clauses=())
    >>> inspect("ASK { FILTER(NOW() > ?loaded) } # LOAD nothing")
    Verdict(query_form='ASK', volatile=True, clauses=())
    >>> inspect("SELECT * { service <http://example.org/> { ?s ?p ?o } }")
    Traceback (most recent call last):
    kg.errors.RefusedQuery: SERVICE at 1:12: this endpoint calls no other endpoint.
    """
    if not update and len(query.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise TooLarge(f"The query is longer than {MAX_BYTES:,} bytes.", hint="Send it in parts.")
    verdict = _Reading(query, update, services, base).verdict()
    if "\\u" in query or "\\U" in query:
        other = _Reading(decoded(query), update, services, base).verdict()
        if (other.query_form, other.calls) != (verdict.query_form, verdict.calls):
            raise RefusedQuery(
                "Codepoint escapes make this query mean two things.",
                hint="Write keywords and punctuation as they are.",
            )
    return verdict


class _Reading:
    """One pass over a text: what stands open, what was counted, what came just before."""

    def __init__(self, text: str, update: bool, services: Collection[str], base: str | None) -> None:
        self._text = text
        self._update = update
        self._services = services
        self._names = Names(base)
        self._clauses: Clauses | None = None
        self._open: list[str] = []
        self._counts: Counter[str] = Counter()
        self._form: str | None = None
        self._volatile = False
        # The depth at which a VALUES block's rows stand, once its brace is open.
        self._rows_at: int | None = None
        self._values = False
        self._before = self._last = Token("sign", "", 0)

    def verdict(self) -> Verdict:
        for token in self._tokens():
            getattr(self, f"_{token.kind}")(token)
            if self._clauses:
                self._clauses.take(token)
            self._before, self._last = self._last, token
        if not self._clauses:
            return Verdict(self._form, self._volatile)
        self._clauses.finish()
        return Verdict(self._form, True, tuple(self._clauses.found))

    def _tokens(self) -> Iterator[Token]:
        for token in tokens(self._text):
            if self._rows_at is None:
                self._count("token", token.start, MAX_TOKENS)
            yield token

    def _word(self, token: Token) -> None:
        word = token.text.upper()
        if "SERVICE" in word:
            self._service(token, word)
        # LOAD itself is made to fail before it runs; the engine also reads LOADSILENT as two words.
        if self._update and "LOAD" in word and word != "LOAD":
            raise self._refused(token, "LOAD", "this endpoint reads from no address.")
        if word in _UPDATES and not self._update:
            raise self._refused(token, word, "a query changes nothing.")
        if word in _COUNTED_WORDS:
            self._count(word, token.start)
        if word in _FORMS:
            self._form = self._form or word
        self._values = word in {"VALUES", "DATA"}
        self._volatile = self._volatile or word.endswith(_VOLATILE)

    def _service(self, token: Token, word: str) -> None:
        if not self._services:
            raise self._refused(token, "SERVICE", "this endpoint calls no other endpoint.")
        if word != "SERVICE":
            raise self._refused(token, "SERVICE", "it must stand alone, between spaces.")
        self._count(word, token.start, MAX_SERVICES)
        self._clauses = self._clauses or Clauses(self._text, self._services, self._names)

    def _sign(self, token: Token) -> None:
        sign = token.text
        if sign == "{":
            self._calls_out()
            if self._values:
                self._rows_at, self._values = len(self._open), False
        if sign in _OPENS:
            self._open.append(sign)
            if len(self._open) > MAX_DEPTH:
                raise self._too_large(token.start, f"brackets nested deeper than {MAX_DEPTH}")
        elif sign in _CLOSES and self._open:
            self._open.pop()
            if self._rows_at is not None and len(self._open) <= self._rows_at:
                self._rows_at = None
        # In parentheses a comma separates arguments, elsewhere triples.
        if sign in _COUNTED_SIGNS or (sign == "," and self._open[-1:] != ["("]):
            self._count(sign, token.start)

    def _calls_out(self) -> None:
        """Refuse `service:x {`: the engine reads SERVICE and then the name `:x`."""
        last = self._last
        named = {"GRAPH", "SERVICE", "SILENT"} if self._clauses else {"GRAPH"}
        if last.kind != "pname" or self._before.text.upper() in named:
            return
        if "SERVICE" in last.text.partition(":")[0].upper():
            raise self._refused(last, "SERVICE", "this can be read as a call.")

    def _iri(self, token: Token) -> None:
        iri = token.text[1:-1]
        if self._less_than(iri):
            raise self._refused(token, "<", "this can be read as an IRI and as less-than.")
        if self._last.kind == "pname" and self._before.text.upper() == "PREFIX":
            self._names.declare(self._last, token)
        if self._last.text.upper() == "BASE":
            self._source(token, iri)
            self._names.rebase(token)
        if self._names_source():
            self._source(token, iri)

    def _less_than(self, iri: str) -> bool:
        """Whether the engine may read `<` as an operator and fall out of step with us.

        That takes an operand before it, parentheses around it, and a comment, a string or a
        closing parenthesis inside; after `scheme://` no operand can follow.
        """
        operand = self._last.kind not in {"sign", "word"} or self._last.text in {")", "]", "true", "false"}
        inside = self._open[-1:] == ["("] and self._rows_at is None
        return operand and inside and bool(re.search("[#')]", iri)) and not re.match("[a-z]+://", iri)

    def _pname(self, token: Token) -> None:
        prefix = token.text.partition(":")[0]
        # Outside of braces the engine reads `load:x` as LOAD and then the name `:x`.
        if self._update and not self._open and "LOAD" in prefix.upper() and not self._declares():
            raise self._refused(token, "LOAD", "this endpoint reads from no address.")
        if self._names_source():
            self._source(token, self._names.iri(token) or "")

    def _declares(self) -> bool:
        return self._last.text.upper() == "PREFIX"

    def _names_source(self) -> bool:
        sources = {"FROM", "USING"}
        last = self._last.text.upper()
        return last in sources or (last == "NAMED" and self._before.text.upper() in sources)

    def _source(self, token: Token, iri: str) -> None:
        scheme = re.match("([A-Za-z][A-Za-z0-9+.-]*):", iri)
        if scheme and scheme[1].lower() not in {"http", "https", "urn"}:
            raise self._refused(token, f"<{iri}>", "a graph here is named by an http, https or urn IRI.")

    def _var(self, _: Token) -> None:
        """A variable is always allowed; so are a string, a language tag and a number."""

    _string = _lang = _number = _var

    def _torn(self, token: Token) -> None:
        line, column = place(self._text, token.start)
        raise MalformedQuery(f"The string at {line}:{column} has no end.", line=line, column=column)

    def _count(self, kind: str, start: int, bound: int = MAX_OF_A_KIND) -> None:
        self._counts[kind] += 1
        if self._counts[kind] > bound:
            raise self._too_large(start, f"more than {bound:,} of {kind!r}")

    def _too_large(self, start: int, what: str) -> QueryError:
        line, column = place(self._text, start)
        message = f"The query has {what} at {line}:{column}."
        return TooLarge(message, hint="Ask in parts.", line=line, column=column)

    def _refused(self, token: Token, what: str, why: str) -> QueryError:
        line, column = place(self._text, token.start)
        hint = _HINTS.get(what, "")
        return RefusedQuery(f"{what} at {line}:{column}: {why}", hint=hint, line=line, column=column)


_HINTS = {
    "LOAD": "Send the data itself, by PUT or POST to /store. A prefix can't hold the word.",
    "SERVICE": "Ask that endpoint itself. A prefix that holds the word needs ` .` before a brace.",
    "<": "Put a space after less-than; write an IRI that holds # ' or ) as a prefixed name.",
}
