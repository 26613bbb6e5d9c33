"""A view holds what counts and what follows from that, no more and no less."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from kg.errors import BadParameter
from kg.namespaces import PREFIXES, graph_iri
from kg.publish import publish
from kg.restrict import make, restricted
from kg.store import (
    DefaultGraph,
    Literal,
    LocalAsker,
    NamedNode,
    Quad,
    QueryBoolean,
    Release,
    Store,
    open_in_memory,
    open_read_only,
)
from kg.views import LAYERS, View, read_view, settled

from ..conftest import Quiet

Edit = Callable[[str, str, str], Path]
AREA, LMR = PREFIXES["area"], PREFIXES["lmr"]
DAY = 'tp:knownFromDay "{}"^^<http://www.w3.org/2001/XMLSchema#date>'


@pytest.fixture
def release(small: Path, tmp_path: Path, edit: Edit) -> Release:
    """The small dataset: its editions known from their first day, its report from June 2022."""
    for name, day in (("places-old", "2015-01-01"), ("places", "2020-01-01")):
        edit(f"reference/{name}", "dct:source ", f"{DAY.format(day)} ; dct:source ")
    return publish(small, tmp_path / "home", Quiet())[0]


def holds(store: Store, pattern: str) -> bool:
    prefixes = "".join(f"PREFIX {prefix}: <{iri}> " for prefix, iri in PREFIXES.items())
    return bool(cast(QueryBoolean, store.query(f"{prefixes} ASK {{ {pattern} }}")))


def test_view_of_everything_is_the_release_but_for_its_examples(release: Release) -> None:
    said = {quad for quad in open_in_memory(release) if graph_iri("examples/") not in str(quad.graph_name)}
    assert set(restricted(release, View())) == said


def test_conclusion_waits_for_all_that_it_follows_from(release: Release) -> None:
    within = "area:gm0001 geo:sfWithin lmr:groot"
    assert not holds(restricted(release, View("2019-12-31")), within)
    assert holds(restricted(release, View("2020-01-01")), within)


def test_conclusion_that_something_later_prevents_was_drawn_before(release: Release) -> None:
    """The first edition had no end until the second replaced it."""
    ends = f"<{graph_iri('reference/places-old')}#edition> tp:lastDay ?day . FILTER(?day = {{}})"
    never, replaced = ('"9999-12-31"^^xsd:date', '"2019-12-31"^^xsd:date')
    before, after = restricted(release, View("2016-01-01")), restricted(release, View("2020-01-01"))
    assert holds(before, ends.format(never))
    assert not holds(before, ends.format(replaced))
    assert holds(after, ends.format(replaced))
    assert not holds(after, ends.format(never))


def test_passage_counts_from_its_day_and_a_reading_without_one_on_no_day(release: Release) -> None:
    stated, reading = "scheme:wholly tp:funder ?fund", "pr:deel-van-groot ^tp:part/tp:whole lmr:groot"
    assert [holds(restricted(release, View(day)), stated) for day in ("2022-05-31", "2022-06-01")] == [
        False,
        True,
    ]
    assert not holds(restricted(release, View("2022-06-01")), reading)
    assert holds(restricted(release, View()), reading)


def test_thing_that_a_counted_graph_names_has_its_name_and_kind_but_no_later_claim(release: Release) -> None:
    before = restricted(release, View("2016-01-01"))
    named = "GRAPH ?g { area:gm0001 a tp:MunicipalArea ; skos:prefLabel ?name } ?g tp:layer tp:reference"
    assert holds(before, named)
    assert not holds(before, "area:gm0004 skos:prefLabel ?name"), "no one had named it"
    assert not holds(before, "?body tp:governs area:gm0001")


@pytest.mark.parametrize(
    ("layers", "stated", "inferred", "curated"),
    [
        (LAYERS, True, True, True),
        (("stated", "inferred"), True, True, False),
        (("stated", "curated"), True, False, True),
        (("inferred", "curated"), False, True, True),
        ((), False, False, False),
    ],
)
def test_layers_are_what_was_asked_for_beside_the_reference(
    release: Release, layers: tuple[str, ...], stated: bool, inferred: bool, curated: bool
) -> None:
    view = restricted(release, View(layers=layers))
    assert holds(view, "scheme:wholly tp:funder ?fund") == stated
    assert holds(view, "?period tp:lastDay ?day") == inferred
    assert holds(view, "pr:deel-van-groot ^tp:part/tp:whole lmr:groot") == curated
    assert holds(view, "area:gm0001 a tp:MunicipalArea")
    assert holds(view, "tp:funder a owl:ObjectProperty")


def test_default_graph_of_a_view_holds_each_triple_once(release: Release) -> None:
    view = restricted(release, View("2022-06-01"))
    quads = list(view.quads_for_pattern(None, None, None, DefaultGraph()))
    assert len(quads) == len(set(quads)) > 0
    said = Quad(NamedNode(PREFIXES["scheme"] + "wholly"), NamedNode(PREFIXES["tp"] + "minAge"), Literal(10))
    assert said in quads


def test_view_is_made_once_and_has_an_identity_of_its_own(release: Release, tmp_path: Path) -> None:
    home = tmp_path / "home"
    path = make(home, release.number, View("2020-01-01"))
    made_at = (path / "manifest.json").stat().st_mtime_ns
    assert make(home, release.number, View("2020-01-01")) == path
    assert (path / "manifest.json").stat().st_mtime_ns == made_at
    assert f"{release.identity}/2020-01-01" in (path / "manifest.json").read_text("utf-8")
    assert not list(path.parent.glob(".building-*"))


def test_day_is_settled_on_the_last_one_on_which_something_became_known(release: Release) -> None:
    asker = LocalAsker(open_read_only(release))
    days = ("2010-01-01", "2019-12-31", "2020-01-01", "2022-05-31", "2030-01-01")
    assert [asyncio.run(settled(View(day), asker)).known_on for day in days] == [
        "0001-01-01",
        "2015-01-01",
        "2020-01-01",
        "2020-01-01",
        "2022-06-01",
    ]


@pytest.mark.parametrize(("known_on", "layers"), [("2020-13-01", ""), ("2020-1-1", ""), ("", "stated,all")])
def test_view_that_cannot_be_is_refused(known_on: str, layers: str) -> None:
    with pytest.raises(BadParameter):
        read_view(known_on, layers)
