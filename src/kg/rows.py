"""Read and write the rows that an analysis takes and gives: the terms of SPARQL results in JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kg.namespaces import DEF, PREFIXES
from kg.store import Row, Term

__all__ = ["decimal", "given", "integer", "iri", "iris", "merged", "text", "value", "values"]


def value(row: Row, name: str) -> str:
    """Return a column's value, empty where it is unbound."""
    term = row.get(name)
    return term["value"] if term else ""


def values(row: Row, name: str) -> list[str]:
    """Return the values of a column that parts them by spaces."""
    return value(row, name).split()


def given(parameters: Mapping[str, Term], name: str) -> str:
    """Return the value of a parameter, empty where it was left out."""
    asked = parameters[name]["value"]
    return "" if asked == DEF + "any" else asked


def iri(name: str) -> Term:
    return {"type": "uri", "value": name}


def text(words: str) -> Term:
    return {"type": "literal", "value": words}


def iris(names: Iterable[str]) -> Term:
    """Return a list of IRIs as one term; each stands once.

    >>> iris(["urn:b", "urn:a", "urn:b"])["value"]
    'urn:a urn:b'
    """
    return text(" ".join(sorted(set(names))))


def merged(rows: Iterable[Row], name: str) -> Term:
    """Return what rows hold together in a column of IRIs."""
    return iris(each for row in rows for each in values(row, name))


def integer(number: int) -> Term:
    return {"type": "literal", "value": str(number), "datatype": PREFIXES["xsd"] + "integer"}


def decimal(number: float, places: int) -> Term:
    """Return a number with so many decimals.

    >>> decimal(0.5, 2)["value"]
    '0.50'
    """
    return {"type": "literal", "value": f"{number:.{places}f}", "datatype": PREFIXES["xsd"] + "decimal"}
