"""Requests made up from the API description: every answer is one that it names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .target import Target

pytestmark = [pytest.mark.service, pytest.mark.abuse]

# 500 is named nowhere in the description, and 503 only with the limits for which it may stand; so an
# answer that is named is never an error of ours.
CHECKS = (
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
EXAMPLES = 20
MOST_S = 600


def test_made_up_requests_get_only_answers_that_are_described(target: Target, tmp_path: Path) -> None:
    made = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{target.url}/openapi.json"),
            *("--phases", "examples,coverage,fuzzing", "--checks", ",".join(CHECKS)),
            *("--seed", "4", "--generation-deterministic", "--max-examples", str(EXAMPLES)),
            *("--header", f"Authorization: Bearer {target.token}", "--no-color", "--continue-on-failure"),
        ],
        cwd=tmp_path,
        env=os.environ | {"SCHEMATHESIS_HOOKS": str(Path(__file__).with_name("fuzzing.py"))},
        capture_output=True,
        text=True,
        timeout=MOST_S,
        check=False,
    )
    assert made.returncode == 0, made.stdout
    assert target.lookup()[0] == 200
