"""Write a term as it stands in SPARQL and Turtle, so that nothing in it can be taken for more."""

from __future__ import annotations

import re

from kg.store import Literal, NamedNode

__all__ = ["written"]


def written(term: NamedNode | Literal) -> str:
    r"""Return a term as it stands in a query.

    >>> written(NamedNode("urn:a")), written(Literal("a\"b")), written(Literal("ja", language="nl"))
    ('<urn:a>', '"a\\"b"', '"ja"@nl')
    >>> written(Literal('a "b" \\u0022'))
    '"a \\"b\\" \\\\\\u00750022"'
    """
    return re.sub(r"\\\\[uU]|\\.", _apart, str(term)) if isinstance(term, Literal) else str(term)


def _apart(escape: re.Match[str]) -> str:
    """Keep a backslash from the letter that would make it a codepoint escape to those who decode twice."""
    letter = escape[0].removeprefix("\\\\")
    return rf"\\\u00{ord(letter):02X}" if letter in {"u", "U"} else escape[0]
