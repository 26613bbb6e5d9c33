"""The harness itself: what it takes for the same, and what it doesn't."""

from __future__ import annotations

from pathlib import Path

import pytest

from kg.store import BlankNode, Literal, NamedNode, RdfFormat, Triple, parse

from .compare import same, value_of
from .description import faults
from .rdf import Facts
from .results import differs, read, read_expected

XSD = "http://www.w3.org/2001/XMLSchema#"
A, B, C, X, Y, Z = map(BlankNode, "abcxyz")
XML = "application/sparql-results+xml"
RESULT_SET = """
@prefix rs: <http://www.w3.org/2001/sw/DataAccess/tests/result-set#> .
[] a rs:ResultSet ; rs:resultVariable "x" ;
    rs:solution [ rs:index 2 ; rs:binding [ rs:variable "x" ; rs:value "second" ] ] ,
                [ rs:index 1 ; rs:binding [ rs:variable "x" ; rs:value "first" ] ] .
"""
CONFORMS = "Service description conforms to schema"


def literal(text: str, kind: str) -> Literal:
    return Literal(text, datatype=NamedNode(XSD + kind))


def test_rings_of_blank_nodes_are_told_apart_by_their_length() -> None:
    ring = [(A, B), (B, C), (C, A)]
    assert same(ring, [(Y, Z), (Z, X), (X, Y)])
    assert not same([*ring, (X, X)], [*ring, (X, Y)])
    assert not same([(A, B), (B, A), (X, Y), (Y, X)], [(A, B), (B, X), (X, Y), (Y, A)])


def test_rows_count_as_often_as_they_stand() -> None:
    assert not same([(A, 1), (A, 1)], [(A, 1), (B, 1)])
    assert not same([(1,), (1,), (2,)], [(1,), (2,), (2,)])


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (literal("1.0", "decimal"), literal("1", "decimal"), True),
        (literal("1e0", "double"), literal("1", "double"), True),
        (literal("1", "integer"), literal("1", "decimal"), False),
        (literal("2001-01-01+00:00", "date"), literal("2001-01-01Z", "date"), True),
        (literal("one", "integer"), literal("1", "integer"), False),
        (Literal("a", language="en-GB"), Literal("a", language="en-gb"), True),
        (Literal("a", language="en"), Literal("a"), False),
    ],
)
def test_values_are_compared_within_their_datatype(one: Literal, other: Literal, equal: bool) -> None:
    assert (value_of(one) == value_of(other)) is equal


def test_csv_takes_numbers_by_value_and_nothing_for_empty() -> None:
    one, other = (read(f"a,b\r\n{cell},\r\n".encode(), "text/csv", "") for cell in ("1e6", "1000000"))
    assert differs(one, other) is None


def test_tsv_keeps_datatypes() -> None:
    one, other = (read(f"?a\n{cell}\n".encode(), "text/tab-separated-values", "") for cell in ("1", '"1"'))
    assert "rows" in str(differs(one, other))


def test_indexed_results_must_come_in_order(tmp_path: Path) -> None:
    (tmp_path / "result.ttl").write_text(RESULT_SET, "utf-8")
    expected = read_expected(tmp_path / "result.ttl", tmp_path)
    right, wrong = (
        read(f"?x\n{rows}\n".encode(), "text/tab-separated-values", "")
        for rows in ('"first"\n"second"', '"second"\n"first"')
    )
    assert differs(right, expected) is None
    assert differs(wrong, expected)


def test_columns_without_rows_are_compared() -> None:
    one, other = (
        read(
            f'<sparql xmlns="http://www.w3.org/2005/sparql-results#"><head><variable name="{name}"/></head>'
            "<results/></sparql>".encode(),
            XML,
            "",
        )
        for name in "ab"
    )
    assert "columns" in str(differs(one, other))


def test_answer_cut_short_is_no_answer() -> None:
    with pytest.raises(ValueError, match="not XML"):
        read(b"<sparql><results>", XML, "")


@pytest.mark.parametrize(
    ("turtle", "fault"),
    [
        ("[] a sd:Service ; sd:endpoint <urn:here>", None),
        ("[] a sd:Dataset", "there is no sd:Service"),
        ("[] a sd:Service ; sd:endpoint <urn:here> ; sd:speaks <urn:x>", "there is no property sd:speaks"),
        ("[] a sd:Service ; sd:endpoint 'here'", "sd:endpoint has the literal"),
        ("[] a sd:Service ; sd:endpoint <urn:here> ; sd:feature sd:Speed", "no sd:Feature"),
        ("[] a sd:Service ; sd:endpoint <urn:here> ; sd:defaultGraph []", "stands on what is no sd:Dataset"),
    ],
)
def test_description_is_held_to_the_vocabulary(turtle: str, fault: str | None) -> None:
    prefix = "@prefix sd: <http://www.w3.org/ns/sparql-service-description#> ."
    quads = parse(f"{prefix} {turtle} .", RdfFormat.TURTLE)
    found = "; ".join(faults([Triple(q.subject, q.predicate, q.object) for q in quads], CONFORMS, "urn:here"))
    assert fault in found if fault else not found


def test_list_is_read_in_order() -> None:
    facts = Facts(parse("<urn:a> <urn:b> (1 2 3) .", RdfFormat.TURTLE))
    head = facts.one(NamedNode("urn:a"), "urn:b")
    assert [item.value for item in facts.items(head) if isinstance(item, Literal)] == ["1", "2", "3"]
