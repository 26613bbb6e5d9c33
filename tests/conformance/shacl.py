"""Run the SHACL suites against our validation, and compare reports as the suite says.

Compared are the results' focus node, path, value, severity, constraint, component and shape, and
the messages that the expected report mentions. Details within a result are left to the validator.
Source: https://w3c.github.io/data-shapes/data-shapes-test-suite/
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kg.errors import CheckFailed
from kg.store import BlankNode, NamedNode, RdfFormat, parse
from kg.validate import report

from .compare import Row, same, value_of
from .rdf import Facts, Term, path_of, read_facts, read_quads

__all__ = ["SHACL_SUITES", "ShaclCase", "load_shacl_cases", "shacl_outcome"]

_MF = "http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#"
_SHT = "http://www.w3.org/ns/shacl-test#"
_SH = "http://www.w3.org/ns/shacl#"
_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
_COMPARED = (
    *("focusNode", "resultPath", "value", "resultSeverity"),
    *("sourceConstraint", "sourceConstraintComponent", "sourceShape"),
)

SHACL_SUITES = {"core": "SHACL Core", "sparql": "SHACL-SPARQL"}


@dataclass(frozen=True, kw_only=True)
class ShaclCase:
    """Data, shapes, and the test that says which report must come of them."""

    name: str
    suite: str
    test: NamedNode
    manifest: Path
    data: Path
    shapes: Path


def load_shacl_cases(root: Path) -> list[ShaclCase]:
    """Return the cases of both suites, in the order of their manifests."""
    return list(_manifest(root / "data-shapes" / "tests" / "manifest.ttl", root))


def shacl_outcome(case: ShaclCase, root: Path) -> str | None:
    """Return why a case fails, or None."""
    facts = read_facts(case.manifest, root)
    expected = facts.one(case.test, _MF + "result")
    assert expected is not None
    must_fail = expected == NamedNode(_SHT + "Failure")
    try:
        made = report(read_quads(case.data, root), read_quads(case.shapes, root))
    except CheckFailed as error:
        return None if must_fail else str(error)
    if must_fail:
        return "a report, expected a failure"
    given = Facts(parse(made.serialize(format="nt"), RdfFormat.N_TRIPLES))
    whole = given.having(_TYPE, NamedNode(_SH + "ValidationReport"))[0]
    verdict, wanted = (facts.text(expected, _SH + "conforms"), given.text(whole, _SH + "conforms"))
    if verdict != wanted:
        return f"conforms: {wanted}, expected {verdict}"
    mentioned = {
        message
        for result in facts.all(expected, _SH + "result")
        for message in facts.all(result, _SH + "resultMessage")
    }
    ours, theirs = (list(_rows(*side, mentioned)) for side in ((given, whole), (facts, expected)))
    return None if same(ours, theirs) else f"results {ours}, expected {theirs}"


def _manifest(path: Path, root: Path) -> Iterator[ShaclCase]:
    facts = read_facts(path, root)
    for manifest in facts.having(_TYPE, NamedNode(_MF + "Manifest")):
        for included in facts.all(manifest, _MF + "include"):
            assert isinstance(included, NamedNode)
            yield from _manifest(path_of(included.value, root), root)
        for test in facts.items(facts.one(manifest, _MF + "entries")):
            action = facts.one(test, _MF + "action")
            assert isinstance(test, NamedNode)
            assert action is not None
            part = path.relative_to(root / "data-shapes" / "tests")
            yield ShaclCase(
                name=f"shacl/{part.with_suffix('').as_posix()}",
                suite=SHACL_SUITES[part.parts[0]],
                test=test,
                manifest=path,
                data=path_of(facts.text(action, _SHT + "dataGraph") or "", root),
                shapes=path_of(facts.text(action, _SHT + "shapesGraph") or "", root),
            )


def _rows(facts: Facts, whole: Term, mentioned: set[Term]) -> Iterator[Row]:
    for result in facts.all(whole, _SH + "result"):
        cells: list[tuple[str, Hashable]] = [
            (name, _expanded(facts, value)) for name in _COMPARED for value in facts.all(result, _SH + name)
        ]
        messages = mentioned & set(facts.all(result, _SH + "resultMessage"))
        yield (*cells, *(("resultMessage", value_of(text)) for text in sorted(messages, key=str)))


def _expanded(facts: Facts, node: Term) -> Hashable:
    """Return a node, or what a path without a name of its own is made of."""
    members = tuple(_expanded(facts, member) for member in facts.items(node))
    if members:
        return members
    for name in ("inversePath", "alternativePath", "zeroOrMorePath", "oneOrMorePath", "zeroOrOnePath"):
        if isinstance(node, BlankNode) and (inner := facts.one(node, _SH + name)) is not None:
            return (name, _expanded(facts, inner))
    return value_of(node)
