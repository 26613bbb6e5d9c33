"""What our rules add is what OWL 2 RL entails, in the right layer."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
import rdflib

from kg.errors import BuildError
from kg.load import load
from kg.namespaces import DEF, PREFIXES
from kg.reason import load_rules, owl_rl_closure, reason
from kg.store import DefaultGraph, Literal, NamedNode, Quad, RdfFormat, parse

REPOSITORY = Path(__file__).parents[2]
HEADER = "".join(f"@prefix {prefix}: <{iri}> .\n" for prefix, iri in PREFIXES.items())


def quads(text: str) -> list[Quad]:
    read = parse(HEADER + text, RdfFormat.TURTLE, base_iri="urn:test")
    return [Quad(t.subject, t.predicate, t.object, DefaultGraph()) for t in read]


def as_graph(given: Iterable[Quad]) -> rdflib.Graph:
    lines = "".join(f"{q.subject} {q.predicate} {q.object} .\n" for q in given)
    return rdflib.Graph().parse(data=lines, format="nt")


def inferred(stated: str, curated: str = "", *, layer: str = "stated") -> set[tuple[str, str, str]]:
    ontology = [quad for file in load(REPOSITORY).of("ontology") for quad in file.quads]
    found = reason([*ontology, *quads(stated)], quads(curated), load_rules(REPOSITORY))
    return {
        tuple(getattr(term, "value", "") for term in (q.subject, q.predicate, q.object))
        for q in found
        if f"/inferred/{layer}/" in str(q.graph_name) and "/graph/inferred/" not in str(q.subject)
    }


@pytest.mark.parametrize(
    "data",
    [
        "small/data/ttl/report/1.ttl",
        "small/data/ttl/report/_entities.ttl",
        "small/data/ttl/reference/places.ttl",
    ],
)
def test_owl_rules_add_what_the_reference_entails(data: str) -> None:
    """Of the reference's closure only what is switched off, or isn't about the data, may be missing."""
    ontology = [
        quad
        for file in load(REPOSITORY).of("ontology")
        if "codes" not in file.path.parts
        for quad in file.quads
    ]
    facts = [
        Quad(t.subject, t.predicate, t.object, DefaultGraph())
        for t in parse((REPOSITORY / "tests" / data).read_bytes(), RdfFormat.TURTLE)
    ]
    rules = [rule for rule in load_rules(REPOSITORY) if rule.stratum == 1 and rule.name != "funded-by"]
    ours = as_graph(
        q for q in reason([*ontology, *facts], [], rules) if "/graph/inferred/" not in str(q.subject)
    )
    # Typing by domain and range is off: a wrong object would become an area.
    off = {PREFIXES["rdfs"] + "domain", PREFIXES["rdfs"] + "range"}
    reference = owl_rl_closure(as_graph(q for q in [*ontology, *facts] if q.predicate.value not in off))
    subjects = {rdflib.URIRef(q.subject.value) for q in facts if isinstance(q.subject, NamedNode)}
    about_data = {
        (s, p, o)
        for s, p, o in reference
        if s in subjects
        and not str(p).startswith(PREFIXES["owl"])
        and not str(o).startswith(PREFIXES["owl"])
        and s != o
    }
    assert about_data <= set(ours)
    extra = (
        {triple for triple in ours if triple[0] in subjects} - about_data - set(as_graph([*ontology, *facts]))
    )
    assert extra == set()


def test_asserted_triples_are_never_repeated_or_changed() -> None:
    stated = (
        "area:gm0001 a tp:MunicipalArea . <#c> a tp:Containment ; tp:part area:gm0001 ; tp:whole area:nl ."
    )
    asserted = {
        tuple(getattr(t, "value", "") for t in (q.subject, q.predicate, q.object)) for q in quads(stated)
    }
    assert inferred(stated).isdisjoint(asserted)


def test_object_of_a_property_does_not_become_what_its_range_says() -> None:
    assert ("urn:x", PREFIXES["rdf"] + "type", DEF + "Area") not in inferred(
        "scheme:a tp:appliesIn <urn:x> ."
    )


def test_conclusion_from_passages_alone_is_stated() -> None:
    found = inferred("<#a> tp:scheme scheme:s ; tp:fundedItem initiative:i . scheme:s tp:funder actor:f .")
    assert (PREFIXES["initiative"] + "i", DEF + "fundedBy", PREFIXES["actor"] + "f") in found


def test_conclusion_that_needs_our_reading_is_curated() -> None:
    stated, curated = "scheme:s tp:funder actor:f .", "<#a> tp:scheme scheme:s ; tp:fundedItem initiative:i ."
    triple = (PREFIXES["initiative"] + "i", DEF + "fundedBy", PREFIXES["actor"] + "f")
    assert triple not in inferred(stated, curated)
    assert triple in inferred(stated, curated, layer="curated")


@pytest.mark.parametrize(
    ("bounds", "first", "last"),
    [
        ('dcat:startDate "2022"^^xsd:gYear ; dcat:endDate "2022"^^xsd:gYear', "2022-01-01", "2022-12-31"),
        (
            'dcat:startDate "2022-02"^^xsd:gYearMonth ; dcat:endDate "2024-02"^^xsd:gYearMonth',
            "2022-02-01",
            "2024-02-29",
        ),
        (
            'dcat:startDate "2022-03-04"^^xsd:date ; dcat:endDate "2022-03-05"^^xsd:date',
            "2022-03-04",
            "2022-03-05",
        ),
        ('dcat:startDate "2022"^^xsd:gYear', "2022-01-01", "9999-12-31"),
        ('dcat:endDate "2021-12"^^xsd:gYearMonth', "0001-01-01", "2021-12-31"),
        ('tp:endNotBefore "2024"^^xsd:gYear', "0001-01-01", "9999-12-31"),
    ],
)
def test_period_gets_days_at_the_precision_of_its_text(bounds: str, first: str, last: str) -> None:
    found = {(p, o) for s, p, o in inferred(f"<#p> a tp:Period ; {bounds} .") if s.endswith("#p")}
    assert {(DEF + "firstDay", first), (DEF + "lastDay", last)} <= found


def test_least_end_is_certain_until_the_day_before() -> None:
    found = inferred('<#p> a tp:Period ; tp:endNotBefore "2024"^^xsd:gYear .')
    assert {o for _, p, o in found if p == DEF + "certainUntilDay"} == {"2023-12-31"}


def test_edition_lasts_until_the_one_that_replaces_it() -> None:
    found = inferred(
        """<#old> tp:period <#p> . <#p> a tp:Period ; dcat:startDate "2020-01-01"^^xsd:date .
        <#new> dct:replaces <#old> ; tp:period <#q> .
        <#q> a tp:Period ; dcat:startDate "2022-01-01"^^xsd:date ."""
    )
    assert {o for s, p, o in found if s.endswith("#p") and p == DEF + "lastDay"} == {"2021-12-31"}
    assert {o for s, p, o in found if s.endswith("#q") and p == DEF + "lastDay"} == {"9999-12-31"}


def test_containment_without_a_period_gets_no_days() -> None:
    found = inferred(
        "<#c> a tp:Containment ; tp:part area:gm0001 ; tp:whole lmr:groot . area:gm0001 a tp:MunicipalArea ."
    )
    assert not {p for s, p, _ in found if s.endswith("#c") and p in (DEF + "firstDay", DEF + "lastDay")}


def test_area_that_still_lies_in_another_is_within_it_and_one_that_did_is_not() -> None:
    found = inferred(
        """<#c> a tp:Containment ; tp:part area:gm0001 ; tp:whole lmr:groot ; tp:period <#p> .
        <#p> a tp:Period ; dcat:startDate "2020"^^xsd:gYear .
        <#d> a tp:Containment ; tp:part area:gm0001 ; tp:whole lmr:klein ; tp:period <#q> .
        <#q> a tp:Period ; dcat:startDate "2010"^^xsd:gYear ; dcat:endDate "2019"^^xsd:gYear ."""
    )
    assert {o for _, p, o in found if p == PREFIXES["geo"] + "sfWithin"} == {PREFIXES["lmr"] + "groot"}


def test_initiative_has_the_branche_and_category_of_its_entry_and_an_area_has_not() -> None:
    found = inferred(
        """<#entry> a tp:Entry ; tp:about initiative:a , lmr:a .
        initiative:a a tp:Initiative . lmr:a a tp:LabourMarketRegion .""",
        "<#entry> tp:branche branche:ict ; tp:category category:side-entry .",
        layer="curated",
    )
    kinds = {DEF + "branche", DEF + "category"}
    assert {triple for triple in found if triple[1] in kinds} == {
        (PREFIXES["initiative"] + "a", DEF + "branche", PREFIXES["branche"] + "ict"),
        (PREFIXES["initiative"] + "a", DEF + "category", PREFIXES["category"] + "side-entry"),
    }


def test_rule_without_a_stratum_is_refused(tmp_path: Path) -> None:
    rules = tmp_path / "ontology" / "rules"
    rules.mkdir(parents=True)
    (rules / "anything.rq").write_text("CONSTRUCT {} WHERE {}", "utf-8")
    with pytest.raises(BuildError, match="no stratum"):
        load_rules(tmp_path)


def test_inferred_graph_is_described_with_its_rule() -> None:
    ontology = [quad for file in load(REPOSITORY).of("ontology") for quad in file.quads]
    found = reason(
        [*ontology, *quads('<#p> a tp:Period ; dcat:startDate "2022"^^xsd:gYear .')],
        [],
        load_rules(REPOSITORY),
    )
    graph = NamedNode("https://w3id.org/techniekpact/graph/inferred/stated/first-day")
    assert Quad(graph, NamedNode(DEF + "layer"), NamedNode(DEF + "inferred"), graph) in found
    assert any(
        q.subject == graph and q.predicate.value == DEF + "rule" and isinstance(q.object, Literal)
        for q in found
    )
