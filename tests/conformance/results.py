"""Read the answers to queries, and what the suites expect of them, in each format by its own rules.

A parser of its own for rows, so that an engine is not judged by its own reading.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from pyoxigraph import BaseDirection

from kg.store import BlankNode, Literal, NamedNode, Quad, RdfFormat, Triple, parse

from .compare import Row, same, same_but_repeats, value_of
from .rdf import FORMATS, Facts, Term, read_quads

__all__ = ["FORMAT_OF", "GRAPH_TYPES", "ROW_TYPES", "Answer", "Solutions", "differs", "read", "read_expected"]

ROW_TYPES = {
    ".srx": "application/sparql-results+xml",
    ".srj": "application/sparql-results+json",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
}
GRAPH_TYPES = {
    "text/turtle": RdfFormat.TURTLE,
    "application/n-triples": RdfFormat.N_TRIPLES,
    "application/rdf+xml": RdfFormat.RDF_XML,
    "application/n-quads": RdfFormat.N_QUADS,
    "application/trig": RdfFormat.TRIG,
}
FORMAT_OF = {**{kind: suffix for suffix, kind in ROW_TYPES.items()}, "application/json": ".srj"}

_RS = "http://www.w3.org/2001/sw/DataAccess/tests/result-set#"
_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
_SRX = "{http://www.w3.org/2005/sparql-results#}"
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_DIRECTION = "{http://www.w3.org/2005/11/its}dir"


@dataclass(frozen=True)
class Solutions:
    """Rows by variable; `ordered` where the suite says which comes first."""

    variables: frozenset[str]
    rows: Sequence[Mapping[str, Term]]
    ordered: bool = False


Answer = bool | Solutions | list[Triple]


def differs(given: Answer, expected: Answer, *, lax: bool = False) -> str | None:
    """Say how an answer differs from what is expected, or None; `lax` leaves repeats open."""
    match expected, given:
        case bool(), bool():
            return None if given == expected else f"{given}, expected {expected}"
        case Solutions(), Solutions():
            return _differing_rows(given, expected, lax)
        case list(), list():
            equal = same(map(_triple_row, given), map(_triple_row, expected))
            return None if equal else f"graph {_shown(given)}, expected {_shown(expected)}"
    return f"a {type(given).__name__}, expected a {type(expected).__name__}"


def _differing_rows(given: Solutions, expected: Solutions, lax: bool) -> str | None:
    if given.variables != expected.variables:
        return f"columns {sorted(given.variables)}, expected {sorted(expected.variables)}"
    compare = same_but_repeats if lax else same
    equal = compare(_rows(given, expected.ordered), _rows(expected, expected.ordered))
    return None if equal else f"rows {_shown(given.rows)}, expected {_shown(expected.rows)}"


def read(body: bytes, media_type: str, base: str) -> Answer:
    """Return what an answer says. Raises: ValueError when it isn't of the type that it says it is."""
    if suffix := FORMAT_OF.get(media_type):
        return _READERS[suffix](body)
    if media_type in GRAPH_TYPES:
        try:
            quads = list(parse(body, GRAPH_TYPES[media_type], base_iri=base))
        except SyntaxError as error:
            raise ValueError(f"not {media_type}: {error}") from None
        return [Triple(quad.subject, quad.predicate, quad.object) for quad in dict.fromkeys(quads)]
    raise ValueError(f"{media_type or 'no type'} is no format for an answer")


def read_expected(path: Path, root: Path) -> Answer:
    """Return the answer that a file of the suites holds: rows, a boolean, or a graph."""
    if path.suffix in _READERS:
        return _READERS[path.suffix](path.read_bytes())
    quads = read_quads(path, root)
    assert path.suffix in FORMATS
    facts = Facts(quads)
    sets = facts.having(_TYPE, NamedNode(_RS + "ResultSet"))
    if sets:
        return _result_set(facts, sets[0])
    return [Triple(quad.subject, quad.predicate, quad.object) for quad in quads]


def _rows(solutions: Solutions, ordered: bool) -> Iterator[Row]:
    for index, row in enumerate(solutions.rows):
        cells = tuple((name, value_of(term)) for name, term in sorted(row.items()))
        yield (index, *cells) if ordered else cells


def _triple_row(triple: Triple) -> Row:
    return value_of(triple.subject), triple.predicate, value_of(triple.object)


def _shown(rows: Sequence[Any]) -> str:
    lines = [
        str({name: str(term) for name, term in sorted(row.items())}) if isinstance(row, Mapping) else str(row)
        for row in rows
    ]
    return "\n  ".join([str(len(rows)), *sorted(lines)])


def _result_set(facts: Facts, found: Term) -> bool | Solutions:
    """Read the vocabulary that the SPARQL 1.0 suite writes its results in."""
    boolean = facts.text(found, _RS + "boolean")
    if boolean is not None:
        return boolean == "true"
    names = frozenset(
        name.value for name in facts.all(found, _RS + "resultVariable") if isinstance(name, Literal)
    )
    solutions = facts.all(found, _RS + "solution")
    ordered = any(facts.one(solution, _RS + "index") for solution in solutions)
    solutions = sorted(solutions, key=lambda solution: int(facts.text(solution, _RS + "index") or 0))
    rows = [
        {
            str(facts.text(binding, _RS + "variable")): value
            for binding in facts.all(solution, _RS + "binding")
            if (value := facts.one(binding, _RS + "value")) is not None
        }
        for solution in solutions
    ]
    return Solutions(names, rows, ordered)


def _xml(body: bytes) -> bool | Solutions:
    try:
        document = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        raise ValueError(f"not XML: {error}") from None
    boolean = document.find(f"{_SRX}boolean")
    if boolean is not None:
        return (boolean.text or "").strip() == "true"
    names = frozenset(node.attrib["name"] for node in document.iter(f"{_SRX}variable"))
    rows = [
        {node.attrib["name"]: _xml_term(node[0]) for node in result.findall(f"{_SRX}binding")}
        for result in document.iter(f"{_SRX}result")
    ]
    return Solutions(names, rows)


def _xml_term(node: ElementTree.Element) -> Term:
    text = node.text or ""
    match node.tag.removeprefix(_SRX):
        case "uri":
            return NamedNode(text)
        case "bnode":
            return BlankNode(text)
        case "triple":
            parts = {part.tag.removeprefix(_SRX): _xml_term(part[0]) for part in node}
            return _triple(parts)
        case "literal":
            return _literal(
                text, node.attrib.get("datatype"), node.attrib.get(_LANG), node.attrib.get(_DIRECTION)
            )
    raise ValueError(f"<{node.tag}> is no term")


def _json(body: bytes) -> bool | Solutions:
    document = json.loads(body)
    if "boolean" in document:
        return bool(document["boolean"])
    rows = [{name: _json_term(term) for name, term in row.items()} for row in document["results"]["bindings"]]
    return Solutions(frozenset(document["head"].get("vars", [])), rows)


def _json_term(term: Mapping[str, Any]) -> Term:
    match term["type"]:
        case "uri":
            return NamedNode(term["value"])
        case "bnode":
            return BlankNode(term["value"])
        case "triple":
            return _triple({name: _json_term(part) for name, part in term["value"].items()})
        case "literal" | "typed-literal":
            return _literal(term["value"], term.get("datatype"), term.get("xml:lang"), term.get("its:dir"))
    raise ValueError(f"{term['type']!r} is no kind of term")


def _csv(body: bytes) -> Solutions:
    """Read CSV, which tells neither an IRI from a string nor an empty string from nothing."""
    names, *rows = csv.reader(io.StringIO(body.decode("utf-8"), newline=""))
    return Solutions(
        frozenset(names),
        [
            {
                name: BlankNode(cell[2:]) if cell.startswith("_:") else _csv_value(cell)
                for name, cell in zip(names, row, strict=True)
                if cell
            }
            for row in rows
        ],
    )


def _csv_value(cell: str) -> Literal:
    """Return a cell, a number by its value: "1e6" and "1.0E6" are one."""
    kind = "double" if re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", cell) else "string"
    return Literal(cell, datatype=NamedNode(f"http://www.w3.org/2001/XMLSchema#{kind}"))


def _tsv(body: bytes) -> Solutions:
    head, *lines = body.decode("utf-8").removesuffix("\n").split("\n")
    names = [name.removeprefix("?") for name in head.rstrip("\r").split("\t")]
    return Solutions(
        frozenset(names),
        [
            {
                name: _turtle_term(cell)
                for name, cell in zip(names, line.rstrip("\r").split("\t"), strict=True)
                if cell
            }
            for line in lines
        ],
    )


def _turtle_term(text: str) -> Term:
    try:
        statement: Quad = next(iter(parse(f"<urn:s> <urn:p> {text} .", RdfFormat.TURTLE)))
    except SyntaxError as error:
        raise ValueError(f"{text!r} is no term: {error}") from None
    return statement.object


def _literal(text: str, datatype: str | None, language: str | None, direction: str | None) -> Literal:
    if language:
        way = {"ltr": BaseDirection.LTR, "rtl": BaseDirection.RTL}[direction] if direction else None
        return Literal(text, language=language, direction=way)
    return Literal(text, datatype=NamedNode(datatype) if datatype else None)


def _triple(parts: Mapping[str, Term]) -> Triple:
    subject, predicate, value = parts["subject"], parts["predicate"], parts["object"]
    if isinstance(subject, NamedNode | BlankNode) and isinstance(predicate, NamedNode):
        return Triple(subject, predicate, value)
    raise ValueError(f"{subject} {predicate} {value} is no triple")


_READERS = {".srx": _xml, ".srj": _json, ".csv": _csv, ".tsv": _tsv}
