"""The rows of a question, by its query and its analysis; of two Releases for one that compares them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from kg.analyses import ANALYSES, EDITION
from kg.errors import UnknownRelease
from kg.namespaces import GRAPH
from kg.parameters import Asker
from kg.questions import Question
from kg.releases import find_release
from kg.store import LocalAsker, NamedNode, Release, Row, Store, Term, open_read_only

__all__ = ["ALL_GRAPHS", "Editions", "local_editions", "rows_of"]

# How a query says that it looks at all graphs; here those that differ are written in.
ALL_GRAPHS = "VALUES ?passage { UNDEF }"


@dataclass(frozen=True)
class Editions:
    """The Releases in `home` beside the one that a question is asked of; `lend` opens one to ask."""

    home: Path
    release: Release
    lend: Callable[[int], AbstractAsyncContextManager[Asker]]

    def differing(self, number: int) -> list[str]:
        """Return the graphs whose content differs. Raises: ReleaseGone, UnknownRelease."""
        was = find_release(self.home, number).manifest["graphs"]
        now = self.release.manifest["graphs"]
        keys = {key for key in was.keys() | now.keys() if key.startswith(GRAPH)}
        return sorted(key for key in keys if was.get(key, {}).get("hash") != now.get(key, {}).get("hash"))


async def _whole(release: Release) -> Store:
    return open_read_only(release)


def local_editions(
    home: Path, release: Release, opened: Callable[[Release], Awaitable[Store]] = _whole
) -> Editions:
    """Return the Releases of a folder, asked in this process; `opened` gives what of one counts."""

    @asynccontextmanager
    async def lend(number: int) -> AsyncIterator[Asker]:
        yield LocalAsker(await opened(find_release(home, number)))

    return Editions(home, release, lend)


async def rows_of(
    question: Question, parameters: Mapping[str, Term], asker: Asker, editions: Editions | None
) -> list[Row]:
    """Return what the query finds, or what the question's analysis makes of it.

    Raises: ReleaseGone, UnknownRelease, and what the asker raises.
    """
    if question.compare:
        found = await _of_two(question, parameters, asker, editions)
    else:
        found = await asker.rows(question.text, parameters)
    if not question.analysis:
        return found
    return await asyncio.to_thread(ANALYSES[question.analysis], found, parameters)


async def _of_two(
    question: Question, parameters: Mapping[str, Term], asker: Asker, editions: Editions | None
) -> list[Row]:
    """Ask two Releases the same, only about what differs; before the first there was nothing."""
    number = int(parameters[question.compare]["value"])
    if number == 0:
        return _edition("later", await asker.rows(question.text, parameters))
    if editions is None:
        raise UnknownRelease(f"Release {number} can't be asked here.")
    graphs = editions.differing(number)
    if not graphs:
        return []
    named = " ".join(str(NamedNode(graph)) for graph in graphs)  # the engine's own writer escapes them
    query = question.text.replace(ALL_GRAPHS, f"VALUES ?passage {{ {named} }}")
    async with editions.lend(number) as before:
        earlier = await before.rows(query, parameters)
    return _edition("earlier", earlier) + _edition("later", await asker.rows(query, parameters))


def _edition(name: str, rows: list[Row]) -> list[Row]:
    return [{**row, EDITION: {"type": "literal", "value": name}} for row in rows]
