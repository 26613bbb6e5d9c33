"""Every term of ours is named, defined and placed; every content file names its terms in the house style."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import rdflib
from rdflib.namespace import DCTERMS, OWL, RDF, RDFS, SKOS

from kg.header import read_header
from kg.namespaces import BASE, DEF, PREFIXES, compact, expand
from kg.reason import Rule, load_rules

REPOSITORY = Path(__file__).parents[2]
STRATA = {1: "OWL 2 RL, shortcuts", 2: "days", 3: "containments", 4: "extents", 5: "what still holds"}

CODE_FILES = sorted((REPOSITORY / "ontology" / "codes").glob("*.ttl"))
ONTOLOGY_FILES = sorted((REPOSITORY / "ontology").rglob("*.ttl"))
CONTENT_FILES = [
    path
    for folder in ("ontology", "shapes", "data/ttl")
    for path in sorted((REPOSITORY / folder).rglob("*.ttl"))
]
RULES = load_rules(REPOSITORY)
QUERY_FILES = [*(rule.path for rule in RULES), *sorted((REPOSITORY / "queries").rglob("*.rq"))]

ONTOLOGY = rdflib.Graph()
for _path in ONTOLOGY_FILES:
    ONTOLOGY.parse(_path)


def typed(*kinds: rdflib.URIRef, under: str = "") -> list[rdflib.URIRef]:
    terms = {term for kind in kinds for term in ONTOLOGY.subjects(RDF.type, kind)}
    return sorted(term for term in terms if isinstance(term, rdflib.URIRef) and term.startswith(under))


CLASSES = typed(OWL.Class, under=DEF)
PROPERTIES = typed(OWL.ObjectProperty, OWL.DatatypeProperty, RDF.Property, under=DEF)
LAYERS = typed(rdflib.URIRef(DEF + "Layer"), under=DEF)
TERMS = [*CLASSES, *PROPERTIES, *LAYERS]
CONCEPTS = typed(SKOS.Concept)
LISTS = typed(SKOS.ConceptScheme)


def place(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def iris(node: rdflib.URIRef, predicate: rdflib.URIRef) -> list[rdflib.URIRef]:
    return [one for one in ONTOLOGY.objects(node, predicate) if isinstance(one, rdflib.URIRef)]


def languages(node: rdflib.URIRef, predicate: rdflib.URIRef) -> list[str]:
    texts = ONTOLOGY.objects(node, predicate)
    return sorted(str(text.language) for text in texts if isinstance(text, rdflib.Literal))


# Terms


@pytest.mark.parametrize("term", TERMS, ids=compact)
def test_term_is_labelled_and_defined_once_in_each_language(term: rdflib.URIRef) -> None:
    assert languages(term, RDFS.label) == ["en", "nl"]
    assert languages(term, SKOS.definition) == ["en", "nl"]
    assert list(ONTOLOGY.objects(term, RDFS.isDefinedBy)) == [rdflib.URIRef(DEF)]


@pytest.mark.parametrize("term", TERMS, ids=compact)
def test_definition_is_a_phrase_and_no_sentence(term: rdflib.URIRef) -> None:
    for definition in map(str, ONTOLOGY.objects(term, SKOS.definition)):
        assert definition[0].islower()
        assert not definition.endswith((".", " "))


@pytest.mark.parametrize("term", CLASSES, ids=compact)
def test_class_lies_under_one_of_another_vocabulary(term: rdflib.URIRef) -> None:
    above = ONTOLOGY.transitive_objects(term, RDFS.subClassOf)
    assert any(not str(one).startswith(BASE) for one in above)


@pytest.mark.parametrize("term", [*CLASSES, *PROPERTIES], ids=compact)
def test_what_a_term_rests_on_is_declared(term: rdflib.URIRef) -> None:
    for predicate, kinds in {
        RDFS.subClassOf: {OWL.Class},
        RDFS.domain: {OWL.Class},
        RDFS.subPropertyOf: {OWL.ObjectProperty, OWL.DatatypeProperty, RDF.Property},
        OWL.inverseOf: {OWL.ObjectProperty},
    }.items():
        for above in iris(term, predicate):
            assert kinds & set(ONTOLOGY.objects(above, RDF.type)), compact(above)
    for range_ in iris(term, RDFS.range):
        literal = range_.startswith(PREFIXES["xsd"]) or range_ == RDF.langString
        assert literal == ((term, RDF.type, OWL.DatatypeProperty) in ONTOLOGY), compact(range_)
        assert literal or (range_, RDF.type, OWL.Class) in ONTOLOGY, compact(range_)


@pytest.mark.parametrize("term", PROPERTIES, ids=compact)
def test_property_is_of_the_kind_of_those_above_it(term: rdflib.URIRef) -> None:
    kinds = {OWL.ObjectProperty, OWL.DatatypeProperty} & set(ONTOLOGY.objects(term, RDF.type))
    assert len(kinds) == 1
    for above in iris(term, RDFS.subPropertyOf):
        assert {*kinds, RDF.Property} & set(ONTOLOGY.objects(above, RDF.type)), compact(above)


# Code lists


@pytest.mark.parametrize("path", CODE_FILES, ids=lambda path: path.stem)
def test_code_file_holds_one_list_of_its_name(path: Path) -> None:
    graph = rdflib.Graph().parse(path)
    prefix = PREFIXES[path.stem]
    assert set(graph.subjects(RDF.type, SKOS.ConceptScheme)) == {rdflib.URIRef(prefix.removesuffix("/"))}
    assert all(str(concept).startswith(prefix) for concept in graph.subjects(RDF.type, SKOS.Concept))


@pytest.mark.parametrize("concept", CONCEPTS, ids=compact)
def test_concept_is_named_in_each_language_and_in_its_own_list(concept: rdflib.URIRef) -> None:
    assert languages(concept, SKOS.prefLabel) == ["en", "nl"]
    assert list(ONTOLOGY.objects(concept, SKOS.inScheme)) == [rdflib.URIRef(concept.rpartition("/")[0])]


@pytest.mark.parametrize("code_list", LISTS, ids=lambda code_list: code_list.rpartition("/")[2])
def test_code_list_has_concepts_and_names_of_their_own(code_list: rdflib.URIRef) -> None:
    concepts = list(ONTOLOGY.subjects(SKOS.inScheme, code_list))
    assert languages(code_list, SKOS.prefLabel) == ["en", "nl"]
    names = [name for one in concepts for name in ONTOLOGY.objects(one, SKOS.prefLabel)]
    assert concepts
    assert len(names) == len(set(names))


# Files


@pytest.mark.parametrize("path", ONTOLOGY_FILES, ids=place)
def test_ontology_file_describes_itself(path: Path) -> None:
    inside = path.relative_to(REPOSITORY).with_suffix("").as_posix()
    node = rdflib.URIRef(f"{BASE}graph/{inside}")
    assert languages(node, DCTERMS.title) == ["en", "nl"]
    assert len(list(ONTOLOGY.objects(node, DCTERMS.license))) == 1


# A string, an IRI or a comment: what only looks like a prefixed name is in one of these.
_OPAQUE = re.compile(r'"""(?:[^"\\]|\\.|"(?!""))*"""|"(?:[^"\\\n]|\\.)*"|<[^<>\s]*>|#.*')
_NAME = re.compile(r"(?<![\w@?:.-])([A-Za-z][\w-]*):([\w-]*)")
_TURTLE_PREFIX = re.compile(r"@prefix ([\w-]+): <([^>]*)> \.")
_SPARQL_PREFIX = re.compile(r"PREFIX ([\w-]+): <([^>]*)>")


def names_of(text: str, prefix_line: re.Pattern[str]) -> tuple[list[tuple[str, str]], set[tuple[str, str]]]:
    """Return the prefixes that a file declares, in order, and the prefixed names that it uses."""
    lines = text.splitlines()
    declared = [match.groups() for line in lines if (match := prefix_line.fullmatch(line))]
    body = "\n".join(line for line in lines if not re.match(r"(?i)\s*(@?prefix|@base)\b", line))
    return [(name, iri) for name, iri in declared], set(_NAME.findall(_OPAQUE.sub(" ", body)))


@pytest.mark.parametrize("path", CONTENT_FILES, ids=place)
def test_turtle_prefixes_are_ours_sorted_and_used(path: Path) -> None:
    declared, names = names_of(path.read_text("utf-8"), _TURTLE_PREFIX)
    assert declared == sorted((prefix, PREFIXES[prefix]) for prefix in {prefix for prefix, _ in names})


@pytest.mark.parametrize("path", QUERY_FILES, ids=place)
def test_query_prefixes_are_ours_sorted_and_used(path: Path) -> None:
    declared, names = names_of(path.read_text("utf-8"), _SPARQL_PREFIX)
    assert declared == sorted((prefix, PREFIXES[prefix]) for prefix in {prefix for prefix, _ in names})


@pytest.mark.parametrize("path", QUERY_FILES, ids=place)
def test_query_uses_only_declared_terms(path: Path) -> None:
    _, names = names_of(path.read_text("utf-8"), _SPARQL_PREFIX)
    terms = {rdflib.URIRef(expand(f"{prefix}:{local}")) for prefix, local in names if prefix != "xsd"}
    assert sorted(compact(term) for term in terms if (term, RDF.type, None) not in ONTOLOGY) == []


# Rules


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rule_has_a_known_stratum_and_a_title_in_each_language(rule: Rule) -> None:
    assert rule.stratum in STRATA
    assert sorted(rule.title) == ["en", "nl"]
    assert set(read_header(rule.path)) <= {"title", "source"}


def test_rule_names_are_unique() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
