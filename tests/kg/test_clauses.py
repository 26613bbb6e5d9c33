"""SERVICE clauses: what is found of them, what their endpoint is asked, and what stands in their place."""

from __future__ import annotations

import pytest

from kg.clauses import Clause, hollow, replaced, request
from kg.guard import inspect
from kg.store import Store

OTHER = "http://other.example/sparql"
TWO = "http://two.example/sparql?graph=a"
LISTED = {OTHER, TWO}


def clauses_of(text: str, base: str | None = None, update: bool = False) -> tuple[Clause, ...]:
    return inspect(text, update=update, services=LISTED, base=base).clauses


@pytest.mark.parametrize(
    ("text", "base"),
    [
        (f"SELECT * {{ SERVICE <{OTHER}> {{ ?s ?p ?o }} }}", None),
        (f"select*{{service<{OTHER}>{{?s?p?o}}}}", None),
        (f"SELECT * {{ ?s ?p 5SERVICE <{OTHER}> {{}} }}", None),
        (f"SELECT * {{ SERVICE # {{ SERVICE <http://no>\n<{OTHER}> # {{\n{{ ?s ?p ?o }} }}", None),
        ("PREFIX o: <http://other.example/> SELECT * { SERVICE o:sparql { ?s ?p ?o } }", None),
        (f"PREFIX : <{OTHER}> SELECT * {{ SERVICE : {{ ?s ?p ?o }} }}", None),
        ("PREFIX o: <http://other.example/sp> SELECT * { SERVICE o:arql { ?s ?p ?o } }", None),
        (
            "PREFIX my-service: <http://other.example/> SELECT * { SERVICE my-service:sparql { ?s ?p ?o } }",
            None,
        ),
        ("BASE <http://other.example/x/y> SELECT * { SERVICE </sparql> { ?s ?p ?o } }", None),
        (
            "BASE <http://no.example/> BASE <//other.example/x/> PREFIX o: <../> ASK { SERVICE o:sparql {} }",
            None,
        ),
        ("BASE <x/> PREFIX o: <../> BASE <http://no.example/> SELECT * { SERVICE o:sparql {} }", OTHER),
        ("SELECT * { SERVICE <sparql> { ?s ?p ?o } }", "http://other.example/data"),
        ("SELECT * { SERVICE <http://other.example/sp\\u0061rql> { ?s ?p ?o } }", None),
        ("SELECT * { SERVICE <\\U00000068ttp://other.example/sparql> { ?s ?p ?o } }", None),
    ],
)
def test_endpoint_is_known_by_what_its_name_stands_for(text: str, base: str | None) -> None:
    assert [clause.url for clause in clauses_of(text, base)] == [OTHER]


def test_every_outermost_clause_is_found_and_says_whether_it_is_silent() -> None:
    text = f"""SELECT * {{ {{ SERVICE <{OTHER}> {{ ?a ?b ?c }} }} UNION {{ SERVICE SILENT <{TWO}> {{
        ?d ?e ?f OPTIONAL {{ SERVICE silent <{OTHER}> {{ ?g ?h ?i {{ }} }} }} }} }} }}"""
    found = clauses_of(text)
    assert [(clause.url, clause.silent) for clause in found] == [(OTHER, False), (TWO, True)]
    assert [len(clause.heads) for clause in found] == [1, 2]


def test_request_is_the_pattern_as_it_stands_with_what_its_names_rest_on() -> None:
    text = f"""PREFIX a: <urn:a:> PREFIX b: <b#>
        SELECT ?s {{ SERVICE <{OTHER}> {{ ?s a:x\\-y "a # b" ; b:p 1.5,?o # }} ; DROP ALL
            FILTER(?o<=3&&?o!="\\u0041") }} ?s ?p ?o }}"""
    (clause,) = clauses_of(text, "http://here.example/sparql")
    assert request(text, clause) == (
        "BASE <http://here.example/sparql> PREFIX a: <urn:a:> PREFIX b: <b#> SELECT * WHERE "
        '{ ?s a:x\\-y "a # b" ; b:p 1.5,?o FILTER(?o<=3&&?o!="\\u0041") }'
    )


def test_nested_clause_is_asked_of_the_outer_endpoint() -> None:
    text = f"SELECT * {{ SERVICE <{OTHER}> {{ ?s ?p ?o SERVICE <{TWO}> {{ ?o ?q ?r }} }} }}"
    (clause,) = clauses_of(text)
    assert request(text, clause) == f"SELECT * WHERE {{ ?s ?p ?o SERVICE <{TWO}> {{ ?o ?q ?r }} }}"


def test_later_operation_of_an_update_knows_the_prefixes_that_came_before() -> None:
    where = f"WHERE {{ SERVICE <{OTHER}> {{ ?s a:q 1 }} }}"
    text = f"PREFIX a: <urn:1:> CLEAR ALL ; PREFIX a: <urn:2:> INSERT {{ ?s a:p 1 }} {where}"
    (clause,) = clauses_of(text, update=True)
    assert request(text, clause).startswith("PREFIX a: <urn:1:> PREFIX a: <urn:2:> SELECT")


def test_hollow_text_keeps_every_place() -> None:
    text = f"SELECT * {{\n SERVICE\n SILENT<{OTHER}>\n{{ ?s ?p ?o SERVICE <{TWO}>{{?a ?b ?c}} }}\n}} LIMIT x"
    empty = hollow(text, clauses_of(text))
    assert "SERVICE" not in empty
    assert len(empty) == len(text)
    assert [line.count("{") for line in empty.splitlines()] == [line.count("{") for line in text.splitlines()]
    with pytest.raises(SyntaxError, match="error at 5:9"):
        Store().query(empty)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * {{ {clause} UNION {{ ?s ?p ?o }} }}",
        "CONSTRUCT {{ {clause} }} WHERE {{}}",
        "SELECT * {{ ?s ?p {clause} }}",
        "SELECT * {{ {clause} BIND(1 AS ?s) }}",
        "SELECT * {clause}",
        "SELECT * {{}} {clause}",
    ],
)
def test_clause_where_none_may_stand_is_malformed_without_it_too(text: str) -> None:
    written = text.format(clause=f"SERVICE <{OTHER}> {{ ?s ?p ?o }}")
    with pytest.raises(SyntaxError):
        Store().query(hollow(written, clauses_of(written)))


def test_replaced_text_holds_one_pattern_for_each_clause() -> None:
    text = f"ASK {{ SERVICE <{OTHER}>{{}}SERVICE <{TWO}> {{}} . }}"
    assert replaced(text, clauses_of(text), ["VALUES ?x { 1 }", "{}"]) == "ASK {  VALUES ?x { 1 }  {}  . }"
