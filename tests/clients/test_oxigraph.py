"""Oxigraph calls us by SERVICE, from a store of its own."""

from __future__ import annotations

from typing import cast

import pytest

from kg.namespaces import PREFIXES
from kg.store import Literal, NamedNode, Quad, QuerySolutions, Store

from .asked import LABEL, SCHEME, TITLE
from .conftest import Service

pytestmark = pytest.mark.service

MINE, MATCHES = NamedNode("urn:mine"), NamedNode(f"{PREFIXES['skos']}exactMatch")


@pytest.mark.parametrize("address", ["", "/"], ids=["without-slash", "with-slash"])
def test_service_of_oxigraph_joins_ours_to_its_own(service: Service, address: str) -> None:
    store = Store()
    store.add(Quad(MINE, MATCHES, NamedNode(SCHEME)))
    called = f"SERVICE <{service.endpoint}{address}> {{ ?scheme <{LABEL}> ?label }}"
    rows = cast(QuerySolutions, store.query(f"SELECT * {{ ?mine {MATCHES} ?scheme . {called} }}"))
    assert [(row["mine"], row["label"]) for row in rows] == [(MINE, Literal(TITLE, language="nl"))]


def test_service_of_oxigraph_is_told_of_an_error(service: Service) -> None:
    called = f"SERVICE <{service.endpoint}> {{ SERVICE <{service.endpoint}> {{ ?s ?p ?o }} }}"
    with pytest.raises(OSError, match="403"):
        list(cast(QuerySolutions, Store().query(f"SELECT * {{ {called} }}")))
    silent = cast(
        QuerySolutions, Store().query(f"SELECT * {{ {called.replace('SERVICE', 'SERVICE SILENT', 1)} }}")
    )
    assert len(list(silent)) == 1
