"""An answer written as VALUES: the engine reads from it what the endpoint said, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kg.guard import inspect
from kg.inlining import FUNCTIONS, Reading, Values, nothing
from kg.store import BlankNode, QueryResultsFormat, QuerySolutions, Store, parse_query_results

from .endpoints import JSON, Term, literal, results, uri

XML = "application/sparql-results+xml"
XSD = "http://www.w3.org/2001/XMLSchema#"
BLANK: Term = {"type": "bnode", "value": "b0"}


def triple(subject: Term, value: Term) -> Any:
    return {"type": "triple", "value": {"subject": subject, "predicate": uri("urn:p"), "object": value}}


def asked(pattern: str, projection: str = "*") -> list[dict[str, Any]]:
    solutions = Store().query(f"SELECT {projection} {{ {pattern} }}", custom_functions=dict(FUNCTIONS))
    assert isinstance(solutions, QuerySolutions)
    return [{name.value: row[name.value] for name in solutions.variables} for row in solutions]


@pytest.mark.parametrize(
    "term",
    [
        uri("http://example.org/a#b'(c)?d=é"),
        uri("urn:a%20b"),
        literal("plain"),
        literal(""),
        literal('"quoted" \'so\' \\ and \\" } SERVICE <http://x> {}'),
        literal("\\u0022 \\U00000022 \\\\u0022 \\"),
        literal("a\nb\rc\td\x00\x1f\x7f\u0085\u2028"),
        literal("😀 é"),
        literal("hallo", **{"xml:lang": "nl-BE"}),
        literal("-5", datatype=f"{XSD}integer"),
        literal("0.5", datatype=f"{XSD}double"),
        literal("not a number", datatype=f"{XSD}integer"),
        literal("x", datatype="urn:type#1"),
        triple(uri("urn:s"), literal('"')),
        triple(uri("urn:s"), triple(uri("urn:s"), literal("x", **{"xml:lang": "en"}))),
    ],
)
def test_term_arrives_as_it_was(term: Term) -> None:
    content = results({"s": term}, names="s").decode()
    written = Values(JSON, content, ["s"]).written()
    (expected,) = parse_query_results(content, format=QueryResultsFormat.JSON)  # type: ignore[misc]
    assert asked(written) == [{"s": expected["s"]}]
    # The guard of the writer reads it in both ways and finds nothing in it.
    inspect(f"INSERT {{ ?s ?s ?s }} WHERE {{ {written} }}", update=True)


def test_unbound_and_foreign_names_are_left_out() -> None:
    content = results({"o": literal("1"), "x": literal("2")}, {}, names="o x").decode()
    assert Values(JSON, content, ["o", "s"]).written() == 'VALUES (?o ?s) { ("1" UNDEF) (UNDEF UNDEF) }'


def test_answer_without_names_counts_its_rows() -> None:
    assert len(asked(Values(JSON, results({}, {}, names="").decode(), []).written())) == 2


def test_blank_nodes_are_the_same_within_an_answer_and_nobody_elses() -> None:
    content = results({"s": BLANK, "o": literal("1")}, {"s": BLANK, "o": uri("urn:a")}).decode()
    one, two = Values(JSON, content, ["s", "o"]), Values(JSON, content, ["s", "o"])
    first, second = asked(one.written())
    assert isinstance(first["s"], BlankNode)
    assert first["s"] == second["s"] != asked(two.written())[0]["s"]
    assert first["s"].value != "b0"
    assert len(asked(f"{one.written()} {two.written()}")) == 0
    assert asked(f"{one.written()} FILTER(isBlank(?s))", "(COUNT(DISTINCT ?s) AS ?n)")[0]["n"].value == "1"


def test_blank_node_in_a_triple_term_is_one_too() -> None:
    content = results({"s": BLANK, "o": triple(BLANK, literal("1"))}).decode()
    (row,) = asked(Values(JSON, content, ["s", "o"]).written())
    assert isinstance(row["s"], BlankNode)
    assert row["o"].subject == row["s"]


def test_names_of_blank_columns_meet_no_others() -> None:
    content = results({"s": BLANK, "s_0": literal("1")}, names="s s_0").decode()
    (row,) = asked(Values(JSON, content, ["s", "s_0"]).written())
    assert row["s_0"].value == "1"


def test_xml_is_read_too() -> None:
    content = (
        '<sparql xmlns="http://www.w3.org/2005/sparql-results#"><head><variable name="s"/></head><results>'
        '<result><binding name="s"><uri>urn:a</uri></binding></result></results></sparql>'
    )
    assert Values(XML, content, ["s"]).written() == "VALUES (?s) { (<urn:a>) }"


HOSTILE = "http://x> } SERVICE <http://169.254.169.254/> { ?s ?p ?o } #"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "<html>",
        "[" * 100_000,
        '{"head":{},"boolean":true}',
        '{"head":{"vars":["s"]},"results":{"bindings":[{"s":{"type":"uri","value":"urn:a"}}',
        *(
            json.dumps({"head": {"vars": ["s"]}, "results": {"bindings": [{"s": term}]}})
            for term in (
                uri(HOSTILE),
                uri("relative"),
                literal("x", datatype=HOSTILE),
                literal("x", **{"xml:lang": "en> } SERVICE"}),
                {"type": "bnode", "value": "a> } SERVICE"},
                {"type": "spell", "value": "x"},
                triple(uri(HOSTILE), literal("x")),
            )
        ),
    ],
)
def test_what_is_no_answer_is_refused(content: str) -> None:
    with pytest.raises(ValueError, match="its answer"):
        Values(JSON, content, ["s"]).written()


def test_hostile_name_of_a_column_is_never_written() -> None:
    content = json.dumps({"head": {"vars": ["s", "x } SERVICE <urn:a>"]}, "results": {"bindings": [{}]}})
    try:
        written = Values(JSON, content, ["s"]).written()
    except ValueError:
        return
    assert written == nothing(["s"])


def test_nothing_is_one_solution_that_binds_nothing() -> None:
    assert asked(nothing(["s", "o"])) == [{"s": None, "o": None}]
    assert len(asked(nothing([]))) == 1


def test_reading_finds_the_names_and_what_is_malformed() -> None:
    patterns = [
        "PREFIX a: <urn:a:> SELECT * { ?s a:b _:x . BIND(1 AS ?n) MINUS { ?gone a:c ?s } }",
        "SELECT * { <urn:a> ?p 1 }",
    ]
    assert Reading("SELECT * {}", False, None, patterns).names() == [["n", "s"], ["p"]]
    assert Reading("CLEAR GRAPH <urn:none>", True, None, []).names() == []
    for text, update in (("SELECT * {", False), ("INSERT DATA { ?s ?p ?o }", True)):
        with pytest.raises(SyntaxError):
            Reading(text, update, None, []).names()
