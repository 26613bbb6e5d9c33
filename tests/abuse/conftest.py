"""The service that is abused: one for all requests, as it is for all the world."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from kg.store import Release

from .target import Target, Trap, serving, trapping


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory, small_release: tuple[Path, Release]) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("abused")
    shutil.copytree(small_release[0], folder / "home", symlinks=True)
    with serving(folder / "home", folder / "tokens") as target:
        yield target


@pytest.fixture(scope="session")
def trap() -> Iterator[Trap]:
    """A server that nothing may call."""
    with trapping() as trap:
        yield trap
