"""A Release appears whole or not at all."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kg.errors import BuildError, NoRelease
from kg.publish import publish
from kg.store import DefaultGraph, NamedNode, QuerySolutions, current_release, open_read_only

Edit = Callable[[str, str, str], Path]


class Quiet:
    def step(self, name: str) -> None: ...
    def advance(self, done: int, total: int) -> None: ...


def test_first_build_is_release_one_and_in_service(small: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    release, new, warnings = publish(small, home, Quiet())
    assert (release.number, new, warnings) == (1, True, [])
    assert current_release(home) == release


def test_home_without_a_build_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(NoRelease, match="kg build"):
        current_release(tmp_path)


def test_same_content_makes_no_new_release(small: Path, tmp_path: Path) -> None:
    first, _, _ = publish(small, tmp_path / "home", Quiet())
    again, new, _ = publish(small, tmp_path / "home", Quiet())
    assert (again, new) == (first, False)


def test_changed_content_makes_the_next_release_and_the_old_one_stays(
    small: Path, tmp_path: Path, edit: Edit
) -> None:
    first, _, _ = publish(small, tmp_path / "home", Quiet())
    edit("report/1", "schema:value 1500.5", "schema:value 1600")
    second, new, _ = publish(small, tmp_path / "home", Quiet())
    assert (second.number, new) == (2, True)
    assert current_release(tmp_path / "home").number == 2
    assert first.path.exists()
    changed = [
        iri for iri, graph in second.manifest["graphs"].items() if graph != first.manifest["graphs"].get(iri)
    ]
    assert "https://w3id.org/techniekpact/graph/report/1" in changed
    assert "https://w3id.org/techniekpact/graph/reference/places" not in changed


def test_violation_publishes_nothing_and_the_old_release_stays(
    small: Path, tmp_path: Path, edit: Edit
) -> None:
    publish(small, tmp_path / "home", Quiet())
    path = edit("report/1", 'schema:currency "EUR" ;', "")
    with pytest.raises(BuildError) as caught:
        publish(small, tmp_path / "home", Quiet())
    (problem,) = caught.value.problems
    assert (problem.path, problem.severity) == (path, "violation")
    assert problem.message == 'Give one currency by its ISO code: schema:currency "EUR".'
    assert "<#bedrag> a tp:Amount" in path.read_text("utf-8").splitlines()[problem.line - 1]  # type: ignore[operator]
    assert current_release(tmp_path / "home").number == 1


def test_warm_and_fresh_checks_find_the_same(small: Path, tmp_path: Path, edit: Edit) -> None:
    publish(small, tmp_path / "home", Quiet())
    edit("report/_entities", "actor:fonds a tp:DevelopmentFund", "actor:fonds a tp:ActorGroup")
    with pytest.raises(BuildError) as warm:
        publish(small, tmp_path / "home", Quiet())
    with pytest.raises(BuildError) as fresh:
        publish(small, tmp_path / "other", Quiet())
    assert warm.value.problems == fresh.value.problems
    assert any("dct:publisher" in problem.message for problem in warm.value.problems)


def test_manifest_counts_passages_things_and_statements(small: Path, tmp_path: Path) -> None:
    counts = publish(small, tmp_path / "home", Quiet())[0].manifest["counts"]
    assert counts["passages"] == sum(
        "a tp:Passage" in path.read_text("utf-8") for path in small.glob("data/ttl/report/*.ttl")
    )
    assert counts["things"]["tp:DevelopmentFund"] == 1
    assert not {"stated", "reference", "inferred", "ontology", "shapes"} - counts["statements"].keys()
    graphs = publish(small, tmp_path / "home", Quiet())[0].manifest["graphs"]
    assert sum(counts["statements"].values()) == sum(graph["triples"] for graph in graphs.values())


def test_default_graph_holds_each_triple_once_and_no_shape_or_example(small: Path, tmp_path: Path) -> None:
    release, _, _ = publish(small, tmp_path / "home", Quiet())
    store = open_read_only(release)
    in_data = {
        (q.subject, q.predicate, q.object)
        for q in store.quads_for_pattern(None, None, None, None)
        if isinstance(q.graph_name, NamedNode)
        and not re.search("/graph/(shapes|examples)/", q.graph_name.value)
    }
    default = [
        (q.subject, q.predicate, q.object) for q in store.quads_for_pattern(None, None, None, DefaultGraph())
    ]
    assert len(default) == len(set(default)) == release.manifest["triples"]
    assert set(default) == in_data


def test_inferred_graph_says_its_rule_and_rests_on_its_layer(small: Path, tmp_path: Path) -> None:
    release, _, _ = publish(small, tmp_path / "home", Quiet())
    rows = open_read_only(release).query(
        """PREFIX tp: <https://w3id.org/techniekpact/def/>
        SELECT ?g ?rule { ?g a tp:Inferred ; tp:rule ?rule FILTER(LANG(?rule) = 'en') }"""
    )
    assert isinstance(rows, QuerySolutions)
    rules = {row["g"].value.rsplit("/graph/", 1)[-1]: row["rule"].value for row in rows}
    assert "inferred/stated/containment-days" in rules
    assert "inferred/curated/first-day" not in rules  # the small curation has no period


@pytest.mark.service
@pytest.mark.parametrize("after_s", [0.05, 0.3, 0.6, 0.8, 0.9, 1.0, 1.1, 1.2, 1.4])
def test_build_that_is_killed_leaves_the_old_release(
    small: Path, tmp_path: Path, edit: Edit, after_s: float
) -> None:
    home = tmp_path / "home"
    publish(small, home, Quiet())
    edit("report/1", "schema:value 1500.5", "schema:value 1700")
    command = [sys.executable, "-m", "kg", "build", "--content", str(small), "--home", str(home)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as build:
        time.sleep(after_s)  # the moment of the kill is what is tried here
        os.kill(build.pid, signal.SIGKILL)
    served = current_release(home)
    assert served.number in (1, 2)
    store = open_read_only(served)
    assert (
        sum(1 for _ in store.quads_for_pattern(None, None, None, DefaultGraph()))
        == served.manifest["triples"]
    )
    after, _, _ = publish(small, home, Quiet())
    # A Release that was whole, but not yet pointed to, keeps its number.
    assert after.number == current_release(home).number
    assert after.number in (2, 3)
    assert not list((home / "releases").glob(".building-*"))
