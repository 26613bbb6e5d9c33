"""A question that compares two Releases, over real sockets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kg.publish import publish

from ..conftest import Quiet
from .serving import served

pytestmark = pytest.mark.service


def test_changes_between_two_releases_are_asked_of_both(
    small: Path, tmp_path: Path, edit: Callable[[str, str, str], Path]
) -> None:
    home = tmp_path / "home"
    publish(small, home, Quiet())
    edit("report/1", "schema:value 1500.5", "schema:value 1600")
    publish(small, home, Quiet())
    with served(home) as service:

        def changed(**values: str) -> list[tuple[str, str]]:
            answer = service.client.get("/questions/changes.json", params=values)
            assert answer.status_code == 200, answer.text
            return [(row["change"], row["thing"].rsplit("/", 1)[-1]) for row in answer.json()["rows"]]

        assert changed(since="1") == [("changed", "wholly")]
        assert changed(since="1", release="1") == []
        assert changed(since="2") == []
        assert changed(since="1", layers="stated") == [("changed", "wholly")]
        assert ("new", "wholly") in changed(since="0")
        assert service.client.get("/questions/changes.json", params={"since": "9"}).status_code == 404
