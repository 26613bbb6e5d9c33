"""Publish each question as a query that runs as it stands: sh:SPARQLExecutable, for editors to show.

Each is a named graph, `BASE/graph/examples/<question>`, outside the default graph.
Source: https://sib-swiss.github.io/sparql-editor/ (what an editor reads)
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping

from kg.catalogue import example_values
from kg.errors import BadParameter
from kg.lexer import tokens
from kg.namespaces import PREFIXES, expand, graph_iri
from kg.parameters import Asker, resolve
from kg.questions import Question
from kg.store import Literal, NamedNode, Quad, Term, to_term
from kg.terms import written

__all__ = ["FOLDER", "bound", "bound_question", "example_quads"]

FOLDER = "examples"
_ONLY_FACTS = {
    "nl": " (de feiten; het antwoord maakt de dienst ervan)",
    "en": " (its facts; the service makes the answer of them)",
}
_TYPE = NamedNode(expand("rdf:type"))


def bound(query: str, terms: Mapping[str, str]) -> str:
    """Return a query in which any engine finds its parameters bound: written terms by their names.

    Each group that names a parameter begins with VALUES for it: a nested group, a branch of a UNION
    or an OPTIONAL is evaluated by itself, and a FILTER in it sees nothing that is bound outside.
    The group of a sub-select, and the outermost, bind what is projected, too.

    >>> bound("SELECT ?a { ?s ?p ?o { FILTER(?o < ?a) } }", {"a": "1"})
    'SELECT ?a { VALUES ?a { 1 } ?s ?p ?o { VALUES ?a { 1 } FILTER(?o < ?a) } }'
    >>> bound("SELECT ?a ?b { { SELECT ?s { ?s ?p ?o } } FILTER(?s < ?a) }", {"a": "1", "b": "2"})
    'SELECT ?a ?b { VALUES (?a ?b) { (1 2) } { SELECT ?s { ?s ?p ?o } } FILTER(?s < ?a) }'
    """
    named: dict[int, set[str]] = {}  # by where a group begins
    stack: list[int | None] = []  # None for the braces around a sub-select
    projected: set[str] | None = None
    for token in tokens(query):
        if token.text.upper() == "SELECT" and token.kind == "word":
            projected = set()
            if stack:
                stack[-1] = None
        elif token.text == "{":
            stack.append(token.start + 1)
            named[token.start + 1] = projected or set()
            projected = None
        elif token.text == "}":
            stack.pop()
        elif token.kind == "var" and token.text[1:] in terms:
            here = projected if projected is not None else named.get(stack[-1] or -1) if stack else None
            if here is not None:
                here.add(token.text[1:])
    for start in sorted(named, reverse=True):
        query = (
            f"{query[:start]}{_values({name: terms[name] for name in sorted(named[start])})}{query[start:]}"
        )
    return query


def _values(terms: Mapping[str, str]) -> str:
    if len(terms) < 2:
        return "".join(f" VALUES ?{name} {{ {term} }}" for name, term in terms.items())
    return f" VALUES ({' '.join(f'?{name}' for name in terms)}) {{ ({' '.join(terms.values())}) }}"


def _short(term: Term) -> str:
    """Return a written term, a number as one writes it."""
    is_integer = term.get("datatype") == expand("xsd:integer")
    return term["value"] if is_integer else written(to_term(term))


def bound_question(question: Question, terms: Mapping[str, Term]) -> str:
    """Return a question's query without its header, with these terms for its parameters."""
    lines = (line for line in question.text.splitlines() if not line.startswith("#+"))
    return bound("\n".join(lines), {name: _short(term) for name, term in terms.items()}) + "\n"


async def example_quads(questions: Iterable[Question], asker: Asker) -> list[Quad]:
    """Return the graph of each question, and one with the prefixes.

    A question whose examples stand for nothing in this dataset has none.
    """
    quads = _prefixes()
    for question in questions:
        try:
            resolved = await resolve(
                question, example_values(question), asker, today=datetime.date(2000, 1, 1)
            )
        except BadParameter:
            continue
        quads += _example(question, bound_question(question, resolved.terms))
    return quads


def _example(question: Question, query: str) -> list[Quad]:
    graph = NamedNode(graph_iri(f"{FOLDER}/{question.name}"))
    node = NamedNode(f"{graph.value}#query")
    said: list[tuple[str, NamedNode | Literal]] = [
        ("rdf:type", NamedNode(expand("sh:SPARQLExecutable"))),
        ("rdf:type", NamedNode(expand("sh:SPARQLSelectExecutable"))),
        *(("rdfs:comment", Literal(text, language=language)) for language, text in _titles(question)),
        ("sh:prefixes", _declared()),
        ("sh:select", Literal(query)),
        ("schema:keywords", Literal(question.theme)),
    ]
    return [Quad(node, NamedNode(expand(predicate)), value, graph) for predicate, value in said]


def _titles(question: Question) -> list[tuple[str, str]]:
    """Return what a question is called; one with an analysis says that its query gives no more than facts."""
    more = _ONLY_FACTS if question.analysis else dict.fromkeys(question.title, "")
    return [(language, text + more[language]) for language, text in question.title.items()]


def _declared() -> NamedNode:
    return NamedNode(graph_iri(f"{FOLDER}/_prefixes") + "#prefixes")


def _prefixes() -> list[Quad]:
    graph, node = NamedNode(graph_iri(f"{FOLDER}/_prefixes")), _declared()
    quads = [
        Quad(node, _TYPE, NamedNode(expand("owl:Ontology")), graph),
        Quad(node, NamedNode(expand("owl:imports")), NamedNode(expand("sh:")), graph),
    ]
    for prefix, iri in PREFIXES.items():
        declaration = NamedNode(f"{graph.value}#{prefix}")
        namespace = Literal(iri, datatype=NamedNode(expand("xsd:anyURI")))
        quads += [
            Quad(node, NamedNode(expand("sh:declare")), declaration, graph),
            Quad(declaration, NamedNode(expand("sh:prefix")), Literal(prefix), graph),
            Quad(declaration, NamedNode(expand("sh:namespace")), namespace, graph),
        ]
    return quads
