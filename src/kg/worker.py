"""One killable process that answers one query at a time over its socket.

Frames both ways: a letter, the length in four bytes, the content.

    J  job     a query and how to answer it, as JSON
    H  head    the answer begins: {"media_type", "encoding", "cut", "whole"}
    D  data    a piece of the answer
    E  end     {} when all is written, else {"kind", "message", "line", "column"}; with "spent"
               when this process should answer nothing more

Nothing is sent before the first piece of the answer is there, so what goes wrong until then is a
proper error. The last piece goes with the end: a small answer is one message. A result stays on the
thread that made it: this process has only one.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import resource
import signal
import socket
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from kg.caps import Cap
from kg.inlining import FUNCTIONS, perform
from kg.pieces import Pieces
from kg.results import GRAPHS, ROWS, Result, kind_of, write
from kg.store import NamedNode, QueryBoolean, Store, Term, Variable, to_term

__all__ = ["HEADER", "Head", "Job", "frame", "serve"]

# As in SPARQL results JSON: a term by `type`, `value`, `datatype`, `xml:lang`; a row by variable.

HEADER = struct.Struct("!cI")
# After so many answers, or so much memory beyond what it began with, a process is spent: what the
# engine keeps of a large query would be missed by the next.
_MOST_ANSWERS = 10_000
_LEAST_GROWTH_KB = 32 * 1024
_STACK_BYTES = 64 * 1024 * 1024
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, kw_only=True)
class Job:
    """A query and how to answer it.

    Shapes: `rows_type` and `graph_type` are keys of the tables in `results`, or None where the
    caller takes nothing of that kind; `bindings` maps a variable's name to a term as in SPARQL
    results JSON; a dataset of None is the store's own; `base` resolves relative IRIs; `encoding`
    is "gzip" or empty; `max_rows` of None lets every row through. A `task` of `inlining` is done
    instead of a query; `federated` says that the query holds what came of one.
    """

    query: str
    rows_type: str | None = "application/sparql-results+json"
    graph_type: str | None = "text/turtle"
    default_graphs: list[str] | None = None
    named_graphs: list[str] | None = None
    bindings: dict[str, Term] = field(default_factory=dict)
    base: str | None = None
    task: dict[str, Any] | None = None
    federated: bool = False
    encoding: str = ""
    max_rows: int | None = None

    def encode(self) -> bytes:
        return frame(b"J", json.dumps(self.__dict__).encode())


@dataclass(frozen=True, kw_only=True)
class Head:
    """What an answer is: `encoding` as it came out, `cut` None while the cap on rows is not decided.

    One that is `whole` has one piece.
    """

    media_type: str
    encoding: str = ""
    cut: bool | None = None
    whole: bool = False


def frame(kind: bytes, content: bytes) -> bytes:
    """Return one frame.

    >>> frame(b"E", b"{}")
    b'E\\x00\\x00\\x00\\x02{}'
    """
    return HEADER.pack(kind, len(content)) + content


def serve(store: Store, connection: socket.socket, *, memory_limit_mb: int, parent: int) -> None:
    """Answer jobs until the other end closes; ends with the process that forked this one."""
    _confine(connection, memory_limit_mb, parent)
    most_kb = _peak_kb() + max(_LEAST_GROWTH_KB, memory_limit_mb * 1024 // 8)
    n_answers = 0
    while head := _receive(connection, HEADER.size):
        content = _receive(connection, HEADER.unpack(head)[1])
        last, end = _run(store, Job(**json.loads(content)), connection)
        n_answers += 1
        if n_answers >= _MOST_ANSWERS or _peak_kb() > most_kb:
            end["spent"] = True
        connection.sendall(last + frame(b"E", json.dumps(end).encode() if end else b"{}"))


def _peak_kb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _confine(connection: socket.socket, memory_limit_mb: int, parent: int) -> None:
    """Leave this process its socket, its memory and nothing else.

    The guard refuses what would call out; without a free descriptor it can't be done either.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    os.closerange(3, connection.fileno())
    os.closerange(connection.fileno() + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    size = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    _limit(resource.RLIMIT_AS, size + memory_limit_mb * 1024 * 1024)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, 3)
    # The engine recurses while it parses; its stack grows only when it does.
    _, most = resource.getrlimit(resource.RLIMIT_STACK)
    resource.setrlimit(resource.RLIMIT_STACK, (_STACK_BYTES if most < 0 else min(most, _STACK_BYTES), most))


def _limit(what: int, most: int) -> None:
    resource.setrlimit(what, (most, most))


def _receive(connection: socket.socket, size: int) -> bytes:
    """Return exactly `size` bytes, or none when the other end has closed."""
    content = bytearray()
    while len(content) < size:
        piece = connection.recv(size - len(content))
        if not piece:
            return b""
        content += piece
    return bytes(content)


def _run(store: Store, job: Job, connection: socket.socket) -> tuple[bytes, dict[str, Any]]:
    """Answer one job; return the frames of the last piece, and what the frame after it says."""
    last = b""
    try:
        if job.task:
            return _performed(job.task), {}
        result = _ask(store, job)
        kind = kind_of(result)
        media_type = job.rows_type if kind == "rows" else job.graph_type
        if media_type is None:
            message = f"The answer is a {kind} answer; none of its formats is accepted."
            return b"", {"kind": "unacceptable", "message": message}
        form = (ROWS if kind == "rows" else GRAPHS)[media_type]
        cap = Cap(job.max_rows) if job.max_rows and not isinstance(result, QueryBoolean) else None
        frames = _Frames(form.media_type, cap)
        pieces = Pieces(
            lambda *piece: connection.sendall(frames.of(*piece)), job.encoding, waits=cap is not None
        )
        write(result, form, cast(IO[bytes], pieces), cap)
        last = frames.of(*pieces.last(), last=True)
    except SyntaxError as error:
        return b"", _malformed(str(error))
    except MemoryError:
        return b"", {"kind": "memory", "message": "The query needs more memory than it may have."}
    except BrokenPipeError:
        raise SystemExit from None
    except Exception as error:
        return b"", {"kind": "failed", "message": str(error)}
    return last, {}


class _Frames:
    """The frames of an answer's pieces; the first goes with the head."""

    def __init__(self, media_type: str, cap: Cap | None) -> None:
        self._media_type = media_type
        self._cap = cap
        self._begun = False

    def of(self, content: bytes, encoding: str, *, last: bool = False) -> bytes:
        """Return what to send for a piece."""
        data = frame(b"D", content) if content else b""
        if self._begun:
            return data
        self._begun = True
        cut = self._cap.reached if self._cap and (last or self._cap.reached) else None
        head = Head(media_type=self._media_type, encoding=encoding, cut=cut, whole=last)
        return frame(b"H", json.dumps(head.__dict__).encode()) + data


def _performed(task: dict[str, Any]) -> bytes:
    """Return the frames of what came of a task."""
    content = json.dumps(perform(task)).encode()
    return _Frames("application/json", None).of(content, "", last=True)


def _ask(store: Store, job: Job) -> Result:
    given = job.default_graphs is not None or job.named_graphs is not None
    return store.query(
        job.query,
        base_iri=job.base,
        default_graph=[NamedNode(iri) for iri in job.default_graphs or []] if given else None,
        named_graphs=[NamedNode(iri) for iri in job.named_graphs or []] if given else None,
        substitutions={Variable(name): to_term(value) for name, value in job.bindings.items()},
        custom_functions=dict(FUNCTIONS) if job.federated else None,
    )


def _malformed(message: str) -> dict[str, Any]:
    """Return a syntax error with its position, which the engine gives only in words.

    >>> _malformed("error at 2:9: expected one of LATERAL, [_]")
    {'kind': 'malformed', 'message': 'expected one of LATERAL, [_]', 'line': 2, 'column': 9}
    """
    place = re.match(r"error at (\d+):(\d+): (.*)", message, re.DOTALL)
    if place is None:
        return {"kind": "malformed", "message": message}
    return {"kind": "malformed", "message": place[3], "line": int(place[1]), "column": int(place[2])}
