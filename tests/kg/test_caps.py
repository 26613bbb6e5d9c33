"""Caps on rows: no row too many, none torn, and the answer says that it was cut where it can."""

from __future__ import annotations

import io
import json

import pytest

from kg.caps import Cap
from kg.results import GRAPHS, ROWS, write
from kg.store import Literal, NamedNode, Quad, QuerySolutions, Store, parse, parse_query_results

# What looks like the end of a row in one format or another.
LABELS = ['},{"', "\\", 'a"b\\', "\r\n", '"\n', "</result><result>", "}},{", "", "x" * 20_000]
QUERY = "SELECT ?s ?label { ?s <urn:label> ?label } ORDER BY ?s"


@pytest.fixture(scope="module")
def store() -> Store:
    store = Store()
    for index, label in enumerate(LABELS):
        store.add(Quad(NamedNode(f"urn:{index}"), NamedNode("urn:label"), Literal(label)))
    return store


def _written(store: Store, query: str, media_type: str, max_rows: int) -> tuple[bytes, Cap]:
    sink, cap = io.BytesIO(), Cap(max_rows)
    table = GRAPHS if query.startswith("CONSTRUCT") else ROWS
    write(store.query(query), table[media_type], sink, cap)
    return sink.getvalue(), cap


@pytest.mark.parametrize("media_type", ["application/sparql-results+json", "application/xml", "text/csv"])
@pytest.mark.parametrize("max_rows", range(1, len(LABELS) + 2))
def test_rows_are_the_first_ones_whole(store: Store, media_type: str, max_rows: int) -> None:
    written, cap = _written(store, QUERY, media_type, max_rows)
    assert cap.reached == (max_rows < len(LABELS))
    expected = LABELS[:max_rows]
    if media_type == "text/csv":
        whole, _ = _written(store, QUERY, media_type, 100)
        assert whole.startswith(written)
        assert written.decode().count("urn:") == len(expected)
        return
    engine = ROWS[media_type].engine
    solutions = parse_query_results(written, format=engine)  # type: ignore[arg-type]
    assert isinstance(solutions, QuerySolutions)
    read = [solution["label"].value for solution in solutions]  # type: ignore[union-attr]
    # XML reads a carriage return as a line feed unless it is escaped, which the engine does.
    assert read == expected


@pytest.mark.parametrize("max_rows", [1, 5, 9, 10])
def test_tsv_has_a_line_a_row(store: Store, max_rows: int) -> None:
    written, cap = _written(store, QUERY, "text/tab-separated-values", max_rows)
    assert (written.count(b"\n"), cap.reached) == (1 + min(max_rows, 9), max_rows < 9)


@pytest.mark.parametrize("media_type", GRAPHS)
@pytest.mark.parametrize("max_rows", [1, 9, 10])
def test_graph_has_no_statement_too_many(store: Store, media_type: str, max_rows: int) -> None:
    written, cap = _written(store, "CONSTRUCT WHERE { ?s ?p ?o }", media_type, max_rows)
    assert len(list(parse(written, format=GRAPHS[media_type].engine))) == min(max_rows, 9)  # type: ignore[arg-type]
    assert cap.reached == (max_rows < 9)


@pytest.mark.parametrize(
    ("query", "media_type", "said"),
    [
        (QUERY, "application/xml", b"<!-- Cut after 3: there are more. -->"),
        ("CONSTRUCT WHERE { ?s ?p ?o }", "application/rdf+xml", b"<!-- Cut after 3: there are more. -->"),
        ("CONSTRUCT WHERE { ?s ?p ?o }", "text/turtle", b"# Cut after 3: there are more.\n"),
        ("CONSTRUCT WHERE { ?s ?p ?o }", "application/n-quads", b"# Cut after 3: there are more.\n"),
    ],
)
def test_answer_that_is_cut_says_so_at_its_end(
    store: Store, query: str, media_type: str, said: bytes
) -> None:
    assert _written(store, query, media_type, 3)[0].endswith(said)
    assert said not in _written(store, query, media_type, 100)[0]


def test_json_links_to_its_cap_from_its_head(store: Store) -> None:
    written, _ = _written(store, QUERY, "application/json", 3)
    assert json.loads(written)["head"]["link"] == ["https://w3id.org/techniekpact/limit/rows/3"]


@pytest.mark.parametrize("media_type", ROWS)
def test_rows_without_columns_are_counted_too(store: Store, media_type: str) -> None:
    rows = "SELECT * { VALUES () { () () () } }"
    assert [_written(store, rows, media_type, n)[1].reached for n in (1, 2, 3)] == [True, True, False]


def test_row_too_many_stops_the_query(store: Store) -> None:
    endless = "SELECT * {" + " . ".join(f"?s{n} ?p{n} ?o{n}" for n in range(12)) + "}"
    assert _written(store, endless, "application/json", 10)[1].reached


def test_ask_has_no_rows_to_cap(store: Store) -> None:
    assert _written(store, "ASK {}", "text/csv", 1) == (b"true", Cap(1))
