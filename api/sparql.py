"""The endpoint: /sparql as a plain ASGI application, with nothing between it and the server.

A failure before the first byte is a proper error. After it the answer is left unfinished, upon
which the server closes the connection and no client can take it for whole.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import re
from collections.abc import Collection, Coroutine
from dataclasses import replace
from typing import Any, Protocol
from urllib.parse import parse_qs
from uuid import uuid4

from api import store
from api.exchange import CORS, METHODS, ClientGone, Exchange, Receive, Scope, Send
from api.negotiation import choose, has_already
from api.problems import MethodNotAllowed, Reply, problem
from api.protocol import UPDATE, Change, Question, read
from api.writing import Door, done
from kg.errors import KgError, NotAcceptable, QueryError, ServiceFailed, TooLarge
from kg.federation import Federation
from kg.guard import Verdict, inspect
from kg.metadata import service_description
from kg.results import GRAPHS, ROWS
from kg.settings import Settings
from kg.store import Release
from kg.workers import Answer, Job, Workers
from kg.write import Update

__all__ = ["CORS", "Page", "Sparql"]

_log = logging.getLogger(__name__)
_MAX_AGE_S = 60
# A query longer than this would hold up the others while it is read.
_LONG_CHARACTERS = 20_000


class Page(Protocol):
    """An ASGI application that shows the endpoint to people."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


class Sparql:
    """Answers the SPARQL 1.1 Protocol, and the Graph Store Protocol at /store.

    `page` is shown to who prefers HTML and asks nothing.
    """

    def __init__(self, settings: Settings, workers: Workers, door: Door, page: Page | None = None) -> None:
        self._settings = settings
        self._workers = workers
        self._door = door
        self._page = page
        self._federation = Federation(settings, workers)
        self._body_limit_bytes = int(settings.body_limit_mb * 1024 * 1024)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        exchange = Exchange(scope, receive, send)
        if self._page and self._wants_page(exchange):
            return await self._page(scope, receive, send)
        query_id = uuid4().hex
        try:
            await self._handle(exchange, query_id)
        except ClientGone:
            _log.info("%s: the client left", query_id)
        except KgError as error:
            reply = problem(error, accept=exchange.accept, query_id=query_id)
            # What is left of a body that was too large would be read as the next request.
            close = {"Connection": "close"} if isinstance(error, TooLarge) else {}
            await exchange.reply(
                Reply(reply.status, {**reply.headers, **close, "X-Query-Id": query_id}, reply.body)
            )

    async def _handle(self, exchange: Exchange, query_id: str) -> None:
        exchange.check_framing()
        in_store = exchange.scope["path"].startswith("/store")
        methods = store.METHODS if in_store else METHODS
        if exchange.method == "OPTIONS":
            return await exchange.reply(Reply(204, {"Allow": methods, "Access-Control-Max-Age": "86400"}))
        if exchange.method not in methods.split(", "):
            raise MethodNotAllowed(f"{exchange.method} is not for this address.", headers={"Allow": methods})
        if in_store:
            return await self._store(exchange, query_id)
        content_type = exchange.headers.get("content-type", "")
        if content_type.startswith(UPDATE):
            self._door.check(exchange)  # before what may be much is read
        body = await exchange.body(self._body_limit_bytes)
        asked = read(exchange.method, exchange.scope["query_string"], content_type, body, exchange.accept)
        if isinstance(asked, Change):
            self._door.check(exchange)
            text, failed = await self._calling_nothing(exchange, asked.update)
            update = Update(text, self._url(exchange), asked.using, asked.using_named)
            return await exchange.reply(done(await self._door.commit(update), headers=_failures(failed)))
        if asked.query is None:
            return await exchange.reply(self._description(exchange, asked))
        await _while_there(exchange, self._answer(exchange, asked, asked.query, query_id))
        return None

    async def _store(self, exchange: Exchange, query_id: str) -> None:
        url = self._url(exchange, "/store")
        graph = store.named(exchange, url)
        release = self._workers.release
        if exchange.method not in {"GET", "HEAD"}:
            reply = await store.take(
                exchange, self._door, graph, release, url=url, limit_bytes=self._body_limit_bytes
            )
            return await exchange.reply(reply)
        query = store.query_for(graph, release)
        await exchange.body(self._body_limit_bytes)
        question = read("GET", exchange.scope["query_string"], "", b"", exchange.accept)
        assert isinstance(question, Question)
        await _while_there(exchange, self._answer(exchange, question, query, query_id))
        return None

    async def _answer(self, exchange: Exchange, question: Question, query: str, query_id: str) -> None:
        url = self._url(exchange)
        verdict = await _inspected(query, self._settings.services, url)
        job = _job(question, query, verdict, url)
        headers = {"X-Query-Id": query_id, **_caching(self._workers.release, job, verdict)}
        if verdict.clauses:
            federated = await self._federation.answered(query, verdict.clauses, base=url)
            job = replace(job, query=federated.text, federated=True)
            headers |= _failures(federated.failed)
        if has_already(exchange.headers.get("if-none-match"), headers.get("ETag")):
            return await exchange.reply(Reply(304, headers))
        async with self._workers.run(job) as answer:
            # The Release may have changed while this waited for a worker.
            headers |= _caching(answer.release, job, verdict) | {"Content-Type": _labelled(answer.media_type)}
            await self._stream(exchange, headers, answer, query_id)
        return None

    async def _calling_nothing(
        self, exchange: Exchange, update: str
    ) -> tuple[str, tuple[ServiceFailed, ...]]:
        """Return an update with an answer in the place of each SERVICE clause, and what failed."""
        url, services = self._url(exchange), self._settings.services
        if not services or "SERVICE" not in update.upper():
            return update, ()  # the writer has a guard of its own
        verdict = await asyncio.to_thread(inspect, update, update=True, services=services, base=url)
        if not verdict.clauses:
            return update, ()
        federated = await self._federation.answered(update, verdict.clauses, base=url, update=True)
        return federated.text, federated.failed

    async def _stream(
        self, exchange: Exchange, headers: dict[str, str], answer: Answer, query_id: str
    ) -> None:
        if exchange.method == "HEAD":
            return await exchange.reply(Reply(200, headers))
        try:
            await exchange.stream(headers, aiter(answer), self._settings.idle_limit_s)
        except QueryError as error:
            _log.warning("%s: cut: %s", query_id, error)
            raise ClientGone from None

    def _description(self, exchange: Exchange, question: Question) -> Reply:
        media_type = choose(question.accept, GRAPHS)
        if media_type is None:
            raise NotAcceptable(
                "The service description is a graph.", hint=f"Accept one of {', '.join(GRAPHS)}."
            )
        form, release = GRAPHS[media_type], self._workers.release
        url = self._url(exchange)
        federates = bool(self._settings.services)
        headers = _validators(release, [url, form.media_type, federates]) | {
            "Content-Type": _labelled(form.media_type)
        }
        if has_already(exchange.headers.get("if-none-match"), headers["ETag"]):
            return Reply(304, headers)
        return Reply(200, headers, service_description(release, url, form, federates=federates))

    def _url(self, exchange: Exchange, path: str = "/sparql") -> str:
        """Return the absolute address of the endpoint, as the client knows it."""
        host = exchange.headers.get("host", "")
        if self._settings.public_url or not re.fullmatch(r"[A-Za-z0-9.:\[\]-]+", host):
            return f"{self._settings.url}{path}"
        return f"{exchange.scope.get('scheme', 'http')}://{host}{path}"

    def _wants_page(self, exchange: Exchange) -> bool:
        fields = parse_qs(exchange.scope["query_string"], keep_blank_values=True)
        asks_nothing = exchange.method in {"GET", "HEAD"} and not {b"query", b"update"} & fields.keys()
        return asks_nothing and choose(exchange.accept, [*GRAPHS, "text/html"]) == "text/html"


async def _while_there(exchange: Exchange, work: Coroutine[Any, Any, None]) -> None:
    """Do the work, and drop it when the client leaves. Raises: ClientGone, what the work raises."""
    task = asyncio.ensure_future(work)
    watch = asyncio.ensure_future(exchange.gone())
    try:
        await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientGone
        task.result()
    finally:
        task.cancel()
        watch.cancel()
        await asyncio.gather(task, watch, return_exceptions=True)


async def _inspected(query: str, services: Collection[str], base: str) -> Verdict:
    if len(query) > _LONG_CHARACTERS:
        return await asyncio.to_thread(inspect, query, services=services, base=base)
    return inspect(query, services=services, base=base)


def _job(question: Question, query: str, verdict: Verdict, url: str) -> Job:
    """Return the job, with a format for each kind of answer that can still come. Raises: NotAcceptable.

    A query without a base of its own has the endpoint's `url` for one (RFC 3986 §5.1.3).
    """
    rows_type, graph_type = choose(question.accept, ROWS), choose(question.accept, GRAPHS)
    possible = {
        "SELECT": [rows_type],
        "ASK": [rows_type],
        "CONSTRUCT": [graph_type],
        "DESCRIBE": [graph_type],
    }
    if not any(possible.get(verdict.query_form or "", [rows_type, graph_type])):
        offered = GRAPHS if verdict.query_form in {"CONSTRUCT", "DESCRIBE"} else ROWS
        raise NotAcceptable(
            "None of the formats of this answer is accepted.", hint=f"Accept {', '.join(offered)}."
        )
    return Job(
        query=query,
        rows_type=rows_type,
        graph_type=graph_type,
        default_graphs=question.default_graphs,
        named_graphs=question.named_graphs,
        base=url,
    )


def _failures(failed: tuple[ServiceFailed, ...]) -> dict[str, str]:
    """Return the header that names what a query did without: each by its address, with the reason."""
    named = dict.fromkeys(f'<{each.service}>; reason="{each.reason}"' for each in failed)
    return {"X-Failed-Service": ", ".join(named)} if named else {}


def _caching(release: Release, job: Job, verdict: Verdict) -> dict[str, str]:
    if verdict.volatile:
        return {"X-Release": str(release.number), "Cache-Control": "no-store"}
    return _validators(
        release, [job.query, job.base, job.default_graphs, job.named_graphs, job.rows_type, job.graph_type]
    )


def _validators(release: Release, parts: list[object]) -> dict[str, str]:
    digest = hashlib.sha256(json.dumps([release.identity, *parts]).encode()).hexdigest()[:32]
    return {
        "X-Release": str(release.number),
        "ETag": f'"{digest}"',
        "Cache-Control": f"public, max-age={_MAX_AGE_S}",
    }


def _labelled(media_type: str) -> str:
    return f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type
