"""Evidence is complete and minimal on the real graph: a row goes with its graphs, and stays with them alone.

A copy of the dataset without some graphs has no inferred triple left whose premises are gone: the rules
run again over what remains, and give nothing that wasn't inferred before.
"""

from __future__ import annotations

import asyncio
import datetime
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from kg.evidence import evidence_of
from kg.load import load
from kg.parameters import resolve
from kg.premises import read_rules
from kg.questions import load_questions
from kg.reason import Rule, load_rules, reason
from kg.statements import is_inferred
from kg.store import DefaultGraph, LocalAsker, NamedNode, Quad, Row, Store, Term

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
PER_QUERY = 2
# Of the questions so many, chosen anew as their number grows: with the queries below 50 rows and more.
N_QUESTIONS = 12
PREFIXES = """
PREFIX category: <https://w3id.org/techniekpact/id/category/>
PREFIX dct: <http://purl.org/dc/terms/>
PREFIX geo: <http://www.opengis.net/ont/geosparql#>
PREFIX org: <http://www.w3.org/ns/org#>
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
PREFIX skos: <http://www.w3.org/2004/02/skos/core#>
PREFIX tp: <https://w3id.org/techniekpact/def/>
"""
FREE = {
    "join": "SELECT ?scheme ?name { ?scheme tp:funder ?f . ?f skos:prefLabel ?name }",
    "optional": "SELECT ?s ?c { ?s a tp:FundingScheme OPTIONAL { ?s tp:character ?c } }",
    "union": "SELECT DISTINCT ?x ?y { { ?x tp:funder ?y } UNION { ?a tp:scheme ?x ; tp:fundedItem ?y } }",
    "exists": "SELECT DISTINCT ?f { ?s tp:funder ?f FILTER EXISTS { ?s tp:targetGroup ?g } }",
    "alternative": "SELECT DISTINCT ?x { ?x tp:funder|tp:organiser|tp:partner ?who . ?x tp:targetGroup ?g }",
    "path": "SELECT ?part { ?part dct:isPartOf+ ?whole . ?whole a tp:Source }",
    "sequence": "SELECT DISTINCT ?i ?n { ?i ^tp:fundedItem/tp:scheme/skos:prefLabel ?n }",
    "inferred": "SELECT ?x ?who { ?x tp:involves ?who }",
    "member": "SELECT ?x ?body { ?x org:memberOf ?body }",
    "of entry": "SELECT DISTINCT ?x { ?x a tp:Initiative ; tp:category category:side-entry }",
    "days": "SELECT ?c ?day { ?c a tp:Containment ; tp:lastDay ?day ; tp:part ?p . ?p skos:prefLabel ?n }",
    "within": "SELECT ?m { ?m geo:sfWithin ?p . ?p a tp:ProvincialArea ; skos:prefLabel ?n }",
    "count": "SELECT ?s (COUNT(DISTINCT ?i) AS ?n) { ?a tp:scheme ?s ; tp:fundedItem ?i } GROUP BY ?s",
    "hidden group": "SELECT (COUNT(?who) AS ?n) { ?x tp:organiser ?who } GROUP BY ?x HAVING(COUNT(?who) > 1)",
    "select inside": """SELECT ?x ?n { { SELECT ?x (COUNT(?who) AS ?n) { ?x tp:partner ?who } GROUP BY ?x }
                        ?x tp:targetGroup ?g FILTER(?n > 2) }""",
    "graph": "SELECT ?g ?s { GRAPH ?g { ?s tp:funder ?f } ?g dct:isPartOf ?doc . ?doc a tp:Source }",
}


# The rows of an analysis have no computed evidence.
_NAMES = sorted(name for name, each in load_questions(REPOSITORY).items() if not each.analysis)
QUESTIONS = sorted(random.Random(5).sample(_NAMES, min(N_QUESTIONS, len(_NAMES))))


@dataclass(frozen=True)
class Dataset:
    """All that is asserted, by graph, all that was inferred from it, and the rules."""

    asserted: Mapping[str, Sequence[Quad]]
    inferred: Sequence[Quad]
    rules: list[Rule]

    def only(self, graphs: Iterable[str]) -> Store:
        """Return the dataset with these graphs alone, and what still follows from them."""
        store = Store()
        kept = [quad for graph in graphs for quad in self.asserted[graph]]
        said = {triple(quad) for quad in kept}
        follows = {triple(quad) for quad in reason(kept, [], self.rules)}
        left = [quad for quad in self.inferred if triple(quad) in follows or triple(quad) in said]
        for quad in [*kept, *left]:
            store.extend([quad, Quad(quad.subject, quad.predicate, quad.object, DefaultGraph())])
        return store


def triple(quad: Quad) -> tuple[object, object, object]:
    return (quad.subject, quad.predicate, quad.object)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    content = load(REPOSITORY)
    asserted = {
        str(graph.graph.value): graph.quads
        for graph in content.of("ontology", "data/ttl")
        if isinstance(graph.graph, NamedNode)
    }
    rules = load_rules(REPOSITORY)
    curated = {graph for graph in asserted if "/graph/curation/" in graph}
    stated = [quad for graph in asserted if graph not in curated for quad in asserted[graph]]
    inferred = reason(stated, [quad for graph in curated for quad in asserted[graph]], rules)
    return Dataset(asserted, [quad for quad in inferred if quad.subject != quad.graph_name], rules)


@pytest.fixture(scope="module")
def whole(dataset: Dataset) -> LocalAsker:
    return LocalAsker(dataset.only(dataset.asserted))


def shown(row: Row) -> frozenset[tuple[str, object]]:
    """Return what a row says, lists in any order, without the passages that the question itself names."""
    return frozenset(
        (name, frozenset(term["value"].split()) if " " in term["value"] else tuple(sorted(term.items())))
        for name, term in row.items()
        if name != "passages"
    )


async def hold(query: str, bindings: dict[str, Term], whole: LocalAsker, dataset: Dataset) -> list[str]:
    """Return what is wrong with the evidence of some rows."""
    rows = sorted(await whole.rows(query, bindings), key=lambda row: sorted(map(str, shown(row))))
    sample = random.Random(5).sample(rows, min(PER_QUERY, len(rows)))
    assert sample
    evidence = await evidence_of(query, sample, whole, read_rules(REPOSITORY), bindings=bindings)
    wrong = []
    for row, grounds in zip(sample, evidence.rows, strict=True):
        named = {graph for graph in grounds.graphs if not is_inferred(graph)}
        without = LocalAsker(dataset.only(dataset.asserted.keys() - named))
        if shown(row) in {shown(each) for each in await without.rows(query, bindings)}:
            wrong.append(f"{shown(row)} is there without {sorted(named)}")
        alone = LocalAsker(dataset.only(named))
        if shown(row) not in {shown(each) for each in await alone.rows(query, bindings)}:
            wrong.append(f"{shown(row)} is gone with {sorted(named)} alone")
    return wrong


@pytest.mark.parametrize("name", FREE)
def test_row_of_a_free_query_goes_with_its_graphs_and_stays_with_them(
    name: str, whole: LocalAsker, dataset: Dataset
) -> None:
    assert not asyncio.run(hold(PREFIXES + FREE[name], {}, whole, dataset))


@pytest.mark.parametrize("name", QUESTIONS)
def test_row_of_a_question_goes_with_its_graphs_and_stays_with_them(
    name: str, whole: LocalAsker, dataset: Dataset
) -> None:
    question = load_questions(REPOSITORY)[name]
    values = question.cases[0].values if question.cases else {}
    bound = asyncio.run(resolve(question, values, whole, today=datetime.date(2026, 11, 21))).terms
    assert not asyncio.run(hold(question.text, bound, whole, dataset))
