"""What one caller may take of the whole service, and who a caller is, behind proxies too."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from api.forwarded import Origins
from kg.settings import Settings
from kg.store import Release
from kg.tokens import new_token

from ..kg.serving import becomes_true
from .serving import Service, served

ONE = "SELECT (1 AS ?one) {}"
RUNAWAY = "SELECT (COUNT(*) AS ?n) {" + " . ".join(f"?s{n} ?p{n} ?o{n}" for n in range(6)) + "}"
BY_PROXY = {"trusted_proxies": "127.0.0.1"}


@pytest.fixture
def home(small_release: tuple[Path, Release], tmp_path: Path) -> Path:
    """The small dataset in a home of its own."""
    shutil.copytree(small_release[0], tmp_path / "home", symlinks=True)
    return tmp_path / "home"


def _from(service: Service, address: str, query: str = ONE, **headers: str) -> httpx.Response:
    return service.query(query, **{"X-Forwarded-For": address, **headers})


# --- rate


@pytest.mark.service
def test_caller_over_the_rate_gets_429_and_when_to_come_back(home: Path) -> None:
    with served(home, rate=0.5, **BY_PROXY) as service:
        assert _from(service, "203.0.113.1").status_code == 200
        refused = _from(service, "203.0.113.1")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
        assert refused.headers["access-control-allow-origin"] == "*"
        assert "Retry-After" in refused.headers["access-control-expose-headers"]
        assert refused.json()["type"].endswith("/too-many")
        assert _from(service, "203.0.113.2").status_code == 200
        assert becomes_true(lambda: _from(service, "203.0.113.1").status_code == 200)


@pytest.mark.service
def test_rate_counts_questions_too_but_not_health_and_preflights(home: Path) -> None:
    with served(home, rate=0.1, **BY_PROXY) as service:
        headers = {"X-Forwarded-For": "203.0.113.1"}
        client = service.client
        assert client.get("/questions", headers=headers).status_code == 200
        assert client.get("/questions", headers=headers).status_code == 429
        assert _from(service, "203.0.113.1").status_code == 429
        for path in ("/health", "/ready", "/metrics", "/static/style.css"):
            assert client.get(path, headers=headers).status_code == 200
        assert client.options("/sparql", headers=headers).status_code == 204


@pytest.mark.service
def test_loopback_has_no_rate(home: Path) -> None:
    with served(home, rate=0.1) as service:
        assert {service.query(ONE).status_code for _ in range(10)} == {200}


@pytest.mark.service
def test_token_parts_its_caller_from_others_at_the_same_address(home: Path, tmp_path: Path) -> None:
    secret = new_token(tmp_path / "tokens", "province", "publisher")
    with served(home, rate=0.1, tokens=str(tmp_path / "tokens"), **BY_PROXY) as service:
        known = {"Authorization": f"Bearer {secret}"}
        tries = [{}, known, {}, known, {"Authorization": "Bearer guess"}]
        statuses = [_from(service, "203.0.113.1", **headers).status_code for headers in tries]
        assert statuses == [200, 200, 429, 429, 429]


# --- shares


@pytest.fixture
def crowd() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_workers=16) as pool:
        yield pool


@pytest.mark.service
def test_runaways_of_one_caller_leave_workers_to_others(home: Path, crowd: ThreadPoolExecutor) -> None:
    with served(home, workers=4, time_limit_s=2, **BY_PROXY) as service:
        runaways = [
            crowd.submit(_from, service, "203.0.113.1", f"{RUNAWAY} # {number}") for number in range(8)
        ]
        assert becomes_true(lambda: service.counts()["busy"] >= 2)
        lookups = [_from(service, "203.0.113.2") for _ in range(20)]
        assert {each.status_code for each in lookups} == {200}
        assert max(each.elapsed.total_seconds() for each in lookups) < 1
        assert not all(each.done() for each in runaways)
        assert {each.result().status_code for each in runaways} == {503}


@pytest.mark.service
def test_runaways_of_many_callers_leave_a_worker_to_what_is_short(
    home: Path, crowd: ThreadPoolExecutor
) -> None:
    with served(home, workers=4, time_limit_s=5, **BY_PROXY) as service:
        runaways = [
            crowd.submit(_from, service, f"203.0.113.{number}", f"{RUNAWAY} # {number}")
            for number in range(8)
        ]
        # Three have a place, and the trials of the others have failed.
        assert becomes_true(lambda: service.counts() == {"busy": 3, "idle": 1, "waiting": 5})
        assert {_from(service, "203.0.113.99").status_code for _ in range(20)} == {200}
        assert not any(each.done() for each in runaways)
        assert {each.result().status_code for each in runaways} == {503}


@pytest.mark.service
def test_caller_who_fills_its_half_of_the_queue_gets_429_and_others_wait(
    home: Path, crowd: ThreadPoolExecutor
) -> None:
    with served(home, workers=1, queue=4, time_limit_s=2, **BY_PROXY) as service:
        runaways = [
            crowd.submit(_from, service, "203.0.113.1", f"{RUNAWAY} # {number}") for number in range(4)
        ]
        done = [each.result() for each in runaways]
        assert sorted(each.status_code for each in done) == [429, 503, 503, 503]
        refused = next(each for each in done if each.status_code == 429)
        assert refused.headers["retry-after"] == "1"


# --- who a caller is, and what we are called


def _endpoint(service: Service, **headers: str) -> str:
    """Return what the service description says the endpoint is."""
    asked = {"Accept": "application/n-triples", **headers}
    lines = service.client.get("/sparql", headers=asked).text.splitlines()
    (line,) = [line for line in lines if "sparql-service-description#endpoint>" in line]
    return line.split()[2].strip("<>")


@pytest.mark.service
def test_what_a_proxy_says_is_believed_only_where_it_is_trusted(home: Path) -> None:
    said = {"X-Forwarded-For": "203.0.113.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "kg.example"}
    with served(home, rate=0.1) as service:
        assert _endpoint(service, **said) == f"{service.url}/sparql"
        assert {service.query(ONE, **said).status_code for _ in range(5)} == {200}
    with served(home, **BY_PROXY) as service:
        assert _endpoint(service, **said) == "https://kg.example/sparql"
        assert _endpoint(service, **said, **{"X-Forwarded-Prefix": "/tp/"}) == "https://kg.example/tp/sparql"
        forwarded = 'for="[2001:db8::1]:80";proto=https;host="kg.example:8443"'
        assert _endpoint(service, Forwarded=forwarded) == "https://kg.example:8443/sparql"
        assert _endpoint(service, Host="other.example") == "http://other.example/sparql"


@pytest.mark.service
@pytest.mark.parametrize("host", ["evil.example/<script>", "a b", "x" * 300, "kg.example\\"])
def test_host_that_is_none_is_not_repeated(home: Path, host: str) -> None:
    with served(home, **BY_PROXY) as service:
        assert _endpoint(service, **{"X-Forwarded-Host": host}) == f"{service.url}/sparql"


@pytest.mark.service
def test_public_url_wins_over_a_proxy(home: Path) -> None:
    with served(home, public_url="https://kg.example/tp", **BY_PROXY) as service:
        assert _endpoint(service, **{"X-Forwarded-Host": "other.example"}) == "https://kg.example/tp/sparql"


@pytest.mark.service
def test_pages_lead_to_pages_under_the_proxys_folder(home: Path) -> None:
    with served(home, **BY_PROXY) as service:
        headers = {"Accept": "text/html", "X-Forwarded-Prefix": "/tp"}
        for path in ("/", "/sparql", "/questions/funding-for-age-and-region"):
            html = service.client.get(path, headers=headers).text
            assert 'href="/tp/static/style.css"' in html
            assert 'href="/s' not in html
            assert 'action="/q' not in html


@pytest.mark.parametrize(
    ("path", "trusted", "caller"),
    [
        ("203.0.113.7", "", "10.0.0.1"),
        ("203.0.113.7", "10.0.0.1", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7", "10.0.0.0/8", "203.0.113.7"),
        ("203.0.113.7, 10.9.9.9", "10.0.0.0/8", "203.0.113.7"),
        ("203.0.113.7:1234", "10.0.0.1", "203.0.113.7"),
        ("unknown", "10.0.0.1", "10.0.0.1"),
        ("", "10.0.0.1", "10.0.0.1"),
        ("10.0.0.2, 10.0.0.3", "10.0.0.0/8", "10.0.0.2"),
    ],
)
def test_caller_is_the_last_on_the_path_that_is_no_proxy_of_ours(
    path: str, trusted: str, caller: str
) -> None:
    origins = Origins(Settings(trusted_proxies=trusted))
    assert str(origins.of("10.0.0.1", "http", {"x-forwarded-for": path}).address) == caller
