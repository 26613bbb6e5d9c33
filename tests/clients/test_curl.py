"""curl, as the README and people's notes use it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from .asked import ASK, REPORT, SCHEME, SELECT, TITLE
from .conftest import Service

pytestmark = pytest.mark.service

TURTLE = "Content-Type: text/turtle"
NEW = "https://w3id.org/techniekpact/graph/report/curl"


@pytest.fixture(scope="module", autouse=True)
def _there_is_curl() -> None:
    if not shutil.which("curl"):
        pytest.fail("There is no curl here. Install the package of that name.")


def _curl(*arguments: str) -> str:
    # Nothing of the caller's own: no settings file, no proxy.
    done = subprocess.run(
        ["curl", "-q", "--noproxy", "*", "--silent", "--show-error", "--max-time", "20", *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def _status(*arguments: str) -> str:
    return _curl("--output", "/dev/null", "--write-out", "%{http_code}", *arguments)


def _headers(said: str) -> dict[str, str]:
    lines = (line.partition(": ") for line in said.splitlines())
    return {name.lower(): value for name, _, value in lines}


def _label(answer: str) -> str:
    (row,) = json.loads(answer)["results"]["bindings"]
    return str(row["label"]["value"])


def test_query_is_sent_in_each_way(service: Service, tmp_path: Path) -> None:
    file = tmp_path / "query.rq"
    file.write_text(SELECT, "utf-8")
    content = ("-H", "Content-Type: application/sparql-query")
    assert _label(_curl(service.endpoint, "--data-urlencode", f"query={SELECT}")) == TITLE
    assert _label(_curl(service.endpoint, "--data-urlencode", f"query@{file}")) == TITLE
    assert _label(_curl("--get", service.endpoint, "--data-urlencode", f"query={SELECT}")) == TITLE
    assert _label(_curl(service.endpoint, *content, "--data-binary", f"@{file}")) == TITLE
    assert _label(_curl("-X", "QUERY", service.endpoint, *content, "--data-binary", SELECT)) == TITLE


def test_format_is_chosen_by_header_or_by_parameter(service: Service) -> None:
    query = ("--data-urlencode", f"query={SELECT}")
    assert _curl(service.endpoint, *query, "-H", "Accept: text/csv").splitlines() == ["label", TITLE]
    assert _curl(service.endpoint, *query, "-d", "format=csv").splitlines() == ["label", TITLE]
    assert _status(service.endpoint, *query, "-H", "Accept: image/png") == "406"


def test_head_has_the_headers_of_get(service: Service) -> None:
    query = ("--get", service.endpoint, "--data-urlencode", f"query={ASK}")
    head, get = _headers(_curl("--head", *query)), _headers(_curl("-D", "-", "-o", "/dev/null", *query))
    assert head["etag"] == get["etag"]
    assert head["content-type"] == get["content-type"] == "application/sparql-results+json"


def test_answer_that_one_has_is_not_sent_again(service: Service, tmp_path: Path) -> None:
    kept = str(tmp_path / "etag")
    query = ("--get", service.endpoint, "--data-urlencode", f"query={SELECT}")
    assert _status(*query, "--etag-save", kept) == "200"
    assert _status(*query, "--etag-compare", kept) == "304"


def test_graph_is_put_read_and_deleted(service: Service, tmp_path: Path) -> None:
    file = tmp_path / "passage.ttl"
    store = f"{service.url}/store?graph={NEW}"
    # A passage of its own that says what another says, too.
    said = _curl(f"{service.url}/store?graph={REPORT}", "-H", "Accept: application/n-triples")
    own = [line for line in said.splitlines() if f"<{REPORT}>" in line or line.startswith(f"<{SCHEME}>")]
    kept = [line for line in own if "#bedrag" not in line]
    file.write_text("\n".join(kept).replace(REPORT, NEW).replace("§1", "§2"), "utf-8")
    put = ("-T", str(file), "-H", TURTLE, store)
    assert _status(*put) == "401"
    basic, bearer = (
        ("-u", f"{service.name}:{service.token}"),
        ("-H", f"Authorization: Bearer {service.token}"),
    )
    assert _curl("-w", "%{http_code}", *bearer, *put).endswith("201")
    assert _status(*basic, *put) == "200"
    assert _curl(store, "-H", "Accept: application/n-triples").count("\n") == len(kept)
    assert _status("-X", "DELETE", *basic, store) == "200"
    assert _status(store) == "404"
