"""Add what follows from what is said, by the rules in ontology/rules/.

A rule is a CONSTRUCT query. The number that its name begins with is its stratum:
each stratum runs until it adds nothing, then the next may use absence (OPTIONAL,
NOT EXISTS) over it. The rules run twice: first over what passages and references
say, then with curation added, so that each conclusion is known to rest on the
text alone or on our reading too. Asserted triples are never changed.

The OWL 2 RL rules among them are tested against owlrl, the reference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import cast

import owlrl
import rdflib

from kg.errors import BuildError, Problem
from kg.header import read_header
from kg.namespaces import DEF, PREFIXES, graph_iri
from kg.store import DefaultGraph, Literal, NamedNode, Quad, QueryTriples, Store

__all__ = ["Rule", "load_rules", "owl_rl_closure", "reason"]


@dataclass(frozen=True)
class Rule:
    """What follows from what: a name, the stratum it runs in, its title by language, and its query."""

    path: Path
    name: str
    stratum: int
    title: dict[str, str]
    text: str


def load_rules(root: Path) -> list[Rule]:
    """Read the rules of a content folder, in the order in which they run.

    Raises: BuildError for a name without a stratum, or a header without a title.
    """
    rules = []
    for path in sorted((root / "ontology" / "rules").glob("*.rq")):
        stratum, _, name = path.stem.partition("-")
        title = read_header(path).get("title")
        if not stratum.isdigit() or not isinstance(title, dict):
            hint = "Call it 1-name.rq and begin with `#+ title: {en: …, nl: …}`."
            raise BuildError([Problem(path, 1, "The rule has no stratum or no title.", hint)])
        rules.append(Rule(path, name, int(stratum), title, path.read_text("utf-8")))
    return sorted(rules, key=lambda rule: (rule.stratum, rule.name))


def reason(
    stated: Iterable[Quad],
    curated: Iterable[Quad],
    rules: list[Rule],
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Quad]:
    """Return the inferred quads, each in the graph of its layer and rule, with those graphs described.

    `stated` is ontology, reference and passages; `curated` is added for the second run.
    Raises: BuildError when a rule isn't SPARQL.
    """
    store = Store()
    inferred: list[Quad] = []
    for layer, quads in (("stated", stated), ("curated", curated)):
        store.extend(Quad(q.subject, q.predicate, q.object, DefaultGraph()) for q in quads)
        for _, stratum in groupby(rules, key=lambda rule: rule.stratum):
            inferred += _to_fixpoint(store, list(stratum), layer, progress)
    return inferred


def _to_fixpoint(store: Store, rules: list[Rule], layer: str, progress: Callable[[str], None]) -> list[Quad]:
    found: list[Quad] = []
    while True:
        added = 0
        for rule in rules:
            progress(f"{layer}: {rule.name}")
            new = [quad for quad in _apply(store, rule) if quad not in store]
            store.extend(new)
            graph = NamedNode(graph_iri(f"inferred/{layer}/{rule.name}"))
            if new and not any(quad.graph_name == graph for quad in found):
                found += _description(graph, rule)
            found += [Quad(q.subject, q.predicate, q.object, graph) for q in new]
            added += len(new)
        if not added:
            return found


def _apply(store: Store, rule: Rule) -> set[Quad]:
    """Return what one run of a rule concludes, in the default graph."""
    try:
        triples = cast(QueryTriples, store.query(rule.text))
        return {Quad(t.subject, t.predicate, t.object, DefaultGraph()) for t in triples}
    except SyntaxError as error:
        raise BuildError(
            [Problem(rule.path, None, f"The rule isn't SPARQL: {error}.", "Mend the query.")]
        ) from None


def _description(graph: NamedNode, rule: Rule) -> list[Quad]:
    def term(name: str) -> NamedNode:
        prefix, _, local = name.partition(":")
        return NamedNode(PREFIXES[prefix] + local)

    texts = [(Literal(text, language=language)) for language, text in sorted(rule.title.items())]
    return [
        Quad(graph, term("rdf:type"), NamedNode(DEF + "Inferred"), graph),
        Quad(graph, NamedNode(DEF + "layer"), NamedNode(DEF + "inferred"), graph),
        Quad(graph, term("dct:title"), Literal(rule.name, language="en"), graph),
        *(Quad(graph, NamedNode(DEF + "rule"), text, graph) for text in texts),
    ]


def owl_rl_closure(asserted: rdflib.Graph) -> rdflib.Graph:
    """Return what OWL 2 RL entails and `asserted` lacks, by owlrl: the reference for our own rules.

    Shapes: two plain graphs; out ∩ asserted = ∅; no literal is a subject. Slow: 28 s for 50,000 triples.
    """
    closure = rdflib.Graph()
    closure += asserted
    owlrl.DeductiveClosure(owlrl.OWLRL_Semantics, axiomatic_triples=False, datatype_axioms=False).expand(
        closure
    )
    entailed = rdflib.Graph()
    for triple in closure - asserted:
        if not isinstance(triple[0], rdflib.Literal):
            entailed.add(triple)
    return entailed
