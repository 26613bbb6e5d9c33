"""Check a service description as the suite asks in words.

The suite's three tests (`returns-rdf`, `has-endpoint-triple`, `conforms-to-schema`) hold nothing to
execute. The schema is what the vocabulary declares: which properties there are, on what they stand,
and what their values are.
Source: https://www.w3.org/TR/sparql11-service-description/#vocabulary
"""

from __future__ import annotations

from collections.abc import Iterator

from kg.store import Literal, NamedNode, Triple

from .rdf import Facts, Term

__all__ = ["faults"]

_SD = "http://www.w3.org/ns/sparql-service-description#"
_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"

_CLASSES = {
    *("Service", "Feature", "Language", "Function", "Aggregate", "EntailmentRegime", "EntailmentProfile"),
    *("GraphCollection", "Dataset", "Graph", "NamedGraph"),
}
_INSTANCES = {
    "Language": {"SPARQL10Query", "SPARQL11Query", "SPARQL11Update"},
    "Feature": {
        *("DereferencesURIs", "UnionDefaultGraph", "RequiresDataset", "EmptyGraphs", "BasicFederatedQuery"),
    },
}
# property -> what it stands on, and what its values are where the vocabulary has a class for them
_PROPERTIES = {
    "endpoint": ("Service", None),
    "feature": ("Service", "Feature"),
    "defaultEntailmentRegime": ("Service", None),
    "entailmentRegime": ("NamedGraph", None),
    "defaultSupportedEntailmentProfile": ("Service", None),
    "supportedEntailmentProfile": ("NamedGraph", None),
    "extensionFunction": ("Service", None),
    "extensionAggregate": ("Service", None),
    "languageExtension": ("Service", "Feature"),
    "supportedLanguage": ("Service", "Language"),
    "propertyFeature": ("Service", "Feature"),
    "defaultDataset": ("Service", "Dataset"),
    "availableGraphs": ("Service", "GraphCollection"),
    "resultFormat": ("Service", None),
    "inputFormat": ("Service", None),
    "defaultGraph": ("Dataset", "Graph"),
    "namedGraph": ("GraphCollection", "NamedGraph"),
    "name": ("NamedGraph", None),
    "graph": ("NamedGraph", "Graph"),
    # In use beside the endpoint property, though the vocabulary has only the other.
    "url": ("Service", None),
}
_KINDS_OF = {"Dataset": {"Dataset"}, "GraphCollection": {"GraphCollection", "Dataset"}}


def faults(description: list[Triple], wish: str, endpoint: str) -> list[str]:
    """Return what is wrong with a description by the wish of one of the suite's tests.

    >>> faults([], "Service description contains a matching sd:endpoint triple", "http://example.org/sparql")
    ['no sd:endpoint <http://example.org/sparql>']
    """
    facts = Facts(description)
    match wish:
        case "GET on endpoint returns RDF":
            return [] if description else ["the graph is empty"]
        case "Service description contains a matching sd:endpoint triple":
            found = facts.having(_SD + "endpoint", NamedNode(endpoint))
            return [] if found else [f"no sd:endpoint <{endpoint}>"]
        case "Service description conforms to schema":
            return list(_against_schema(description, facts))
    raise ValueError(f"no one knows how to check: {wish}")


def _against_schema(description: list[Triple], facts: Facts) -> Iterator[str]:
    if not facts.having(_TYPE, NamedNode(_SD + "Service")):
        yield "there is no sd:Service"
    for triple in description:
        yield from _statement(triple, facts)
    for service in facts.having(_TYPE, NamedNode(_SD + "Service")):
        if not facts.all(service, _SD + "endpoint"):
            yield "a service has no sd:endpoint"
    for graph in facts.having(_TYPE, NamedNode(_SD + "NamedGraph")):
        if len(facts.all(graph, _SD + "name")) != 1:
            yield "a named graph has no single sd:name"


def _statement(triple: Triple, facts: Facts) -> Iterator[str]:
    name = _name(triple.predicate)
    kind = _name(triple.object) if triple.predicate.value == _TYPE else None
    if kind and kind not in _CLASSES:
        yield f"there is no class sd:{kind}"
    if name is None:
        return
    if name not in _PROPERTIES:
        yield f"there is no property sd:{name}"
        return
    domain, value_class = _PROPERTIES[name]
    if not _is(triple.subject, domain, facts):
        yield f"sd:{name} stands on what is no sd:{domain}"
    if isinstance(triple.object, Literal):
        yield f"sd:{name} has the literal {triple.object} for a value"
    elif value_class and not _is(triple.object, value_class, facts):
        yield f"sd:{name} has the value {triple.object}, no sd:{value_class}"


def _is(node: Term, kind: str, facts: Facts) -> bool:
    """Whether a node is of a class: by a type it states, by the vocabulary, or as a term of another's."""
    if isinstance(node, NamedNode) and _name(node) is None:
        return True
    types = {_name(found) for found in facts.all(node, _TYPE)}
    return bool(types & _KINDS_OF.get(kind, {kind})) or _name(node) in _INSTANCES.get(kind, set())


def _name(node: Term) -> str | None:
    """Return the local name of a term of the vocabulary."""
    if isinstance(node, NamedNode) and node.value.startswith(_SD):
        return node.value.removeprefix(_SD)
    return None
