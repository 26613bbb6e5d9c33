"""One HTTP exchange over plain ASGI: read the request, send a reply or a stream, notice who leaves.

It keeps what is told of it afterwards: when its first byte left, how many did, and what came of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from functools import cached_property
from secrets import token_hex
from time import monotonic
from typing import Any, NoReturn

from api.callers import NOBODY
from api.fields import Fields, fields_of
from api.forwarded import Origin
from api.problems import BadRequest, Reply
from kg.errors import TooLarge
from kg.fairness import Claim

__all__ = [
    "CORS",
    "METHODS",
    "VARY",
    "ClientGone",
    "Exchange",
    "Lines",
    "Receive",
    "Scope",
    "Send",
    "lines_of",
    "preflight",
]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
# Headers as they go over the wire.
Lines = tuple[tuple[bytes, bytes], ...]

METHODS = "GET, POST, HEAD, OPTIONS, QUERY"
# On every answer, errors included: pages of others query this endpoint from the browser.
CORS: Lines = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, POST, PUT, DELETE, HEAD, OPTIONS, QUERY"),
    (
        b"access-control-allow-headers",
        b"Accept, Content-Type, Accept-Profile, If-None-Match, Authorization, X-Query-Id",
    ),
    (
        b"access-control-expose-headers",
        b"ETag, Link, Content-Location, Location, X-Query-Id, X-Release, X-Max-Rows, X-Max-Rows-Reached, "
        b"X-Failed-Service, X-Rows-Left-Out, Retry-After",
    ),
)
VARY = "Accept, Accept-Encoding, Accept-Profile, Accept-Language"
# Until then a query is over, or it is worth noticing that its client leaves.
_WATCH_AFTER_S = 0.02


class ClientGone(Exception):
    """The client left before its answer was whole."""


class Exchange:
    """A request and the way back; `headers` are by lower-case name, times are `monotonic`.

    `claim` is its query's on a worker; `status` is 0 until an answer has begun; `outcome` is a word
    for what came of it, none where nothing was asked; one that `is_kept` was known already.
    """

    def __init__(self, scope: Scope, receive: Receive | None = None, send: Send | None = None) -> None:
        self.began = monotonic()
        self.query_id = token_hex(16)
        self.origin = Origin(None, "")
        self.caller = NOBODY
        self.claim = Claim()
        self.query_hash = self.outcome = ""
        self.release: int | None = None
        self.status = self.n_bytes = 0
        self.is_kept = False
        self.first_byte_at: float | None = None
        self._stopped: Exception | None = None
        self._work: asyncio.Task[Any] | None = None
        self._watching: asyncio.Future[None] | None = None
        self.scope = scope
        self.method = str(scope["method"])
        self.headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text
        self.receive = receive or _nobody
        self.send = send or _nobody

    @cached_property
    def fields(self) -> Fields:
        """What the query string says. Raises: BadRequest."""
        return fields_of(self.scope["query_string"])

    @property
    def accept(self) -> str | None:
        return self.headers.get("accept")

    def check_framing(self) -> None:
        """Refuse a request whose end two readers may see in two places, and end its connection.

        Raises: BadRequest.
        """
        if "content-length" in self.headers and "transfer-encoding" in self.headers:
            message = "A request has Content-Length or Transfer-Encoding, not both."
            raise BadRequest(message, headers={"Connection": "close"})

    async def body(self, limit_bytes: int) -> bytes:
        """Return the request's body. Raises: TooLarge over the limit, ClientGone."""
        if "content-length" not in self.headers and "transfer-encoding" not in self.headers:
            return b""
        declared = self.headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) > limit_bytes:
            raise _too_large(limit_bytes)
        content = bytearray()
        more = True
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            content += message.get("body", b"")
            more = message.get("more_body", False)
            if len(content) > limit_bytes:
                raise _too_large(limit_bytes)
        return bytes(content)

    async def perform(self, work: Awaitable[None], *, watching: bool = True) -> None:
        """Do the work, until `stop` is called or, when `watching`, the client leaves.

        It watches only once the body has been read: else it would take it from who reads it. What
        is over at once isn't watched.
        Raises: ClientGone, why it was stopped, what the work raises.
        """
        self._work = asyncio.current_task()
        watch = asyncio.get_running_loop().call_later(_WATCH_AFTER_S, self._watch) if watching else None
        try:
            await work
        except asyncio.CancelledError:
            if self._stopped is None or self._work is None:
                raise
            self._work.uncancel()
            raise self._stopped from None
        finally:
            self._work = None
            if watch:
                watch.cancel()
            if self._watching:
                self._watching.cancel()

    def stop(self, why: Exception) -> None:
        """Break off the work, if it has begun."""
        if self._work and not self._stopped:
            self._stopped = why
            self._work.cancel()

    def _watch(self) -> None:
        self._watching = asyncio.ensure_future(self._gone())

    async def _gone(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            continue
        self.stop(ClientGone())

    async def reply(self, reply: Reply) -> None:
        """Send a whole answer, without its body to HEAD."""
        length = {} if reply.status in {204, 304} else {"Content-Length": str(len(reply.body))}
        await self._start(reply.status, {**length, **reply.headers})
        body = b"" if self.method == "HEAD" else reply.body
        await self.send({"type": "http.response.body", "body": body})
        self.n_bytes = len(body)

    def repeated(self, head: bytes) -> bytes:
        """Begin to answer as another was answered; return that head with the id of this query."""
        self.status, self.first_byte_at = 200, monotonic()
        return b"%bx-query-id: %b\r\n\r\n" % (head, self.query_id.encode("ascii"))

    async def stream(
        self, headers: dict[str, str], pieces: AsyncIterator[bytes], idle_limit_s: float
    ) -> None:
        """Send an answer as it comes, at the pace at which the client takes it.

        Raises: ClientGone when it takes nothing for `idle_limit_s`; what `pieces` raises. The
        answer is complete only when this returns.
        """
        await self._start(200, headers)
        async for piece in pieces:
            try:
                async with asyncio.timeout(idle_limit_s):
                    await self.send({"type": "http.response.body", "body": piece, "more_body": True})
            except TimeoutError:
                raise ClientGone from None
            self.n_bytes += len(piece)
        await self.send({"type": "http.response.body", "body": b""})

    async def _start(self, status: int, headers: dict[str, str]) -> None:
        self.status, self.first_byte_at = status, monotonic()
        await self.send({"type": "http.response.start", "status": status, "headers": lines_of(headers)})


def lines_of(headers: Mapping[str, str]) -> Lines:
    """Return the headers of an answer as they are sent, with those that every answer has."""
    cors = CORS
    if "Access-Control-Allow-Methods" in headers:
        cors = tuple(each for each in CORS if each[0] != b"access-control-allow-methods")
    said = headers if "Vary" in headers else {"Vary": VARY, **headers}
    return *cors, *((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in said.items())


async def _nobody(*_: object) -> NoReturn:
    raise RuntimeError("Nobody is there to speak with yet.")


def preflight(methods: str) -> Reply:
    """Return the answer to OPTIONS, for browsers and for people."""
    headers = {"Allow": methods, "Access-Control-Allow-Methods": methods, "Access-Control-Max-Age": "86400"}
    return Reply(204, headers)


def _too_large(limit_bytes: int) -> TooLarge:
    return TooLarge(f"The request is larger than {limit_bytes:,} bytes.", hint="Send it in parts.")
