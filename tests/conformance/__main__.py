"""Run the suites against our service and a peer, and write docs/conformance.md: `make conformance`.

python -m tests.conformance           both
python -m tests.conformance kg        ours only: says where it differs from known-failures.yaml
python -m tests.conformance oxigraph  the peer only: writes what it fails to oxigraph.yaml
"""

from __future__ import annotations

import sys
from pathlib import Path

from .expected import known_failures, write_peer
from .run import Runner, outcome
from .services import kg_services, oxigraph_services, oxigraph_version
from .shacl import shacl_outcome
from .suites_here import CASES, ROOT, SHACL_CASES
from .table import PAGE, page


def main(which: list[str]) -> None:
    if not ROOT:
        sys.exit("KG_CONFORMANCE_DIR is not set: give the folder of the W3C suites.")
    if "oxigraph" in which:
        _measure_peer()
    surprises = _against_what_is_known() if "kg" in which else []
    PAGE.write_text(page([*CASES, *SHACL_CASES]), "utf-8")
    if surprises:
        sys.exit(
            "\n".join([*surprises, "Mend these, or list them in tests/conformance/known-failures.yaml."])
        )


def _measure_peer() -> None:
    try:
        version = oxigraph_version()
    except FileNotFoundError as error:
        sys.exit(str(error))
    with oxigraph_services() as (endpoint, peers):
        write_peer(version, _run(Runner(Path(ROOT), endpoint, peers)))


def _run(runner: Runner) -> dict[str, str]:
    """Return why each test fails that does."""
    return {case.name: failure for case in CASES if (failure := outcome(runner, case)) is not None}


def _against_what_is_known() -> list[str]:
    """Run all against our own and return what is otherwise than known."""
    with kg_services() as (endpoint, peers):
        failed = _run(Runner(Path(ROOT), endpoint, peers))
    for case in SHACL_CASES:
        if failure := shacl_outcome(case, Path(ROOT)):
            failed[case.name] = failure
    known = known_failures()
    fails = [f"{name} fails: {failure}" for name, failure in failed.items() if name not in known]
    passes = [f"{name} passes now." for name in known if name not in failed]
    return fails + passes


if __name__ == "__main__":
    main(sys.argv[1:] or ["kg", "oxigraph"])
