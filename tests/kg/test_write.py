"""A write becomes the next Release, whole, or leaves no trace."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kg.errors import BuildError, MalformedData, MalformedQuery, RefusedQuery, ReleaseGone
from kg.export import export
from kg.namespaces import DEF, GRAPH
from kg.publish import publish
from kg.releases import find_release, forget_old, keep, list_releases, only_writer, point_to
from kg.store import DefaultGraph, NamedNode, Quad, Release, current_release, open_read_only
from kg.updates import with_dataset
from kg.write import Outcome, Update, Upload, Write, Writing

from ..conftest import Quiet

REPORT = f"{GRAPH}report/1"
NEW = f"{GRAPH}report/2"
PREFIXES = f"PREFIX tp: <{DEF}> PREFIX scheme: <https://w3id.org/techniekpact/id/scheme/> "
OLDER = "scheme:older tp:minAge 30"
PASSAGE = f"""@prefix tp: <{DEF}> . @prefix dct: <http://purl.org/dc/terms/> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
<> a tp:Passage ; tp:layer tp:stated ; dct:isPartOf <https://w3id.org/techniekpact/id/source/report> ;
    dct:title "Twee"@nl ; tp:locator "§2" ; tp:knownFromDay "2022-06-01"^^xsd:date .
<https://w3id.org/techniekpact/id/scheme/silent> tp:minAge 7 .
"""


def update(text: str) -> Update:
    return Update(PREFIXES + text)


def put(graph: str, turtle: str, verb: str = "PUT") -> Upload:
    return Upload(verb, graph, (("ttl", graph, turtle.encode()),))


ADD_AGE = update(f"INSERT DATA {{ GRAPH <{REPORT}> {{ scheme:silent tp:minAge 7 }} }}")
BREAK = update(f"DELETE WHERE {{ GRAPH <{REPORT}> {{ ?s tp:locator ?o }} }}")


@pytest.fixture
def home(tmp_path: Path, small_release: tuple[Path, Release]) -> Path:
    """A home of its own with the small Release in it."""
    return shutil.copytree(small_release[0], tmp_path / "home", symlinks=True)


@pytest.fixture
def commit(home: Path) -> Callable[..., list[Outcome]]:
    writing = Writing(home, "merge")
    return lambda *writes: writing.commit(list(writes))


@pytest.fixture
def unused_tcp() -> Iterator[socket.socket]:
    """A socket that listens and that nobody should come to."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture
def empty(tmp_path: Path) -> Callable[..., list[Outcome]]:
    """Commits to a dataset of others, which begins empty and whose default graph is its own."""
    (tmp_path / "content").mkdir()
    publish(tmp_path / "content", tmp_path / "own", Quiet(), default_graph="own")
    writing = Writing(tmp_path / "own", "own")
    return lambda *writes: writing.commit(list(writes))


def says(release: Release, text: str, graph: str | None = REPORT) -> bool:
    """Whether a graph, or the default graph, holds `scheme:<name> tp:<property> <number>`."""
    scheme, prop, number = text.split()
    store = open_read_only(release)
    name = NamedNode(graph) if graph else DefaultGraph()
    subject = NamedNode("https://w3id.org/techniekpact/id/scheme/" + scheme.partition(":")[2])
    quads = store.quads_for_pattern(subject, NamedNode(DEF + prop.partition(":")[2]), None, name)
    return any(quad.object.value == number for quad in quads)  # type: ignore[union-attr]


def test_update_is_the_next_release_and_the_one_before_stays(
    home: Path, commit: Callable[..., list[Outcome]]
) -> None:
    (outcome,) = commit(ADD_AGE)
    assert (outcome.error, outcome.release, REPORT in outcome.changed) == (None, 2, True)
    assert says(current_release(home), "scheme:silent tp:minAge 7")
    assert not says(find_release(home, 1), "scheme:silent tp:minAge 7")
    assert current_release(home).manifest["graphs"][REPORT]["origin"] == "online"


def test_default_graph_keeps_in_step(home: Path, commit: Callable[..., list[Outcome]]) -> None:
    commit(ADD_AGE, update(f"DELETE DATA {{ GRAPH <{REPORT}> {{ {OLDER} }} }}"))
    release = current_release(home)
    assert says(release, "scheme:silent tp:minAge 7", None)
    assert not says(release, OLDER, None)
    merged = {Quad(q.subject, q.predicate, q.object) for q in open_read_only(release) if _is_data(q)}
    assert merged == set(open_read_only(release).quads_for_pattern(None, None, None, DefaultGraph()))


def _is_data(quad: Quad) -> bool:
    apart = (f"{GRAPH}shapes/", f"{GRAPH}examples/")
    return isinstance(quad.graph_name, NamedNode) and not quad.graph_name.value.startswith(apart)


def test_triple_of_two_graphs_stays_in_the_default_graph_until_both_lose_it(
    home: Path, commit: Callable[..., list[Outcome]]
) -> None:
    commit(ADD_AGE, put(NEW, PASSAGE))
    (first,) = commit(Upload("DELETE", NEW))
    assert says(find_release(home, first.release), "scheme:silent tp:minAge 7", None)
    (second,) = commit(update(f"DELETE DATA {{ GRAPH <{REPORT}> {{ scheme:silent tp:minAge 7 }} }}"))
    assert not says(find_release(home, second.release), "scheme:silent tp:minAge 7", None)


def test_inference_follows_a_write(home: Path, commit: Callable[..., list[Outcome]]) -> None:
    (outcome,) = commit(put(NEW, PASSAGE))
    inferred = f"{GRAPH}inferred/stated/"
    was, now = (find_release(home, n).manifest["graphs"] for n in (1, outcome.release))
    assert any(now[key] != was.get(key) for key in now if key.startswith(inferred))


def test_write_that_breaks_a_shape_leaves_no_trace(home: Path, commit: Callable[..., list[Outcome]]) -> None:
    (outcome,) = commit(BREAK)
    assert isinstance(outcome.error, BuildError)
    (problem,) = outcome.error.problems
    assert (problem.path, problem.line) == (REPORT, None)
    assert "locator" in problem.message
    assert [release.number for release, _ in list_releases(home)] == [1]
    assert not list((home / "releases").glob(".building-*"))
    (after,) = commit(ADD_AGE)
    assert (after.error, after.release) == (None, 2)


def test_of_writes_together_only_the_wrong_ones_are_refused(
    home: Path, commit: Callable[..., list[Outcome]]
) -> None:
    wrong = update("INSERT DATA { GRAPH <urn:g> {")
    one, two, three, four = commit(ADD_AGE, BREAK, wrong, put(NEW, PASSAGE))
    assert (one.error, four.error) == (None, None)
    assert isinstance(two.error, BuildError)
    assert isinstance(three.error, MalformedQuery)
    assert three.error.line == 1
    release = current_release(home)
    assert says(release, "scheme:silent tp:minAge 7")
    assert says(release, "scheme:silent tp:minAge 7", NEW)


def test_writes_that_come_together_are_one_release(commit: Callable[..., list[Outcome]]) -> None:
    outcomes = commit(ADD_AGE, put(NEW, PASSAGE))
    assert {outcome.release for outcome in outcomes} == {2}


def test_write_that_changes_nothing_makes_no_release(commit: Callable[..., list[Outcome]]) -> None:
    (outcome,) = commit(update(f"INSERT DATA {{ GRAPH <{REPORT}> {{ {OLDER} }} }}"))
    assert (outcome.error, outcome.release, outcome.changed) == (None, 1, ())


@pytest.mark.parametrize(
    ("write", "why"),
    [
        (update("INSERT DATA { scheme:silent tp:minAge 7 }"), "default graph"),
        (update("DELETE WHERE { ?s tp:minAge ?o }"), "default graph"),
        (update("CLEAR ALL"), "can't be written"),
        (put("urn:g", PASSAGE), "no name of this dataset"),
        (put(f"{GRAPH}inferred/stated/x", PASSAGE), "no name of this dataset"),
        (put(f"{GRAPH}shapes/graph/statements", PASSAGE), "ontology or shapes"),
        (Upload("DELETE", f"{GRAPH}ontology/funding"), "ontology or shapes"),
        (Upload("DELETE", f"{GRAPH}inferred/stated/inverse"), "made by rules"),
        (update("LOAD <http://127.0.0.1/x> INTO GRAPH <urn:g>"), "reads from no address"),
        (update("LOAD <file:///etc/passwd> INTO GRAPH <urn:g>"), "reads from no address"),
        (update("PREFIX x: <http://127.0.0.1/> LOAD x:y"), "reads from no address"),
        (update("LOAD # SILENT\n<http://127.0.0.1/x>"), "reads from no address"),
        (update("LOADSILENT<http://127.0.0.1/x>"), "reads from no address"),
        (update("LOAD:x"), "reads from no address"),
        (
            update("INSERT { GRAPH <urn:g> { ?s ?p ?o } } WHERE { SERVICE <http://x/> { ?s ?p ?o } }"),
            "SERVICE",
        ),
    ],
)
def test_write_to_what_is_not_written_online_is_refused(
    home: Path, commit: Callable[..., list[Outcome]], write: Write, why: str
) -> None:
    (outcome,) = commit(write)
    assert isinstance(outcome.error, RefusedQuery)
    assert why in str(outcome.error)
    assert current_release(home).number == 1


@pytest.mark.parametrize(
    ("upload", "line"),
    [
        (put(NEW, "<a> <b>\n <c> <d> ."), 2),
        (Upload("PUT", NEW, (("nq", None, b"<urn:a> <urn:b> <urn:c> <urn:d> ."),)), None),
    ],
)
def test_data_that_cannot_be_read_says_where(
    commit: Callable[..., list[Outcome]], upload: Upload, line: int | None
) -> None:
    (outcome,) = commit(upload)
    assert isinstance(outcome.error, MalformedData)
    assert outcome.error.line == line


def test_silent_load_does_nothing_and_the_rest_is_done(
    commit: Callable[..., list[Outcome]], unused_tcp: socket.socket
) -> None:
    source = f"http://127.0.0.1:{unused_tcp.getsockname()[1]}/"
    insert = ADD_AGE.text.removeprefix(PREFIXES)
    (outcome,) = commit(update(f"LOAD SILENT <{source}> ; {insert}"))
    assert (outcome.error, outcome.release) == (None, 2)
    unused_tcp.settimeout(0.1)
    with pytest.raises(TimeoutError):  # nobody came
        unused_tcp.accept()


def test_malformed_load_is_malformed(commit: Callable[..., list[Outcome]]) -> None:
    (outcome,) = commit(Update("LOAD <urn:x> INTO <urn:g>"))
    assert isinstance(outcome.error, MalformedQuery)


def test_upload_tells_whether_its_graph_was_there(commit: Callable[..., list[Outcome]]) -> None:
    first, second = commit(put(NEW, PASSAGE), put(NEW, PASSAGE, "POST"))
    assert (first.existed, second.existed) == (False, True)


def test_dataset_of_its_own_takes_any_graph_and_the_default_one(
    tmp_path: Path, empty: Callable[..., list[Outcome]]
) -> None:
    (outcome,) = empty(Update("INSERT DATA { <urn:a> <urn:b> [] . GRAPH <urn:g> { <urn:a> <urn:b> 1 } }"))
    assert (outcome.error, outcome.changed) == (None, ("default", "urn:g"))
    assert len(open_read_only(current_release(tmp_path / "own"))) == 2


def test_empty_graph_is_there_and_says_nothing(tmp_path: Path, empty: Callable[..., list[Outcome]]) -> None:
    empty(put("urn:g", ""))
    empty(put("urn:h", "<urn:a> <urn:b> 1 ."))
    assert {str(name) for name in open_read_only(current_release(tmp_path / "own")).named_graphs()} == {
        "<urn:g>",
        "<urn:h>",
    }
    empty(Upload("DELETE", "urn:g"))
    assert "urn:g" not in current_release(tmp_path / "own").manifest["graphs"]


def test_build_keeps_what_was_written_online(
    home: Path, small: Path, commit: Callable[..., list[Outcome]]
) -> None:
    commit(put(NEW, PASSAGE))
    (deleted,) = commit(Upload("DELETE", f"{GRAPH}curation/deel"))
    assert deleted.error is None
    release, _, _ = publish(small, home, Quiet())
    assert says(release, "scheme:silent tp:minAge 7", NEW)
    assert f"{GRAPH}curation/deel" not in release.manifest["graphs"]


def test_graph_changed_online_and_in_its_file_stops_the_build(
    home: Path, commit: Callable[..., list[Outcome]], small: Path, edit: Callable[[str, str, str], Path]
) -> None:
    commit(ADD_AGE)
    path = edit("report/1", "tp:minAge 30", "tp:minAge 31")
    with pytest.raises(BuildError, match="changed here and changed online") as error:
        publish(small, home, Quiet())
    assert [problem.path for problem in error.value.problems] == [path]
    release, _, _ = publish(small, home, Quiet(), files_win=True)
    assert says(release, "scheme:older tp:minAge 31")
    assert not says(release, "scheme:silent tp:minAge 7")


def test_export_brings_online_graphs_to_their_files(
    home: Path, small: Path, commit: Callable[..., list[Outcome]], edit: Callable[[str, str, str], Path]
) -> None:
    commit(ADD_AGE, put(NEW, PASSAGE))
    commit(Upload("DELETE", f"{GRAPH}curation/deel"))
    done = export(current_release(home), small)
    data = small / "data" / "ttl"
    assert sorted(done) == [
        ("removed", data / "curation" / "deel.ttl"),
        ("written", data / "report" / "1.ttl"),
        ("written", data / "report" / "2.ttl"),
    ]
    release, _, _ = publish(small, home, Quiet())
    assert release.identity == find_release(home, 3).identity
    assert {graph["origin"] for graph in release.manifest["graphs"].values()} == {
        "file",
        "rule",
        "question",
    }
    assert release.manifest["deleted"] == {}
    edit("report/2", '"Twee"', '"Drie"')
    assert publish(small, home, Quiet())[0].identity != release.identity


def test_export_stops_at_a_file_that_has_changed_since(
    home: Path, small: Path, commit: Callable[..., list[Outcome]], edit: Callable[[str, str, str], Path]
) -> None:
    commit(ADD_AGE)
    path = edit("report/1", "tp:minAge 30", "tp:minAge 31")
    with pytest.raises(BuildError, match="has changed since"):
        export(current_release(home), small)
    assert "tp:minAge 31" in path.read_text("utf-8")
    export(current_release(home), small, overwrite=True)
    assert "tp:minAge 31" not in path.read_text("utf-8")


@pytest.mark.parametrize("name", ["../../../x", "report/../../ontology/funding", "report//2", "./2", ""])
def test_graph_whose_name_climbs_is_refused(commit: Callable[..., list[Outcome]], name: str) -> None:
    (outcome,) = commit(put(f"{GRAPH}{name}", PASSAGE))
    assert isinstance(outcome.error, RefusedQuery)


@pytest.mark.parametrize("name", ["../../../x", "report/../../../x", "report//2", "./2"])
def test_graph_whose_name_climbs_is_exported_nowhere(
    tmp_path: Path, empty: Callable[..., list[Outcome]], name: str
) -> None:
    (outcome,) = empty(put(f"{GRAPH}{name}", "<urn:a> <urn:b> 1 ."))
    assert outcome.error is None
    root = tmp_path / "some" / "content"
    root.mkdir(parents=True)
    with pytest.raises(BuildError, match="names no file"):
        export(current_release(tmp_path / "own"), root)
    assert not list(tmp_path.rglob("*.ttl"))


def test_going_back_is_moving_the_pointer_and_writing_goes_on_from_there(
    home: Path, commit: Callable[..., list[Outcome]]
) -> None:
    commit(ADD_AGE)
    with only_writer(home):
        point_to(home, find_release(home, 1))
    assert not says(current_release(home), "scheme:silent tp:minAge 7")
    (outcome,) = commit(put(NEW, PASSAGE))
    assert outcome.release == 3
    assert not says(current_release(home), "scheme:silent tp:minAge 7")


def test_oldest_releases_are_forgotten_but_those_kept(
    home: Path, commit: Callable[..., list[Outcome]]
) -> None:
    for age in (1, 2, 3):
        commit(update(f"INSERT DATA {{ GRAPH <{REPORT}> {{ scheme:silent tp:minAge {age} }} }}"))
        commit(update(f"DELETE DATA {{ GRAPH <{REPORT}> {{ scheme:silent tp:minAge {age} }} }}"))
    keep(find_release(home, 2))
    forget_old(home, most=2)
    assert [release.number for release, _ in list_releases(home)] == [2, 6, 7]
    with pytest.raises(ReleaseGone, match="oldest that can be asked is 2"):
        find_release(home, 3)
    assert len(open_read_only(find_release(home, 7))) > 0


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("DELETE { ?s ?p 1 } INSERT { ?s ?p 2 } WHERE { ?s ?p 1 }", "INSERT { ?s ?p 2 } USING <urn:u> WHERE"),
        (
            "INSERT { ?s ?p 2 } WHERE { { SELECT * WHERE { ?s ?p 1 } } }",
            "} USING <urn:u> WHERE { { SELECT * WHERE",
        ),
        ("DELETE WHERE { ?s ?p 'WHERE' }", "DELETE WHERE { ?s ?p 'WHERE' }"),
    ],
)
def test_using_parameter_is_the_clause_of_each_operation(text: str, given: str) -> None:
    assert given in with_dataset(text, ["urn:u"], [])


@pytest.mark.parametrize("clause", ["USING <urn:x>", "USING NAMED <urn:x>"])
def test_using_parameter_beside_the_clause_is_malformed(clause: str) -> None:
    text = f"INSERT {{ ?s ?p 2 }} {clause} WHERE {{ ?s ?p 1 }}"
    with pytest.raises(MalformedQuery, match="using-graph-uri"):
        with_dataset(text, ["urn:u"], [])
