"""SPARQLWrapper, in every format that it can ask for.

It warns when another comes than it asked for, and a warning is an error here.
"""

from __future__ import annotations

from typing import Any
from xml.dom.minidom import Document

import pytest
import rdflib
from SPARQLWrapper import SPARQLExceptions, SPARQLWrapper

from .asked import ASK, CONSTRUCT, DESCRIBE, LABEL, SCHEME, SELECT, TITLE, removal, written
from .conftest import Service

pytestmark = pytest.mark.service

WAYS = [("GET", "urlencoded"), ("POST", "urlencoded"), ("POST", "postdirectly")]
# It reads these into an rdflib graph that rdflib no longer likes.
reads_graphs = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")


def _wrapper(service: Service, query: str, *way: str) -> SPARQLWrapper:
    wrapper = SPARQLWrapper(service.endpoint)
    wrapper.setQuery(query)
    for set_it, value in zip((wrapper.setMethod, wrapper.setRequestMethod), way, strict=False):
        set_it(value)
    return wrapper


def _asked(service: Service, query: str, wanted: str, *way: str) -> Any:
    wrapper = _wrapper(service, query, *way)
    wrapper.setReturnFormat(wanted)
    return wrapper.queryAndConvert()


def _written_in(document: Document, name: str) -> str:
    (element,) = document.getElementsByTagName(name)
    return str(element.firstChild.data)


@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_select_comes_in_every_format(service: Service, way: tuple[str, str]) -> None:
    (row,) = _asked(service, SELECT, "json", *way)["results"]["bindings"]
    assert row == {"label": {"type": "literal", "value": TITLE, "xml:lang": "nl"}}
    assert _written_in(_asked(service, SELECT, "xml", *way), "literal") == TITLE
    assert _asked(service, SELECT, "csv", *way) == f"label\r\n{TITLE}\r\n".encode()
    assert _asked(service, SELECT, "tsv", *way) == f'?label\n"{TITLE}"@nl\n'.encode()


@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_ask_comes_in_every_format(service: Service, way: tuple[str, str]) -> None:
    assert _asked(service, ASK, "json", *way)["boolean"] is True
    assert _written_in(_asked(service, ASK, "xml", *way), "boolean") == "true"
    assert _asked(service, ASK, "csv", *way) == b"true"
    assert _asked(service, ASK, "tsv", *way) == b"true"


@reads_graphs
@pytest.mark.parametrize("query", [CONSTRUCT, DESCRIBE], ids=["construct", "describe"])
@pytest.mark.parametrize("way", WAYS, ids="-".join)
@pytest.mark.parametrize("wanted", ["turtle", "n3", "rdf+xml", "xml", "json-ld"])
def test_graph_comes_in_every_format(service: Service, query: str, way: tuple[str, str], wanted: str) -> None:
    got = _asked(service, query, wanted, *way)
    graph = got if isinstance(got, rdflib.Graph) else rdflib.Graph().parse(data=got, format="turtle")
    labels = set(graph.objects(rdflib.URIRef(SCHEME), rdflib.URIRef(LABEL)))
    assert labels == {rdflib.Literal(TITLE, lang="nl")}


@reads_graphs
def test_nothing_chosen_brings_what_it_expects(service: Service) -> None:
    assert _written_in(_wrapper(service, SELECT).queryAndConvert(), "literal") == TITLE
    assert len(_wrapper(service, CONSTRUCT).queryAndConvert()) == 1


@pytest.mark.parametrize("way", ["urlencoded", "postdirectly"])
def test_update_with_a_name_and_its_token_is_seen_at_once(service: Service, way: str) -> None:
    seen = []
    for update in (written(way), removal(way)):
        wrapper = _wrapper(service, update, "POST", way)
        wrapper.setCredentials(service.name, service.token)
        assert wrapper.query().response.status == 200
        asked = ASK.replace(LABEL, LABEL.replace("pref", "alt")).replace("?label", f'"{way}"@nl')
        seen.append(_asked(service, asked, "json")["boolean"])
    assert seen == [True, False]


def test_update_without_a_token_is_unauthorized(service: Service) -> None:
    with pytest.raises(SPARQLExceptions.Unauthorized):
        _wrapper(service, written("nobody"), "POST").query()


def test_malformed_query_is_told_with_its_place(service: Service) -> None:
    with pytest.raises(SPARQLExceptions.QueryBadFormed, match="line"):
        _wrapper(service, "SELECT ?label { ?scheme }").query()
