"""The service: `/sparql` beside the pages and questions, over one pool of workers.

`/sparql` is a plain ASGI application with nothing in its way; FastAPI has the rest.
A Release that is published while we serve is taken up without a restart.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from api import operations, questions
from api.connections import Connection
from api.description import describe
from api.desk import Desk
from api.log import configure
from api.pages import page, site
from api.problems import problem_response, problem_response_for
from api.rest import Rest, open_to_all
from api.shutdown import Server
from api.sparql import Page, Sparql
from api.writing import Door
from kg.archive import Archive
from kg.catalogue import Choices, choices
from kg.committer import Committer
from kg.errors import KgError
from kg.parameters import library_query
from kg.questions import load_questions
from kg.releases import find_release
from kg.settings import Settings
from kg.store import Release, current_release
from kg.workers import CallersAsker, Workers

__all__ = ["create_server", "create_service", "run"]

_VERSION = metadata.version("techniekpact-kg")
_LOOK_EVERY_S = 1.0
# Between attempts to load a Release that can't be loaded, at most.
_LONGEST_WAIT_S = 60.0
_log = logging.getLogger(__name__)


def create_service(settings: Settings) -> Any:
    """Return the ASGI application that serves the current Release of `settings.home`.

    Raises: NoRelease, before anything is served, when nothing has been built.
    """
    return _create(settings)[0]


def create_server(settings: Settings, **options: Any) -> Server:
    """Return the server with its service in it; `options` are uvicorn's. Raises: NoRelease."""
    service, desk = _create(settings)
    config = uvicorn.Config(
        service,
        host=settings.host,
        port=settings.port,
        http=Connection,
        ws="none",
        headers=[("Server", f"techniekpact-kg/{_VERSION}")],
        server_header=False,
        # It would believe what anyone on this machine says of where a request comes from.
        proxy_headers=False,
        access_log=False,
        log_config=None,
        log_level="warning",
        # What may finish has finished by then.
        timeout_graceful_shutdown=1,
        **options,
    )
    return Server(config, desk)


def _create(settings: Settings) -> tuple[Any, Desk]:
    release = current_release(settings.home)
    workers = Workers(settings, release)
    app = FastAPI(
        title="Techniekpact Knowledge Graph",
        version=_VERSION,
        summary="Who does what for technical education and work, who pays it, and which passage says so",
        license_info={"name": "CC BY 4.0", "url": "https://creativecommons.org/licenses/by/4.0/"},
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
    )
    committer = Committer(settings, partial(_adopt, app))
    door = Door(settings, committer)
    desk = Desk(settings, workers, token_name=door.name_of if door.is_open else None)
    archive = Archive(settings)
    sparql = Sparql(settings, workers, door, page=_sparql_page(settings, workers), desk=desk, archive=archive)
    app.state.settings = settings
    app.state.workers = workers
    app.state.committer = committer
    app.state.adopting = asyncio.Lock()
    app.state.desk = desk
    app.state.sparql = sparql
    app.state.archive = archive
    app.state.choices = {}
    app.state.zone = ZoneInfo("Europe/Amsterdam")  # what "today" means to those who ask
    _take_up(app, release)
    app.include_router(questions.router)
    app.include_router(operations.router)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    describe(app)
    app.add_exception_handler(KgError, problem_response_for)
    app.add_exception_handler(HTTPException, _http_error)
    return _Service(app, sparql, Rest(app, desk)), desk


class _Service:
    """Shows each request its door."""

    def __init__(self, app: FastAPI, sparql: Sparql, rest: Rest) -> None:
        self._app = app
        self._sparql = sparql
        self._rest = rest

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif self._is_endpoint(scope["path"]):
            await self._sparql(scope, receive, send)
        else:
            await self._rest(scope, receive, send)

    def at_once(self, scope: Any) -> bytes | None:
        """Return an answer that needs no asking, if there is one; see `Connection`."""
        return self._sparql.at_once(scope) if self._is_endpoint(scope["path"]) else None

    def _is_endpoint(self, path: str) -> bool:
        return path in ("/sparql", "/sparql/") or bool(re.match("/store(/|$)", path))


def run(settings: Settings) -> None:
    """Serve until told to stop; a first line says where."""
    server = create_server(settings)
    configure(settings.log)
    server.run()


def _sparql_page(settings: Settings, workers: Workers) -> Page:
    """Return what shows the endpoint to people: a place to type a query."""

    async def show(scope: Any, receive: Any, send: Any) -> None:
        shown = page(
            Request(scope),
            "sparql.html",
            endpoint=f"{scope['kg.exchange'].origin.url}/sparql",
            example=library_query("example"),
            formats={"CSV": "text/csv", "JSON": "application/sparql-results+json", "Turtle": "text/turtle"},
            **site(settings, workers.release),
        )
        await shown(scope, receive, open_to_all(send))

    return show


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    await app.state.workers.start()
    app.state.choices = await _choices(app)
    print(f"Release {app.state.workers.release.number} is served at {app.state.settings.url}/", flush=True)
    looking = asyncio.create_task(_follow(app))
    try:
        yield
    finally:
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking
        await app.state.committer.close()
        await app.state.sparql.close()
        await app.state.workers.close()


async def _follow(app: FastAPI) -> None:
    """Take up the Release that `current` points to, each time it moves.

    One that can't be loaded is tried again, ever more seldom; meanwhile we go on with what we have.
    """
    wait_s = _LOOK_EVERY_S
    failed, again_at = 0, 0.0
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        now = asyncio.get_running_loop().time()
        try:
            number = current_release(app.state.settings.home).number
            if number == app.state.workers.release.number:
                failed = 0
            elif number != failed or now >= again_at:
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S) if number == failed else _LOOK_EVERY_S
                failed, again_at = number, now + wait_s
                await _adopt(app, number)
        except KgError as error:
            _log.warning("Release %s: %s; it is tried again.", failed, error)


async def _adopt(app: FastAPI, number: int) -> None:
    """Answer from a Release from now on, if that isn't so already. Raises: KgError when it can't."""
    async with app.state.adopting:
        if app.state.workers.release.number != number:
            release = find_release(app.state.settings.home, number)
            loaded = load_questions(release.path)
            await app.state.workers.switch(release)
            app.state.questions = loaded
            app.state.choices = await _choices(app)


async def _choices(app: FastAPI) -> Choices:
    return await choices(app.state.questions.values(), CallersAsker(app.state.workers, ""))


def _take_up(app: FastAPI, release: Release) -> None:
    app.state.questions = load_questions(release.path)


async def _http_error(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    response = problem_response(status, str(getattr(error, "detail", "")), request)
    response.headers.update(getattr(error, "headers", None) or {})
    return response
