"""Releases on disk: write the next one, point to it, list them, keep some and forget the oldest.

A Release is made in a folder of its own beside the others and becomes one by a rename; `current`
moves to it by another. What is killed at any moment leaves the Release in service as it was.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from kg.errors import ReleaseGone, UnknownRelease
from kg.store import (
    DefaultGraph,
    NamedNode,
    Quad,
    Release,
    Store,
    copied,
    open_read_only,
    read_release,
    release_path,
)

__all__ = [
    "DEFAULT",
    "MOST_KEPT",
    "find_release",
    "forget_old",
    "graph_name",
    "keep",
    "list_releases",
    "only_writer",
    "point_to",
    "write_release",
    "write_store",
]

# What a manifest calls the default graph, where that is written to like any other.
DEFAULT = "default"
MOST_KEPT = 1_000
_KEPT = "kept"


def graph_name(key: str) -> NamedNode | DefaultGraph:
    """Return the graph that a manifest speaks of."""
    return DefaultGraph() if key == DEFAULT else NamedNode(key)


def write_release(
    home: Path, dataset: Store, manifest: dict[str, Any], content: Path, *, based_on: Release | None = None
) -> Release:
    """Write the next Release and make it the one in service.

    `content` is the folder whose rules and queries go along. With `based_on` its store is shared
    and only the graphs that differ are written, so that it costs as much as what has changed.
    """
    releases = home / "releases"
    releases.mkdir(parents=True, exist_ok=True)
    for left in releases.glob(".building-*"):  # of a build that was killed
        shutil.rmtree(left)
    number = 1 + max(_numbers(home), default=0)
    building = releases / f".building-{number:06d}"
    building.mkdir()
    if based_on:
        _write_difference(building / "store", dataset, manifest, based_on)
    else:
        write_store(building / "store", dataset)
    created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    manifest = {"number": number, "created": created, **manifest}
    for folder in ("queries", "ontology/rules"):
        if (content / folder).is_dir():
            shutil.copytree(content / folder, building / folder)
    (building / "manifest.json").write_text(json.dumps(manifest, indent=1), "utf-8")
    _sync(building.rglob("*"), building)
    building.rename(release_path(home, number))
    _sync((), releases)
    release = Release(number, release_path(home, number), manifest)
    point_to(home, release)
    return release


def write_store(path: Path, dataset: Store) -> None:
    """Write a dataset to disk, for others to open read-only."""
    store = copied(dataset, Store(str(path)))
    store.optimize()
    store.flush()
    # Leaving closes it: a store being written must not be opened read-only.


def _write_difference(path: Path, dataset: Store, manifest: dict[str, Any], based_on: Release) -> None:
    """Take over a store by hard links, then mend the graphs that differ and the default graph with them."""
    open_read_only(based_on).backup(str(path))
    store = Store(str(path))
    was, now = based_on.manifest["graphs"], manifest["graphs"]
    merged = manifest["default_graph"] == "merge"
    for key in sorted(was.keys() | now.keys()):
        if was.get(key, {}).get("hash") != now.get(key, {}).get("hash"):
            before = set(store.quads_for_pattern(None, None, None, graph_name(key)))
            after = set(dataset.quads_for_pattern(None, None, None, graph_name(key)))
            if merged:
                triples = {Quad(q.subject, q.predicate, q.object, DefaultGraph()) for q in before ^ after}
                before |= {quad for quad in triples if quad in store}
                after |= {quad for quad in triples if quad in dataset}
            for quad in before - after:
                store.remove(quad)
            store.extend(after - before)
            name = graph_name(key)
            if isinstance(name, NamedNode):
                # A graph may be there and say nothing.
                (store.add_graph if key in now else store.remove_graph)(name)
    store.flush()


def point_to(home: Path, release: Release) -> None:
    """Make a Release the one in service, in one step."""
    pointer = home / ".current-next"
    pointer.unlink(missing_ok=True)
    pointer.symlink_to(release_path(Path(), release.number))
    pointer.rename(home / "current")
    _sync((), home)


def find_release(home: Path, number: int) -> Release:
    """Return a Release by its number. Raises: ReleaseGone when it was forgotten, UnknownRelease."""
    with contextlib.suppress(OSError):
        return read_release(release_path(home, number))
    numbers = _numbers(home)
    if 0 < number < max(numbers, default=0):
        raise ReleaseGone(f"Release {number} is gone. The oldest that can be asked is {min(numbers)}.")
    raise UnknownRelease(f"There is no Release {number}. The last is {max(numbers, default=0)}.")


def list_releases(home: Path) -> list[tuple[Release, bool]]:
    """Return every Release, the oldest first, each with whether it is kept for good."""
    found = [find_release(home, number) for number in sorted(_numbers(home))]
    return [(release, (release.path / _KEPT).exists()) for release in found]


def keep(release: Release, *, for_good: bool = True) -> None:
    """Mark a Release to be kept, or let it be forgotten in its turn."""
    if for_good:
        (release.path / _KEPT).touch()
    else:
        (release.path / _KEPT).unlink(missing_ok=True)


def forget_old(home: Path, *, most: int = MOST_KEPT) -> None:
    """Remove the oldest Releases beyond `most`, but those kept for good and the one in service."""
    in_service = (home / "current").resolve().name
    for number in sorted(_numbers(home))[:-most]:
        path = release_path(home, number)
        if path.name != in_service and not (path / _KEPT).exists():
            # Its manifest goes first: what is half removed is no Release any more.
            (path / "manifest.json").unlink(missing_ok=True)
            shutil.rmtree(path)


def _numbers(home: Path) -> list[int]:
    return [int(path.name) for path in (home / "releases").glob("[0-9]*")]


def _sync(paths: Iterable[Path], folder: Path) -> None:
    """Bring files, and the folder that names them, to the disk before something points there."""
    for path in [*(path for path in paths if path.is_file()), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextlib.contextmanager
def only_writer(home: Path) -> Iterator[None]:
    """Two writers at once would number the same Release: the second waits."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
