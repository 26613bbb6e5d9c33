"""Comunica: a query over us and a second endpoint together.

It is given plain addresses. That they are endpoints, and where they are asked, it finds in their
service descriptions.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from kg.namespaces import PREFIXES
from kg.store import RdfFormat, parse

from ..conformance.services import oxigraph_services
from .asked import ASK, CONSTRUCT, LABEL, SCHEME, SELECT, TITLE
from .conftest import Service

pytestmark = pytest.mark.service

COMUNICA = Path(__file__).parents[2] / ".venv/node/node_modules/@comunica/query-sparql/bin/query.js"
NOTE = f"{PREFIXES['skos']}note"
_LIMIT_S = 60


@pytest.fixture(scope="module", autouse=True)
def _there_is_comunica() -> None:
    if not shutil.which("node"):
        pytest.fail("There is no node here. Install Debian's packages nodejs and npm.")
    if not COMUNICA.exists():
        pytest.fail("There is no Comunica here. Run `make .venv/comunica`.")


@pytest.fixture(scope="module")
def other() -> Iterator[str]:
    """An Oxigraph that holds a note about one scheme of ours."""
    with oxigraph_services() as (endpoint, _):
        note = f'<{SCHEME}> <{NOTE}> "called by us"@nl .'
        httpx.post(
            f"{endpoint.store_url}?default", content=note, headers={"Content-Type": "text/turtle"}
        ).raise_for_status()
        yield endpoint.query_url


def _asked(query: str, *sources: str, media_type: str = "application/sparql-results+json") -> str:
    command = ["node", str(COMUNICA), *sources, "--query", query, "--outputType", media_type]
    done = subprocess.run(
        command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_LIMIT_S
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _rows(answer: str) -> list[dict[str, str]]:
    rows = json.loads(answer)["results"]["bindings"]
    return [{name: term["value"] for name, term in row.items()} for row in rows]


def test_comunica_asks_us_alone(service: Service) -> None:
    assert _rows(_asked(SELECT, service.endpoint)) == [{"label": TITLE}]
    assert json.loads(_asked(ASK, service.endpoint))["boolean"] is True


def test_comunica_builds_a_graph_from_us(service: Service) -> None:
    turtle = _asked(CONSTRUCT, service.endpoint, media_type="text/turtle")
    (triple,) = parse(turtle, format=RdfFormat.TURTLE)
    assert str(triple.predicate) == f"<{LABEL}>"


def test_comunica_joins_us_and_another_endpoint(service: Service, other: str) -> None:
    joined = f"SELECT ?note ?label {{ ?scheme <{NOTE}> ?note ; <{LABEL}> ?label }}"
    assert _rows(_asked(joined, service.endpoint, other)) == [{"note": "called by us", "label": TITLE}]


def test_comunica_counts_over_us_and_another_endpoint(service: Service, other: str) -> None:
    both = f"{{ <{SCHEME}> <{NOTE}> ?said }} UNION {{ <{SCHEME}> <{LABEL}> ?said }}"
    counted = f"SELECT (COUNT(*) AS ?n) {{ {both} }}"
    assert _rows(_asked(counted, service.endpoint, other)) == [{"n": "2"}]
