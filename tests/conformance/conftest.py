"""The service under test: one for a run, over an empty dataset of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .run import Runner
from .services import kg_services
from .suites_here import ROOT


@pytest.fixture(scope="session")
def runner() -> Iterator[Runner]:
    """Run cases against `kg serve`, started when the first case needs it."""
    with kg_services() as (endpoint, peers):
        yield Runner(Path(ROOT), endpoint, peers)
