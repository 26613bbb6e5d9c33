"""The names of the graph: the base IRI, and one prefix for each kind of thing.

The base is written here and nowhere else in code. A Turtle prefix can hold no
slash, so every type of thing and every code list has a prefix of its own.
"""

from __future__ import annotations

__all__ = ["BASE", "DEF", "GRAPH", "ID", "PREFIXES", "SHAPE", "compact", "expand", "file_of", "graph_iri"]

BASE = "https://w3id.org/techniekpact/"
DEF = f"{BASE}def/"
SHAPE = f"{BASE}shape/"
GRAPH = f"{BASE}graph/"
ID = f"{BASE}id/"

_STANDARD = {
    "adms": "http://www.w3.org/ns/adms#",
    "cpsv": "http://purl.org/vocab/cpsv#",
    "cv": "http://data.europa.eu/m8g/",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "elm": "http://data.europa.eu/snb/model/elm/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "frapo": "http://purl.org/cerif/frapo/",
    "geo": "http://www.opengis.net/ont/geosparql#",
    "org": "http://www.w3.org/ns/org#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "prov": "http://www.w3.org/ns/prov#",
    "qb": "http://purl.org/linked-data/cube#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "schema": "https://schema.org/",
    "sf": "http://www.opengis.net/ont/sf#",
    "sh": "http://www.w3.org/ns/shacl#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}

# prefix -> folder under /id/; the prefix `org` is W3C's, so organisations are `actor:`.
_THINGS = {
    "actor": "org",
    "agreement": "agreement",
    "area": "area",
    "edu": "education",
    "event": "event",
    "goal": "goal",
    "group": "actor-group",
    "initiative": "initiative",
    "initiatives": "initiative-group",
    "ir": "informal-region",
    "lmr": "labour-market-region",
    "person": "person",
    "place": "place",
    "pr": "programme-region",
    "qualification": "qualification",
    "res": "energy-strategy-region",
    "scenario": "scenario",
    "scheme": "scheme",
    "source": "source",
    "target": "target-group",
    "tool": "tool",
}

# Code lists: the prefix is the folder.
_CODES = (
    "activity-kind",
    "amount-kind",
    "amount-per",
    "branche",
    "category",
    "change-kind",
    "character",
    "choice",
    "choice-option",
    "criterion",
    "division",
    "figure-kind",
    "fit",
    "indicator",
    "life-phase",
    "policy-level",
    "population",
    "precision",
    "purpose",
    "quadrant",
    "qualification-kind",
    "recommendation-kind",
    "recruitment-step",
    "ref-area",
    "ref-period",
    "referral-aspect",
    "role",
    "school-year",
    "sector",
    "side-entry-element",
    "side-entry-step",
    "status",
    "theme",
    "unit",
    "unknown-reason",
    "vacancy-frequency",
)

PREFIXES: dict[str, str] = dict(
    sorted(
        {
            **_STANDARD,
            "sh-tp": SHAPE,
            "tp": DEF,
            **{prefix: f"{ID}{folder}/" for prefix, folder in _THINGS.items()},
            **{name: f"{ID}{name}/" for name in _CODES},
        }.items()
    )
)


def expand(name: str) -> str:
    """Return the IRI of a prefixed name.

    >>> expand("tp:funder")
    'https://w3id.org/techniekpact/def/funder'
    """
    prefix, _, local = name.partition(":")
    return PREFIXES[prefix] + local


def compact(iri: str) -> str:
    """Return the shortest prefixed name of an IRI, else the IRI in angle brackets.

    >>> compact("https://w3id.org/techniekpact/id/area/gm0505")
    'area:gm0505'
    >>> compact("urn:other")
    '<urn:other>'
    """
    fits = [(len(ns), prefix) for prefix, ns in PREFIXES.items() if iri.startswith(ns)]
    if fits:
        length, prefix = max(fits)
        local = iri[length:]
        if "/" not in local and "#" not in local:
            return f"{prefix}:{local}"
    return f"<{iri}>"


def graph_iri(path: str) -> str:
    """Return the graph of a content file, given its path without suffix.

    >>> graph_iri("zuid-holland-2022/table-3")
    'https://w3id.org/techniekpact/graph/zuid-holland-2022/table-3'
    """
    return GRAPH + path


def file_of(graph: str) -> str | None:
    """Return the path without suffix of the content file whose graph this is; None where it can't be one.

    A name that climbs out of its folder is a name, and no file.

    >>> file_of(graph_iri("report/2")), file_of(graph_iri("report/../../etc/passwd")), file_of("urn:x")
    ('report/2', None, None)
    """
    path = graph.removeprefix(GRAPH)
    return path if path != graph and not {"", ".", ".."} & set(path.split("/")) else None
