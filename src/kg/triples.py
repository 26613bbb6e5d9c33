"""Read triples, their terms and their paths, from the tokens of a query.

Source: https://www.w3.org/TR/sparql11-query/#rTriplesBlock
"""

from __future__ import annotations

from collections.abc import Callable

from kg.cursor import Cursor, plain
from kg.patterns import Names, Part, Path, Pattern

__all__ = ["TripleReader"]

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_TYPE = f"<{_RDF}type>"
# A word that begins another part of a group ends the triples.
_PARTS = {"OPTIONAL", "MINUS", "LATERAL", "GRAPH", "FILTER", "BIND", "VALUES"}


class TripleReader(Cursor):
    """Reads a block of triples as patterns, with variables of its own for blank nodes and between steps."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._names = Names(text)
        self._blank: dict[str, str] = {}

    def _triples(self) -> list[Part]:
        patterns: list[Part] = []
        bracketed = self._peek() in {"[", "("}
        subject = self._node(patterns)
        if not bracketed or self._peek() not in {".", "}"}:
            self._properties(subject, patterns)
        return patterns

    def _properties(self, subject: str, patterns: list[Part]) -> None:
        while True:
            verb = self._variable() if self._tokens[self._at].kind == "var" else self._path()
            while True:
                self._join(subject, verb, self._node(patterns), patterns)
                if not self._takes(","):
                    break
            if not self._takes(";"):
                return
            while self._takes(";"):
                pass
            if self._peek() in {".", "}", "]"} or self._word() in _PARTS:
                return

    def _join(self, subject: str, verb: Path | str, end: str, patterns: list[Part]) -> None:
        """Add a pattern; a sequence or an inverse becomes the patterns that it stands for."""
        if isinstance(verb, Path) and verb.kind == "^":
            self._join(end, verb.parts[0], subject, patterns)
        elif isinstance(verb, Path) and verb.kind == "/":
            at = subject
            for part in verb.parts[:-1]:
                between = self._names.fresh()
                self._join(at, part, between, patterns)
                at = between
            self._join(at, verb.parts[-1], end, patterns)
        else:
            patterns.append(Pattern(subject, verb, end))

    def _node(self, patterns: list[Part]) -> str:
        if self._takes("["):
            node = self._names.fresh("b")
            if not self._takes("]"):
                self._properties(node, patterns)
                self._expect("]")
            return node
        if self._takes("("):
            items: list[str] = []
            while not self._takes(")"):
                items.append(self._node(patterns))
            end = f"<{_RDF}nil>"
            for item in reversed(items):
                cell = self._names.fresh("b")
                patterns += [Pattern(cell, f"<{_RDF}first>", item), Pattern(cell, f"<{_RDF}rest>", end)]
                end = cell
            return end
        return self._term()

    def _term(self) -> str:
        token = self._next()
        if token.kind == "var":
            return plain(token.text)
        if token.kind == "string":
            if self._peek() == "^^":
                self._at += 1
                return f"{token.text}^^{self._next().text}"
            return token.text + (self._next().text if self._tokens[self._at].kind == "lang" else "")
        if token.kind == "pname" and token.text.startswith("_:"):
            return self._blank.setdefault(token.text, self._names.fresh("b"))
        if token.kind in {"iri", "pname", "number"} or token.text.lower() in {"true", "false"}:
            return token.text
        if token.text in {"+", "-"} and self._tokens[self._at].kind == "number":
            return token.text + self._next().text
        self._at -= 1
        raise self._unknown()

    def _variable(self) -> str:
        if self._tokens[self._at].kind != "var":
            raise self._unknown()
        return plain(self._next().text)

    # Paths

    def _path(self) -> Path | str:
        return self._several("|", lambda: self._several("/", self._step))

    def _several(self, sign: str, part: Callable[[], Path | str]) -> Path | str:
        parts = [part()]
        while self._takes(sign):
            parts.append(part())
        return parts[0] if len(parts) == 1 else Path(sign, tuple(parts))

    def _step(self) -> Path | str:
        if self._takes("^"):
            return Path("^", (self._repeated(),))
        return self._repeated()

    def _repeated(self) -> Path | str:
        if self._takes("("):
            step: Path | str = self._path()
            self._expect(")")
        elif self._takes("!"):
            step = self._none_of()
        else:
            step = self._property()
        if self._peek() in {"*", "+", "?"}:
            return Path(self._next().text, (step,))
        return step

    def _none_of(self) -> Path:
        names: list[Path | str] = []
        many = self._takes("(")
        while not (many and self._takes(")")):
            names.append(Path("^", (self._property(),)) if self._takes("^") else self._property())
            if not many:
                break
            self._takes("|")
        return Path("!", tuple(names))

    def _property(self) -> str:
        token = self._next()
        if token.text == "a":
            return _TYPE
        if token.kind not in {"iri", "pname"}:
            self._at -= 1
            raise self._unknown()
        return token.text
