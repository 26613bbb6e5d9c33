"""Evidence of rows, against cases worked out by hand: each says which graphs and which triples."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from kg.errors import NoEvidence
from kg.evidence import GAPS, Evidence, Grounds, evidence_of
from kg.namespaces import GRAPH
from kg.premises import read_rules
from kg.store import DefaultGraph, LocalAsker, Quad, RdfFormat, Store, parse

REPOSITORY = Path(__file__).parents[2]
RULES = read_rules(REPOSITORY)
BASE = "urn:"
PROLOGUE = (
    "PREFIX : <urn:> PREFIX org: <http://www.w3.org/ns/org#> PREFIX owl: <http://www.w3.org/2002/07/owl#> "
    "PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#> PREFIX tp: <https://w3id.org/techniekpact/def/> "
)
# Who pays what, in four passages; each graph says one thing that no other says.
DATA = """
:g1 { :sto :funder :ocw . :sto :group :pupils . }
:g2 { :ocw :name "OCW" . :sto :funder :ocw . }
:g3 { :upgrade :funder :gelderland . }
:g4 { :gelderland :name "Gelderland" . :gelderland :old :g . }
:g5 { :sto :part :pact . :pact :part :policy . }
:g6 { :policy :part :plan . :sto :part :plan . }
"""


def store_of(trig: str) -> Store:
    """Return a store with these named graphs, and each of their triples once in the default graph."""
    store = Store()
    for quad in parse(f"@base <{GRAPH}> . @prefix : <urn:> . {prefixes()} {trig}".encode(), RdfFormat.TRIG):
        store.add(quad)
        store.add(Quad(quad.subject, quad.predicate, quad.object, DefaultGraph()))
    return store


def prefixes() -> str:
    written = [each.strip() for each in PROLOGUE.split("PREFIX")[2:]]
    return " ".join(f"@prefix {each} ." for each in written)


def asked(query: str, trig: str = DATA) -> tuple[list[dict[str, str]], Evidence]:
    """Return the rows of a query, and their evidence."""
    asker = LocalAsker(store_of(trig))
    rows = asyncio.run(asker.rows(PROLOGUE + query, {}))
    evidence = asyncio.run(evidence_of(PROLOGUE + query, rows, asker, RULES))
    return [{name: short(term["value"]) for name, term in row.items()} for row in rows], evidence


def short(iri: str) -> str:
    return iri.removeprefix(GRAPH).removeprefix(BASE)


def own(grounds: Grounds) -> set[str]:
    """Return the triples of a row's own patterns, in short."""
    return {
        " ".join(short(term["value"]).rsplit("/", 1)[-1].rsplit("#", 1)[-1] for term in each.terms)
        for each in grounds.statements[: grounds.n_own]
    }


def graphs(grounds: Grounds) -> set[str]:
    return {short(graph) for graph in grounds.graphs}


@pytest.fixture
def one() -> Callable[..., tuple[dict[str, str], Grounds, tuple[str, ...]]]:
    """Return what asks a query with one row, and gives the row, its grounds and the gaps."""

    def ask(query: str, trig: str = DATA) -> tuple[dict[str, str], Grounds, tuple[str, ...]]:
        rows, evidence = asked(query, trig)
        assert len(rows) == 1, rows
        return rows[0], evidence.rows[0], evidence.gaps

    return ask


def test_join_rests_on_the_triple_of_each_pattern(one) -> None:
    _, grounds, gaps = one('SELECT ?s { ?s :funder ?f . ?f :name "Gelderland" }')
    assert own(grounds) == {"upgrade funder gelderland", "gelderland name Gelderland"}
    assert graphs(grounds) == {"g3", "g4"}
    assert gaps == ()


def test_triple_in_two_passages_names_both(one) -> None:
    _, grounds, _ = one("SELECT ?f { :sto :funder ?f }")
    assert graphs(grounds) == {"g1", "g2"}


def test_triple_asked_in_its_graph_names_that_one() -> None:
    rows, evidence = asked("SELECT ?g ?f { GRAPH ?g { :sto :funder ?f } } ORDER BY ?g")
    assert [row["g"] for row in rows] == ["g1", "g2"]
    assert [graphs(each) for each in evidence.rows] == [{"g1"}, {"g2"}]


def test_row_that_comes_two_ways_names_both_ways(one) -> None:
    _, grounds, _ = one(
        "SELECT DISTINCT ?s { ?s :funder|:group ?x }", ":g1 { :s :funder :a } :g2 { :s :group :b }"
    )
    assert graphs(grounds) == {"g1", "g2"}


def test_optional_that_was_found_is_part_of_the_row(one) -> None:
    query = "SELECT ?f ?name { :sto :funder ?f OPTIONAL { ?f :name ?name } }"
    assert graphs(one(query)[1]) == {"g1", "g2"}
    row, grounds, _ = one(query.replace(":name", ":absent"))
    assert "name" not in row
    assert own(grounds) == {"sto funder ocw"}


def test_optional_that_failed_names_nothing_of_what_it_has() -> None:
    _, evidence = asked(
        "SELECT ?s { ?s :funder ?f OPTIONAL { ?f :old :g . ?f :absent ?x } FILTER(?s = :upgrade) }"
    )
    assert graphs(evidence.rows[0]) == {"g3"}


def test_optional_beside_a_row_without_it_is_not_that_rows() -> None:
    trig = ":g1 { :s :p :a } :g2 { :s :p :b } :g3 { :a :q 1 }"
    rows, evidence = asked("SELECT ?s ?v { ?s :p ?x OPTIONAL { ?x :q ?v } } ORDER BY ?v", trig)
    assert [row.get("v") for row in rows] == [None, "1"]
    assert [graphs(each) for each in evidence.rows] == [{"g2"}, {"g1", "g3"}]


def test_union_names_the_side_that_held() -> None:
    rows, evidence = asked("SELECT ?x { { :sto :group ?x } UNION { :gelderland :old ?x } } ORDER BY DESC(?x)")
    assert [row["x"] for row in rows] == ["pupils", "g"]
    assert [graphs(each) for each in evidence.rows] == [{"g1"}, {"g4"}]


def test_union_without_variables_names_only_the_side_that_held(one) -> None:
    trig = ":g1 { :s :p :a } :g2 { :s :q :b } :g3 { :s :q :c }"
    _, grounds, _ = one("SELECT ?s { ?s :p ?x { ?s :q :b . ?s :absent ?y } UNION { ?s :q :c } }", trig)
    assert graphs(grounds) == {"g1", "g3"}


def test_filter_exists_names_the_triples_that_made_it_true(one) -> None:
    _, grounds, gaps = one("SELECT ?s { ?s :funder ?f FILTER EXISTS { ?f :old ?x } }")
    assert own(grounds) == {"upgrade funder gelderland", "gelderland old g"}
    assert gaps == ()


def test_exists_sees_the_variables_around_it(one) -> None:
    trig = ":g1 { :s :p 1 } :g2 { :t :q 1 } :g3 { :t :q 2 }"
    _, grounds, _ = one("SELECT ?s { ?s :p ?n FILTER(EXISTS { ?o :q ?m FILTER(?m > ?n) }) }", trig)
    assert graphs(grounds) == {"g1", "g3"}


def test_exists_takes_a_variable_that_is_not_bound_for_any(one) -> None:
    trig = ":g1 { :s :p :o } :g2 { :t :q :u } :g3 { :s :r :x }"
    _, grounds, _ = one("SELECT * { ?s :p ?o OPTIONAL { ?s :absent ?x } FILTER EXISTS { ?x :q ?y } }", trig)
    assert graphs(grounds) == {"g1", "g2"}
    _, grounds, _ = one("SELECT * { ?s :p ?o OPTIONAL { ?s :r ?x } FILTER EXISTS { ?a :r ?x } }", trig)
    assert graphs(grounds) == {"g1", "g3"}


def test_two_exists_with_the_same_name_inside_do_not_mix(one) -> None:
    trig = ":g1 { :s :p :o } :g2 { :s :a 1 } :g3 { :s :b 2 } "
    query = "SELECT ?s { ?s :p ?o FILTER(EXISTS { ?s :a ?x } && (?s = :other || EXISTS { ?s :b ?x })) }"
    assert graphs(one(query, trig)[1]) == {"g1", "g2", "g3"}


def test_exists_inside_exists_is_followed(one) -> None:
    query = "SELECT ?s { ?s :funder ?f FILTER EXISTS { ?f :old ?x FILTER EXISTS { ?f :name ?n } } }"
    assert own(one(query)[1]) == {
        "upgrade funder gelderland",
        "gelderland old g",
        "gelderland name Gelderland",
    }


@pytest.mark.parametrize(
    ("pattern", "gap"),
    [
        ("FILTER NOT EXISTS { ?f :old ?x }", "NOT EXISTS"),
        ("FILTER(!EXISTS { ?f :old ?x })", "NOT EXISTS"),
        ("FILTER(!(EXISTS { ?f :old ?x }))", "NOT EXISTS"),
        ("MINUS { ?f :old ?x }", "MINUS"),
    ],
)
def test_what_is_absent_has_no_evidence_and_is_named(one, pattern: str, gap: str) -> None:
    row, grounds, gaps = one(f"SELECT DISTINCT ?s {{ ?s :funder ?f {pattern} }}")
    assert row == {"s": "sto"}
    assert own(grounds) == {"sto funder ocw"}
    assert gaps == (gap,)


def test_double_negation_is_evidence_again(one) -> None:
    _, grounds, gaps = one("SELECT ?s { ?s :funder ?f FILTER(!(NOT EXISTS { ?f :old ?x })) }")
    assert own(grounds) == {"upgrade funder gelderland", "gelderland old g"}
    assert gaps == ()


def test_path_of_one_or_more_steps_names_every_step(one) -> None:
    _, grounds, _ = one("SELECT ?s { ?s :part+ :policy FILTER(?s = :sto) }")
    assert own(grounds) == {"sto part pact", "pact part policy"}
    assert graphs(grounds) == {"g5"}


def test_path_names_the_steps_of_each_way_there(one) -> None:
    _, grounds, _ = one("SELECT DISTINCT ?s { ?s :part+ :plan . ?s :group ?g }")
    assert own(grounds) == {
        *("sto part pact", "pact part policy", "policy part plan", "sto part plan"),
        "sto group pupils",
    }


def test_path_of_no_steps_rests_on_nothing() -> None:
    rows, evidence = asked("SELECT ?x { :policy :part* ?x } ORDER BY ?x")
    assert [row["x"] for row in rows] == ["plan", "policy"]
    assert [own(each) for each in evidence.rows] == [{"policy part plan"}, set()]


def test_path_of_at_most_one_step_names_it() -> None:
    rows, evidence = asked("SELECT ?x { :sto :part? ?x } ORDER BY ?x")
    assert [row["x"] for row in rows] == ["pact", "plan", "sto"]
    assert [own(each) for each in evidence.rows] == [{"sto part pact"}, {"sto part plan"}, set()]


def test_sequence_with_an_inverse_names_both_steps(one) -> None:
    _, grounds, _ = one('SELECT ?n { "Gelderland" ^:name/:old ?n }')
    assert own(grounds) == {"gelderland name Gelderland", "gelderland old g"}


def test_path_of_paths_names_the_steps_taken(one) -> None:
    trig = ":g1 { :a :p :b } :g2 { :c :q :b } :g3 { :c :p :d } :g4 { :e :q :d } :g5 { :a :p :x . :z :q :x }"
    _, grounds, _ = one("SELECT ?s { ?s (:p/^:q)+ :e FILTER(?s = :a) }", trig)
    assert graphs(grounds) == {"g1", "g2", "g3", "g4"}


def test_negated_property_set_names_the_step_taken(one) -> None:
    _, grounds, _ = one("SELECT ?x { :gelderland !(:name|^:funder) ?x FILTER(isIRI(?x)) }")
    assert own(grounds) == {"gelderland old g"}
    _, grounds, _ = one("SELECT ?x { :gelderland !(^:name) ?x }")
    assert own(grounds) == {"upgrade funder gelderland"}


def test_path_in_a_graph_names_that_graph(one) -> None:
    _, grounds, _ = one("SELECT ?g { GRAPH ?g { :sto :part+ :policy } }")
    assert graphs(grounds) == {"g5"}


def test_count_rests_on_the_rows_that_it_counts() -> None:
    rows, evidence = asked("SELECT ?s (COUNT(?x) AS ?n) { ?s :part ?x } GROUP BY ?s ORDER BY ?s")
    assert rows == [{"s": "pact", "n": "1"}, {"s": "policy", "n": "1"}, {"s": "sto", "n": "2"}]
    assert [own(each) for each in evidence.rows] == [
        {"pact part policy"},
        {"policy part plan"},
        {"sto part pact", "sto part plan"},
    ]


def test_count_of_all_rests_on_all(one) -> None:
    _, grounds, _ = one("SELECT (COUNT(*) AS ?n) { ?s :part ?x }")
    assert graphs(grounds) == {"g5", "g6"}
    assert len(own(grounds)) == 4


def test_count_of_nothing_rests_on_nothing(one) -> None:
    row, grounds, _ = one("SELECT (COUNT(*) AS ?n) { ?s :absent ?x }")
    assert (row, graphs(grounds)) == ({"n": "0"}, set())


def test_group_that_is_not_shown_is_found_by_its_count(one) -> None:
    _, grounds, _ = one("SELECT (COUNT(?x) AS ?n) { ?s :part ?x } GROUP BY ?s HAVING(COUNT(?x) > 1)")
    assert own(grounds) == {"sto part pact", "sto part plan"}


def test_group_concat_rests_on_each_of_its_list(one) -> None:
    query = 'SELECT (GROUP_CONCAT(DISTINCT STR(?x); separator=" ") AS ?all) { :sto :part ?x }'
    assert own(one(query)[1]) == {"sto part pact", "sto part plan"}


def test_group_by_an_expression_is_found(one) -> None:
    query = "SELECT ?c (COUNT(*) AS ?n) { ?s :name ?x } GROUP BY (STRLEN(?x) AS ?c) HAVING(?c = 3)"
    assert own(one(query)[1]) == {"ocw name OCW"}


def test_expression_in_select_tells_its_rows_apart() -> None:
    rows, evidence = asked("SELECT (STRLEN(?x) AS ?c) { ?s :name ?x } ORDER BY ?c")
    assert [row["c"] for row in rows] == ["3", "10"]
    assert [graphs(each) for each in evidence.rows] == [{"g2"}, {"g4"}]


def test_select_inside_rests_on_what_it_gathered(one) -> None:
    query = """SELECT ?s { { SELECT ?s (COUNT(?x) AS ?n) { ?s :part ?x } GROUP BY ?s }
                           ?s :group ?g FILTER(?n = 2) }"""
    assert own(one(query)[1]) == {"sto part pact", "sto part plan", "sto group pupils"}


def test_select_inside_that_leaves_a_variable_unbound_is_found(one) -> None:
    query = """SELECT ?s ?who { { SELECT ?s ?who { VALUES (?s ?who) { (:sto UNDEF) } ?s :group ?g } }
                                ?upgrade :funder ?who FILTER(?upgrade = :upgrade) }"""
    assert own(one(query)[1]) == {"sto group pupils", "upgrade funder gelderland"}


def test_select_inside_with_a_bound_is_left_as_it_is(one) -> None:
    query = "SELECT ?s ?n { { SELECT ?s ?n { ?s :name ?n } ORDER BY ?n LIMIT 1 } }"
    row, grounds, _ = one(query)
    assert row == {"s": "gelderland", "n": "Gelderland"}
    assert own(grounds) == {"gelderland name Gelderland"}


def test_list_in_no_fixed_order_does_not_hide_what_is_inside(one) -> None:
    query = """SELECT ?s ?shown {
      { SELECT ?s (GROUP_CONCAT(STR(?x)) AS ?all) { ?s :part ?x } GROUP BY ?s }
      ?s :group ?g BIND(CONCAT("all: ", ?all) AS ?shown) }"""
    assert own(one(query)[1]) == {"sto part pact", "sto part plan", "sto group pupils"}


def test_select_inside_a_graph_stays_in_it(one) -> None:
    _, grounds, _ = one(
        "SELECT ?g ?n { GRAPH ?g { { SELECT (COUNT(*) AS ?n) { :sto :part ?x . ?x :part ?y } } } }".replace(
            "GRAPH ?g", "GRAPH :g5"
        ).replace("?g ?n", "?n")
    )
    assert graphs(grounds) == {"g5"}


def test_values_and_bind_need_no_evidence(one) -> None:
    query = (
        'SELECT ?s ?w { VALUES ?n { "Gelderland" } ?f :name ?n . ?s :funder ?f BIND(CONCAT(?n, "!") AS ?w) }'
    )
    _, grounds, gaps = one(query)
    assert graphs(grounds) == {"g3", "g4"}
    assert gaps == ()


@pytest.mark.parametrize(
    "query",
    [
        'SELECT ?n ?s { VALUES (?n ?o) { ("Gelderland" :gelderland) (UNDEF :ocw) } ?o :name ?n . ?s ?p ?o }',
        'SELECT ?n ?s { ?o :name ?n . ?s ?p ?o } VALUES (?n ?o) { ("Gelderland" :gelderland) (UNDEF :ocw) }',
        'SELECT ?n ?s { VALUES ?n { "OCW" "Gelderland" } ?o :name ?n . ?s ?p ?o }',
    ],
)
def test_parameter_among_the_columns_of_values_keeps_its_rows_only(query: str) -> None:
    rows = [{"n": {"type": "literal", "value": "Gelderland"}, "s": {"type": "uri", "value": "urn:upgrade"}}]
    evidence = asyncio.run(
        evidence_of(PROLOGUE + query, rows, LocalAsker(store_of(DATA)), RULES, bindings={"n": rows[0]["n"]})
    )
    assert graphs(evidence.rows[0]) == {"g3", "g4"}
    assert evidence.gaps == ()


def test_brackets_and_lists_of_objects_are_read(one) -> None:
    _, grounds, _ = one("SELECT ?x { [ :name ?x ; :old [] ] }")
    assert own(grounds) == {"gelderland name Gelderland", "gelderland old g"}
    _, grounds, _ = one("SELECT * { ?s :part :pact , :plan ; a* ?s . }")
    assert own(grounds) == {"sto part pact", "sto part plan"}


def test_dataset_of_the_query_bounds_what_is_named(one) -> None:
    query = "SELECT ?f FROM <urn:g2> FROM NAMED <urn:g3> { :sto :funder ?f }"
    assert graphs(one(query)[1]) == {"g2"}


def test_row_that_rests_on_curation_names_it(one) -> None:
    trig = ":g1 { :award :item :x } <curation/reading> { :award :scheme :sto }"
    _, grounds, _ = one("SELECT ?x { ?a :item ?x ; :scheme :sto }", trig)
    assert graphs(grounds) == {"g1", "curation/reading"}


PARTS = """
<ontology/a> { :part a owl:TransitiveProperty }
:g1 { :a :part :b } :g2 { :b :part :c } :g3 { :c :part :d }
<inferred/stated/transitive> { :a :part :c , :d . :b :part :d }
"""


def test_inferred_triple_shows_its_rule_and_its_premises(one) -> None:
    _, grounds, _ = one("SELECT ?x { :a :part ?x . ?x :part :d FILTER(?x = :c) }", PARTS)
    assert own(grounds) == {"a part c", "c part d"}
    inferred = next(each for each in grounds.statements if each.derivations)
    [(rule, premises)] = inferred.derivations
    assert rule.name == "transitive"
    assert {graph for n in premises for graph in map(short, grounds.statements[n].graphs)} == {
        "g1",
        "g2",
        "ontology/a",
    }


def test_inferred_triple_shows_each_way_in_which_it_follows(one) -> None:
    _, grounds, _ = one("SELECT (:d AS ?x) { :a :part :d }", PARTS)
    inferred = grounds.statements[0]
    assert {rule.name for rule, _ in inferred.derivations} == {"transitive"}
    # By b and what lies between b and d, or by c and what lies between a and c.
    assert len(inferred.derivations) == 2
    assert graphs(grounds) == {"g1", "g2", "g3", "ontology/a", "inferred/stated/transitive"}


def test_triple_that_is_stated_and_would_follow_too_shows_where_it_is_stated(one) -> None:
    trig = PARTS.replace(":a :part :c , :d", ":a :part :d") + ":g9 { :a :part :c }"
    _, grounds, _ = one("SELECT (:c AS ?x) { :a :part :c }", trig)
    assert graphs(grounds) == {"g9"}
    assert not any(each.derivations for each in grounds.statements)


def test_triple_that_is_curated_and_follows_too_shows_both(one) -> None:
    trig = PARTS + "<curation/reading> { :a :part :c }"
    _, grounds, _ = one("SELECT (:c AS ?x) { :a :part :c }", trig)
    assert graphs(grounds) == {"g1", "g2", "ontology/a", "inferred/stated/transitive", "curation/reading"}


def test_inverse_that_would_follow_from_itself_goes_in_no_circle(one) -> None:
    trig = """<ontology/a> { :near owl:inverseOf :beside . :next rdfs:subPropertyOf :near }
    :g1 { :a :next :b }
    <inferred/stated/subproperty> { :a :near :b } <inferred/stated/inverse> { :b :beside :a }"""
    _, grounds, _ = one("SELECT (:b AS ?x) { :a :near :b }", trig)
    assert len(grounds.statements) == 3
    assert [rule.name for each in grounds.statements for rule, _ in each.derivations] == ["subproperty"]


def test_rule_that_needs_absence_says_so(one) -> None:
    trig = """:g1 { :seat org:member :a ; org:organization :board }
    <inferred/stated/member-of> { :a org:memberOf :board }"""
    _, grounds, gaps = one("SELECT ?x { ?x org:memberOf :board }", trig)
    assert graphs(grounds) == {"g1", "inferred/stated/member-of"}
    assert gaps == ("NOT EXISTS",)


def test_inferred_triple_that_no_rule_gives_is_named(one) -> None:
    _, grounds, gaps = one("SELECT ?x { :a :part ?x }", "<inferred/stated/unknown> { :a :part :b }")
    assert graphs(grounds) == {"inferred/stated/unknown"}
    assert gaps == ("rule",)


@pytest.mark.parametrize("query", ["ASK { ?s ?p ?o }", "SELECT ?s { << ?s ?p ?o >> ?q ?r }"])
def test_query_that_evidence_cannot_take_apart_is_refused_by_name(query: str) -> None:
    with pytest.raises(NoEvidence):
        asyncio.run(evidence_of(PROLOGUE + query, [], LocalAsker(Store()), RULES))


def test_every_gap_says_why() -> None:
    assert all(why.endswith(".") for why in GAPS.values())
