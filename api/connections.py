"""A connection that bounds what comes before the service sees a request: the size of its head, and its pace.

The server's own reader takes heads of any size and waits for ever for their end: one Accept header
of ten megabytes took 26 seconds to weigh, in which nobody was answered. Give it to uvicorn as `http`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from http import HTTPStatus
from time import monotonic
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from kg.namespaces import BASE

__all__ = ["Connection"]

# Returns the rest of an answer to a request as it goes over the wire, None where it must be asked for.
AtOnce = Callable[[Any], bytes | None]

_MOST_HEAD_BYTES = 64 * 1024
# A slower sender than this is none, or hardly one.
_LEAST_BYTES_PER_S = 1_000


@dataclass(frozen=True)
class _Fault:
    """What is wrong with bytes that are no request yet, as problem details."""

    type: str
    title: str
    status: HTTPStatus
    detail: str
    hint: str

    def written(self, usual: list[tuple[bytes, bytes]]) -> bytes:
        """Return the answer as it goes over the wire, the last on its connection."""
        body = json.dumps({**asdict(self), "type": f"{BASE}problem/{self.type}"}).encode()
        lines = [
            f"HTTP/1.1 {self.status} {self.status.phrase}".encode(),
            *(b": ".join(each) for each in usual),
            b"content-type: application/problem+json",
            f"content-length: {len(body)}".encode(),
            b"access-control-allow-origin: *",
            b"cache-control: no-store",
            b"connection: close",
        ]
        return b"\r\n".join([*lines, b"", body])


_MALFORMED = _Fault(
    "bad-request",
    "The request can't be read",
    HTTPStatus.BAD_REQUEST,
    "This isn't HTTP/1.1, or two readers could read it differently.",
    "Send one Host, one length, and no line breaks within a header.",
)
_TOO_LARGE = _Fault(
    "head-too-large",
    "The head is too large",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    f"The address and the headers are larger than {_MOST_HEAD_BYTES:,} bytes.",
    "Send a long query as the body of a POST.",
)
_TOO_SLOW = _Fault(
    "too-slow",
    "The request came too slowly",
    HTTPStatus.REQUEST_TIMEOUT,
    "The rest of the request didn't come in time.",
    "Send it at once.",
)


class _Unreadable(Exception):
    """Stops the reader; it then asks for the answer to what can't be read."""


class Connection(HttpToolsProtocol):
    """Reads HTTP/1.1; what can't be read gets a problem like any other, and the connection ends.

    What the application's `at_once` knows is sent without a task for it, in half the time.
    """

    # Until a head is whole; a body may take as long, and longer the more of it has come.
    patience_s = 10.0

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self._fault = _MALFORMED
        self._awaits = "head"
        self._since = monotonic()
        self._n_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._at_once: AtOnce = getattr(self.config.app, "at_once", lambda _: None)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn names it so
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._awaits == "nothing":  # what comes now begins the next request
            self._begin("head")
        self._n_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing() or self._awaits == "nothing":
            self._unwatch()
        elif self._awaits == "head" and self._n_bytes > _MOST_HEAD_BYTES:
            self._refuse(_TOO_LARGE)
        elif self._timer is None:
            self._watch()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._awaits == "nothing":  # it came in one piece with the request before it
            self._begin("head", n_bytes=1)

    def on_headers_complete(self) -> None:
        hosts = [value for name, value in self.headers if name == b"host"]
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > _MOST_HEAD_BYTES:
            self._fault = _TOO_LARGE
            raise _Unreadable
        if len(hosts) > 1 or (not hosts and self.parser.get_http_version() == "1.1"):
            raise _Unreadable
        self._begin("body")
        super().on_headers_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Begin to answer a request whose turn it is, as uvicorn's; what is known is answered by now."""
        known = None
        if cycle.keep_alive and not self.flow.write_paused:
            known = self._at_once(cycle.scope)
        if known is None:
            super()._start_asgi_task(cycle, app)
        else:
            usual = b"".join(b"%b: %b\r\n" % each for each in self.server_state.default_headers)
            self.transport.write(b"HTTP/1.1 200 OK\r\n%b%b" % (usual, known))
            cycle.response_started = cycle.response_complete = True
            cycle.on_response()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._begin("nothing")

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  the server's signature
        """Answer what can't be read; the server calls this."""
        self._refuse(self._fault)

    def _begin(self, part: str, n_bytes: int = 0) -> None:
        self._awaits, self._since, self._n_bytes = part, monotonic(), n_bytes

    def _watch(self) -> None:
        self._timer = self.loop.call_later(max(0.01, self._left_s()), self._look)

    def _unwatch(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _left_s(self) -> float:
        """Return how long what is awaited may still take; more of a body earns it more time."""
        earned_s = self._n_bytes / _LEAST_BYTES_PER_S if self._awaits == "body" else 0.0
        return self._since + self.patience_s + earned_s - monotonic()

    def _look(self) -> None:
        """End the connection if its time is up, else look again."""
        self._timer = None
        if self.flow.read_paused:  # it is we who don't read
            self._since = monotonic()
        if self._left_s() > 0:
            self._watch()
        elif self._n_bytes or self._awaits == "body":
            self._refuse(_TOO_SLOW)
        else:
            self.transport.close()

    def _refuse(self, fault: _Fault) -> None:
        self._unwatch()
        if not self._is_answering():
            self.transport.write(fault.written(self.server_state.default_headers))
        self.transport.close()

    def _is_answering(self) -> bool:
        """Whether an answer is due or has begun, into which nothing else may be written."""
        if self.cycle is None or self.cycle.response_complete:
            return False
        return self._awaits != "body" or self.cycle.response_started or bool(self.pipeline)
