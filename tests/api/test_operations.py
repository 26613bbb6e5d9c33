"""What those who run the service, or wait for it, see: metrics, logs, what runs, and HTTP's details."""

from __future__ import annotations

import io
import json
import logging
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.exchange import Exchange
from api.log import QueryLog, configure
from api.metrics import OUTCOMES
from kg.store import Release

from ..kg.serving import becomes_true
from .serving import PATH, VALUES, Service, served

ONE = "SELECT (1 AS ?one) {}"
RUNAWAY = "SELECT (COUNT(*) AS ?n) {" + " . ".join(f"?s{n} ?p{n} ?o{n}" for n in range(6)) + "}"
ENDLESS = "SELECT * {" + " . ".join(f"?s{n} ?p{n} ?o{n}" for n in range(6)) + "}"


@pytest.fixture
def home(small_release: tuple[Path, Release], tmp_path: Path) -> Path:
    """The small dataset in a home of its own."""
    shutil.copytree(small_release[0], tmp_path / "home", symlinks=True)
    return tmp_path / "home"


@pytest.fixture(scope="module")
def service(
    small_release: tuple[Path, Release], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("served") / "home"
    shutil.copytree(small_release[0], home, symlinks=True)
    with served(home, workers=4) as service:
        yield service


@pytest.fixture
def crowd() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_workers=4) as pool:
        yield pool


# --- what runs, and stopping it


def _running(service: Service) -> list[dict[str, Any]]:
    queries: list[dict[str, Any]] = service.client.get("/queries").json()["queries"]
    return queries


@pytest.mark.service
@pytest.mark.parametrize(
    "query_id",
    [
        "4191fbef-636a-45b8-aa5e-7b988bfa0c11",
        "aa3435fbed87496c9ad1f52f201da7c9",
        "FE8E5AC1-D1A8-4B40-BCB7-FC13ABAC9A25",
    ],
)
def test_running_query_is_listed_and_stopped_by_the_id_its_client_chose(
    service: Service, crowd: ThreadPoolExecutor, query_id: str
) -> None:
    asking = crowd.submit(service.query, RUNAWAY, **{"X-Query-Id": query_id})
    assert becomes_true(lambda: bool(_running(service)))
    (listed,) = _running(service)
    assert (listed["id"], listed["state"]) == (query_id, "running")
    assert 0 <= listed["seconds"] < 5
    assert service.client.delete(f"/queries/{query_id}").status_code == 204
    stopped = asking.result()
    assert (stopped.status_code, stopped.headers["x-query-id"]) == (409, query_id)
    assert stopped.json()["type"].endswith("/cancelled")
    assert _running(service) == []
    assert service.client.delete(f"/queries/{query_id}").status_code == 404
    assert becomes_true(lambda: service.counts() == {"busy": 0, "idle": 4, "waiting": 0})


@pytest.mark.service
def test_stopped_stream_is_cut(service: Service) -> None:
    with service.client.stream("GET", "/sparql", params={"query": ENDLESS}) as response:
        pieces = response.iter_raw()
        next(pieces)
        with service.other("127.0.0.1") as same:
            (listed,) = _running(same)
            assert listed == {**listed, "id": response.headers["x-query-id"], "state": "streaming"}
            assert same.client.delete(f"/queries/{listed['id']}").status_code == 204
        with pytest.raises(httpx.RemoteProtocolError):
            assert [len(piece) for piece in pieces]


@pytest.mark.service
def test_query_that_waits_can_be_stopped(home: Path, crowd: ThreadPoolExecutor) -> None:
    with served(home, workers=1) as service:
        asking = [crowd.submit(service.query, f"{RUNAWAY} # {number}") for number in range(2)]
        assert becomes_true(lambda: {each["state"] for each in _running(service)} == {"running", "waiting"})
        for state in ("waiting", "running"):
            (found,) = [each for each in _running(service) if each["state"] == state]
            service.client.delete(f"/queries/{found['id']}")
        assert {each.result().status_code for each in asking} == {409}


@pytest.mark.service
def test_other_caller_neither_sees_nor_stops_a_query(service: Service, crowd: ThreadPoolExecutor) -> None:
    query_id = str(uuid4())
    asking = crowd.submit(service.query, RUNAWAY, **{"X-Query-Id": query_id})
    assert becomes_true(lambda: bool(_running(service)))
    with service.other("127.0.0.2") as other:
        assert _running(other) == []
        assert other.client.delete(f"/queries/{query_id}").status_code == 404
    assert not asking.done()
    assert service.client.delete(f"/queries/{query_id}").status_code == 204
    asking.result()


@pytest.mark.service
def test_id_in_use_or_no_uuid_is_refused(service: Service, crowd: ThreadPoolExecutor) -> None:
    query_id = str(uuid4())
    asking = crowd.submit(service.query, RUNAWAY, **{"X-Query-Id": query_id})
    assert becomes_true(lambda: bool(_running(service)))
    assert service.query(ONE, **{"X-Query-Id": query_id}).status_code == 409
    assert service.query(ONE, **{"X-Query-Id": "1"}).status_code == 400
    stopped = service.client.delete(f"/queries/{query_id}", headers={"X-Query-Id": query_id})
    assert (stopped.status_code, asking.result().status_code) == (204, 409)
    assert service.query(ONE, **{"X-Query-Id": query_id}).headers["x-query-id"] == query_id


# --- metrics


def _metrics(service: Service) -> dict[str, float]:
    """Return each sample by its name and labels."""
    response = service.client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(response.text)
    return {
        sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.mark.service
def test_metrics_count_queries_by_outcome(home: Path, crowd: ThreadPoolExecutor) -> None:
    with served(home, workers=4, time_limit_s=0.5, rate=0.1, trusted_proxies="127.0.0.1") as service:
        assert {_metrics(service)[f"kg_queries_total {outcome}"] for outcome in OUTCOMES} == {0}
        asked = {
            "ok": lambda: service.query(ONE),
            "malformed": lambda: service.query("SELECT"),
            "not_acceptable": lambda: service.query(ONE, Accept="image/png"),
            "refused": lambda: service.query("SELECT * { SERVICE <urn:a> {} }"),
            "too_large": lambda: service.query("{" * 200),
            "time_limit": lambda: service.query(RUNAWAY),
        }
        for ask in asked.values():
            ask()
        for _ in range(5):
            service.query(ONE, **{"X-Forwarded-For": "203.0.113.1"})
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{service.url}/sparql", params={"query": RUNAWAY}, timeout=0.2, trust_env=False)
        query_id = uuid4().hex
        stopped = crowd.submit(service.query, f"{RUNAWAY} # again", **{"X-Query-Id": query_id})
        assert becomes_true(lambda: service.client.delete(f"/queries/{query_id}").status_code == 204)
        stopped.result()
        wanted = {**dict.fromkeys(asked, 1.0), "ok": 2.0, "rate_limited": 4.0, "client_gone": 1.0}
        wanted |= {"cancelled": 1.0}
        counted = _metrics(service)
        assert {name: counted[f"kg_queries_total {name}"] for name in wanted} == wanted


@pytest.mark.service
def test_metrics_tell_latencies_workers_release_and_process(service: Service) -> None:
    before = _metrics(service)
    service.query(ONE)
    after = _metrics(service)
    for name in ("kg_first_byte_seconds_count", "kg_answer_seconds_count"):
        assert after[name] == before[name] + 1
    assert after["kg_answer_bytes_total"] > before["kg_answer_bytes_total"]
    assert after["kg_first_byte_seconds_bucket 300.0"] == after["kg_first_byte_seconds_count"]
    assert (after["kg_workers busy"], after["kg_workers idle"]) == (0, 4)
    assert (after["kg_queries_waiting"], after["kg_release"]) == (0, 1)
    assert after["process_resident_memory_bytes"] > 0


# --- logs


@pytest.mark.service
def test_query_is_one_json_line_without_its_text(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with served(home) as service:
        secret = "SELECT ('hemlig' AS ?secret) {}"
        response = service.query(secret, Authorization="Bearer hemlig")
        service.query("SELECT hemlig")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["outcome"], line["status"]) for line in lines] == [("ok", 200), ("malformed", 400)]
    told = lines[0]
    assert told["id"] == response.headers["x-query-id"]
    assert (told["caller"], told["release"], told["bytes"]) == ("loopback", 1, len(response.content))
    assert 0 < told["firstByteMs"] <= told["ms"] < 5_000
    assert len(told["query"]) == 16
    assert "hemlig" not in json.dumps(lines)


@pytest.mark.service
@pytest.mark.parametrize(("form", "n_lines"), [("plain", 1), ("off", 0)])
def test_log_can_be_plain_or_off(
    home: Path, capsys: pytest.CaptureFixture[str], form: str, n_lines: int
) -> None:
    with served(home, log=form) as service:
        service.query(ONE)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == n_lines
    assert all(" 200 ok " in line for line in lines)


def test_warning_is_a_json_line_with_its_trace(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before = root.handlers[:]
    try:
        configure("json")
        try:
            raise ValueError("no\nlines")
        except ValueError:
            logging.getLogger("kg.test").exception("It %s.", "broke")
        logging.getLogger("uvicorn.error").error("ASGI callable returned without completing response.")
    finally:
        root.handlers[:] = before
    (line,) = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert (told["level"], told["message"], told["logger"]) == ("error", "It broke.", "kg.test")
    assert told["trace"].endswith("ValueError: no\nlines")


def test_log_that_nobody_reads_stops_nothing() -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError(len(text))

    async def nothing(*_: Any) -> Any: ...

    exchange = Exchange({"type": "http", "method": "GET", "headers": []}, nothing, nothing)
    QueryLog("json", Closed()).write(exchange)


# --- HTTP


ROUTES = ["/", "/sparql", "/questions", "/questions/none", "/health", "/ready", "/metrics", "/queries"]
ROUTES += ["/store", "/store?default", "/queries/1", "/static/style.css", "/static/none.css", "/nowhere"]


@pytest.mark.service
@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "DELETE", "PATCH"])
def test_every_answer_is_open_to_all_and_says_what_it_varies_by(
    service: Service, path: str, method: str
) -> None:
    response = service.client.request(method, path)
    assert response.status_code < 500
    assert response.headers.get_list("access-control-allow-origin") == ["*"]
    assert "X-Query-Id" in response.headers["access-control-expose-headers"]
    assert "Accept" in response.headers["vary"]
    if method in {"HEAD", "OPTIONS"}:
        assert response.content == b""
    if method == "OPTIONS":
        assert response.status_code == 204
        assert response.headers["access-control-allow-methods"] == response.headers["allow"]
    if response.status_code == 405:
        assert response.headers["allow"]


@pytest.mark.service
@pytest.mark.parametrize("path", ["/", "/questions", "/health", "/ready", "/queries", "/static/style.css"])
def test_head_has_the_status_and_type_of_get(service: Service, path: str) -> None:
    got, head = service.client.get(path), service.client.head(path)
    assert (head.status_code, head.headers["content-type"]) == (got.status_code, got.headers["content-type"])


@pytest.mark.service
def test_answers_not_sent_again_are_open_to_all_too(service: Service) -> None:
    for path, params in (("/sparql", {"query": ONE}), (PATH, VALUES)):
        tag = service.client.get(path, params=params).headers["etag"]
        again = service.client.get(path, params=params, headers={"If-None-Match": tag})
        assert (again.status_code, again.headers["access-control-allow-origin"]) == (304, "*")
        assert "Accept" in again.headers["vary"]
