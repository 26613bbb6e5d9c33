"""Say of each row of an answer which triples gave it, and which graphs hold them.

Each SELECT of the query is asked again for the rows that are there, with what its patterns stood for
(`rewriting`, `witnesses`); those inside it follow, for the rows that they gave it. What a rule
inferred rests on what its body finds (`premises`). The caller's query is only ever evaluated by the
engine. Method and limits: docs/evidence.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kg.answers import described
from kg.errors import TooLarge
from kg.parameters import Asker
from kg.patterns import Query
from kg.premises import Premises, Rule
from kg.proofs import Proofs
from kg.reading import read_query
from kg.renaming import with_constants
from kg.rewriting import level_of
from kg.statements import Statements, written
from kg.store import Row, Term
from kg.witnesses import Witnesses

__all__ = ["GAPS", "MOST_CHARACTERS", "MOST_ROWS", "Evidence", "Grounds", "Known", "evidence_of"]

MOST_ROWS = 100
MOST_CHARACTERS = 20_000

# What has no evidence, and why.
GAPS = {
    "EXISTS in GROUP BY, HAVING or SELECT": "What it finds there is not looked for.",
    "MINUS": "That something is not there is shown by no triple.",
    "NOT EXISTS": "That something is not there is shown by no triple.",
    "SERVICE": "What another endpoint answered is no triple of this one.",
    "blank node": "It has no name to be asked for by; what hangs on it is left out.",
    "rule": "A triple was inferred, and no rule of this Release gives it.",
    "unmatched": "A row is there, and the engine doesn't give it when asked for it by its values.",
    "volatile": "NOW, RAND, UUID, STRUUID and BNODE give something else when asked again.",
}


@dataclass(frozen=True)
class Known:
    """A triple that a row rests on: the graphs that hold it, and how it follows where it was inferred.

    A derivation is a rule with the places of its premises in the row's list.
    """

    terms: tuple[Term, Term, Term]
    graphs: tuple[str, ...]
    derivations: tuple[tuple[Rule, tuple[int, ...]], ...]


@dataclass(frozen=True)
class Grounds:
    """What one row rests on: its graphs, and its triples, of which the first `n_own` are its own."""

    graphs: tuple[str, ...]
    statements: tuple[Known, ...]
    n_own: int


@dataclass(frozen=True)
class Evidence:
    """What rows rest on, in their order; `graphs` says what each graph is, `gaps` what has no evidence."""

    rows: tuple[Grounds, ...]
    graphs: Mapping[str, Mapping[str, Any]]
    gaps: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it as it stands in an answer."""
        return {
            "gaps": [{"of": gap, "why": GAPS[gap]} for gap in self.gaps],
            "graphs": self.graphs,
            "rows": [
                {
                    "graphs": row.graphs,
                    "statements": [_known(each) for each in row.statements[: row.n_own]],
                    "premises": [_known(each) for each in row.statements[row.n_own :]],
                }
                for row in self.rows
            ],
        }


def _known(statement: Known) -> dict[str, Any]:
    subject, predicate, target = statement.terms
    found: dict[str, Any] = {
        "subject": subject,
        "predicate": predicate,
        "object": target,
        "graphs": statement.graphs,
    }
    if statement.derivations:
        found["follows"] = [
            {"rule": rule.name, "title": rule.title, "from": premises}
            for rule, premises in statement.derivations
        ]
    return found


async def evidence_of(
    text: str,
    rows: Sequence[Row],
    asker: Asker,
    rules: Sequence[Rule],
    *,
    bindings: Mapping[str, Term] | None = None,
    base: str | None = None,
    dataset: Sequence[tuple[str, str]] = (),
    gaps: Iterable[str] = (),
) -> Evidence:
    """Return what each of these rows of a SELECT rests on.

    `bindings` are the parameters that it was asked with, `base` what its relative IRIs are resolved
    against, `dataset` FROM clauses instead of its own (NAMED or nothing, and the graph), `gaps` what is
    known to have no evidence.
    Raises: NoEvidence, TooLarge, and what the asker raises.
    """
    if len(text) > MOST_CHARACTERS:
        message = f"The evidence of a query longer than {MOST_CHARACTERS:,} characters isn't looked for."
        raise TooLarge(message, hint="Ask for less at once.")
    query = _prepared(text, bindings or {}, base, dataset)
    statements = Statements()
    witnesses = Witnesses(asker, statements)
    found = await witnesses.of(level_of(query, query.select), rows)
    premises = Premises(rules, asker, statements)
    await premises.find(await statements.look_up(asker, _default_as_named(query)))
    proofs = Proofs(statements, premises.of)
    grounds = tuple(_grounds(numbers, statements, proofs) for numbers in found)
    used = {rule for row in grounds for known in row.statements for rule, _ in known.derivations}
    of_rules = (gap for rule in used for gap in rule.body.gaps)
    all_gaps = {*gaps, *witnesses.gaps, *of_rules, *proofs.gaps}
    iris = sorted({graph for row in grounds for graph in row.graphs})
    known = await described(iris, asker)
    graphs = {iri: known.get(iri) or _unlayered(iri) for iri in iris}
    return Evidence(grounds, graphs, tuple(sorted(all_gaps)))


def _prepared(
    text: str, bindings: Mapping[str, Term], base: str | None, dataset: Sequence[tuple[str, str]]
) -> Query:
    query = read_query(text)
    prologue = f"BASE <{base}> {query.prologue}" if base else query.prologue
    query = replace(query, prologue=prologue, dataset=tuple(dataset) or query.dataset)
    return with_constants(query, {f"?{name}": written(term) or "" for name, term in bindings.items()})


def _default_as_named(query: Query) -> str:
    """Return the graphs that make up the default graph of a query that says so, as named graphs."""
    return " ".join(f"FROM NAMED {graph}" for kind, graph in query.dataset if not kind)


def _unlayered(iri: str) -> dict[str, Any]:
    """Return what is known of a graph that isn't content: the ontology, or what someone else loaded."""
    return {
        "layer": "ontology" if "/graph/ontology/" in iri else "none",
        "title": {},
        "rule": {},
        "citations": [],
    }


def _grounds(own: set[int], statements: Statements, proofs: Proofs) -> Grounds:
    shown, ways = proofs.of(own)
    numbers = [*sorted(own), *sorted(shown - own)]
    places = {number: place for place, number in enumerate(numbers)}
    known = tuple(
        Known(
            statements.terms[number],
            statements.graphs[number],
            tuple(
                (way.rule, tuple(sorted(places[each] for each in way.premises)))
                for way in ways.get(number, ())
            ),
        )
        for number in numbers
    )
    graphs = sorted({graph for number in numbers for graph in statements.graphs[number]})
    return Grounds(tuple(graphs), known, len(own))
