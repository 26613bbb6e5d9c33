"""The page of results says what the run gives."""

from __future__ import annotations

import pytest

from .expected import known_failures, read_reasons
from .suites_here import CASES, SHACL_CASES, needs_suites
from .table import PAGE, counts, page

# Suites that the issue allows no failure in.
WHOLE = {
    "SPARQL 1.1 update",
    "SPARQL 1.1 protocol",
    "SPARQL 1.1 graph store protocol",
    "SPARQL 1.1 service description",
}


def test_no_test_has_two_reasons_to_fail() -> None:
    listed = [test for entry in read_reasons() for test in entry.tests]
    assert len(listed) == len(set(listed))


@pytest.mark.conformance
@needs_suites
def test_known_failures_are_tests_of_the_suites() -> None:
    assert known_failures().keys() <= {case.name for case in CASES} | {case.name for case in SHACL_CASES}


@pytest.mark.conformance
@needs_suites
def test_page_in_the_docs_is_what_the_run_gives() -> None:
    assert PAGE.read_text("utf-8") == page([*CASES, *SHACL_CASES]), "Write it anew: make conformance."


@pytest.mark.conformance
@needs_suites
def test_no_final_suite_passes_fewer_than_the_peer() -> None:
    fewer = {
        suite: (ours, theirs)
        for suite, (_, ours, theirs) in counts(CASES).items()
        if theirs is not None and ours < theirs and "draft" not in suite
    }
    assert fewer == {}


@pytest.mark.conformance
@needs_suites
def test_update_protocol_store_and_description_pass_whole() -> None:
    results = counts(CASES)
    assert {suite: results[suite][1] for suite in WHOLE} == {suite: results[suite][0] for suite in WHOLE}
