"""Cut SPARQL into tokens, as the standard's grammar and the engine's both do, or say where they can't.

Source: https://www.w3.org/TR/sparql11-query/#sparqlGrammar
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Token", "decoded", "place", "tokens"]

# Names reach further than the standard's: a sign that no name may hold ends the parse anyway.
_NAME = r"A-Za-z0-9_\u00B7-\U0010FFFF"
_LOCAL = rf"(?:[{_NAME}:\-]|%[0-9A-Fa-f]{{2}}|\\[_~.\-!$&'()*+,;=/?\#@%])"
_ESCAPE = r"\\u([0-9A-Fa-f]{4})|\\U([0-9A-Fa-f]{8})"
_TOKEN = re.compile(
    rf"""
      (?P<skip>   [ \t\r\n]++ | \#[^\r\n]*+ )
    | (?P<iri>    <(?:[^<>"{{}}|^`\\\x00-\x20]|\\u[0-9A-Fa-f]{{4}}|\\U[0-9A-Fa-f]{{8}})*+> )
    | (?P<string> \"\"\"(?:"{{0,2}}(?:[^"\\]|\\.))*+\"\"\" | '''(?:'{{0,2}}(?:[^'\\]|\\.))*+'''
                | (?!\"\"\"|''')(?:"(?:[^"\\\r\n]|\\.)*+" | '(?:[^'\\\r\n]|\\.)*+') )
    | (?P<torn>   ["'] )
    | (?P<var>    [?$][{_NAME}]++ )
    | (?P<pname>  (?:_|[A-Za-z\u00B7-\U0010FFFF](?:[.]{{0,9}}[{_NAME}\-]){{0,250}}+)?:
                  (?:(?!-){_LOCAL}(?:[.]*{_LOCAL})*+)? )
    | (?P<lang>   @[A-Za-z]++(?:-{{1,2}}[A-Za-z0-9]++)*+ )
    | (?P<number> (?:[0-9]++(?:[.][0-9]*+)?|[.][0-9]++)(?:[eE][+-]?[0-9]++)? )
    | (?P<word>   [A-Za-z_\u00B7-\U0010FFFF][{_NAME}\-]*+ )
    | (?P<sign>   \|\| | && | \^\^ | . )
    """,
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    """A piece of a text: `kind` is iri, string, torn, var, pname, lang, number, word or sign."""

    kind: str
    text: str
    start: int


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens, without white space and comments; a string without an end is `torn`.

    >>> [token.kind for token in tokens("ASK { ?s a <urn:a> } # nothing")]
    ['word', 'sign', 'var', 'word', 'iri', 'sign']
    """
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "sign"
        if kind != "skip":
            yield Token(kind, match[0], match.start())


def decoded(text: str) -> str:
    """Return a text with its codepoint escapes decoded everywhere, as the standard reads it.

    >>> decoded(r"\\u0041SK {}")
    'ASK {}'
    """
    return re.sub(_ESCAPE, _character, text)


def _character(escape: re.Match[str]) -> str:
    codepoint = int(escape[1] or escape[2], 16)
    return chr(codepoint) if codepoint <= 0x10FFFF else escape[0]


def place(text: str, start: int) -> tuple[int, int]:
    """Return line and column, from 1, of an offset.

    >>> place("ASK {\\n}", 6)
    (2, 1)
    """
    before = text[:start]
    return before.count("\n") + 1, start - (before.rfind("\n") + 1) + 1
