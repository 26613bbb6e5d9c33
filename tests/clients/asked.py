"""What every client asks of the small dataset, and what it holds."""

from __future__ import annotations

from kg.namespaces import GRAPH, PREFIXES

__all__ = [
    "ASK",
    "CONSTRUCT",
    "DESCRIBE",
    "LABEL",
    "REPORT",
    "SCHEME",
    "SELECT",
    "TITLE",
    "removal",
    "written",
]

REPORT = f"{GRAPH}report/1"
SCHEME = f"{PREFIXES['scheme']}wholly"
LABEL = f"{PREFIXES['skos']}prefLabel"
TITLE = "stated wholly"
_ALSO = f"{PREFIXES['skos']}altLabel"

SELECT = f"SELECT ?label {{ <{SCHEME}> <{LABEL}> ?label }}"
ASK = f"ASK {{ <{SCHEME}> <{LABEL}> ?label }}"
CONSTRUCT = f"CONSTRUCT WHERE {{ <{SCHEME}> <{LABEL}> ?label }}"
DESCRIBE = f"DESCRIBE <{SCHEME}>"


def written(label: str) -> str:
    """Return an update that adds a second label to the scheme, in the report's graph."""
    return f"INSERT DATA {{ {_said(label)} }}"


def removal(label: str) -> str:
    """Return the update that takes it away."""
    return f"DELETE DATA {{ {_said(label)} }}"


def _said(label: str) -> str:
    return f'GRAPH <{REPORT}> {{ <{SCHEME}> <{_ALSO}> "{label}"@nl }}'
