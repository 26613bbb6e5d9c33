"""rdflib: its two stores over our endpoint, and its SERVICE."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from rdflib import Dataset, Graph, Literal, URIRef
from rdflib.namespace import SKOS
from rdflib.plugins.stores.sparqlstore import SPARQLStore, SPARQLUpdateStore
from rdflib.query import ResultRow

from .asked import ASK, CONSTRUCT, REPORT, SCHEME, SELECT, TITLE
from .conftest import Service

pytestmark = pytest.mark.service

SUBJECT = URIRef(SCHEME)
STATED = Literal(TITLE, lang="nl")
AMOUNT = URIRef("https://w3id.org/techniekpact/def/minAge")


@pytest.fixture
def report(service: Service) -> Iterator[Graph]:
    """One passage's graph, writable; it is as it was afterwards."""
    store = SPARQLUpdateStore(service.endpoint, service.endpoint, auth=(service.name, service.token))
    graph = Graph(store, identifier=URIRef(REPORT))
    yield graph
    graph.remove((SUBJECT, SKOS.altLabel, None))
    assert (SUBJECT, SKOS.altLabel, None) not in graph


@pytest.mark.parametrize("method", ["GET", "POST", "POST_FORM"])
@pytest.mark.parametrize("form", ["xml", "json", "csv", "tsv"])
def test_store_asks_in_every_format(service: Service, method: str, form: str) -> None:
    store = SPARQLStore(service.endpoint, returnFormat=form, method=method)
    (row,) = Graph(store).query(SELECT)
    assert isinstance(row, ResultRow)
    assert row.label == (Literal(TITLE) if form == "csv" else STATED)  # CSV knows no languages


def test_store_reads_asks_and_graphs(service: Service) -> None:
    assert Graph(SPARQLStore(service.endpoint)).query(ASK).askAnswer is True
    constructed = Graph(SPARQLStore(service.endpoint, returnFormat="application/rdf+xml")).query(CONSTRUCT)
    assert constructed.graph is not None
    assert set(constructed.graph) == {(SUBJECT, SKOS.prefLabel, STATED)}


def test_store_binds_variables_and_prefixes(service: Service) -> None:
    asked = "SELECT ?label { ?scheme skos:prefLabel ?label }"
    bound = Graph(SPARQLStore(service.endpoint)).query(
        asked, initNs={"skos": SKOS}, initBindings={"scheme": SUBJECT}
    )
    assert [row.label for row in bound if isinstance(row, ResultRow)] == [STATED]


def test_graph_over_the_store_is_read_as_any_other(service: Service) -> None:
    graph = Graph(SPARQLStore(service.endpoint))
    assert graph.value(SUBJECT, SKOS.prefLabel) == STATED
    assert (SUBJECT, SKOS.prefLabel, STATED) in graph
    assert len(graph) > len(Graph(graph.store, identifier=URIRef(REPORT))) > 0


def test_named_graph_over_the_store_holds_its_own(service: Service) -> None:
    store = SPARQLStore(service.endpoint)
    stated = Graph(store, identifier=URIRef(REPORT))
    assert stated.value(SUBJECT, AMOUNT) == Literal(10)
    assert Graph(store, identifier=URIRef("urn:none")).value(SUBJECT, AMOUNT) is None


def test_dataset_over_the_store_lists_its_graphs(service: Service) -> None:
    store = SPARQLStore(service.endpoint)
    assert URIRef(REPORT) in set(store.contexts())
    assert URIRef(REPORT) in set(store.contexts((SUBJECT, AMOUNT, None)))
    assert Dataset(store).get_context(URIRef(REPORT)).value(SUBJECT, AMOUNT) == Literal(10)


def test_update_store_adds_and_removes(report: Graph) -> None:
    added = Literal("rdflib's", lang="nl")
    report.add((SUBJECT, SKOS.altLabel, added))
    assert report.value(SUBJECT, SKOS.altLabel) == added
    assert Graph(report.store).value(SUBJECT, SKOS.altLabel) == added
    report.remove((SUBJECT, SKOS.altLabel, added))
    assert report.value(SUBJECT, SKOS.altLabel) is None


def test_update_store_sends_many_at_once_and_patterns(report: Graph) -> None:
    report.addN((SUBJECT, SKOS.altLabel, Literal(name, lang="nl"), report) for name in ("een", "twee"))
    report.update(
        "DELETE { ?s skos:altLabel ?old } INSERT { ?s skos:altLabel ?new }"
        ' WHERE { ?s skos:altLabel ?old . BIND(STRLANG(UCASE(STR(?old)), "nl") AS ?new) }',
        initNs={"skos": SKOS},
    )
    assert set(report.objects(SUBJECT, SKOS.altLabel)) == {
        Literal(name, lang="nl") for name in ("EEN", "TWEE")
    }


@pytest.mark.parametrize("length", [0, 600], ids=["by-get", "by-post"])
def test_service_of_rdflib_joins_ours_to_its_own(service: Service, length: int) -> None:
    # rdflib's parser stumbles over an IRI with a # before a SERVICE.
    own = Graph().add((URIRef("urn:mine"), URIRef("urn:is"), SUBJECT))
    pattern = f"?scheme <{SKOS.prefLabel}> ?label .{' ' * length}"
    asked = f"SELECT * {{ ?mine <urn:is> ?scheme . SERVICE <{service.endpoint}> {{ {pattern} }} }}"
    rows = [row for row in own.query(asked) if isinstance(row, ResultRow)]
    assert [(str(row.mine), row.label) for row in rows] == [("urn:mine", STATED)]
