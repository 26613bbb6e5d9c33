"""Everything but the endpoint: pages, questions and operations, behind the same desk.

Whatever the framework answers, an error too, any page on the web may read, and a cache can tell apart.
"""

from __future__ import annotations

import re
from time import monotonic
from typing import Any

from api.desk import Desk
from api.exchange import CORS, VARY, ClientGone, Exchange, Receive, Scope, Send, preflight
from api.problems import problem
from kg.errors import KgError

__all__ = ["Rest", "open_to_all"]

# These answer also when nothing else does, and don't count as asking.
_ALWAYS = {"/health", "/ready", "/metrics"}
_QUERY = re.compile(r"/queries/[^/]+")


class Rest:
    """Passes requests to `app`, once the desk has let them in."""

    def __init__(self, app: Any, desk: Desk) -> None:
        self._app = app
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        exchange = Exchange(scope, receive, send)
        self._desk.know(exchange)
        if exchange.method == "OPTIONS":
            of_query = _QUERY.fullmatch(scope["path"])
            return await exchange.reply(preflight("DELETE, OPTIONS" if of_query else "GET, HEAD, OPTIONS"))
        # The server drops the body of an answer to HEAD.
        asked = {**scope, "method": "GET" if exchange.method == "HEAD" else exchange.method}
        if scope["path"] in _ALWAYS or scope["path"].startswith("/static/"):
            await self._app(asked, receive, open_to_all(send))
            return None
        try:
            self._desk.admit(exchange)
            await exchange.perform(self._answered(exchange, asked), watching=asked["method"] == "GET")
        except ClientGone as gone:
            if exchange.outcome:
                self._desk.note(exchange, gone)
            return None
        except KgError as error:
            if exchange.outcome:
                self._desk.note(exchange, error)
            if not exchange.status:
                await exchange.reply(problem(error, accept=exchange.accept, query_id=exchange.query_id))
        finally:
            self._desk.settle(exchange)
        return None

    async def _answered(self, exchange: Exchange, asked: Scope) -> None:
        async def noted(message: Any) -> None:
            if message["type"] == "http.response.start":
                exchange.status, exchange.first_byte_at = message["status"], monotonic()
            exchange.n_bytes += len(message.get("body", b""))
            await exchange.send(message)

        await self._app(asked, exchange.receive, open_to_all(noted))


def open_to_all(send: Send) -> Send:
    """Return `send` with the headers that every answer has: all that is said here is public."""

    async def with_cors(message: Any) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            given = {name.lower() for name, _ in headers}
            usual = (*CORS, (b"vary", VARY.encode()))
            message["headers"] = [*headers, *(each for each in usual if each[0] not in given)]
        await send(message)

    return with_cors
