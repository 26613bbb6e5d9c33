"""Every rule of shapes/ has an example that breaks it, and nothing else; every node shape one that conforms.

    shapes/_world.ttl                   what the examples point to
    shapes/valid-FundingScheme.ttl      a scheme as it should be
    shapes/FundingScheme-character.ttl  breaks that rule, on the line that ends with `# here`

They lie together in one content folder, as data/ttl/example/, and are checked once;
so no two of them may speak of the same thing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import rdflib
from rdflib.namespace import OWL, RDF, RDFS, SH

from kg.errors import Problem
from kg.load import Content, ContentGraph, load
from kg.namespaces import SHAPE, compact
from kg.store import NamedNode
from kg.validate import validate

REPOSITORY = Path(__file__).parents[2]
EXAMPLES = {path.stem: path for path in sorted((Path(__file__).parent / "shapes").glob("*.ttl"))}
CONFORMING = [name for name in EXAMPLES if name.startswith(("_", "valid-"))]
BREAKING = [name for name in EXAMPLES if name not in CONFORMING]


def read(folder: str) -> rdflib.Graph:
    graph = rdflib.Graph()
    for path in sorted((REPOSITORY / folder).rglob("*.ttl")):
        graph.parse(path)
    return graph


SHAPES = read("shapes")


def named(*kinds: rdflib.URIRef) -> list[str]:
    nodes = (node for kind in kinds for node in SHAPES.subjects(RDF.type, kind))
    return sorted(str(node).removeprefix(SHAPE) for node in nodes if isinstance(node, rdflib.URIRef))


RULES = named(SH.PropertyShape, SH.SPARQLConstraint)
NODE_SHAPES = named(SH.NodeShape)


@pytest.fixture(scope="module")
def content(lay: Callable[..., Path]) -> Content:
    return load(lay({f"example/{path.name}": path for path in EXAMPLES.values()}, ["ontology", "shapes"]))


@pytest.fixture(scope="module")
def problems(content: Content) -> dict[str, list[Problem]]:
    """What is wrong with each example, by its name."""
    found = defaultdict(list)
    for problem in (*content.problems, *validate(content)):
        found[problem.path.stem].append(problem)
    return found


@pytest.fixture(scope="module")
def above() -> dict[str, set[str]]:
    """Each class with itself and all classes above it."""
    ontology = read("ontology")
    classes = list(ontology.subjects(RDF.type, OWL.Class))
    return {str(node): set(map(str, ontology.transitive_objects(node, RDFS.subClassOf))) for node in classes}


def types(files: Iterable[ContentGraph]) -> dict[str, set[str]]:
    """Each node that the files give a type, with its classes."""
    found: dict[str, set[str]] = defaultdict(set)
    for file in files:
        for quad in file.quads:
            if quad.predicate.value == str(RDF.type) and isinstance(quad.object, NamedNode):
                found[str(quad.subject)].add(quad.object.value)
    return found


@pytest.mark.parametrize("rule", RULES)
def test_rule_has_an_example_that_breaks_it(rule: str) -> None:
    assert rule in BREAKING, f"Write tests/content/shapes/{rule}.ttl."


@pytest.mark.parametrize("example", BREAKING)
def test_breaking_example_is_one_problem_by_its_rule_at_its_line(
    problems: dict[str, list[Problem]], example: str
) -> None:
    lines = EXAMPLES[example].read_text("utf-8").splitlines()
    (here,) = (number for number, line in enumerate(lines, 1) if line.endswith("# here"))
    rule = rdflib.URIRef(SHAPE + example)
    (problem,) = problems[example]
    assert problem.hint.endswith(f"(rule sh-tp:{example})")
    assert problem.message == str(SHAPES.value(rule, SH.message))
    assert problem.severity == str(SHAPES.value(rule, SH.severity)).removeprefix(str(SH)).lower()
    assert (problem.path.name, problem.line) == (f"{example}.ttl", here)


@pytest.mark.parametrize("example", CONFORMING)
def test_conforming_example_is_no_problem(problems: dict[str, list[Problem]], example: str) -> None:
    assert problems[example] == []


@pytest.mark.parametrize("shape", NODE_SHAPES)
def test_node_shape_has_an_example_that_conforms(
    content: Content, above: dict[str, set[str]], shape: str
) -> None:
    targets = set(map(str, SHAPES.objects(rdflib.URIRef(SHAPE + shape), SH.targetClass)))
    properties = set(map(str, SHAPES.objects(rdflib.URIRef(SHAPE + shape), SH.targetSubjectsOf)))
    files = [file for file in content.of("data/ttl") if file.path.stem.startswith("valid-")]
    used = {quad.predicate.value for file in files for quad in file.quads}
    made = [above[of] for classes in types(files).values() for of in classes]
    assert used & properties or any(classes & targets for classes in made)


@pytest.mark.parametrize("shape", NODE_SHAPES)
def test_node_shape_says_why_and_names_its_rules(shape: str) -> None:
    node = rdflib.URIRef(SHAPE + shape)
    used = {*SHAPES.objects(node, SH.property), *SHAPES.objects(node, SH.sparql)}
    assert {str(rule).removeprefix(SHAPE) for rule in used} <= set(RULES)
    assert SHAPES.value(node, RDFS.comment)


@pytest.mark.parametrize("rule", RULES)
def test_rule_belongs_to_one_node_shape_and_says_what_to_write(rule: str) -> None:
    node = rdflib.URIRef(SHAPE + rule)
    (holder,) = (*SHAPES.subjects(SH.property, node), *SHAPES.subjects(SH.sparql, node))
    assert rule.startswith(f"{str(holder).removeprefix(SHAPE)}-")
    assert len(list(SHAPES.objects(node, SH.message))) == len(list(SHAPES.objects(node, SH.severity))) == 1


def test_examples_together_speak_of_no_common_thing(content: Content) -> None:
    spoken = {file.path.stem: {str(quad.subject) for quad in file.quads} for file in content.of("data/ttl")}
    world = spoken.pop("_world")
    counts = Counter(subject for subjects in spoken.values() for subject in subjects - world)
    assert [subject for subject, count in counts.items() if count > 1] == []


def test_every_node_with_a_type_in_data_is_checked_by_a_shape(above: dict[str, set[str]]) -> None:
    targets = set(map(str, SHAPES.objects(None, SH.targetClass)))
    unchecked = {
        " ".join(sorted(map(compact, classes)))
        for classes in types(load(REPOSITORY).of("data/ttl")).values()
        if not targets & set().union(*(above[of] for of in classes))
    }
    assert sorted(unchecked) == []
