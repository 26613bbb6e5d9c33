"""One HTTP exchange over plain ASGI: read the request, send a reply or a stream, notice who leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

from api.problems import BadRequest, Reply
from kg.errors import TooLarge

__all__ = ["CORS", "METHODS", "ClientGone", "Exchange", "Receive", "Scope", "Send"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

METHODS = "GET, POST, HEAD, OPTIONS, QUERY"
# On every answer, errors included: pages of others query this endpoint from the browser.
CORS = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, POST, PUT, DELETE, HEAD, OPTIONS, QUERY"),
    (
        b"access-control-allow-headers",
        b"Accept, Content-Type, Accept-Profile, If-None-Match, Authorization",
    ),
    (
        b"access-control-expose-headers",
        b"ETag, Link, Content-Location, Location, X-Query-Id, X-Release, X-Failed-Service, Retry-After",
    ),
)
_VARY = {"Vary": "Accept, Accept-Profile, Accept-Language"}


class ClientGone(Exception):
    """The client left before its answer was whole."""


class Exchange:
    """A request and the way back; `headers` are by lower-case name."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.method = str(scope["method"])
        self.headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text
        self._receive = receive
        self._send = send

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
        declared = self.headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) > limit_bytes:
            raise _too_large(limit_bytes)
        content = bytearray()
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            content += message.get("body", b"")
            more = message.get("more_body", False)
            if len(content) > limit_bytes:
                raise _too_large(limit_bytes)
        return bytes(content)

    async def gone(self) -> None:
        """Return when the client has left; only once the body has been read."""
        while (await self._receive())["type"] != "http.disconnect":
            continue

    async def reply(self, reply: Reply) -> None:
        """Send a whole answer, without its body to HEAD."""
        length = {} if reply.status in {204, 304} else {"Content-Length": str(len(reply.body))}
        await self._start(reply.status, {**length, **reply.headers})
        await self._send({"type": "http.response.body", "body": b"" if self.method == "HEAD" else reply.body})

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
                    await self._send({"type": "http.response.body", "body": piece, "more_body": True})
            except TimeoutError:
                raise ClientGone from None
        await self._send({"type": "http.response.body", "body": b""})

    async def _start(self, status: int, headers: dict[str, str]) -> None:
        lines = {**_VARY, **headers}.items()
        encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in lines]
        await self._send({"type": "http.response.start", "status": status, "headers": [*CORS, *encoded]})


def _too_large(limit_bytes: int) -> TooLarge:
    return TooLarge(f"The request is larger than {limit_bytes:,} bytes.", hint="Send it in parts.")
