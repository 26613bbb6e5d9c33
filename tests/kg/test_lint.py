"""What the lint finds in a question, one fault at a time, and that it finds none in a sound one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kg.lint import faults_of_query, faults_of_question
from kg.questions import load_questions
from kg.store import NamedNode, Quad, Store

HEADER = """#+ summary: Which?
#+ description: One row per thing.
#+ x-kg-title-nl: Welke?
#+ x-kg-description-nl: Een rij per ding.
#+ x-kg-empty: {en: None., nl: Geen.}
#+ x-kg-params: {kind: {class: "tp:Area", optional: true, example: nl, en: kind, nl: soort}}
#+ x-kg-columns: {thing: {type: iri, en: thing, nl: ding}, passages: {type: iris, en: passages, nl: passages}}
#+ x-kg-cases: {one: {rows: include, read-in: there}}
"""
TP = "PREFIX tp: <https://w3id.org/techniekpact/def/>\n"
OUTER = "SELECT ?kind ?thing ?passages WHERE"
CASE = "#+ x-kg-cases: {one: {rows: include, read-in: there}}\n"
QUERY = """PREFIX tp: <https://w3id.org/techniekpact/def/>
SELECT ?kind ?thing ?passages WHERE {
  { SELECT ?kind ?thing (GROUP_CONCAT(DISTINCT STR(?g); separator=" ") AS ?passages) WHERE {
      GRAPH ?g { ?thing tp:kind ?of }
      FILTER(?kind = tp:any || ?of = ?kind)
      FILTER NOT EXISTS { ?thing tp:kind ?other . FILTER(?other != ?of) }
    } GROUP BY ?kind ?thing }
}
ORDER BY ?thing
"""


@pytest.fixture
def faults(tmp_path: Path) -> Callable[..., str]:
    """Return what says all that is wrong with a question after something in it is changed."""

    def found(*change: str) -> str:
        path = tmp_path / "queries" / "about" / "which.rq"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = HEADER + QUERY
        if change:
            assert change[0] in text
            text = text.replace(change[0], change[1])
        path.write_text(text, "utf-8")
        question = load_questions(tmp_path)["which"]
        return "\n".join(map(str, [*faults_of_query(path, text), *faults_of_question(question)]))

    return found


def test_sound_question_has_no_fault(faults: Callable[..., str]) -> None:
    assert not faults()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "SELECT ?kind ?thing ?passages WHERE",
            "SELECT ?thing ?passages WHERE",
            "query doesn't project ?kind",
        ),
        ("SELECT ?kind ?thing (", "SELECT ?thing (", "A sub-select that uses it doesn't project ?kind"),
        ("\nORDER BY ?thing\n", "\n", "The rows have no order."),
        (TP, "", "The prefix of tp:kind is not declared."),
        (
            "PREFIX tp:",
            "PREFIX skos: <http://www.w3.org/2004/02/skos/core#>\nPREFIX tp:",
            "skos: is not used",
        ),
        (
            "PREFIX tp: <https://w3id.org/techniekpact/def/>",
            "PREFIX tp: <urn:x>",
            "tp: isn't a prefix for <urn:x>",
        ),
        ("?of = ?kind", "?off = ?kind", "Nothing gives ?off a value."),
        ("?other != ?of)", "?othr != ?of)", "Nothing gives ?othr a value."),
        ("?thing ?passages WHERE", "?thing ?passages ?more WHERE", "?more is projected and is no column."),
        ("?thing ?passages WHERE", "?thing ?passages ?more WHERE", "Nothing gives ?more a value."),
        (
            "SELECT ?kind ?thing ?passages WHERE",
            "SELECT ?kind ?thing WHERE",
            "column passages is not projected",
        ),
        (", passages: {type: iris, en: passages, nl: passages}", "", "The answer has no column `passages`."),
        ("?kind = tp:any", "!BOUND(?kind)", "BOUND(?kind) is false"),
        ("example: nl, ", "", "The parameter kind has no example."),
        ("kind: {class", "layers: {class", "A parameter can't be called layers."),
        (CASE, "", "The question has no case."),
        (
            "#+ x-kg-cases",
            "#+ x-kg-places: where\n#+ x-kg-cases",
            "x-kg-places names where, which is no column",
        ),
        (
            CASE,
            f"#+ x-kg-construct: '?thing a ?kind .'\n{CASE}",
            "x-kg-construct names kind, which is no col",
        ),
        (CASE, f"#+ x-kg-construct: '?thing a'\n{CASE}", "x-kg-construct isn't a template"),
    ],
)
def test_fault_is_found_and_named(faults: Callable[..., str], old: str, new: str, said: str) -> None:
    assert said in faults(old, new)


def test_fault_names_its_line(faults: Callable[..., str]) -> None:
    assert "which.rq:13: violation: Nothing gives ?off a value." in faults("?of = ?kind", "?off = ?kind")


def test_term_that_neither_ontology_nor_data_has_is_found(tmp_path: Path) -> None:
    store = Store()
    term = NamedNode("https://w3id.org/techniekpact/def/kind")
    store.add(Quad(term, term, term, term))
    (fault,) = faults_of_query(
        tmp_path / "x.rq", QUERY.replace("?thing tp:kind ?other", "?thing tp:knd ?other"), store
    )
    assert "tp:knd is in neither ontology nor data." in str(fault)
