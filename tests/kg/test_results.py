"""The formats: each kind of answer in each, and nothing in one that can't hold it."""

from __future__ import annotations

import io
import json

import pytest

from kg.results import GRAPHS, ROWS, kind_of, write
from kg.store import Literal, NamedNode, Quad, Store, parse

FUNDER = "https://w3id.org/techniekpact/def/funder"


@pytest.fixture
def store() -> Store:
    store = Store()
    store.add(Quad(NamedNode("urn:a"), NamedNode(FUNDER), Literal("één, twee", language="nl")))
    return store


def _written(store: Store, query: str, media_type: str) -> str:
    sink, result = io.BytesIO(), store.query(query)
    table = GRAPHS if kind_of(result) == "graph" else ROWS
    write(result, table[media_type], sink)
    return sink.getvalue().decode("utf-8")


def test_json_is_labelled_as_what_it_is() -> None:
    assert ROWS["application/json"].media_type == "application/sparql-results+json"
    assert GRAPHS["application/json"].media_type == "application/ld+json"


def test_csv_has_a_header_without_question_marks_and_crlf(store: Store) -> None:
    assert _written(store, "SELECT ?s ?o { ?s ?p ?o }", "text/csv") == 's,o\r\nurn:a,"één, twee"\r\n'


def test_tsv_has_a_header_with_question_marks(store: Store) -> None:
    assert _written(store, "SELECT ?s { ?s ?p ?o }", "text/tab-separated-values") == "?s\n<urn:a>\n"


@pytest.mark.parametrize("media_type", ROWS)
def test_ask_can_be_written_in_every_row_format(store: Store, media_type: str) -> None:
    assert "true" in _written(store, "ASK {}", media_type)


@pytest.mark.parametrize("media_type", GRAPHS)
def test_graph_can_be_read_back_in_every_graph_format(store: Store, media_type: str) -> None:
    text = _written(store, "CONSTRUCT WHERE { ?s ?p ?o }", media_type)
    read = list(parse(text, format=GRAPHS[media_type].engine))  # type: ignore[arg-type]
    assert [quad.object for quad in read] == [Literal("één, twee", language="nl")]


def test_turtle_uses_our_prefixes(store: Store) -> None:
    assert "tp:funder" in _written(store, "CONSTRUCT WHERE { ?s ?p ?o }", "text/turtle")


def test_results_json_keeps_the_language(store: Store) -> None:
    content = json.loads(_written(store, "SELECT ?o { ?s ?p ?o }", "application/json"))
    assert content["results"]["bindings"][0]["o"]["xml:lang"] == "nl"


def test_graph_in_a_row_format_is_an_error(store: Store) -> None:
    with pytest.raises(TypeError, match="text/csv"):
        write(store.query("DESCRIBE <urn:a>"), ROWS["text/csv"], io.BytesIO())
