"""What is alike, on hand-made initiatives: each is written as its traits."""

from __future__ import annotations

from kg.similarity import similar
from kg.store import Row, Term

ANYWHERE = {"region": {"type": "uri", "value": "https://w3id.org/techniekpact/def/any"}}
IN_REGION = {"region": {"type": "uri", "value": "urn:region"}}


def _stated(**initiatives: str) -> list[Row]:
    """Read `a="aim:build area:north"` as a row for each trait."""
    return [
        {
            "initiative": {"type": "uri", "value": f"urn:{name}"},
            "respect": {"type": "literal", "value": respect.replace("_", " ")},
            "value": {"type": "uri", "value": f"urn:{value}"},
            "passages": {"type": "literal", "value": f"urn:said-of-{name}"},
        }
        for name, traits in initiatives.items()
        for respect, _, value in (trait.partition(":") for trait in traits.split())
    ]


def _groups(rows: list[Row], parameters: dict[str, Term] = ANYWHERE) -> list[tuple[str, str, str]]:
    return [
        (
            row["initiatives"]["value"].replace("urn:", ""),
            row["shared"]["value"],
            row.get("rest", {}).get("value", ""),
        )
        for row in similar(rows, parameters)
    ]


def test_who_share_aim_group_and_area_come_before_who_share_less() -> None:
    rows = _stated(
        a="aim:build group:girls area:north",
        b="aim:build group:girls area:north",
        c="aim:build group:girls area:south",
    )
    assert _groups(rows) == [
        ("a b", "aim, target group and area", ""),
        ("a b c", "aim and target group", "different"),
    ]


def test_what_one_leaves_open_is_not_different() -> None:
    assert _groups(_stated(a="aim:build group:girls area:north", b="aim:build group:girls")) == [
        ("a b", "aim and target group", "not stated")
    ]


def test_same_aim_alone_or_same_place_alone_is_no_group() -> None:
    assert _groups(_stated(a="aim:build area:north", b="aim:build", c="aim:teach area:north")) == []


def test_region_leaves_out_who_are_known_elsewhere_but_not_who_state_no_place() -> None:
    rows = _stated(
        here="aim:build group:girls area:region stated_area:region",
        open="aim:build group:girls",
        there="aim:build group:girls stated_area:south",
    )
    assert _groups(rows, IN_REGION) == [("here open", "aim and target group", "not stated")]


def test_region_needs_one_that_is_known_to_be_there() -> None:
    rows = _stated(a="aim:build group:girls", b="aim:build group:girls")
    assert _groups(rows, IN_REGION) == []
    assert len(_groups(rows)) == 1


def test_something_and_its_own_part_are_no_group() -> None:
    rows = _stated(pact="aim:build area:north", project="aim:build area:north whole:pact")
    assert _groups(rows) == []


def test_what_ties_all_of_them_already_is_named_with_its_passages() -> None:
    rows = _stated(
        a="aim:build area:north whole:pact actor:school actor:town",
        b="aim:build area:north whole:pact actor:school",
    )
    (row,) = similar(rows, ANYWHERE)
    assert (row["partOf"]["value"], row["actors"]["value"]) == ("urn:pact", "urn:school")
    assert row["passages"]["value"] == "urn:said-of-a urn:said-of-b"
