"""The column `passages` of a question, which its query writes by hand, beside the evidence that is computed.

A passage too few hides what a row rests on; one too many sends its reader to a page that says nothing
of it. What only says where a passage stands in its document is no content, and counts for neither.
"""

from __future__ import annotations

import asyncio
import datetime
from pathlib import Path

import pytest

from kg.evidence import Evidence, Grounds, Known, evidence_of
from kg.namespaces import DEF, GRAPH, expand
from kg.parameters import resolve
from kg.premises import read_rules
from kg.questions import load_questions
from kg.store import LocalAsker, Row, Store

REPOSITORY = Path(__file__).parents[2]
QUESTIONS = load_questions(REPOSITORY)
MOST_ROWS = 25
# Where a passage stands, of which layer it is, and how it is found.
ABOUT_PASSAGES = {expand("dct:isPartOf"), expand("rdf:type"), f"{DEF}layer", f"{DEF}locator"}
# Their evidence asks much for each row: all that was weighed to count it, or to rank it.
FEWER_ROWS = {"coverage": 3, "search": 1}
# Of a question with an analysis the facts are looked at that its query finds.
TOO_FEW = {
    "changes": "the one passage of a fact, which has a column of its own",
    "coverage": "other things in a place that the row's own lie in: by them it is seen to be one of a list",
    "evidence": "what an inferred row follows from: no query can follow the rules, and `evidence=true` does",
    "initiatives-by-branche-and-category": "the readings of entries that a row counts as neither",
    "referral": "why a service is there for people who are referred, which is a fact of its own",
    "search": "every other place that has one of its words: a word counts less the more have it",
    "why": "the premises, which its evidence is asked for",
}
TOO_MANY = {
    "discrepancies": "the passages of the claims, which the reading names without asking them",
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_passages_of_a_row_are_those_that_its_evidence_names(name: str, real_store: Store) -> None:
    rows, evidence = asyncio.run(_asked(name, LocalAsker(real_store)))
    few, many = [], []
    for row, grounds in zip(rows, evidence.rows, strict=True):
        named = set(row["passages"]["value"].split()) if "passages" in row else set()
        few += [f"{_short(row)} lacks {graph}" for graph in sorted(_content(grounds, evidence) - named)]
        many += [f"{_short(row)} needs no {graph}" for graph in sorted(named - set(grounds.graphs))]
    assert bool(few) == (name in TOO_FEW), few
    assert bool(many) == (name in TOO_MANY), many


async def _asked(name: str, asker: LocalAsker) -> tuple[list[Row], Evidence]:
    question = QUESTIONS[name]
    values = question.cases[0].values if question.cases else {}
    bound = (await resolve(question, values, asker, today=datetime.date(2026, 11, 21))).terms
    rows = (await asker.rows(question.text, bound))[: FEWER_ROWS.get(name, MOST_ROWS)]
    return rows, await evidence_of(question.text, rows, asker, read_rules(REPOSITORY), bindings=bound)


def _content(grounds: Grounds, evidence: Evidence) -> set[str]:
    """Return the passages and readings that say something of a row."""
    said = {graph for each in grounds.statements if not _is_about_passage(each) for graph in each.graphs}
    return {graph for graph in said if evidence.graphs[graph]["layer"] in {"stated", "curated"}}


def _is_about_passage(statement: Known) -> bool:
    subject, predicate, _ = (term["value"] for term in statement.terms)
    return predicate in ABOUT_PASSAGES and subject.startswith(GRAPH) and "#" not in subject


def _short(row: Row) -> str:
    return ", ".join(f"{name} {term['value'][-40:]}" for name, term in row.items() if name != "passages")
