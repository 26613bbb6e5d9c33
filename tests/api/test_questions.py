"""The whole service over real sockets: questions as JSON, CSV and pages, and what a runaway does."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from kg.answers import Answer
from kg.publish import publish
from kg.questions import load_questions
from kg.store import Release
from kg.tables import as_csv

from ..conftest import Quiet
from ..kg.serving import becomes_true, is_alive
from .serving import NAME, PATH, VALUES, Service, served

HTML = {"Accept": "text/html"}
RUNAWAY = "SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i } ORDER BY ?c ?f ?i"
ONE = "SELECT (1 AS ?one) {}"


@pytest.fixture(scope="module")
def service(
    small_release: tuple[Path, Release], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("served") / "home"
    shutil.copytree(small_release[0], home, symlinks=True)
    with served(home) as service:
        yield service


def _rows(response: httpx.Response) -> dict[str, dict[str, Any]]:
    """Return the rows of a JSON answer by their scheme."""
    assert response.status_code == 200, response.text
    return {row["scheme"].rsplit("/", 1)[-1]: row for row in response.json()["rows"]}


def _table(response: httpx.Response) -> list[dict[str, str]]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(response.text, newline="")))


# --- answers


@pytest.mark.service
def test_answer_is_json_by_default_and_names_its_release(service: Service) -> None:
    response = service.ask()
    assert response.headers["content-type"] == "application/json"
    assert response.json()["release"] == {"number": 1, "iri": "https://w3id.org/techniekpact/release/1"}
    assert response.json()["parameters"]["region"].endswith("/labour-market-region/groot")
    row = _rows(response)["wholly"]
    assert (row["amount"], row["currency"], row["ageCover"]) == (1500.5, "EUR", "stated, wholly")
    assert "evidence" not in row


@pytest.mark.service
def test_evidence_is_each_passage_with_its_title_locator_layer_and_source(service: Service) -> None:
    rows = _rows(service.ask(evidence="true"))
    passages = {passage["iri"].rsplit("/graph/", 1)[-1]: passage for passage in rows["tied"]["evidence"]}
    stated, curated = passages["report/1"], passages["curation/deel"]
    assert (stated["title"], stated["locator"], stated["layer"]) == ({"nl": "Regelingen"}, "§1", "stated")
    assert stated["source"]["label"] == "Rapport van de proef"
    assert (curated["layer"], curated["rule"]["en"]) == ("curated", "A part of an area lies in it.")
    assert all(row["evidence"] for row in rows.values())


@pytest.mark.service
def test_day_that_is_left_out_is_today(service: Service) -> None:
    assert _rows(service.ask(day=None)).keys() >= {"coming"}
    assert _rows(service.ask(day="")).keys() >= {"coming"}


@pytest.mark.service
@pytest.mark.parametrize(
    ("path", "accept", "more"),
    [
        (f"{PATH}.csv", "*/*", {}),
        (f"{PATH}.csv", "text/html", {}),
        (PATH, "text/csv", {}),
        (PATH, "application/json;q=0.5, text/csv", {}),
        (PATH, "text/html", {"_mediatype": "text/csv"}),
    ],
)
def test_csv_by_suffix_by_accept_or_by_parameter(
    service: Service, path: str, accept: str, more: dict[str, str]
) -> None:
    rows = _table(service.ask(path, {"Accept": accept}, **more))
    assert "stated wholly" in [row["schemeLabel"] for row in rows]


@pytest.mark.service
def test_csv_names_things_in_the_asked_language_and_has_crlf(service: Service) -> None:
    response = service.ask(f"{PATH}.csv", lang="en")
    assert response.text.count("\r\n") == response.text.count("\n") > 1
    assert "Fund" in [row["fundersLabel"] for row in _table(response)]
    assert "Fonds" in [row["fundersLabel"] for row in _table(service.ask(f"{PATH}.csv", lang="nl"))]


@pytest.mark.service
@pytest.mark.parametrize("path", [f"{PATH}.json", PATH, f"{PATH}.csv"])
def test_every_answer_names_its_release(service: Service, path: str) -> None:
    assert service.ask(path).headers.get("x-release") == "1"


@pytest.mark.service
def test_answers_of_one_address_vary_by_what_the_client_accepts(service: Service) -> None:
    vary = service.ask().headers.get("vary", "")
    assert {"accept", "accept-language"} <= {name.strip().lower() for name in vary.split(",")}


@pytest.mark.service
def test_same_answer_is_not_sent_twice(service: Service) -> None:
    first = service.ask()
    headers = {"If-None-Match": first.headers["etag"]}
    again = service.ask(headers=headers)
    assert (again.status_code, again.content) == (304, b"")
    assert service.ask(headers={"If-None-Match": "*"}).status_code == 304
    assert first.headers["cache-control"] == "public, max-age=60"
    assert service.ask(headers=headers, region="lmr:klein").status_code == 200
    assert service.ask(headers={**headers, **HTML}).status_code == 200


# --- what is wrong


@pytest.mark.service
@pytest.mark.parametrize(
    ("changes", "parameter", "detail"),
    [
        ({"ageFrom": "twelve"}, "ageFrom", "ageFrom is a whole number from 0 to 120, not 'twelve'."),
        ({"ageTo": "121"}, "ageTo", "ageTo is a whole number from 0 to 120, not '121'."),
        ({"ageFrom": "15"}, "ageFrom", "ageFrom is more than ageTo: turn them round."),
        ({"ageFrom": None}, "ageFrom", "Give ageFrom (age from), such as 12."),
        ({"region": " "}, "region", "Give region (region), such as drechtsteden."),
        ({"ageFrom": ["12", "13"]}, "ageFrom", "ageFrom is given more than once."),
        ({"regio": "groot"}, "regio", f"{NAME} has no parameter 'regio'."),
        ({"day": "2022-02-30"}, "day", "day is a day such as 2022-12-01, not '2022-02-30'."),
    ],
)
def test_parameter_that_cannot_be_used_is_400_and_named(
    service: Service, changes: dict[str, Any], parameter: str, detail: str
) -> None:
    response = service.ask(**changes)
    assert (response.status_code, response.headers["content-type"]) == (400, "application/problem+json")
    assert response.json()["parameter"] == parameter
    assert response.json()["detail"].startswith(detail)


@pytest.mark.service
def test_unknown_region_is_400_with_candidates_of_their_kind(service: Service) -> None:
    candidates = service.ask(region="cirk").json()["candidates"]
    assert [(one["label"], one["en"], one["nl"]) for one in candidates] == [
        ("Bron en Cirkel", "municipal area", "gemeentelijk gebied"),
        ("Cirkel", "municipal area", "gemeentelijk gebied"),
    ]


@pytest.mark.service
@pytest.mark.parametrize("path", ["/questions/other", "/questions/other.csv", "/none", "/static/none.css"])
def test_what_is_not_there_is_404_as_problem(service: Service, path: str) -> None:
    response = service.client.get(path)
    assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")
    assert response.json()["status"] == 404


@pytest.mark.service
def test_unknown_question_names_those_there_are(service: Service) -> None:
    detail = service.client.get("/questions/other").json()["detail"]
    assert NAME in detail.partition("There are: ")[2].removesuffix(".").split(", ")


@pytest.mark.service
def test_nothing_acceptable_is_406_and_names_what_is_offered(service: Service) -> None:
    response = service.ask(headers={"Accept": "image/png"})
    assert response.status_code == 406
    assert response.json()["offered"][:3] == ["text/html", "application/json", "text/csv"]
    assert service.ask(_mediatype="image/png").status_code == 406


@pytest.mark.service
def test_other_method_is_405_and_says_which_are(service: Service) -> None:
    response = service.client.delete(PATH)
    assert (response.status_code, response.headers["content-type"]) == (405, "application/problem+json")
    assert "GET" in response.headers.get("allow", "")


@pytest.mark.service
@pytest.mark.parametrize("path", [PATH, f"{PATH}.csv", "/", "/questions", "/health", "/none"])
def test_head_has_the_headers_of_get_and_no_body(service: Service, path: str) -> None:
    got, head = service.ask(path), service.client.head(path, params=VALUES)
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert head.headers["content-type"] == got.headers["content-type"]
    assert head.headers.get("etag") == got.headers.get("etag")


@pytest.mark.service
@pytest.mark.parametrize("path", [PATH, "/", "/questions", "/sparql?query=ASK%7B%7D", "/none", f"{PATH}?a=b"])
def test_any_page_may_read_every_answer_and_every_error(service: Service, path: str) -> None:
    response = service.client.get(path, headers={"Origin": "https://example.org"})
    assert response.headers.get_list("access-control-allow-origin") == ["*"]


@pytest.mark.service
def test_preflight_is_answered_where_a_page_sends_what_it_has(service: Service) -> None:
    asks = {"Origin": "https://example.org", "Access-Control-Request-Method": "GET"}
    response = service.client.options(
        PATH, headers={**asks, "Access-Control-Request-Headers": "if-none-match"}
    )
    assert response.status_code in (200, 204)
    assert "If-None-Match" in response.headers["access-control-allow-headers"]


# --- pages


@pytest.mark.service
@pytest.mark.parametrize(
    ("changes", "headers", "language", "shown"),
    [
        ({"lang": "nl"}, {"Accept-Language": "en"}, "nl", "Welke financiering dekt deze leeftijd"),
        ({"lang": "en"}, {}, "en", "Which funding covers this age band"),
        ({}, {"Accept-Language": "de, en;q=0.8"}, "en", "Which funding covers this age band"),
        ({}, {"Accept-Language": "de"}, "nl", "Welke financiering dekt deze leeftijd"),
        ({"lang": "de"}, {}, "nl", "Welke financiering dekt deze leeftijd"),
    ],
)
def test_page_without_values_is_the_form_in_the_language_asked(
    service: Service, changes: dict[str, str], headers: dict[str, str], language: str, shown: str
) -> None:
    response = service.client.get(PATH, params=changes, headers={**HTML, **headers})
    assert (response.status_code, response.headers["content-language"]) == (200, language)
    assert f'<html lang="{language}">' in response.text
    assert shown in response.text
    assert all(f'<label for="{name}">' in response.text for name in VALUES)
    assert "<article>" not in response.text


@pytest.mark.service
def test_page_of_a_question_without_parameters_is_its_answer(service: Service) -> None:
    response = service.client.get("/questions/counts-against-text", headers=HTML)
    assert response.status_code == 200
    assert '<section class="answer"' in response.text


@pytest.mark.service
def test_page_with_values_is_the_answer_with_its_evidence(service: Service) -> None:
    response = service.ask(headers=HTML, lang="nl")
    assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "stated wholly" in response.text
    assert "Rapport van de proef, §1" in response.text
    assert 'value="lmr:groot"' in response.text
    before, heading, after = response.text.partition("Regelingen waarvan geen bron de leeftijd noemt</h2>")
    assert heading
    assert "age not stated</span>" in after
    assert "age not stated</span>" not in before
    assert re.search(r'Release <\w+ [^>]*"https://w3id.org/techniekpact/release/1">1</', response.text)


@pytest.mark.service
@pytest.mark.parametrize(
    ("changes", "headers", "shown"),
    [
        ({"lang": "en"}, {}, ("There is no region &#39;cirk&#39;.", "Did you mean:", "municipal area")),
        ({"lang": "nl"}, {}, ("Er is geen regio &#39;cirk&#39;.", "Bedoelt u:", "gemeentelijk gebied")),
        ({}, {"Accept-Language": "en"}, ("There is no region", "Did you mean:", "municipal area")),
    ],
)
def test_page_for_an_unknown_region_is_400_with_candidates_to_follow(
    service: Service, changes: dict[str, str], headers: dict[str, str], shown: tuple[str, ...]
) -> None:
    response = service.ask(headers={**HTML, **headers}, region="cirk", **changes)
    assert response.status_code == 400
    assert all(text in response.text for text in shown)
    link = re.search(r'<a href="([^"]*gm0003[^"]*)">Cirkel</a>', response.text)
    assert link
    followed = service.client.get(link[1].replace("&amp;", "&"), headers=HTML)
    assert (followed.status_code, "<article>" in followed.text) == (200, True)


@pytest.mark.service
@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/", {}),
        ("/questions", {}),
        (PATH, {}),
        (PATH, VALUES),
        (PATH, {**VALUES, "region": "cirk"}),
        (PATH, {**VALUES, "ageFrom": "x"}),
    ],
)
def test_page_may_do_no_more_than_it_should(service: Service, path: str, params: dict[str, str]) -> None:
    headers = service.client.get(path, params=params, headers=HTML).headers
    policy = headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"} <= {
        *policy
    }
    assert "unsafe" not in headers["content-security-policy"]
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")


@pytest.mark.service
@pytest.mark.parametrize("name", ["ageFrom", "region", "day", '"><script>alert(1)</script>', "lang"])
def test_script_in_a_parameter_is_shown_and_not_run(service: Service, name: str) -> None:
    injected = "\"'><script>alert(1)</script>"
    response = service.ask(headers=HTML, **{name: injected})
    assert response.status_code == (200 if name == "lang" else 400)
    assert "<script" not in response.text
    assert "alert(1)" not in re.sub(r"&lt;script&gt;alert\(1\)|%3Cscript%3Ealert%281%29", "", response.text)


# --- the rest of the service


@pytest.mark.service
def test_questions_are_listed_with_address_text_and_parameters(service: Service) -> None:
    questions = {one["name"]: one for one in service.client.get("/questions").json()["questions"]}
    question = questions[NAME]
    assert question["theme"] == "money"
    assert question["url"] == f"{service.url}{PATH}"
    assert question["title"].keys() == question["description"].keys() == {"en", "nl"}
    assert question["parameters"].keys() == VALUES.keys()
    assert question["parameters"]["ageFrom"] == {
        "en": "age from",
        "nl": "leeftijd van",
        "type": "integer",
        "unit": "year",
        "minimum": 0,
        "maximum": 120,
        "example": "12",
    }


@pytest.mark.service
def test_health_and_readiness_say_that_queries_are_answered(service: Service) -> None:
    assert service.client.get("/health").json() == {"status": "ok"}
    ready = service.client.get("/ready")
    assert (ready.status_code, ready.json()["status"], ready.json()["release"]) == (200, "ready", 1)
    assert service.counts() == {"busy": 0, "idle": 2, "waiting": 0}


@pytest.mark.service
def test_style_is_served_as_css(service: Service) -> None:
    response = service.client.get("/static/style.css")
    assert (response.status_code, response.headers["content-type"]) == (200, "text/css; charset=utf-8")


@pytest.mark.service
def test_openapi_describes_the_questions(service: Service) -> None:
    description = json.loads(service.client.get("/openapi.json").content)
    assert description["openapi"].startswith("3.")
    operation = description["paths"]["/questions/{name}"]["get"]
    assert operation["summary"] == "Ask a question"
    assert operation["parameters"][0]["name"] == "name"


@pytest.mark.service
@pytest.mark.parametrize(
    ("query", "language"), [("", "nl"), ("?lang=en", "en"), ("?lang=nl", "nl"), ("?", "nl")]
)
def test_endpoint_shows_people_its_page_in_their_language(
    service: Service, query: str, language: str
) -> None:
    response = service.client.get(f"/sparql{query}", headers=HTML)
    assert (response.status_code, response.headers.get("content-language")) == (200, language)
    assert "default-src 'none'" in response.headers["content-security-policy"]


@pytest.mark.service
def test_endpoint_answers_beside_the_questions(service: Service) -> None:
    response = service.client.get("/sparql", params={"query": ONE})
    assert response.json()["results"]["bindings"][0]["one"]["value"] == "1"
    assert response.headers["x-release"] == "1"


@pytest.mark.service
def test_release_that_is_published_while_serving_is_taken_up(
    small_release: tuple[Path, Release], small: Path, tmp_path: Path, edit: Callable[[str, str, str], Path]
) -> None:
    home = tmp_path / "home"
    shutil.copytree(small_release[0], home, symlinks=True)
    edit("report/1", "schema:value 1500.5", "schema:value 1600")
    # With many workers the change takes long enough to be met in its midst.
    with served(home, workers=16) as service, ThreadPoolExecutor(max_workers=4) as pool:
        before = service.ask()
        asking = [pool.submit(_told_until, service, 2) for _ in range(4)]
        publish(small, home, Quiet())
        told = set().union(*(each.result() for each in asking))
        assert told == {(1, 1500.5), (2, 1600)}, "one Release answered under the name of another"
        after = service.ask(headers={"If-None-Match": before.headers["etag"]})
        assert _rows(after)["wholly"]["amount"] == 1600
        assert service.client.get("/ready").json()["release"] == 2


def _told_until(service: Service, number: int, within_s: float = 10) -> set[tuple[int, float]]:
    """Ask until that Release answers; return what each answer named as its Release, and an amount."""
    told: set[tuple[int, float]] = set()

    def is_there() -> bool:
        answer = service.ask()
        told.add((answer.json()["release"]["number"], _rows(answer)["wholly"]["amount"]))
        return number in {release for release, _ in told}

    assert becomes_true(is_there, within_s)
    return told


@pytest.mark.service
def test_release_that_cannot_be_loaded_is_tried_again_while_the_old_one_answers(
    small_release: tuple[Path, Release], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(small_release[0], home, symlinks=True)
    releases = home / "releases"
    shutil.copytree(releases / "000001", releases / "000003")
    shutil.copytree(releases / "000001", releases / "000002")
    (releases / "000002" / "store").rename(tmp_path / "store")
    with served(home) as service:
        _point(home, "000002")
        assert not becomes_true(lambda: service.ask().json()["release"]["number"] != 1, within_s=2)
        (tmp_path / "store").rename(releases / "000002" / "store")
        assert becomes_true(lambda: service.ask().json()["release"]["number"] == 2)
        _point(home, "000003")
        assert becomes_true(lambda: service.ask().json()["release"]["number"] == 3)


def _point(home: Path, name: str) -> None:
    (home / "next").symlink_to(Path("releases") / name)
    (home / "next").rename(home / "current")


@pytest.mark.service
def test_runaway_ends_at_its_limit_with_its_process_and_others_are_answered(
    small_release: tuple[Path, Release], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(small_release[0], home, symlinks=True)
    limit_s = 1.0
    with served(home, time_limit_s=limit_s, memory_limit_mb=4096) as service, ThreadPoolExecutor() as pool:
        assert service.counts() == {"busy": 0, "idle": 2, "waiting": 0}
        workers = service.workers()
        began = time.monotonic()
        runaway = pool.submit(
            httpx.get, f"{service.url}/sparql", params={"query": RUNAWAY}, timeout=20, trust_env=False
        )
        assert becomes_true(lambda: service.counts()["busy"] == 1, within_s=limit_s)
        with service.other("127.0.0.2") as other:
            answered = [other.ask(), other.query(ONE)]
        assert not runaway.done(), "others were answered only after the runaway"
        assert [response.status_code for response in answered] == [200, 200]
        refused = runaway.result()
        assert limit_s <= time.monotonic() - began < limit_s + 1
        assert (refused.status_code, refused.headers["content-type"]) == (503, "application/problem+json")
        assert refused.json()["type"].endswith("/time-limit")
        assert becomes_true(lambda: len([pid for pid in workers if is_alive(pid)]) == 1)
        assert becomes_true(lambda: len(service.workers()) == 2), "no new worker took its place"
        assert service.ask().status_code == 200


@pytest.mark.service
def test_runaways_of_all_workers_leave_the_service_answering(
    small_release: tuple[Path, Release], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(small_release[0], home, symlinks=True)
    with (
        served(home, time_limit_s=0.5, memory_limit_mb=4096) as service,
        ThreadPoolExecutor(max_workers=4) as pool,
    ):
        url = f"{service.url}/sparql"
        runaways = [
            pool.submit(httpx.get, url, params={"query": RUNAWAY}, timeout=20, trust_env=False)
            for _ in range(4)
        ]
        assert [runaway.result().status_code for runaway in runaways] == [503] * 4
        assert service.client.get("/health").status_code == 200
        assert becomes_true(lambda: service.ask().status_code == 200)


# --- CSV that a spreadsheet opens


def _answer(release: Release, label: str, amount: str) -> Answer:
    """Return an answer of one row, with a scheme of that name."""
    question = load_questions(release.path)[NAME]
    columns = [column for column in question.columns if column.name in ("scheme", "state")]
    row = {
        "scheme": {"type": "uri", "value": "urn:scheme"},
        "state": {"type": "literal", "value": amount},
    }
    return Answer(
        question=replace(question, columns=tuple(columns)),
        parameters={},
        others={},
        rows=[row],
        labels={"urn:scheme": {"nl": label}},
        evidence={},
    )


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "@SUM(A1)", "\t=1", "=HYPERLINK(\"https://example.org\",'x')", "-2+3+cmd|' /C calc'!A0"],
)
def test_csv_cell_that_starts_a_formula_is_defused(small_release: tuple[Path, Release], text: str) -> None:
    written = as_csv(_answer(small_release[1], text, text), "nl")
    (row,) = csv.DictReader(io.StringIO(written, newline=""))
    assert (row["schemeLabel"], row["state"]) == (f"'{text}", f"'{text}")


@pytest.mark.parametrize("text", ["loopt", "-5", "-1.5", 'zegt "ja", soms', "twee\nregels", "a=b"])
def test_csv_cell_that_starts_none_is_as_it_is(small_release: tuple[Path, Release], text: str) -> None:
    written = as_csv(_answer(small_release[1], text, text), "nl")
    (row,) = csv.DictReader(io.StringIO(written, newline=""))
    assert (row["schemeLabel"], row["state"]) == (text, text)
