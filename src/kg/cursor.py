"""Go through the tokens of a query, one by one."""

from __future__ import annotations

from kg.errors import NoEvidence
from kg.lexer import Token, tokens

__all__ = ["Cursor", "plain"]


class Cursor:
    """Where one is in the tokens of a text; what reads on from there inherits it."""

    def __init__(self, text: str) -> None:
        self._tokens = list(tokens(text))
        self._at = 0

    def _peek(self, ahead: int = 0) -> str:
        at = self._at + ahead
        return self._tokens[at].text if at < len(self._tokens) else ""

    def _word(self) -> str:
        """Return the keyword that comes next, in capitals; empty where none does."""
        token = self._tokens[self._at] if self._at < len(self._tokens) else Token("sign", "", 0)
        return token.text.upper() if token.kind == "word" else ""

    def _next(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _takes(self, text: str) -> bool:
        if self._peek().upper() != text:
            return False
        self._at += 1
        return True

    def _expect(self, text: str) -> None:
        if not self._takes(text):
            raise self._unknown()

    def _unknown(self) -> NoEvidence:
        return NoEvidence(
            f"Evidence can't take {self._peek()!r} apart.", hint="docs/evidence.md says what it can."
        )


def plain(text: str) -> str:
    """Return a token with a variable's sign as we write it."""
    return f"?{text[1:]}" if text[0] == "$" and len(text) > 1 else text
