"""Find the line of a statement in a Turtle file, for messages people can act on.

Engines don't keep positions. rdflib's Turtle reader counts lines while it reads
and hands over each statement as it meets it, so a second, slower reading of the
one file that has a problem gives the line.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from rdflib import Graph
from rdflib.plugins.parsers.notation3 import RDFSink, SinkParser

from kg.namespaces import BASE

__all__ = ["line_of"]


class _Lines(RDFSink):
    """Collects (subject, predicate, object, line) instead of filling a graph."""

    def __init__(self) -> None:
        super().__init__(Graph())
        self.found: list[tuple[str, str, str, int]] = []
        self.reader: Any = None

    def makeStatement(self, quadruple: Any, why: Any = None) -> None:  # noqa: ARG002, N802  rdflib's name
        _, predicate, subject, obj = quadruple
        self.found.append((str(subject), str(predicate), str(obj), self.reader.lines + 1))


@lru_cache(maxsize=8)
def _statements(path: Path, modified_ns: int) -> list[tuple[str, str, str, int]]:  # noqa: ARG001  part of the key
    sink = _Lines()
    sink.reader = SinkParser(sink, baseURI=BASE, turtle=True)
    with path.open("rb") as stream:
        sink.reader.loadStream(stream)
    return sink.found


def line_of(path: Path, subject: str | None, predicate: str | None = None, obj: object = None) -> int | None:
    """Return the line of the best matching statement: with the object, else the predicate, else the subject.

    `subject` None matches any. None comes back when the file holds nothing of the kind.
    """
    value = None if obj is None else str(getattr(obj, "value", obj))
    best: tuple[int, int] | None = None
    for s, p, o, line in _statements(path, path.stat().st_mtime_ns):
        if subject is not None and s != subject:
            continue
        score = 2 * (p == predicate) + (o == value)
        if subject is None and score == 0:
            continue
        if best is None or score > best[0]:
            best = (score, line)
    return best[1] if best else None
