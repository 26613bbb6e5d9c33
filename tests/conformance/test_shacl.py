"""The W3C's SHACL suites against our validation, each test by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from .expected import known_failures
from .shacl import ShaclCase, shacl_outcome
from .suites_here import ROOT, SHACL_CASES, each, needs_suites

KNOWN = known_failures()


@pytest.mark.conformance
@needs_suites
@each(SHACL_CASES)
def test_shacl_case_passes_unless_it_is_known_to_fail(case: ShaclCase) -> None:
    failure = shacl_outcome(case, Path(ROOT))
    if case.name in KNOWN:
        assert failure, f"{case.name} passes now: take it off known-failures.yaml."
    else:
        assert failure is None, failure
