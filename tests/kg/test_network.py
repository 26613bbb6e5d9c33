"""The network on hand-made ties: a star around `hub`, a chain from it, and a pair apart."""

from __future__ import annotations

from itertools import pairwise

from kg.network import MOST_WAYS, connection, most_connected
from kg.store import Row


def _tie(
    subject: str, thing: str, *, tie: str = "partner", passages: str = "urn:p", counts: str = "true"
) -> Row:
    return {
        "subject": {"type": "uri", "value": f"urn:{subject}"},
        "tie": {"type": "uri", "value": f"urn:{tie}"},
        "object": {"type": "uri", "value": f"urn:{thing}"},
        "passages": {"type": "literal", "value": passages},
        "subjectCounts": {"type": "literal", "value": counts},
        "objectCounts": {"type": "literal", "value": "true"},
    }


NETWORK = [
    _tie("hub", "a"),
    _tie("b", "hub", tie="organiser", passages="urn:p urn:q"),
    _tie("b", "hub"),
    _tie("a", "far"),
    _tie("x", "y"),
]


def _ways(rows: list[Row], start: str, end: str) -> list[tuple[str, ...]]:
    parameters = {
        "from": {"type": "uri", "value": f"urn:{start}"},
        "to": {"type": "uri", "value": f"urn:{end}"},
    }
    names = ("way", "step", "here", "tie", "reads", "there")
    return [
        tuple(row[name]["value"].removeprefix("urn:") for name in names)
        for row in connection(rows, parameters)
    ]


def test_way_shows_each_tie_in_order_with_how_it_reads() -> None:
    assert _ways(NETWORK, "b", "far") == [
        ("1", "1", "b", "organiser", "forth", "hub"),
        ("1", "1", "b", "partner", "forth", "hub"),
        ("1", "2", "hub", "partner", "forth", "a"),
        ("1", "3", "a", "partner", "forth", "far"),
    ]


def test_way_back_reads_the_same_ties_the_other_way() -> None:
    assert [row[4] for row in _ways(NETWORK, "far", "b")] == ["back"] * 4


def test_several_ways_come_in_the_order_of_their_things() -> None:
    rows = [_tie("a", "m"), _tie("a", "k"), _tie("m", "z"), _tie("k", "z")]
    assert [(row[0], row[2], row[5]) for row in _ways(rows, "a", "z")] == [
        ("1", "a", "k"),
        ("1", "k", "z"),
        ("2", "a", "m"),
        ("2", "m", "z"),
    ]


def test_more_ways_than_the_most_are_cut_off_without_being_made() -> None:
    # Ten layers of three: 3^10 ways.
    layers = [["a"], *([f"{n}-{k}" for k in range(3)] for n in range(10)), ["z"]]
    rows = [_tie(x, y) for here, there in pairwise(layers) for x in here for y in there]
    assert _ways(rows, "a", "z")[-1][0] == str(MOST_WAYS)


def test_things_that_nothing_ties_have_no_way() -> None:
    assert _ways(NETWORK, "b", "x") == []
    assert _ways(NETWORK, "b", "unknown") == []
    assert _ways(NETWORK, "b", "b") == []


def test_degree_counts_things_once_and_betweenness_pairs() -> None:
    found = {row["thing"]["value"]: row for row in most_connected(NETWORK, {})}
    hub = found["urn:hub"]
    assert hub["degree"]["value"] == "2"
    # Of the ten pairs of the five others, b-a and b-far pass through the hub.
    assert hub["betweenness"]["value"] == "0.2000"
    assert hub["tiedTo"]["value"] == "urn:a urn:b"
    assert hub["passages"]["value"] == "urn:p urn:q"


def test_equal_things_share_a_rank_and_come_by_name() -> None:
    ranked = [(row["rank"]["value"], row["thing"]["value"]) for row in most_connected(NETWORK, {})]
    assert ranked == [
        ("1", "urn:a"),
        ("1", "urn:hub"),
        ("3", "urn:b"),
        ("3", "urn:far"),
        ("3", "urn:x"),
        ("3", "urn:y"),
    ]


def test_what_does_not_count_has_no_row_but_ties_all_the_same() -> None:
    rows = [_tie("club", "a", counts="false"), _tie("club", "b", counts="false")]
    assert [(row["thing"]["value"], row["degree"]["value"]) for row in most_connected(rows, {})] == [
        ("urn:a", "1"),
        ("urn:b", "1"),
    ]
    assert most_connected([], {}) == []
