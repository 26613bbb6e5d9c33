"""Let through no more rows than asked for, and say so when there are more.

The engine's own writers are kept, since they are many times faster than ours would be: rows are
counted in what they write, and the one too many stops the query. Where a format has room for it
the answer says itself that it was cut; see docs/endpoint.md for the formats that have none.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, TypeVar

from kg.namespaces import BASE
from kg.store import QueryResultsFormat, RdfFormat

__all__ = ["Cap", "CappedRows", "Enough"]

_T = TypeVar("_T")


class Enough(Exception):
    """As many rows as may be are written; raised through the engine to stop it."""


@dataclass
class Cap:
    """How many rows, or statements, an answer may have; `reached` once there was one too many."""

    max_rows: int
    reached: bool = False

    def first(self, statements: Iterable[_T]) -> Iterator[_T]:
        """Yield the statements that fit.

        >>> cap = Cap(2)
        >>> list(cap.first("abc")), cap.reached
        (['a', 'b'], True)
        """
        for number, statement in enumerate(statements):
            if number == self.max_rows:
                self.reached = True
                return
            yield statement

    def note(self, form: RdfFormat) -> bytes:
        """Return what the end of a graph says of it, in the formats that have comments."""
        if not self.reached or form == RdfFormat.JSON_LD:
            return b""
        return _comment(self) if form == RdfFormat.RDF_XML else f"# {_said(self)}\n".encode()


@dataclass(frozen=True)
class _Rows:
    """How rows stand in a format: what one is up to the start of the next, and what ends them.

    `boundary` matches a row and the sign that another follows; its group is what that row may keep.
    """

    boundary: re.Pattern[bytes]
    n_headers: int
    tail: bytes = b""


_ROWS = {
    QueryResultsFormat.JSON: _Rows(
        re.compile(rb'((?:[^"}]++|"(?:[^"\\]++|\\.)*+"|\}(?!,\{))*+\}),(?=\{)', re.DOTALL), 0, b"]}}"
    ),
    QueryResultsFormat.XML: _Rows(
        re.compile(rb"(.*?</result>)(?=<result>)", re.DOTALL), 0, b"</results></sparql>"
    ),
    QueryResultsFormat.CSV: _Rows(re.compile(rb'((?:[^"\n]++|"[^"]*+")*+\n)(?=.)', re.DOTALL), 1),
    QueryResultsFormat.TSV: _Rows(re.compile(rb"([^\n]*+\n)(?=.)", re.DOTALL), 1),
}


class CappedRows:
    """What the engine writes rows to; passes on whole rows, and no more than the cap."""

    def __init__(self, sink: IO[bytes], form: QueryResultsFormat, cap: Cap) -> None:
        self._sink = sink
        self._form = form
        self._cap = cap
        self._rows = _ROWS[form]
        self._left = cap.max_rows + self._rows.n_headers
        self._waiting = bytearray()
        self._enough_bytes = 1
        self._begun = False

    def write(self, piece: bytes) -> int:
        """Take a piece. Raises: Enough when a row too many begins."""
        self._waiting += piece
        # A row larger than many pieces is not searched anew for each of them.
        if len(self._waiting) >= self._enough_bytes:
            self._pass_on()
        return len(piece)

    def flush(self) -> None:
        """The engine flushes at its end, and `close` follows."""

    def close(self) -> None:
        """Write what is left, and the end of an answer that was cut."""
        with contextlib.suppress(Enough):
            self._pass_on()
        self._write(self._end() if self._cap.reached else bytes(self._waiting))

    def _pass_on(self) -> None:
        if self._cap.reached:
            raise Enough
        waiting, at, end = bytes(self._waiting), 0, 0
        # Not `finditer`: after a row without its end it would begin anew at each of that row's bytes.
        while row := self._rows.boundary.match(waiting, at):
            self._left -= 1
            at, end = row.end(), row.end(1)
            if not self._left:
                self._cap.reached = True
                break
        kept = end if self._cap.reached else at
        self._write(waiting[:kept])
        del self._waiting[:at]
        self._enough_bytes = 2 * len(self._waiting)
        if self._cap.reached:
            raise Enough

    def _write(self, content: bytes) -> None:
        if not self._begun and self._form == QueryResultsFormat.JSON:
            link = f'],"link":["{_link(self._cap)}"]}},"results"'
            content = content.replace(b']},"results"', link.encode(), 1)
        if content:
            self._begun = True
            self._sink.write(content)

    def _end(self) -> bytes:
        comment = _comment(self._cap) if self._form == QueryResultsFormat.XML else b""
        return self._rows.tail + comment


def _said(cap: Cap) -> str:
    return f"Cut after {cap.max_rows}: there are more."


def _link(cap: Cap) -> str:
    return f"{BASE}limit/rows/{cap.max_rows}"


def _comment(cap: Cap) -> bytes:
    return f"<!-- {_said(cap)} -->".encode()
