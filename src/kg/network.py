"""The network of who has part in what: the one door to networkx.

A row is a tie: ?subject ?tie ?object, with the passages that state it. Which way a tie points doesn't
matter to how things are connected, and several ties between two things connect them once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice, pairwise

import networkx

from kg.rows import decimal, integer, iri, iris, merged, text, value, values
from kg.store import Row, Term

__all__ = ["MOST_WAYS", "connection", "most_connected"]

MOST_WAYS = 50
_PLACES = 4


def connection(rows: list[Row], parameters: Mapping[str, Term]) -> list[Row]:
    """Return the shortest ways between two things, tie by tie: by way, step, and the tie's name.

    Ways of one length come in the order of the things on them; of more than `MOST_WAYS` the first.
    """
    start, end = parameters["from"]["value"], parameters["to"]["value"]
    between = _ties(rows)
    graph = _graph(rows)
    if start == end or start not in graph or end not in graph or not networkx.has_path(graph, start, end):
        return []
    ways = islice(_ways(graph, start, end), MOST_WAYS)
    return [
        {
            "way": integer(number),
            "step": integer(step),
            "here": iri(here),
            "tie": row["tie"],
            "reads": text("forth" if value(row, "subject") == here else "back"),
            "there": iri(there),
            "passages": iris(values(row, "passages")),
        }
        for number, way in enumerate(ways, start=1)
        for step, (here, there) in enumerate(pairwise(way), start=1)
        for row in between[frozenset((here, there))]
    ]


def most_connected(rows: list[Row], parameters: Mapping[str, Term]) -> list[Row]:
    """Return the things that count, by how many others they are tied to, then how often they lie between.

    Betweenness is the share of all pairs whose shortest ways pass through a thing. It is reckoned over
    the whole network; `subjectCounts` and `objectCounts` say which things have a row.
    """
    del parameters  # the query has said in each row what counts
    graph = _graph(rows)
    betweenness = networkx.betweenness_centrality(graph)
    counts = {
        value(row, end) for row in rows for end in ("subject", "object") if _is_true(row, f"{end}Counts")
    }
    of_thing: dict[str, list[Row]] = {}
    for row in rows:
        for end in {value(row, "subject"), value(row, "object")}:
            of_thing.setdefault(end, []).append(row)
    found = sorted(
        (-graph.degree(thing), -round(betweenness[thing], _PLACES), thing)
        for thing in counts
        if thing in graph
    )
    ranks = {key: number for number, key in reversed([*enumerate((f[:2] for f in found), start=1)])}
    return [
        {
            "rank": integer(ranks[degree, between]),
            "thing": iri(thing),
            "degree": integer(-degree),
            "betweenness": decimal(-between, _PLACES),
            "tiedTo": iris(graph.neighbors(thing)),
            "passages": merged(of_thing[thing], "passages"),
        }
        for degree, between, thing in found
    ]


def _graph(rows: Iterable[Row]) -> networkx.Graph:
    """Return the network with its things and ties in a fixed order, so that sums come out the same."""
    graph = networkx.Graph()
    pairs = sorted({(value(row, "subject"), value(row, "object")) for row in rows})
    graph.add_edges_from((subject, thing) for subject, thing in pairs if subject != thing)
    return graph


def _ties(rows: Iterable[Row]) -> dict[frozenset[str], list[Row]]:
    found: dict[frozenset[str], list[Row]] = {}
    for row in sorted(rows, key=lambda row: (value(row, "tie"), value(row, "subject"), value(row, "object"))):
        found.setdefault(frozenset((value(row, "subject"), value(row, "object"))), []).append(row)
    return found


def _ways(graph: networkx.Graph, start: str, end: str) -> Iterable[list[str]]:
    """Yield each shortest way, in the order of the things on it, without making all of them first."""
    ahead = networkx.single_source_shortest_path_length(graph, end)

    def onward(way: list[str]) -> Iterable[list[str]]:
        if way[-1] == end:
            yield way
            return
        for thing in sorted(graph.neighbors(way[-1])):
            if ahead[thing] == ahead[way[-1]] - 1:
                yield from onward([*way, thing])

    return onward([start])


def _is_true(row: Row, name: str) -> bool:
    return value(row, name) == "true"
