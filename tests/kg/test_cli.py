"""The command line: what it prints, what it refuses, and that nothing wrong is ever published."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from kg.cli import main
from kg.store import Release, current_release

Edit = Callable[[str, str, str], Path]

NAME = "funding-for-age-and-region"
VALUES = ["--age-from", "12", "--age-to", "14", "--region", "lmr:groot", "--day", "2022-06-01"]
ROWS = "SELECT ?s { ?s a <https://w3id.org/techniekpact/def/Country> }"
COUNTRY = "https://w3id.org/techniekpact/id/area/nl"


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


Kg = Callable[..., Outcome]


@pytest.fixture
def kg(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Kg:
    """Run a command in this process, as a shell would: exit code, standard output, standard error."""

    def run(*arguments: str, stdin: str = "") -> Outcome:
        monkeypatch.setattr(sys, "argv", ["kg", *arguments])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), "utf-8"))
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture
def asking(kg: Kg, small_release: tuple[Path, Release], monkeypatch: pytest.MonkeyPatch) -> Kg:
    """Run a command over the small Release, found by KG_HOME."""
    monkeypatch.setenv("KG_HOME", str(small_release[0]))
    return kg


@pytest.fixture
def in_service(small: Path, small_release: tuple[Path, Release], tmp_path: Path) -> tuple[str, ...]:
    """Have Release 1 in a home of its own; return the options that lead to it and to the content."""
    home = tmp_path / "home"
    shutil.copytree(small_release[0], home, symlinks=True)
    return "--content", str(small), "--home", str(home)


def _line(path: Path, text: str) -> int:
    """Return the number of the line that holds a text."""
    return next(n for n, line in enumerate(path.read_text("utf-8").splitlines(), 1) if text in line)


def _assert_old_release_stays(outcome: Outcome, home: str) -> None:
    assert outcome.code == 1
    assert "to mend; nothing was published." in outcome.err
    assert "Traceback" not in outcome.err
    assert current_release(Path(home)).number == 1
    assert [path.name for path in (Path(home) / "releases").iterdir()] == ["000001"]


# --- check and build


def test_right_content_is_checked_and_not_published(kg: Kg, small: Path, tmp_path: Path) -> None:
    outcome = kg("check", "--content", str(small), "--home", str(tmp_path / "home"))
    assert outcome.code == 0
    assert re.search(r"^\d+ files are right; \d+ statements follow from them\.$", outcome.out, re.MULTILINE)
    assert not (tmp_path / "home" / "current").exists()


def test_progress_of_a_log_is_one_plain_line_a_step(
    kg: Kg, in_service: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(variable, raising=False)
    steps = kg("check", *in_service).err.splitlines()
    assert steps == ["load", "validate", "reason", "hygiene", "expected answers"]


def test_changed_content_is_the_next_release_and_the_same_content_nothing_new(
    kg: Kg, in_service: tuple[str, ...], edit: Edit
) -> None:
    edit("report/1", "schema:value 1500.5", "schema:value 1600")
    assert kg("build", *in_service).out == "Release 2 is in service.\n"
    assert kg("build", *in_service).out == "Release 2 already says all this: nothing new.\n"


def test_syntax_error_says_where_and_publishes_nothing(
    kg: Kg, in_service: tuple[str, ...], edit: Edit
) -> None:
    path = edit("report/1", "tp:minAge 14", "tp:minAge veertien")
    outcome = kg("build", *in_service)
    _assert_old_release_stays(outcome, in_service[-1])
    assert f"{path}:{_line(path, 'veertien')}:" in outcome.err
    assert "violation: This is not Turtle" in outcome.err
    assert "The line reads: scheme:partly" in outcome.err


def test_shape_violation_says_where_and_what_to_write_and_publishes_nothing(
    kg: Kg, in_service: tuple[str, ...], edit: Edit
) -> None:
    path = edit("report/1", 'schema:currency "EUR" ;', "")
    outcome = kg("build", *in_service)
    _assert_old_release_stays(outcome, in_service[-1])
    assert f"{path}:{_line(path, '<#bedrag> a tp:Amount')}: violation: Give one currency" in outcome.err


def test_unknown_term_says_where_and_what_was_meant_and_publishes_nothing(
    kg: Kg, in_service: tuple[str, ...], edit: Edit
) -> None:
    path = edit("report/1", "tp:minAge 14", "tp:minimumAge 14")
    outcome = kg("build", *in_service)
    _assert_old_release_stays(outcome, in_service[-1])
    assert (
        f"{path}:{_line(path, 'tp:minimumAge')}: violation: The term tp:minimumAge is unknown." in outcome.err
    )
    assert "Did you mean" in outcome.err


def test_every_wrong_file_is_named_in_one_run(kg: Kg, in_service: tuple[str, ...], edit: Edit) -> None:
    edit("report/1", "tp:minAge 14", "tp:minAge veertien")
    edit("reference/places", "area:nl a tp:Country", "area:nl a tp:Land")
    err = kg("build", *in_service).err
    assert "report/1.ttl" in err
    assert "The term tp:Land is unknown" in err


def test_folder_without_content_says_which_to_give(kg: Kg, tmp_path: Path) -> None:
    outcome = kg("build", "--content", str(tmp_path), "--home", str(tmp_path / "home"))
    assert (outcome.code, "Give the folder that holds data/ttl/." in outcome.err) == (1, True)


def test_wrong_setting_is_a_message(kg: Kg, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KG_WORKERS", "many")
    outcome = kg("check")
    assert (outcome.code, outcome.err) == (
        1,
        "KG_WORKERS='many' should be a number, such as 8000.\n",
    )


# --- ask


def test_answer_is_a_table_with_its_passages(asking: Kg) -> None:
    outcome = asking("ask", NAME, *VALUES)
    assert (outcome.code, outcome.err) == (0, "")
    assert "region: Groot  <https://w3id.org/techniekpact/id/labour-market-region/groot>" in outcome.out
    assert re.search(r"^ regeling +stated wholly *$", outcome.out, re.MULTILINE)
    assert re.search(r"^ stated +Rapport van de proef, §1 *$", outcome.out, re.MULTILINE)
    assert re.search(r"^ curated +Waar een deel ligt: ", outcome.out, re.MULTILINE)
    assert "Release 1  <https://w3id.org/techniekpact/release/1>" in outcome.out


def test_table_lists_schemes_whose_ages_no_source_states_apart(asking: Kg) -> None:
    before, heading, after = asking("ask", NAME, *VALUES).out.partition(
        "Regelingen waarvan geen bron de leeftijd noemt"
    )
    assert heading
    assert "age not stated" in after
    assert "age not stated" not in before


def test_table_is_in_english_when_asked(asking: Kg) -> None:
    out = asking("ask", NAME, *VALUES, "--lang", "en").out
    assert out.startswith("Which funding covers this age band in this region?")
    assert re.search(r"^ funder +Fund *$", out, re.MULTILINE)


def test_json_holds_rows_with_their_evidence_and_the_release(asking: Kg) -> None:
    answer = json.loads(asking("ask", NAME, *VALUES, "--format", "json").out)
    assert answer["release"]["number"] == 1
    rows = {row["scheme"].rsplit("/", 1)[-1]: row for row in answer["rows"]}
    assert rows["wholly"]["amount"] == 1500.5
    assert {"locator": "§1", "layer": "stated"}.items() <= rows["wholly"]["evidence"][0].items()


def test_csv_has_label_columns_and_crlf(asking: Kg) -> None:
    out = asking("ask", NAME, *VALUES, "--format", "csv").out
    assert out.count("\r\n") == out.count("\n") > 1
    rows = list(csv.DictReader(io.StringIO(out, newline="")))
    assert list(rows[0])[:4] == ["scheme", "schemeLabel", "funders", "fundersLabel"]
    assert {"stated wholly", "age not stated"} <= {row["schemeLabel"] for row in rows}


@pytest.mark.parametrize("region", ["GROOT", "groot", "Nederland", "NETHERLANDS", "netherlands", "am01"])
def test_region_is_found_in_any_case_and_both_languages(asking: Kg, region: str) -> None:
    assert "stated wholly" in asking("ask", NAME, *VALUES[:4], "--region", region).out


def test_what_else_a_name_means_is_said(asking: Kg) -> None:
    out = asking("ask", NAME, *VALUES[:4], "--region", "Groot", "--lang", "en").out
    assert "not: Groot (energy strategy region)" in out


def test_option_may_hold_its_value_after_an_equals_sign(asking: Kg) -> None:
    given = asking("ask", NAME, "--age-from=12", "--age-to=14", "--region=lmr:groot", "--day=2022-06-01")
    assert given.out == asking("ask", NAME, *VALUES).out


def test_unknown_region_lists_candidates_with_their_kinds(asking: Kg) -> None:
    outcome = asking("ask", NAME, *VALUES[:4], "--region", "cirk")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.splitlines() == [
        "There is no region 'cirk'. Choose one of the candidates.",
        "  Bron en Cirkel (municipal area)  <https://w3id.org/techniekpact/id/area/gm0005>",
        "  Cirkel (municipal area)  <https://w3id.org/techniekpact/id/area/gm0003>",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--age-from", "12", "--region", "groot"], "Give ageTo (age to), such as 14."),
        (["--age-from", "12", "--region", "groot", "--age-to"], "Give ageTo (age to), such as 14."),
        (["--age-to", "--age-from", "12", "--region", "groot"], "Give ageTo (age to), such as 14."),
        ([*VALUES, "--age-from", "13"], "ageFrom is given more than once."),
        (["twelve"], "'twelve' stands alone. Write --name value; quote a value with spaces."),
        ([*VALUES, "--regio", "groot"], f"{NAME} has no parameter 'regio'."),
        (
            [*VALUES, "--format", "xml"],
            f"{NAME} can't be written as 'xml'. It can as: table, json, csv, xlsx.",
        ),
        ([*VALUES, "--known-on", "2020"], "knownOn is a day such as 2022-12-01, not '2020'."),
        ([*VALUES, "--layers", "guessed"], "There is no layer 'guessed'."),
        ([*VALUES, "--release", "9"], "There is no Release 9. The last is 1."),
        ([*VALUES, "--page", "9"], "There is no page 9: the last is 1."),
    ],
)
def test_wrong_option_says_what_to_give(asking: Kg, arguments: list[str], message: str) -> None:
    outcome = asking("ask", NAME, *arguments)
    assert (outcome.code, outcome.out) == (1, "")
    assert message in outcome.err


def test_questions_are_listed_by_theme_and_each_is_told_whole(asking: Kg) -> None:
    listed = asking("questions", "--lang", "en").out
    assert listed.index("money") < listed.index(NAME) < listed.index("about")
    told = asking("questions", NAME).out
    assert all(word in told for word in ("--age-from", "leeftijd van", "placeCover", "json, csv, xlsx"))
    assert json.loads(asking("questions", NAME, "--json").out)["example"]["region"] == "drechtsteden"
    assert NAME in {one["name"] for one in json.loads(asking("questions", "--json").out)["questions"]}


def test_answer_without_our_reading_lacks_what_rests_on_it(
    kg: Kg, small_release: tuple[Path, Release], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(small_release[0], home, symlinks=True)

    def schemes(*options: str) -> set[str]:
        written = kg("ask", NAME, *VALUES, "--format", "json", "--home", str(home), *options).out
        return {row["scheme"].rsplit("/", 1)[-1] for row in json.loads(written)["rows"]}

    assert schemes() - schemes("--layers", "stated,inferred") == {"tied"}
    assert schemes("--layers", "stated,inferred", "--page-size", "1") < schemes()
    assert schemes("--known-on", "2021-12-31") == set()


def test_language_that_is_not_there_names_those_that_are(asking: Kg) -> None:
    outcome = asking("ask", NAME, *VALUES, "--lang", "de")
    assert (outcome.code, outcome.out) == (2, "")
    assert "'de' is not one of 'nl', 'en'" in outcome.err


def test_unknown_question_names_the_questions_there_are(asking: Kg) -> None:
    outcome = asking("ask", "funding")
    start, _, names = outcome.err.partition(" There are: ")
    assert (outcome.code, start) == (1, "There is no question 'funding'.")
    assert NAME in names.removesuffix(".\n").split(", ")


# --- query


@pytest.mark.parametrize(
    ("query", "form", "start"),
    [
        (ROWS, None, f"s\r\n{COUNTRY}\r\n"),
        (ROWS, "csv", f"s\r\n{COUNTRY}\r\n"),
        (ROWS, "tsv", f"?s\n<{COUNTRY}>\n"),
        (ROWS, "json", '{"head":{"vars":["s"]}'),
        (ROWS, "xml", '<?xml version="1.0"?>'),
        (f"DESCRIBE <{COUNTRY}>", None, "@prefix "),
        (f"DESCRIBE <{COUNTRY}>", "ttl", "@prefix "),
        (f"DESCRIBE <{COUNTRY}>", "nt", f"<{COUNTRY}> "),
    ],
)
def test_query_from_standard_input_is_written_as_asked(
    asking: Kg, query: str, form: str | None, start: str
) -> None:
    outcome = asking("query", "-", *(["--format", form] if form else []), stdin=query)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith(start)


def test_query_is_read_from_a_file(asking: Kg, tmp_path: Path) -> None:
    (tmp_path / "country.rq").write_text(f"# Île\n{ROWS}", "utf-8")
    out = asking("query", str(tmp_path / "country.rq"), "--format", "json").out
    assert json.loads(out)["results"]["bindings"] == [{"s": {"type": "uri", "value": COUNTRY}}]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT * {\n SERVICE <http://example.org/> {} }", "SERVICE at 2:2: this endpoint calls no other"),
        ("SELECT * {\n ?s ?p }", "2:9"),
        ("SELECT * { ?s ?p 'open }", "1:18"),
    ],
)
def test_query_that_cannot_run_says_where_it_is_wrong(asking: Kg, query: str, message: str) -> None:
    outcome = asking("query", "-", stdin=query)
    assert (outcome.code, outcome.out) == (1, "")
    assert message in outcome.err


RUNAWAY = "SELECT (COUNT(*) AS ?n) {" + " . ".join(f"?s{n} ?p{n} ?o{n}" for n in range(6)) + "}"
ENDLESS = "SELECT * {" + " . ".join(f"?s{n} ?p{n} ?o{n}" for n in range(6)) + "}"


@pytest.mark.parametrize("query", [RUNAWAY, ENDLESS])
def test_query_over_its_time_is_ended_and_says_so(small_release: tuple[Path, Release], query: str) -> None:
    ended = _process("query", "-", "--time-limit", "0.5", home=small_release[0], stdin=query)
    assert ended.returncode == 1
    assert ended.stderr == (
        "The query took longer than 0.5 seconds and was ended. "
        "Ask for less, or give it longer by --time-limit.\n"
    )


def test_time_that_the_reader_takes_does_not_count(small_release: tuple[Path, Release]) -> None:
    command = [sys.executable, "-m", "kg", "query", "-", "--format", "tsv", "--time-limit", "1"]
    environ = {**os.environ, "KG_HOME": str(small_release[0])}
    pipe = subprocess.PIPE
    # More than a pipe holds, so that the query waits for its reader.
    query = "SELECT * { ?s ?p ?o . ?a a ?b } LIMIT 50000"
    with subprocess.Popen(command, env=environ, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(query.encode())
        process.stdin.close()
        first = process.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1.5)
        lines = [first, *process.stdout]
        assert (process.wait(), len(lines)) == (0, 50_001)


def test_form_that_cannot_hold_the_answer_names_those_that_can(asking: Kg) -> None:
    outcome = asking("query", "-", "--format", "ttl", stdin=ROWS)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == "The answer can't be written as 'ttl'. It can as: json, xml, csv, tsv.\n"


def test_file_that_cannot_be_read_is_a_message(asking: Kg, tmp_path: Path) -> None:
    (tmp_path / "latin.rq").write_bytes(b"# \xff\nASK {}")
    for name in ("latin.rq", "none.rq"):
        outcome = asking("query", str(tmp_path / name))
        assert (outcome.code, name in outcome.err) == (1, True)


# --- without a Release, and as a process of its own


@pytest.mark.parametrize("command", [["ask", NAME, *VALUES], ["query", "-"], ["serve", "--port", "0"]])
def test_home_without_a_release_says_what_to_run(kg: Kg, tmp_path: Path, command: list[str]) -> None:
    outcome = kg(*command, "--home", str(tmp_path), stdin=ROWS)
    assert (outcome.code, outcome.err) == (
        1,
        f"There is no Release in {tmp_path}. Run `kg build` first.\n",
    )


def _process(*arguments: str, home: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kg", *arguments]
    environ = {**os.environ, "KG_HOME": str(home), "PYTHONWARNINGS": "error"}
    return subprocess.run(
        command, env=environ, input=stdin, capture_output=True, text=True, timeout=30, check=False
    )


def test_process_reads_its_standard_input_and_writes_its_standard_output(
    small_release: tuple[Path, Release],
) -> None:
    ended = _process("query", "-", "--format", "tsv", home=small_release[0], stdin=ROWS)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"?s\n<{COUNTRY}>\n", "")


def test_process_that_fails_ends_with_one_and_no_stack_trace(tmp_path: Path) -> None:
    ended = _process("ask", NAME, *VALUES, home=tmp_path)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"There is no Release in {tmp_path}. Run `kg build` first.\n"
