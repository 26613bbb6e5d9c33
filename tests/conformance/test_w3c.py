"""The W3C's SPARQL suites against our service, each test by its name."""

from __future__ import annotations

import pytest

from .expected import known_failures
from .run import Runner, outcome
from .suites import Case
from .suites_here import CASES, each, needs_suites

KNOWN = known_failures()


@pytest.mark.conformance
@pytest.mark.service
@needs_suites
@each(CASES)
def test_w3c_case_passes_unless_it_is_known_to_fail(case: Case, runner: Runner) -> None:
    failure = outcome(runner, case)
    if case.name in KNOWN:
        assert failure, f"{case.name} passes now: take it off known-failures.yaml."
    else:
        assert failure is None, failure
