"""What is wrong in a file is said with its line and what to write instead."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kg.errors import Problem
from kg.load import load

Edit = Callable[[str, str, str], Path]


def only_problem(root: Path) -> Problem:
    problems = load(root).problems
    assert len(problems) == 1, problems
    return problems[0]


def test_right_files_have_no_problem_and_a_graph_each(small: Path) -> None:
    content = load(small)
    assert content.problems == []
    graphs = [file.graph.value for file in content.of("data/ttl")]
    assert "https://w3id.org/techniekpact/graph/report/1" in graphs
    assert len(graphs) == len(set(graphs))


def test_syntax_error_names_line_column_and_text(small: Path, edit: Edit) -> None:
    path = edit("report/1", "tp:locator", "tp:locator ;")
    found = only_problem(small)
    assert (found.path, found.line) == (path, 27)
    assert found.column
    assert "not Turtle" in found.message
    assert found.hint == 'The line reads: tp:locator ; "§1" ;'


def test_base_of_another_file_is_refused_with_the_right_one(small: Path, edit: Edit) -> None:
    edit("report/1", "graph/report/1", "graph/report/2")
    found = only_problem(small)
    assert (found.line, found.hint) == (1, "Write: @base <https://w3id.org/techniekpact/graph/report/1> .")


def test_unknown_property_names_line_and_the_term_meant(small: Path, edit: Edit) -> None:
    path = edit("report/1", "tp:funder actor:fonds", "tp:funders actor:fonds")
    found = only_problem(small)
    assert found.message == "The term tp:funders is unknown."
    assert "tp:funder" in found.hint
    assert "tp:funders" in path.read_text("utf-8").splitlines()[found.line - 1]  # type: ignore[operator]


def test_unknown_class_is_refused(small: Path, edit: Edit) -> None:
    edit("report/1", "a tp:Award", "a tp:Awrad")
    assert only_problem(small).message == "The term tp:Awrad is unknown."


def test_unknown_term_of_another_vocabulary_is_refused(small: Path, edit: Edit) -> None:
    edit("report/1", "schema:currency", "schema:curency")
    found = only_problem(small)
    assert found.message == "The term schema:curency is unknown."
    assert "schema:currency" in found.hint


def test_blank_node_is_refused(small: Path, edit: Edit) -> None:
    edit("report/1", "tp:amount <#bedrag>", "tp:amount [ a tp:Amount ]")
    assert only_problem(small).message == "Blank nodes can't be cited."


def test_file_in_another_encoding_is_refused_with_its_line(small: Path) -> None:
    path = small / "data" / "ttl" / "report" / "1.ttl"
    path.write_bytes(path.read_bytes().replace("§".encode(), "§".encode("latin-1")))
    assert only_problem(small).message == "This is not UTF-8."


def test_each_wrong_file_is_reported_in_one_run(small: Path, edit: Edit) -> None:
    edit("report/1", "tp:locator", "tp:locator ;")
    edit("curation/deel", "@base", "@bas")
    assert len(load(small).problems) == 2
