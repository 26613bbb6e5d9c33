"""The guard: what contains the words passes, what is the keyword does not, however it is written."""

from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg.clauses import hollow, replaced
from kg.errors import MalformedQuery, QueryError, RefusedQuery, TooLarge
from kg.guard import MAX_BYTES, MAX_DEPTH, MAX_OF_A_KIND, MAX_SERVICES, inspect
from kg.store import Literal, NamedNode, Quad, Store


@pytest.mark.parametrize(
    "query",
    [
        'SELECT * { ?s ?p "SERVICE <http://x> {}" }',
        "SELECT * { ?s ?p 'it\\'s SERVICE' }",
        'SELECT * { ?s ?p """a "SERVICE" \\""" LOAD """ }',
        "SELECT * { ?s ?p '''it's a SERVICE''' }",
        "SELECT * { ?s ?p <http://example.org/SERVICE#LOAD> }",
        "SELECT * { ?s ?p ?o } # SERVICE <http://x> {}",
        "SELECT ?service $LOAD { ?service a ?insert }",
        "PREFIX x: <urn:x:> SELECT * { x:SERVICE x:LOAD x:a.SERVICE }",
        "PREFIX service: <urn:x:> SELECT * { ?s service:of ?o . GRAPH service:g { ?s ?p ?o } }",
        "SELECT * { ?s ?p 'x'@service }",
        "SELECT * { FILTER(?a < 12 && ?b > 14) }",
        "SELECT * { FILTER(?a<12&&?b>14) }",
        "SELECT * { ?s <http://www.w3.org/2000/01/rdf-schema#label> ?o }",
        "SELECT * { VALUES (?a ?b) { (<urn:a#1> <urn:b#2>) } }",
        "SELECT * { ?s ?p (1 <http://example.org/a#b>) }",
        "SELECT * FROM <https://w3id.org/techniekpact/graph/a> FROM NAMED <urn:b> { ?s ?p ?o }",
        "PREFIX g: <https://w3id.org/techniekpact/graph/> SELECT * FROM g:a { ?s ?p ?o }",
        "SELECT * { ?s ?p <urn:caf\\u00E9> }",
        "DESCRIBE <urn:\\U0001F600>",
    ],
)
def test_query_that_only_contains_the_words_passes(query: str) -> None:
    assert inspect(query).query_form in {"SELECT", "DESCRIBE"}


CALLING_OUT = [
    "SELECT * { SERVICE <http://x> { ?s ?p ?o } }",
    "select*{service<http://x>{}}",
    "SELECT * { SeRvIcE SILENT ?x { ?s ?p ?o } }",
    "SELECT*{SERVICESILENT<http://x>{}}",
    "SELECT*{?s ?p trueSERVICE<http://x>{}}",
    "PREFIX : <http://x/> SELECT*{SERVICE:x{}}",
    "PREFIX x: <http://x/> SELECT*{SERVICEx:y # so\n{}}",
    "PREFIX x: <http://x/> SELECT*{?s ?p trueSERVICEx:y{}}",
    "PREFIX x: <http://x/> SELECT*{?s ?p 5SERVICE x:y{}}",
    "SELECT * { ?s ?p 'a' . #'\nSERVICE <http://x> {} }",
    "SELECT * { ?s ?p ?o FILTER(?o<2)SERVICE#>\n?x{} }",
    'SELECT*{?s ?p ?o FILTER(?o<2#>"""\n)SERVICE<http://x>{}#"""\n}',
    "SELECT*{?s ?p ?o FILTER(?o<'''>''' || true)SERVICE<http://x>{} #'''\n}",
    "SELECT * { SERV\\u0049CE <http://x> {} }",
    "SELECT * { \\U00000053ERVICE <http://x> {} }",
    "SELECT * {} # \\u000A SERVICE <http://x> {}",
    "SELECT * { ?s ?p '\\u0027 . SERVICE <http://x> {} #' }",
]


@pytest.mark.parametrize("query", CALLING_OUT)
def test_service_however_written_is_refused(query: str) -> None:
    with pytest.raises(RefusedQuery):
        inspect(query)


# One that may be called, beside which nothing else may.
LISTED = "http://listed.example/sparql"


@pytest.mark.parametrize("query", CALLING_OUT)
def test_service_that_is_not_listed_is_refused_where_another_is(query: str) -> None:
    with pytest.raises(QueryError):
        inspect(query, services={LISTED})


@pytest.mark.parametrize(
    "address",
    [
        *("http://listed.example", "http://listed.example/sparql/", "http://listed.example/sparql?", "g"),
        *("http://listed.example/sparql#", "http://listed.example:80/sparql", "HTTP://listed.example/sparql"),
        *("http://Listed.example/sparql", "http://listed.example/./sparql", "http://listed.example/sparq%6c"),
        *("http://listed.example@127.0.0.1/sparql", "http://127.0.0.1/?http://listed.example/sparql", ""),
        *("https://listed.example/sparql", "//listed.example/sparql", "file:///etc/passwd", "urn:a"),
    ],
)
def test_only_the_very_address_that_is_listed_is_allowed(address: str) -> None:
    assert inspect(f"SELECT * {{ SERVICE <{LISTED}> {{}} }}", services={LISTED}).clauses
    with pytest.raises(RefusedQuery, match="not an endpoint that this one may call") as refused:
        inspect(f"SELECT * {{\n SERVICE <{address}> {{}} }}", services={LISTED})
    assert (refused.value.line, refused.value.column) == (2, 2)


@pytest.mark.parametrize(
    "query",
    [
        f"SELECT * {{ SERVICE <{LISTED}> {{ SERVICE <http://x> {{}} }} }}",
        f"SELECT * {{ SERVICE <{LISTED}> {{}} SERVICE <http://x> {{}} }}",
        f"SELECT * {{ SERVICESILENT<{LISTED}>{{}} }}",
        f"SELECT * {{ SERVICE SILENTx <{LISTED}> {{}} }}",
        f"SELECT * {{ ?s ?p trueSERVICE<{LISTED}>{{}} }}",
        f"PREFIX : <{LISTED}> SELECT*{{SERVICE:{{}}}}",
        f"PREFIX x: <{LISTED}> SELECT*{{SERVICE x: SERVICEx:{{}}}}",
        f"SELECT * {{ SERV\\u0049CE <{LISTED}> {{}} }}",
        f"SELECT * {{ SERVICE <{LISTED}> {{}} # \\u000A SERVICE <{LISTED}> {{}}\n}}",
        f"SELECT * {{ SERVICE <{LISTED}> {{ ?s ?p '\\u0027 }} SERVICE <{LISTED}> {{ #' }} }}",
        f"SELECT * {{ SERVICE \\u0053ILENT <{LISTED}> {{}} }}",
        f"PREFIX x: <{LISTED}> SELECT * {{ SERVICE <http://y> x: {{}} }}",
        f"PREFIX x: <{LISTED}> PREFIX x: <http://y> SELECT * {{ SERVICE x: {{}} }}",
        f"SELECT * {{ VALUES ?e {{ <{LISTED}> }} SERVICE ?e {{}} }}",
        f"SELECT * {{ VALUES ?e {{ <{LISTED}> }} SERVICE SILENT $e {{}} }}",
        f"SELECT * {{ SERVICE <{LISTED}> }}",
        f"SELECT * {{ SERVICE <{LISTED}> SILENT {{}} }}",
        f"SELECT * {{ SERVICE <{LISTED}> {{ {{ }}",
        "SELECT * { SERVICE",
        "SELECT * { SERVICE { } }",
        "SELECT * { SERVICE _:b { } }",
        f"SELECT * {{ SERVICE '{LISTED}' {{ }} }}",
        "SELECT * { SERVICE nobody:sparql { } }",
    ],
)
def test_disguised_or_malformed_service_is_refused_where_one_is_listed(query: str) -> None:
    with pytest.raises(QueryError):
        inspect(query, services={LISTED})


def test_variable_endpoint_is_refused_with_the_reason() -> None:
    with pytest.raises(RefusedQuery, match="can't be called by a variable"):
        inspect("SELECT * { SERVICE ?e {} }", services={LISTED})


def test_calling_query_may_vary_and_is_bounded_as_any_other() -> None:
    assert inspect(f"ASK {{ SERVICE <{LISTED}> {{}} }}", services={LISTED}).volatile
    calls = f"SERVICE <{LISTED}> {{}} " * MAX_SERVICES
    assert len(inspect(f"ASK {{ {calls} }}", services={LISTED}).clauses) == MAX_SERVICES
    for pattern in (
        f"{calls} SERVICE <{LISTED}> {{}}",
        f"SERVICE <{LISTED}> {{ {'?s ?p ?o . ' * (MAX_OF_A_KIND + 1)} }}",
        f"SERVICE <{LISTED}> {{ {'{' * MAX_DEPTH}{'}' * MAX_DEPTH} }}",
    ):
        with pytest.raises(TooLarge):
            inspect(f"ASK {{ {pattern} }}", services={LISTED})


def test_update_may_call_what_is_listed_and_load_nothing() -> None:
    update = f"INSERT {{ ?s ?p ?o }} WHERE {{ SERVICE <{LISTED}> {{ ?s ?p ?o }} }}"
    assert inspect(update, update=True, services={LISTED}).calls == [(LISTED, False)]
    with pytest.raises(RefusedQuery):
        inspect(update, update=True)
    with pytest.raises(RefusedQuery):
        inspect(f"LOADSILENT <{LISTED}>", update=True, services={LISTED})


@pytest.mark.parametrize(
    "query",
    [
        'SELECT * { ?s ?p "SERVICE <http://x> {}" }',
        "SELECT ?service { ?service a <http://example.org/SERVICE> } # SERVICE <http://x> {}",
        "PREFIX service: <urn:x:> SELECT * { ?s service:of ?o . GRAPH service:g { ?s ?p ?o } }",
    ],
)
def test_query_that_only_contains_the_words_calls_nobody_where_one_is_listed(query: str) -> None:
    assert inspect(query, services={LISTED}) == inspect(query)


@pytest.mark.parametrize(
    "word", ["INSERT", "delete", "Load", "CLEAR", "DROP", "CREATE", "ADD", "MOVE", "COPY"]
)
def test_update_keyword_is_refused(word: str) -> None:
    with pytest.raises(RefusedQuery, match="a query changes nothing"):
        inspect(f"{word} {{ <urn:a> <urn:b> 1 }}")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM <file:///etc/passwd> { ?s ?p ?o }",
        "SELECT * FROM NAMED <ftp://x/y> { ?s ?p ?o }",
        "BASE <file:///etc/> SELECT * FROM <passwd> { ?s ?p ?o }",
        "PREFIX f: <file:///etc/> SELECT * FROM f:passwd { ?s ?p ?o }",
    ],
)
def test_from_of_another_scheme_is_refused(query: str) -> None:
    with pytest.raises(RefusedQuery, match="http, https or urn"):
        inspect(query)


def test_refusal_says_where() -> None:
    with pytest.raises(RefusedQuery) as refused:
        inspect("SELECT * {\n  SERVICE <http://x> {}\n}")
    assert (refused.value.line, refused.value.column) == (2, 3)


@pytest.mark.parametrize("query", ["SELECT * { ?s ?p 'a }", 'ASK { ?s ?p """a" }', 'ASK { ?s ?p "a\n" }'])
def test_string_without_end_is_malformed(query: str) -> None:
    with pytest.raises(MalformedQuery, match="has no end"):
        inspect(query)


@pytest.mark.parametrize(
    "query",
    [
        "ASK {" + "{" * MAX_DEPTH + "}" * MAX_DEPTH + "}",
        "ASK { FILTER(" + "(" * MAX_DEPTH + "1" + ")" * MAX_DEPTH + ") }",
        "ASK {{}" + "UNION{}" * MAX_OF_A_KIND + "}",
        "ASK { FILTER(true" + "||true" * (MAX_OF_A_KIND + 1) + ") }",
        "ASK { ?s <urn:a>" + "/<urn:a>" * (MAX_OF_A_KIND + 1) + " ?o }",
        "ASK {" + "?s ?p ?o." * (MAX_OF_A_KIND + 1) + "}",
        "ASK { ?s ?p ?o" + ",?o" * (MAX_OF_A_KIND + 1) + "}",
        "SELECT " + "?x " * 20_000 + "{}",
        "#" * (MAX_BYTES + 1),
    ],
)
def test_query_over_a_bound_is_too_large(query: str) -> None:
    with pytest.raises(TooLarge):
        inspect(query)


def test_long_values_and_long_in_pass() -> None:
    rows = "(<http://example.org/a#b> 1.5 'a')" * 20_000
    assert inspect(f"SELECT * {{ VALUES (?a ?b ?c) {{ {rows} }} }}").query_form == "SELECT"
    assert inspect(f"ASK {{ FILTER(?x IN (1{',1' * 5_000})) }}").query_form == "ASK"


@pytest.mark.parametrize("call", ["NOW()", "rand ()", "UUID()", "STRUUID()", "BNODE()"])
def test_call_that_varies_is_volatile(call: str) -> None:
    assert inspect(f"SELECT ({call} AS ?x) {{}}").volatile


def test_names_of_volatile_functions_elsewhere_are_not_volatile() -> None:
    assert not inspect("SELECT ?now { ?now <urn:rand> 'UUID()' } # NOW()").volatile


@pytest.mark.parametrize(
    "unit", ["'", '"', '"""', "<", "a:", "\\", "#", "a..", "a.", '\\"', '"""x"\n', "?", "@a-", "1e", "(", ")"]
)
def test_time_to_judge_grows_with_the_length_and_not_its_square(unit: str) -> None:
    """In processor time: four times the text takes far less than sixteen times as long."""

    def spent_s(n_bytes: int) -> float:
        started = process_time()
        for text in (unit * (n_bytes // len(unit)), "VALUES ?x {" + unit * (n_bytes // len(unit))):
            try:
                inspect(text)
            except (MalformedQuery, RefusedQuery, TooLarge):
                continue
        return process_time() - started

    assert spent_s(900_000) < 10 * max(spent_s(225_000), 0.01)


_STARTS = ["", "?s ?p ?o ", "?s ?p ", "?s ?p ?o FILTER(?o<", "?s ?p ?o FILTER(?o<2", "BIND(IF(1<2"]
_JUNK = st.sampled_from(
    [
        *("", " ", "\n", "#", "'", '"', "'''", '"""', "<", ">", "#>", "{", "}", "(", ")", "x:a", "x:"),
        *(".", "1", "true", "?s", "<urn:a>", "||", "a", "@en", "\\u000A", "\\'", "GRAPH", "VALUES ?v {"),
    ]
)
_CALLS = [
    "SERVICE ",
    "SERVICE?x",
    "SERVICEx:",
    "trueSERVICE",
    "SERVICESILENT",
    "SERVICE#>\n",
    "service<urn:a>",
]


@settings(max_examples=500)
@given(
    st.sampled_from(_STARTS),
    st.lists(_JUNK, max_size=3),
    st.sampled_from(_CALLS),
    st.lists(_JUNK, max_size=3),
)
def test_what_makes_the_engine_call_out_is_refused(
    start: str, before: list[str], call: str, after: list[str]
) -> None:
    query = f"PREFIX x: <urn:x:> SELECT * {{{start}{''.join(before)}{call}{''.join(after)}<urn:z>{{}}\n}}"
    if calls_out(query):
        with pytest.raises(QueryError):
            inspect(query)


@settings(max_examples=500)
@given(
    st.sampled_from(_STARTS),
    st.lists(_JUNK, max_size=3),
    st.sampled_from([*_CALLS, "SERVICE <urn:z>{}", "SERVICE<urn:z>", "SERVICE SILENT x:"]),
    st.lists(_JUNK, max_size=3),
)
def test_what_is_left_of_a_query_that_may_call_never_calls_out(
    start: str, before: list[str], call: str, after: list[str]
) -> None:
    query = f"PREFIX x: <urn:x:> SELECT * {{{start}{''.join(before)}{call}{''.join(after)}<urn:z>{{}}\n}}"
    try:
        clauses = inspect(query, services={"urn:z", "urn:x:", "urn:a"}).clauses
    except QueryError:
        return
    assert not calls_out(hollow(query, clauses))
    assert not calls_out(replaced(query, clauses, ["VALUES ?v { UNDEF }"] * len(clauses)))


def calls_out(query: str) -> bool:
    """Whether the engine would call somebody; it knows no protocol `urn`, but it tries."""
    store = Store()
    store.add(Quad(NamedNode("urn:a"), NamedNode("urn:a"), Literal(1)))
    try:
        list(store.query(query))
    except SyntaxError:
        return False
    except OSError:
        return True
    return False
