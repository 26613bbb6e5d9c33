"""Small content folders: a few files of data beside the repository's own ontology, shapes or queries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def lay(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Mapping[str, Path], Iterable[str]], Path]:
    """Return what lays a content folder: data by its place under data/ttl/, and links to folders of ours."""

    def laid(data: Mapping[str, Path], links: Iterable[str]) -> Path:
        root = tmp_path_factory.mktemp("content")
        targets = {f"data/ttl/{place}": file for place, file in data.items()}
        targets |= {folder: REPOSITORY / folder for folder in links}
        for place, target in targets.items():
            (root / place).parent.mkdir(parents=True, exist_ok=True)
            (root / place).symlink_to(target)
        return root

    return laid
