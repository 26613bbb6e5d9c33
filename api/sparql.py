"""The endpoint: /sparql as a plain ASGI application, with nothing between it and the server.

A failure before the first byte is a proper error. After it the answer is left unfinished, upon
which the server closes the connection and no client can take it for whole.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Protocol

from api import evidence, store
from api.answering import headers_of, job_for, labelled
from api.caching import Validators, digest_of, validators
from api.desk import Desk
from api.exchange import CORS, METHODS, ClientGone, Exchange, Receive, Scope, Send, preflight
from api.kept import Kept, Key, Shelf, key_of
from api.negotiation import choose
from api.problems import MethodNotAllowed, Reply, problem
from api.protocol import UPDATE, Change, Question, read, release_of
from api.writing import Door, done
from kg.archive import Archive
from kg.errors import KgError, NotAcceptable, ServiceFailed, TooLarge
from kg.federation import Federation
from kg.guard import Verdict, inspect
from kg.metadata import service_description
from kg.results import GRAPHS
from kg.settings import Settings
from kg.workers import Workers
from kg.write import Update

__all__ = ["CORS", "Page", "Sparql"]

# A query longer than this would hold up the others while it is read.
_LONG_CHARACTERS = 20_000
# A request with one of these takes more than an answer that is kept.
_READ_FIRST = {"content-length", "transfer-encoding", "expect", "if-none-match", "x-query-id"}


class Page(Protocol):
    """An ASGI application that shows the endpoint to people."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


class Sparql:
    """Answers the SPARQL 1.1 Protocol, and the Graph Store Protocol at /store.

    `page` is shown to who prefers HTML and asks nothing.
    """

    def __init__(
        self,
        settings: Settings,
        workers: Workers,
        door: Door,
        *,
        page: Page | None = None,
        desk: Desk | None = None,
        archive: Archive | None = None,
    ) -> None:
        self._desk = desk or Desk(settings, workers)
        self._door = door
        self._body_limit_bytes = int(settings.body_limit_mb * 1024 * 1024)
        self._settings = settings
        self._workers = workers
        self._page = page
        self._federation = Federation(settings, workers)
        self._archive = archive or Archive(settings)
        self._shelf = Shelf(settings.cache_mb)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        exchange = self._known(scope)
        exchange.receive, exchange.send = receive, send
        try:
            self._desk.admit(exchange)
            self._desk.name(exchange)
            if self._page and self._wants_page(exchange):
                return await self._page(scope, receive, send)
            await self._handle(exchange)
        except ClientGone as gone:
            self._desk.note(exchange, gone)
        except KgError as error:
            self._desk.note(exchange, error)
            # An answer that has begun is left as it is: cut.
            if not exchange.status:
                await self._refuse(exchange, error)
        finally:
            self._desk.settle(exchange)
        return None

    def at_once(self, scope: Scope) -> bytes | None:
        """Return an answer that is kept as it goes over the wire, but for the headers of every answer.

        None where the request must be read first, or is to be refused; then `scope` remembers
        what was found out about it.
        """
        if scope["method"] != "GET" or not self._shelf.n_bytes:
            return None
        exchange = self._known(scope)
        if _READ_FIRST & exchange.headers.keys():
            return None
        kept = self._shelf.find(key_of(exchange, self._workers.release, b""))
        if kept is None:
            return None
        try:
            self._desk.admit(exchange)
        except KgError:
            return None
        answer = exchange.repeated(kept.wire)
        self._tell(exchange, kept)
        exchange.n_bytes = len(kept.body)
        self._desk.settle(exchange)
        return answer + kept.body

    def _known(self, scope: Scope) -> Exchange:
        """Return the exchange of a request, with what can be told of it unread."""
        if "kg.exchange" not in scope:
            self._desk.know(Exchange(scope))
        exchange: Exchange = scope["kg.exchange"]
        return exchange

    async def _refuse(self, exchange: Exchange, error: KgError) -> None:
        reply = problem(error, accept=exchange.accept, query_id=exchange.query_id)
        # What is left of a body that was too large would be read as the next request.
        close = {"Connection": "close"} if isinstance(error, TooLarge) else {}
        headers = {**reply.headers, **close, "X-Query-Id": exchange.query_id}
        await exchange.reply(Reply(reply.status, headers, reply.body))

    async def _handle(self, exchange: Exchange) -> None:
        exchange.check_framing()
        in_store = exchange.scope["path"].startswith("/store")
        methods = store.METHODS if in_store else METHODS
        if exchange.method == "OPTIONS":
            return await exchange.reply(preflight(methods))
        if exchange.method not in methods.split(", "):
            raise MethodNotAllowed(f"{exchange.method} is not for this address.", headers={"Allow": methods})
        if in_store:
            return await self._store(exchange)
        content_type = exchange.headers.get("content-type", "")
        if content_type.startswith(UPDATE):
            self._door.check(exchange)  # before what may be much is read
        body = await exchange.body(self._body_limit_bytes)
        key = key_of(exchange, self._workers.release, body)
        if kept := self._shelf.find(key):
            return await self._repeated(exchange, kept)
        asked = read(exchange.method, exchange.fields, content_type, body, exchange.accept)
        if isinstance(asked, Change):
            self._door.check(exchange)
            url = f"{exchange.origin.url}/sparql"
            text, failed = await self._calling_nothing(exchange, asked.update, url)
            update = Update(text, url, asked.using, asked.using_named)
            reply = done(await self._door.commit(update), headers=_failures(failed))
            return await self._written(exchange, reply)
        if asked.query is None:
            return await exchange.reply(self._description(exchange, asked))
        async with self._asked_of(exchange) as workers:
            await exchange.perform(self._answer(exchange, workers, asked, asked.query, key))
        return None

    async def _store(self, exchange: Exchange) -> None:
        url = f"{exchange.origin.url}/store"
        graph = store.named(exchange, url)
        release = self._workers.release
        if exchange.method not in {"GET", "HEAD"}:
            reply = await store.take(
                exchange, self._door, graph, release, url=url, limit_bytes=self._body_limit_bytes
            )
            return await self._written(exchange, reply)
        await exchange.body(self._body_limit_bytes)
        key = key_of(exchange, release, b"")
        if kept := self._shelf.find(key):
            return await self._repeated(exchange, kept)
        question = read("GET", exchange.fields, "", b"", exchange.accept)
        assert isinstance(question, Question)
        async with self._asked_of(exchange) as workers:
            query = store.query_for(graph, workers.release)
            await exchange.perform(self._answer(exchange, workers, question, query, key))
        return None

    async def _written(self, exchange: Exchange, reply: Reply) -> None:
        exchange.outcome, exchange.release = "written", int(reply.headers["X-Release"])
        await exchange.reply(reply)

    async def _answer(
        self, exchange: Exchange, workers: Workers, question: Question, query: str, key: Key
    ) -> None:
        exchange.outcome = "ok"
        exchange.query_hash = hashlib.sha256(query.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        url = f"{exchange.origin.url}/sparql"
        verdict = await _inspected(query, self._settings.services, url)
        if question.evidence and question.query:
            reply = await evidence.answered(
                exchange,
                question,
                verdict,
                workers=workers,
                federation=self._federation,
                settings=self._settings,
            )
            return await exchange.reply(reply)
        job = job_for(exchange, question, query, verdict, self._settings.max_rows)
        known = validators(workers.release, job, verdict)
        headers: dict[str, str] = {"X-Query-Id": exchange.query_id}
        held = known.held(exchange.headers.get("if-none-match"), job.encoding)
        if held is not None:
            exchange.release = known.release.number
            return await exchange.reply(Reply(304, {**headers, **held}))
        if verdict.clauses:
            federated = await self._federation.answered(query, verdict.clauses, exchange.claim, base=url)
            job = replace(job, query=federated.text, federated=True)
            headers |= _failures(federated.failed)
        async with workers.run(job, exchange.claim) as answer:
            exchange.release = answer.release.number
            is_same = answer.release is known.release
            if not is_same:  # it has changed while this waited for a worker
                known = validators(answer.release, job, verdict)
            headers |= headers_of(answer, job, known)
            if exchange.method == "HEAD" and answer.worker:
                return await exchange.reply(Reply(200, headers))
            if not answer.worker:
                reply = Reply(200, headers, b"".join(answer.held))
                if is_same and known.digest and exchange.method != "HEAD":
                    self._keep(key, exchange.query_hash, known, job.encoding, reply)
                return await exchange.reply(reply)
            await exchange.stream(headers, aiter(answer), self._settings.idle_limit_s)
        return None

    def _keep(self, key: Key, query_hash: str, known: Validators, coding: str, reply: Reply) -> None:
        said = {name: value for name, value in reply.headers.items() if name != "X-Query-Id"}
        self._shelf.keep(key, Kept(query_hash, known, coding, said, reply.body))

    def _tell(self, exchange: Exchange, kept: Kept) -> None:
        exchange.outcome, exchange.query_hash = "ok", kept.query_hash
        exchange.release, exchange.is_kept = kept.known.release.number, True

    async def _repeated(self, exchange: Exchange, kept: Kept) -> None:
        self._tell(exchange, kept)
        held = kept.known.held(exchange.headers.get("if-none-match"), kept.coding)
        if held is not None:
            await exchange.reply(Reply(304, {"X-Query-Id": exchange.query_id, **held}))
        else:
            await exchange.reply(Reply(200, {"X-Query-Id": exchange.query_id, **kept.headers}, kept.body))

    async def _calling_nothing(
        self, exchange: Exchange, update: str, url: str
    ) -> tuple[str, tuple[ServiceFailed, ...]]:
        """Return an update with an answer in the place of each SERVICE clause, and what failed."""
        services = self._settings.services
        if not services or "SERVICE" not in update.upper():
            return update, ()  # the writer has a guard of its own
        verdict = await asyncio.to_thread(inspect, update, update=True, services=services, base=url)
        if not verdict.clauses:
            return update, ()
        federated = await self._federation.answered(
            update, verdict.clauses, exchange.claim, base=url, update=True
        )
        return federated.text, federated.failed

    @asynccontextmanager
    async def _asked_of(self, exchange: Exchange) -> AsyncIterator[Workers]:
        """Lend the workers of the Release that a request names, or of the one in service.

        Raises: BadRequest, NoRelease, ReleaseGone.
        """
        number = release_of(exchange.fields)
        if number in (None, self._workers.release.number):
            yield self._workers
        else:
            async with self._archive.of(number) as workers:
                yield workers

    async def close(self) -> None:
        """End what was started for earlier Releases."""
        await self._archive.close()

    def _description(self, exchange: Exchange, question: Question) -> Reply:
        media_type = choose(question.accept, GRAPHS)
        if media_type is None:
            raise NotAcceptable(
                "The service description is a graph.", hint=f"Accept one of {', '.join(GRAPHS)}."
            )
        form, release = GRAPHS[media_type], self._workers.release
        url = f"{exchange.origin.url}/sparql"
        federates = bool(self._settings.services)
        known = Validators(release, digest_of(release, [url, form.media_type, federates]), weak=True)
        held = known.held(exchange.headers.get("if-none-match"), "")
        if held is not None:
            return Reply(304, held)
        headers = known.headers() | {"Content-Type": labelled(form.media_type)}
        return Reply(200, headers, service_description(release, url, form, federates=federates))

    def _wants_page(self, exchange: Exchange) -> bool:
        if "html" not in (exchange.accept or "") or exchange.scope["path"].startswith("/store"):
            return False
        asks_nothing = exchange.method in {"GET", "HEAD"} and not {"query", "update"} & exchange.fields.keys()
        return asks_nothing and choose(exchange.accept, [*GRAPHS, "text/html"]) == "text/html"


async def _inspected(query: str, services: Collection[str], base: str) -> Verdict:
    if len(query) > _LONG_CHARACTERS:
        return await asyncio.to_thread(inspect, query, services=services, base=base)
    return inspect(query, services=services, base=base)


def _failures(failed: tuple[ServiceFailed, ...]) -> dict[str, str]:
    """Return the header that names what a query did without: each by its address, with the reason."""
    named = dict.fromkeys(f'<{each.service}>; reason="{each.reason}"' for each in failed)
    return {"X-Failed-Service": ", ".join(named)} if named else {}
