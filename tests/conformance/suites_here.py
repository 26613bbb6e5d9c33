"""Whether the suites are here: KG_CONFORMANCE_DIR names their folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from .shacl import ShaclCase, load_shacl_cases
from .suites import Case, load_cases

__all__ = ["CASES", "ROOT", "SHACL_CASES", "each", "needs_suites"]

ROOT = os.environ.get("KG_CONFORMANCE_DIR", "")
CASES: list[Case] = load_cases(Path(ROOT)) if ROOT else []
SHACL_CASES: list[ShaclCase] = load_shacl_cases(Path(ROOT)) if ROOT else []

needs_suites = pytest.mark.skipif(
    not ROOT, reason="KG_CONFORMANCE_DIR is not set: the W3C suites are not here to run"
)


def each(cases: list[Any]) -> pytest.MarkDecorator:
    """Make a test of each case, by its name; one that says what is missing where there is none."""
    found = [pytest.param(case, id=case.name) for case in cases]
    return pytest.mark.parametrize("case", found or [pytest.param(None, id="no-suites")])
