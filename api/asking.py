"""What a question is asked with beside its own values: of which data, how much of it, and in what form."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from api.negotiation import takes_gzip
from api.pages import language_of
from api.protocol import release_of
from kg.answers import Page
from kg.editions import Editions
from kg.errors import BadParameter
from kg.formats import SEPARATORS
from kg.store import Release
from kg.views import View, read_view, settled
from kg.workers import CallersAsker, Workers

__all__ = ["MOST_ROWS", "Wish", "datasets", "editions", "read_wish"]

# More rows than this come in pages, asked for or not.
MOST_ROWS = 10_000
_PAGE_ROWS = 100
_TRUE = ("true", "1", "yes", "on")


@dataclass(frozen=True)
class Wish:
    """How a request wants its answer; `release` is None for the one in service."""

    language: str
    evidence: bool
    separator: str
    excel: bool
    page: Page | None
    release: int | None
    view: View
    gzip: bool


def read_wish(request: Request, *, paged: bool) -> Wish:
    """Return what a request asks for; `paged` says whether it comes in pages unless told otherwise.

    Raises: BadParameter for what can't be done, BadRequest for a Release that is none.
    """
    given = request.query_params
    separator = given.get("separator", "")
    if separator == "\t":
        separator = "tab"
    if separator and separator not in SEPARATORS:
        names = " ".join(SEPARATORS)
        raise BadParameter(
            "separator",
            f"separator is one of {names}, not {separator!r}.",
            f"separator is een van {names}, niet {separator!r}.",
        )
    return Wish(
        language=language_of(request),
        evidence=given.get("evidence", "") in _TRUE,
        separator=separator,
        excel=given.get("excel", "") in _TRUE,
        page=_page(given, paged=paged),
        release=release_of({"release": [each for each in given.getlist("release") if each]}),
        view=read_view(given.get("knownOn", "").strip(), ",".join(given.getlist("layers"))),
        gzip=takes_gzip(request.headers.get("accept-encoding")),
    )


def _page(given: Any, *, paged: bool) -> Page | None:
    number, size = (_number(name, given.get(name, "")) for name in ("page", "pageSize"))
    if number is None and size is None and not paged:
        return None
    return Page(number=number or 1, size=size or _PAGE_ROWS)


def _number(name: str, text: str) -> int | None:
    if not text:
        return None
    if not re.fullmatch("[1-9][0-9]{0,6}", text) or (name == "pageSize" and int(text) > MOST_ROWS):
        most = f" to {MOST_ROWS}" if name == "pageSize" else ""
        raise BadParameter(
            name,
            f"{name} is a whole number from 1{most or ' on'}, not {text!r}.",
            f"{name} is een geheel getal vanaf 1{most.replace('to', 'tot en met')}, niet {text!r}.",
        )
    return int(text)


def editions(state: Any, wish: Wish, release: Release, caller: str) -> Editions:
    """Return the Releases beside this one, for a caller who compares them; the same of each counts."""

    @asynccontextmanager
    async def lend(number: int) -> AsyncIterator[CallersAsker]:
        async with AsyncExitStack() as lent:
            other: Workers = await lent.enter_async_context(state.archive.of(number))
            if not wish.view.is_whole:
                view = await settled(wish.view, CallersAsker(other, caller))
                other = await lent.enter_async_context(state.archive.of(number, view))
            yield CallersAsker(other, caller)

    return Editions(state.settings.home, release, lend)


@asynccontextmanager
async def datasets(state: Any, wish: Wish, caller: str) -> AsyncIterator[tuple[Workers, Workers]]:
    """Lend who answers for the whole Release, which knows every name, and for what counts of it.

    Raises: NoRelease, ReleaseGone, TooBusy.
    """
    async with AsyncExitStack() as lent:
        whole: Workers = state.workers
        if wish.release not in (None, whole.release.number):
            whole = await lent.enter_async_context(state.archive.of(wish.release))
        counted = whole
        if not wish.view.is_whole:
            view = await settled(wish.view, CallersAsker(whole, caller))
            counted = await lent.enter_async_context(state.archive.of(whole.release.number, view))
        yield whole, counted
