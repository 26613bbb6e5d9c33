"""A Release as it was known on a day, or without some layers: a dataset made when first asked for.

    $KG_HOME/views/000012-2020-12-31-stated-inferred/     a store and a manifest, as a Release has

It is a dataset, not a list of graphs for FROM: what follows is worked out anew from what counts, so
a conclusion drawn from what was not yet known is not in it, nor one that something now known
prevents; and its default graph holds each triple once. `restrict` makes it, in a process of its own.
"""

from __future__ import annotations

import datetime
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from kg.errors import BadParameter
from kg.parameters import Asker, library_query
from kg.store import release_path

__all__ = ["LAYERS", "WHOLE", "View", "forget_views", "read_view", "settled", "view_path"]

# What may be asked for; reference and ontology are in every view.
LAYERS = ("stated", "inferred", "curated")
# Before any document.
_BEGINNING = "0001-01-01"
_MOST_KEPT = 40


@dataclass(frozen=True)
class View:
    """What counts: graphs known on a day (empty for all), and these layers beside the reference."""

    known_on: str = ""
    layers: tuple[str, ...] = LAYERS

    @property
    def is_whole(self) -> bool:
        return not self.known_on and self.layers == LAYERS

    @property
    def name(self) -> str:
        """What it is called on disk.

        >>> View("2020-12-31", ("stated",)).name, View(layers=()).name
        ('2020-12-31-stated', 'all-reference')
        """
        return "-".join([self.known_on or "all", *(self.layers or ("reference",))])


WHOLE = View()


def read_view(known_on: str, layers: str) -> View:
    """Return the view that two parameters ask for, as they were written. Raises: BadParameter.

    >>> read_view("", "curated, stated")
    View(known_on='', layers=('stated', 'curated'))
    """
    if known_on and not _is_day(known_on):
        raise BadParameter(
            "knownOn",
            f"knownOn is a day such as 2022-12-01, not {known_on!r}.",
            f"knownOn is een dag zoals 2022-12-01, niet {known_on!r}.",
        )
    asked = {part for part in re.split(r"[\s,]+", layers.casefold()) if part}
    unknown = sorted(asked - {*LAYERS, "reference", "ontology"})
    if unknown:
        names = ", ".join(LAYERS)
        raise BadParameter(
            "layers",
            f"There is no layer {unknown[0]!r}. There are {names}; reference and ontology always count.",
            f"Er is geen laag {unknown[0]!r}. Er zijn {names}; reference en ontology tellen altijd mee.",
        )
    return View(known_on, tuple(each for each in LAYERS if each in asked) if asked else LAYERS)


async def settled(view: View, asker: Asker) -> View:
    """Return the view with the last day on or before its own on which something became known.

    So there are only as many views as there are such days.
    """
    if not view.known_on:
        return view
    days = [row["day"]["value"] for row in await asker.rows(library_query("known-days"), {})]
    return replace(view, known_on=max((day for day in days if day <= view.known_on), default=_BEGINNING))


def view_path(home: Path, number: int, view: View) -> Path:
    """Return where a view of a Release lies."""
    return home / "views" / f"{number:06d}-{view.name}"


def forget_views(home: Path, *, besides: Path) -> None:
    """Remove views of Releases that are gone, and those asked longest ago beyond a bound."""
    found = sorted((home / "views").glob("[0-9]*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for place, path in enumerate(found):
        is_orphan = not release_path(home, int(path.name[:6])).exists()
        if path != besides and (is_orphan or place >= _MOST_KEPT):
            # Its manifest goes first: what is half removed is no view any more.
            (path / "manifest.json").unlink(missing_ok=True)
            shutil.rmtree(path, ignore_errors=True)


def _is_day(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
