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
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from api import questions
from api.pages import page, site
from api.problems import problem_response, problem_response_for
from api.sparql import CORS, Page, Sparql
from api.writing import Door
from kg.committer import Committer
from kg.errors import KgError
from kg.parameters import library_query
from kg.questions import load_questions
from kg.releases import find_release
from kg.settings import Settings
from kg.store import Release, current_release
from kg.workers import Workers

__all__ = ["create_service", "run"]

_VERSION = metadata.version("techniekpact-kg")
_LOOK_EVERY_S = 1.0
_PREFLIGHT = {"Allow": "GET, HEAD, OPTIONS", "Access-Control-Max-Age": "86400"}
_log = logging.getLogger(__name__)


def create_service(settings: Settings) -> Any:
    """Return the ASGI application that serves the current Release of `settings.home`.

    Raises: NoRelease, before anything is served, when nothing has been built.
    """
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
    sparql = Sparql(settings, workers, Door(settings, committer), _sparql_page(settings, workers))
    app.state.settings = settings
    app.state.workers = workers
    app.state.committer = committer
    app.state.adopting = asyncio.Lock()
    app.state.zone = ZoneInfo("Europe/Amsterdam")  # what "today" means to those who ask
    _take_up(app, release)
    app.include_router(questions.router)
    app.add_api_route("/health", _health, summary="Does the process answer?")
    app.add_api_route("/ready", _ready, summary="Can a query be answered now?")
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    app.add_exception_handler(KgError, problem_response_for)
    app.add_exception_handler(HTTPException, _http_error)

    async def service(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
        elif scope["path"] in ("/sparql", "/sparql/") or re.match("/store(/|$)", scope["path"]):
            await sparql(scope, receive, send)
        elif scope["method"] == "OPTIONS":
            await Response(status_code=204, headers=_PREFLIGHT)(scope, receive, _open_to_all(send))
        else:
            # The server drops the body of an answer to HEAD.
            method = "GET" if scope["method"] == "HEAD" else scope["method"]
            await app({**scope, "method": method}, receive, _open_to_all(send))

    return service


def run(settings: Settings) -> None:
    """Serve until told to stop; a first line says where."""
    uvicorn.run(
        create_service(settings),
        host=settings.host,
        port=settings.port,
        headers=[("Server", f"techniekpact-kg/{_VERSION}")],
        server_header=False,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=10,
    )


def _sparql_page(settings: Settings, workers: Workers) -> Page:
    """Return what shows the endpoint to people: a place to type a query."""

    async def show(scope: Any, receive: Any, send: Any) -> None:
        shown = page(
            Request(scope),
            "sparql.html",
            endpoint=f"{settings.url}/sparql",
            example=library_query("example"),
            formats={"CSV": "text/csv", "JSON": "application/sparql-results+json", "Turtle": "text/turtle"},
            **site(settings, workers.release),
        )
        await shown(scope, receive, _open_to_all(send))

    return show


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    await app.state.workers.start()
    print(f"Release {app.state.workers.release.number} is served at {app.state.settings.url}/", flush=True)
    looking = asyncio.create_task(_follow(app))
    try:
        yield
    finally:
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking
        await app.state.committer.close()
        await app.state.workers.close()


async def _follow(app: FastAPI) -> None:
    """Take up the Release that `current` points to, each time it moves; pass over what can't be loaded."""
    seen = app.state.workers.release.number
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        try:
            number = current_release(app.state.settings.home).number
            if number != seen:
                seen = number
                await _adopt(app, number)
        except KgError as error:  # go on with what we have
            _log.warning("%s", error)


async def _adopt(app: FastAPI, number: int) -> None:
    """Answer from a Release from now on, if that isn't so already. Raises: KgError when it can't."""
    async with app.state.adopting:
        if app.state.workers.release.number != number:
            release = find_release(app.state.settings.home, number)
            loaded = load_questions(release.path)
            await app.state.workers.switch(release)
            app.state.questions = loaded


def _take_up(app: FastAPI, release: Release) -> None:
    app.state.questions = load_questions(release.path)


async def _health() -> dict[str, str]:
    """Answer as long as the process does."""
    return {"status": "ok"}


async def _ready(request: Request) -> Response:
    """Answer a query through a worker: 200 when that works, 503 when not."""
    workers: Workers = request.app.state.workers
    await workers.rows("SELECT (1 AS ?one) {}", {})
    return JSONResponse({"status": "ready", "release": workers.release.number, "workers": workers.counts()})


async def _http_error(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    response = problem_response(status, str(getattr(error, "detail", "")), request)
    response.headers.update(getattr(error, "headers", None) or {})
    return response


def _open_to_all(send: Any) -> Any:
    """Any page may read what we say: everything here is public."""

    async def with_cors(message: Any) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *CORS]
        await send(message)

    return with_cors
