"""Earlier Releases are asked beside each other, a few at a time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from kg.archive import Archive
from kg.errors import NoRelease, ReleaseGone, TooBusy
from kg.settings import Settings
from kg.workers import Workers

from .serving import becomes_true, is_alive, small_release

COUNT = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    (tmp_path / "releases").mkdir()
    for number in range(2, 7):
        release = small_release(tmp_path / "releases", n_things=number * 10, number=number)
        (release.path / "manifest.json").write_text('{"identity": "x", "graphs": {}}', "utf-8")
    return Archive(Settings(home=tmp_path))


async def count(workers: Workers) -> str:
    return (await workers.rows(COUNT, {}))[0]["n"]["value"]


def test_each_release_answers_as_it_was_and_the_oldest_makes_room(archive: Archive) -> None:
    async def ask() -> tuple[list[str], list[int]]:
        counts, pids = [], []
        for number in (2, 3, 2, 4, 5, 6):
            async with archive.of(number) as workers:
                counts.append(await count(workers))
                pids += workers.pids if number == 3 else []
        await archive.close()
        return counts, pids

    counts, pids = asyncio.run(ask())
    assert counts == ["20", "30", "20", "40", "50", "60"]
    assert becomes_true(lambda: not any(is_alive(pid) for pid in pids))


def test_callers_of_one_release_share_its_workers(archive: Archive) -> None:
    async def ask() -> bool:
        async with archive.of(2) as one, archive.of(2) as other:
            same = one is other
        await archive.close()
        return same

    assert asyncio.run(ask())


def test_when_all_are_asked_another_is_too_much(archive: Archive) -> None:
    async def ask() -> None:
        try:
            async with archive.of(2), archive.of(3), archive.of(4), archive.of(5):
                with pytest.raises(TooBusy):
                    await archive.of(6).__aenter__()
        finally:
            await archive.close()

    asyncio.run(ask())


def test_release_that_is_not_there_or_not_any_more_is_told_apart(archive: Archive) -> None:
    async def ask(number: int) -> None:
        async with archive.of(number):
            pass

    with pytest.raises(NoRelease) as none:
        asyncio.run(ask(9))
    assert not isinstance(none.value, ReleaseGone)
    with pytest.raises(ReleaseGone):
        asyncio.run(ask(1))
