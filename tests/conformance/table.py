"""Write docs/conformance.md: how many tests of each suite pass, beside a peer, and why the others don't.

The page says what a run must give: each test is held to it by name, so that a green run and this
page are the same statement.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from .expected import known_failures, read_peer, read_reasons
from .shacl import SHACL_SUITES, ShaclCase
from .suites import Case

__all__ = ["PAGE", "counts", "page"]

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"

_TEMPLATE = Path(__file__).with_name("page.md")


def counts(cases: Sequence[Case | ShaclCase]) -> dict[str, tuple[int, int, int | None]]:
    """Return, for each suite, the number of its tests, how many we pass and how many the peer passes."""
    known, peer = known_failures(), read_peer().failed
    total = Counter(case.suite for case in cases)
    ours = Counter(case.suite for case in cases if case.name not in known)
    theirs = Counter(case.suite for case in cases if case.name not in peer)
    return {
        suite: (n, ours[suite], None if suite in SHACL_SUITES.values() else theirs[suite])
        for suite, n in total.items()
    }


def page(cases: Sequence[Case | ShaclCase]) -> str:
    """Return the page for these cases and what is known of them."""
    rows = (
        f"| {suite} | {n} | {ours} | {'–' if theirs is None else theirs} |"
        for suite, (n, ours, theirs) in counts(cases).items()
    )
    return _TEMPLATE.read_text("utf-8").format(
        version=read_peer().version, rows="\n".join(rows), reasons="\n".join(_reasons())
    )


def _reasons() -> Iterator[str]:
    for entry in read_reasons():
        yield f"- {entry.reason.strip()}"
        yield f"  {', '.join(f'`{test}`' for test in entry.tests)}"
