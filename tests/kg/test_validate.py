"""SHACL's report through our door to the validator."""

from __future__ import annotations

import pytest
from rdflib.namespace import SH

from kg.errors import CheckFailed
from kg.store import RdfFormat, parse
from kg.validate import report

DATA = '<urn:a> <urn:says> "no" .'
SHAPES = """
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .

<urn:library> sh:declare [ sh:prefix "u" ; sh:namespace "urn:"^^xsd:anyURI ] .
<urn:own> owl:imports <urn:library> .
<urn:shape> a sh:NodeShape ; sh:targetNode <urn:a> ; sh:sparql <urn:rule> .
<urn:rule> sh:prefixes <urn:own> ; sh:select "SELECT $this WHERE { PATTERN }" .
"""


def n_results(pattern: str) -> int:
    shapes = SHAPES.replace("PATTERN", pattern)
    made = report(parse(DATA, RdfFormat.TURTLE), parse(shapes, RdfFormat.TURTLE))
    return len(list(made.objects(None, SH.result)))


def test_string_in_a_constraint_matches_a_string_in_the_data() -> None:
    assert n_results("$this <urn:says> 'no'") == 1
    assert n_results("$this <urn:says> 'yes'") == 0


def test_prefix_of_an_imported_ontology_can_be_used() -> None:
    assert n_results("$this u:says ?anything") == 1


@pytest.mark.parametrize("pattern", ["$this u:says ?a MINUS { $this u:says 'no' }", "GRAPH $shapesGraph {}"])
def test_constraint_that_can_not_be_run_is_a_failure(pattern: str) -> None:
    with pytest.raises(CheckFailed, match="could not run"):
        n_results(pattern)
