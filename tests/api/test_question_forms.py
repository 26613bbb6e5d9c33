"""A question in each of its forms, over real sockets: read back by those for whom they are made."""

from __future__ import annotations

import csv
import datetime
import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import icalendar
import openpyxl
import pytest
import rdflib

from kg.namespaces import PREFIXES
from kg.publish import publish

from ..conftest import SMALL, Quiet, lay_content
from .serving import NAME, VALUES, Service, served

FORMS = Path(__file__).parents[1] / "forms"
PATH = "/questions/schemes-in-places"
TP = rdflib.Namespace(PREFIXES["tp"])
SCHEME = PREFIXES["scheme"]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    root = lay_content(tmp_path_factory.mktemp("content"), SMALL)
    shutil.copytree(FORMS, root, dirs_exist_ok=True)
    home = tmp_path_factory.mktemp("home")
    publish(root, home, Quiet())
    with served(home) as service:
        yield service


def get(service: Service, suffix: str = "", accept: str = "*/*", **params: object) -> httpx.Response:
    response = service.client.get(f"{PATH}{suffix}", params=params, headers={"Accept": accept})  # type: ignore[arg-type]
    assert response.status_code == 200, response.text
    return response


# --- which form


@pytest.mark.service
@pytest.mark.parametrize(
    ("suffix", "media_type"),
    [
        (".json", "application/json"),
        (".csv", "text/csv"),
        (".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (".ttl", "text/turtle"),
        (".ics", "text/calendar"),
        (".geojson", "application/geo+json"),
    ],
)
def test_form_by_suffix_by_accept_and_by_parameter_is_the_same(
    service: Service, suffix: str, media_type: str
) -> None:
    by_suffix = get(service, suffix, "text/html")
    assert by_suffix.headers["content-type"].startswith(media_type)
    assert get(service, accept=f"{media_type}, */*;q=0.1").content == by_suffix.content
    assert get(service, accept="text/html", _mediatype=media_type).content == by_suffix.content


@pytest.mark.service
@pytest.mark.parametrize("suffix", ["ttl", "ics", "geojson"])
def test_form_that_a_question_has_not_is_406_and_says_which_it_has(service: Service, suffix: str) -> None:
    response = service.client.get(f"/questions/{NAME}.{suffix}", params=VALUES)
    assert response.status_code == 406
    assert response.json()["offered"] == [
        "text/html",
        "application/json",
        "text/csv",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ]


@pytest.mark.service
def test_large_answer_is_compressed_for_who_takes_it_under_a_tag_of_its_own(service: Service) -> None:
    packed = service.client.get(PATH, headers={"Accept-Encoding": "gzip"})
    plain = service.client.get(PATH, headers={"Accept-Encoding": "identity"})
    assert (packed.headers["content-encoding"], plain.headers.get("content-encoding")) == ("gzip", None)
    assert packed.content == plain.content
    assert packed.headers["etag"] == plain.headers["etag"][:-1] + '-gzip"'
    held = {"If-None-Match": packed.headers["etag"]}
    assert service.client.get(PATH, headers={"Accept-Encoding": "gzip", **held}).status_code == 304
    assert service.client.get(PATH, headers={"Accept-Encoding": "identity", **held}).status_code == 200


@pytest.mark.service
def test_question_is_counted_as_queries_are(service: Service) -> None:
    def counted(outcome: str) -> float:
        lines = service.client.get("/metrics").text.splitlines()
        (line,) = [each for each in lines if each.startswith(f'kg_queries_total{{outcome="{outcome}"}}')]
        return float(line.split()[1])

    before = counted("ok"), counted("malformed")
    get(service)
    assert service.client.get(PATH, params={"place": "nowhere"}).status_code == 400
    assert (counted("ok"), counted("malformed")) == (before[0] + 1, before[1] + 1)


# --- CSV


@pytest.mark.service
@pytest.mark.parametrize(("separator", "sign"), [(",", ","), (";", ";"), ("tab", "\t"), ("", ",")])
def test_csv_has_the_separator_asked_for(service: Service, separator: str, sign: str) -> None:
    text = get(service, ".csv", separator=separator).text
    rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=sign))
    assert {row["schemeLabel"] for row in rows} == {"part of the region"}
    assert rows[0]["share"] == "0.5"


@pytest.mark.service
@pytest.mark.parametrize(("lang", "sign", "share"), [("nl", ";", "0,5"), ("en", ",", "0.5")])
def test_csv_for_excel_begins_as_it_wants_and_is_in_the_manner_of_the_language(
    service: Service, lang: str, sign: str, share: str
) -> None:
    content = get(service, ".csv", excel="true", lang=lang).content
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=sign))
    assert rows[0]["share"] == share


@pytest.mark.service
def test_separator_that_is_none_is_400(service: Service) -> None:
    response = service.client.get(f"{PATH}.csv", params={"separator": "|"})
    assert (response.status_code, response.json()["parameter"]) == (400, "separator")


# --- XLSX


@pytest.mark.service
def test_workbook_holds_rows_with_numbers_and_days_and_what_was_asked(service: Service) -> None:
    book = openpyxl.load_workbook(io.BytesIO(get(service, ".xlsx", lang="nl").content))
    assert book.sheetnames == ["Antwoord", "Vraag", "Passages"]
    head, *rows = book["Antwoord"].iter_rows(values_only=True)
    (row,) = [dict(zip(head, each, strict=True)) for each in rows]
    assert (row["regeling"], row["deel (municipality)"]) == ("part of the region", 0.5)
    assert (row["van"], row["tot en met"]) == (
        datetime.datetime(2020, 3, 1),
        datetime.datetime(2020, 5, 31),
    )
    asked = {line[0]: line[1] for line in book["Vraag"].iter_rows(values_only=True)}
    assert (asked["Release"], asked["share"]) == ("1", "deel")
    documents = [line[1] for line in book["Passages"].iter_rows(min_row=2, values_only=True)]
    assert documents == ["Vroeg rapport van de proef, §1", "Rapport van de proef, §1"]


# --- Turtle, calendar, map


@pytest.mark.service
def test_turtle_is_the_template_filled_in_with_each_row(service: Service) -> None:
    graph = rdflib.Graph().parse(data=get(service, ".ttl").text, format="turtle")
    scheme = rdflib.URIRef(SCHEME + "two-thirds")
    assert {str(area)[-6:] for area in graph.objects(scheme, TP.appliesIn)} == {"gm0001", "gm0002"}
    assert len(graph) == 3


@pytest.mark.service
def test_calendar_has_an_event_of_whole_days_that_keeps_its_name(service: Service) -> None:
    calendar = icalendar.Calendar.from_ical(get(service, ".ics", lang="nl").content)
    (event,) = calendar.walk("VEVENT")
    assert event["summary"] == "part of the region"
    assert (event["dtstart"].dt, event["dtend"].dt) == (datetime.date(2020, 3, 1), datetime.date(2020, 6, 1))
    assert "gemeenten: Aarde; Bron" in event["description"]
    (again,) = icalendar.Calendar.from_ical(get(service, ".ics", lang="en").content).walk("VEVENT")
    assert again["uid"] == event["uid"]


@pytest.mark.service
def test_row_without_a_full_day_is_left_out_of_the_calendar_and_it_is_said(service: Service) -> None:
    response = get(service, ".ics", knownOn="2022-06-01", layers="stated")
    assert response.headers["x-rows-left-out"] == "1"
    assert not icalendar.Calendar.from_ical(response.content).walk("VEVENT")


@pytest.mark.service
def test_map_has_the_outline_of_today_with_longitude_first(service: Service) -> None:
    response = get(service, ".geojson", lang="nl")
    (feature,) = response.json()["features"]
    # The other municipality is in a reference system that isn't turned into WGS 84 here.
    assert feature["geometry"] == {
        "type": "Polygon",
        "coordinates": [[[4, 52], [5, 53], [4, 53], [4, 52]]],
    }
    assert feature["properties"]["placesLabel"] == "Aarde; Bron"
    assert feature["properties"]["share"] == 0.5


# --- pages


@pytest.mark.service
def test_pages_lead_from_the_first_to_the_last_and_hold_each_row_once(service: Service) -> None:
    path, rows, url = f"/questions/{NAME}", [], ""
    whole = service.client.get(path, params=VALUES).json()
    response = service.client.get(path, params={**VALUES, "pageSize": "3"})
    while True:
        body = response.json()
        assert (body["total"], body["pageSize"]) == (len(whole["rows"]), 3)
        rows += body["rows"]
        if "next" not in response.links:
            break
        assert response.links["first"]["url"].endswith("page=1&pageSize=3")
        url = response.links["next"]["url"]
        response = service.client.get(url)
    assert rows == whole["rows"]
    assert response.url == response.links["last"]["url"]
    assert response.links["prev"]["url"] != url
    assert "page" not in whole
    assert whole["total"] == len(whole["rows"])


@pytest.mark.service
@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"page": "0"}, "page"),
        ({"page": "x"}, "page"),
        ({"pageSize": "10001"}, "pageSize"),
        ({"page": "9"}, "page"),
    ],
)
def test_page_that_is_not_there_is_400(service: Service, given: dict[str, str], name: str) -> None:
    response = service.client.get(PATH, params=given)
    assert (response.status_code, response.json()["parameter"]) == (400, name)


@pytest.mark.service
def test_html_in_pages_leads_to_the_next(service: Service) -> None:
    html = service.client.get(
        f"/questions/{NAME}", params={**VALUES, "pageSize": "3"}, headers={"Accept": "text/html"}
    )
    assert html.text.count("<article>") == 3
    assert 'rel="next"' in html.text


# --- of which data


@pytest.mark.service
def test_known_on_a_day_is_what_the_documents_up_to_then_said(service: Service) -> None:
    now, then, before = (get(service, knownOn=day).json() for day in ("", "2021-07-01", "2019-12-31"))
    assert [row["places"][0][-6:] for row in now["rows"]] == ["gm0001"]
    assert len(now["rows"][0]["places"]) == 2
    assert [row["places"] for row in then["rows"]] == [[PREFIXES["area"] + "gm0001"]]
    assert then["rows"][0]["ends"] == "2020-05-31"
    assert then["labels"][SCHEME + "two-thirds"] == {"nl": "part of the region"}
    assert then["applied"] == {
        "release": 1,
        "knownOn": "2021-07-01",
        "layers": ["stated", "inferred", "curated"],
        "lang": "nl",
    }
    assert before["rows"] == []


@pytest.mark.service
def test_layers_leave_out_what_rests_on_others(service: Service) -> None:
    path = f"/questions/{NAME}"

    def schemes(**params: object) -> set[str]:
        response = service.client.get(path, params={**VALUES, **params})
        assert response.status_code == 200, response.text
        return {row["scheme"].rsplit("/", 1)[-1] for row in response.json()["rows"]}

    # Only our reading ties the programme region to the region.
    assert schemes() - schemes(layers="stated,inferred") == {"tied"}
    assert schemes(layers=["stated", "inferred", "curated"]) == schemes()


@pytest.mark.service
def test_value_is_found_though_nothing_was_known_of_it_yet(service: Service) -> None:
    assert get(service, knownOn="2020-06-01", place="Duin").json()["rows"] == []


@pytest.mark.service
@pytest.mark.parametrize(
    ("given", "status", "what"),
    [
        ({"knownOn": "2020"}, 400, "knownOn is a day"),
        ({"layers": "guessed"}, 400, "There is no layer 'guessed'"),
        ({"release": "9"}, 404, "There is no Release 9"),
        ({"release": "x"}, 400, "release=x is no Release"),
        ({"knownOn": ["2020-01-01", "2021-01-01"]}, 400, "knownOn is given more than once"),
        ({"release": ["1", "2"]}, 400, "Give the number of one, once."),
    ],
)
def test_data_that_is_not_there_is_refused(
    service: Service, given: dict[str, object], status: int, what: str
) -> None:
    response = service.client.get(PATH, params=given)  # type: ignore[arg-type]
    assert response.status_code == status
    assert what in " ".join([response.json()["detail"], response.json().get("hint", "")])


@pytest.mark.service
def test_earlier_release_is_asked_as_it_was(service: Service) -> None:
    assert get(service, release="1").json()["release"]["number"] == 1
    assert get(service, release="").json()["release"]["number"] == 1


# --- values that may be left out


@pytest.mark.service
@pytest.mark.parametrize(
    ("given", "n_rows"),
    [
        ({}, 1),
        ({"character": "publiek"}, 1),
        ({"character": "character:private"}, 0),
        ({"place": "gm0001"}, 1),
        ({"place": "Duin"}, 0),
        ({"called": "part of"}, 1),
        ({"called": "else"}, 0),
        ({"called": ""}, 1),
    ],
)
def test_value_that_may_be_left_out_narrows_the_answer(
    service: Service, given: dict[str, str], n_rows: int
) -> None:
    body = get(service, **given).json()
    assert len(body["rows"]) == n_rows
    assert body["parameters"].keys() == {name for name, value in given.items() if value}


@pytest.mark.service
def test_concept_of_another_scheme_is_400_with_those_of_its_own(service: Service) -> None:
    response = service.client.get(PATH, params={"character": "priv"})
    assert response.status_code == 400
    candidates = [one["iri"] for one in response.json()["candidates"]]
    assert PREFIXES["character"] + "private" in candidates
    assert all(iri.startswith(PREFIXES["character"]) for iri in candidates)
    assert service.client.get(PATH, params={"character": "zij-instroom"}).status_code == 400


@pytest.mark.service
def test_text_that_is_too_long_is_400(service: Service) -> None:
    response = service.client.get(PATH, params={"called": "x" * 401})
    assert (response.status_code, response.json()["parameter"]) == (400, "called")


@pytest.mark.service
def test_page_of_a_question_that_needs_nothing_is_its_answer(service: Service) -> None:
    html = service.client.get(PATH, params={"place": ""}, headers={"Accept": "text/html"}).text
    assert html.count("<article>") == 1
    assert '<option value="publiek">' in html


# --- what there is


@pytest.mark.service
def test_catalogue_says_all_that_one_needs_to_ask(service: Service) -> None:
    asked = {one["name"]: one for one in service.client.get("/questions").json()["questions"]}
    one = asked["schemes-in-places"]
    assert one["formats"].keys() == {"json", "csv", "xlsx", "ttl", "ics", "geojson"}
    assert one["columns"]["share"] == {"type": "decimal", "en": "share", "nl": "deel", "unit": "municipality"}
    assert one["empty"]["nl"] == "Geen bron noemt zo'n regeling."
    character = one["parameters"]["character"]
    assert (character["type"], character["scheme"], character["optional"]) == (
        "concept",
        "<https://w3id.org/techniekpact/id/character>",
        True,
    )
    assert {"value": "character:public", "nl": "publiek", "en": "public"} in character["values"]


@pytest.mark.service
def test_home_lists_questions_under_their_theme(service: Service) -> None:
    html = service.client.get("/", params={"lang": "nl"}, headers={"Accept": "text/html"}).text
    before, money, after = html.partition('<h2 id="money">Geld</h2>')
    assert money
    assert "Welke regelingen gelden" in after.partition("</section>")[0]
    assert "Welke regelingen gelden" not in before
