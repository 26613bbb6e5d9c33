"""The question after why, with the premises that its evidence names: read in the documents by hand."""

from __future__ import annotations

import asyncio
import datetime
from pathlib import Path

from kg.evidence import evidence_of
from kg.namespaces import GRAPH, compact
from kg.parameters import resolve
from kg.premises import read_rules
from kg.questions import load_questions
from kg.store import LocalAsker, Store

REPOSITORY = Path(__file__).parents[2]


def test_inferred_statement_names_its_rule_premises_and_their_passages(real_store: Store) -> None:
    question, asker = load_questions(REPOSITORY)["why"], LocalAsker(real_store)
    values = next(case.values for case in question.cases if case.name == "inferred")
    bound = asyncio.run(resolve(question, values, asker, today=datetime.date(2022, 12, 1))).terms
    rows = asyncio.run(asker.rows(question.text, bound))
    evidence = asyncio.run(evidence_of(question.text, rows, asker, read_rules(REPOSITORY), bindings=bound))
    (row,) = evidence.rows
    assert {rule.name for known in row.statements for rule, _ in known.derivations} >= {"funded-by"}
    premises = {
        (compact(known.terms[1]["value"]), graph.removeprefix(GRAPH))
        for known in row.statements[row.n_own :]
        for graph in known.graphs
    }
    # That OCW pays STO is said in §3.4c, and the award to the programme is our reading of its name.
    assert ("tp:funder", "zuid-holland-2022/3.4c") in premises
    assert ("tp:fundedItem", "curation/sto-names") in premises
