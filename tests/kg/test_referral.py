"""To whom someone is referred: rules of three words each, and services made by hand."""

from __future__ import annotations

from kg.referral import referral
from kg.store import Row, Term

ANY = "https://w3id.org/techniekpact/def/any"
# aspect fit points, and ! where it leaves out; `near` is for who has `poor` only.
RULES = (
    *("region stated 3", "region implied 2", "region open 0", "region other 0 !", "region stated 2 for=poor"),
    *("status stated 4", "status implied 3", "status partly 1", "status open 0", "status other 0 !"),
    *(
        "age stated 2",
        "age open 0",
        "age other 0 !",
        "sector stated 3",
        "sector implied 1",
        "sector other 0 !",
    ),
    *("need stated 5", "need open 0", "need other 0 !", "period other 0 !", "period open 0"),
    *("anything open 0 !", "any-service open 0", "any-service other 0"),
)
WORLD = (
    *("municipalities region how=m1,m2", "municipalities inside how=m1", "municipalities elsewhere how=m9"),
    *("municipalities within how=m2", "country land", "tied quarter how=inside", "tied far how=elsewhere"),
)


def _literal(text: str) -> Term:
    return {"type": "literal", "value": text}


def _facts(*written: str) -> list[Row]:
    """Read `group town jobless` (fact, service, value) and the world's `fact value key=word` as rows."""
    rows: list[Row] = []
    for rule in RULES:
        aspect, fit, points, *rest = rule.split()
        row = {"fact": "rule", "value": f"id/{aspect}", "how": f"id/{fit}", "points": points}
        row |= {
            "leavesOut": "true" if "!" in rest else "false",
            "nl": f"{aspect} {fit}.",
            "en": f"{aspect} {fit}.",
        }
        row |= {"service": "poor"} if "for=poor" in rest else {}
        rows.append({name: _literal(text) for name, text in {**row, "passages": "urn:rules"}.items()})
    for fact in WORLD:
        name, value, *pairs = fact.split()
        row = {"fact": name, "value": value} | dict(pair.split("=") for pair in pairs)
        rows.append({key: _literal(text.replace(",", " ")) for key, text in row.items()})
    for fact in written:
        name, *words = fact.split()
        plain = [word for word in words if "=" not in word]
        row = {"fact": name} | dict(
            zip(("value",) if name in {"status", "sector"} else ("service", "value"), plain, strict=False)
        )
        row |= dict(word.split("=") for word in words if "=" in word)
        rows.append({key: _literal(text) for key, text in {**row, "passages": f"urn:{name}"}.items()})
    return rows


def _referred(*written: str, **asked: str) -> dict[str, tuple[str, int, str]]:
    """Return by service its verdict, points and reasons; the row that says that nothing fits goes by "-"."""
    given = {"region": "region"} | asked
    names = ("region", "status", "age", "sector", "need")
    parameters = {name: {"type": "uri", "value": given.get(name, ANY)} for name in names}
    return {
        row.get("service", {"value": "-"})["value"]: (
            row["verdict"]["value"],
            int(row.get("points", {"value": "0"})["value"]),
            row["whyEn"]["value"],
        )
        for row in referral(_facts(*written), parameters)
    }


def test_all_that_is_stated_adds_up_and_the_best_comes_first() -> None:
    found = _referred(
        *("status jobless how=id/stated", "area good inside", "group good jobless", "step good train"),
        *("area fair land", "group fair jobless", "step fair train"),
        status="jobless",
        need="train",
    )
    assert list(found.items()) == [
        ("good", ("fits", 12, "region stated. status stated. need stated.")),
        ("fair", ("fits", 11, "region implied. status stated. need stated.")),
    ]


def test_what_no_source_says_neither_adds_nor_leaves_out() -> None:
    assert _referred("area a inside", status="jobless") == {
        "-": ("nothing fits", 0, "any-service open."),
        "a": ("may fit", 3, "region stated. status open."),
    }


def test_what_is_otherwise_than_asked_is_left_out_with_only_why() -> None:
    found = _referred("area a inside", "step a match", need="train")
    assert found["a"] == ("left out", 0, "need other.")
    assert found["-"] == ("nothing fits", 0, "any-service other.")


def test_service_of_which_nothing_asked_is_stated_is_left_out() -> None:
    assert _referred("what a flexible", status="jobless")["a"] == ("left out", 0, "anything open.")


def test_place_is_reached_by_municipalities_ties_and_country() -> None:
    areas = ("inside", "region", "land", "quarter", "elsewhere", "far", "nowhere-known")
    found = _referred(*(f"area {area} {area}" for area in areas))
    assert {name: why for name, (_, _, why) in found.items()} == {
        "inside": "region stated.",
        "region": "region stated.",
        "quarter": "region stated.",
        "land": "region implied.",
        "elsewhere": "region other.",
        "far": "region other.",
        "nowhere-known": "anything open.",
    }


def test_group_that_counts_is_enough_and_a_narrower_one_only_may_fit() -> None:
    world = (
        "status jobless how=id/implied",
        "status on-benefit how=id/stated",
        "status young-on-benefit how=id/partly",
    )
    found = _referred(
        *world,
        *(
            "area a region",
            "group a jobless",
            "area b region",
            "group b young-on-benefit",
            "area c region",
            "group c pupils",
        ),
        status="on-benefit",
    )
    assert [found[name][0] for name in ("a", "b", "c")] == ["fits", "may fit", "left out"]
    assert found["b"][2] == "region stated. status partly."


def test_rule_for_one_status_holds_for_those_who_count_as_it() -> None:
    stated = ("area a region", "group a poor")
    assert _referred("status poor how=id/implied", *stated, status="on-benefit")["a"][1] == 3 + 2 + 3
    assert (
        _referred("status other how=id/stated", "area a region", "group a other", status="other")["a"][1]
        == 3 + 4
    )


def test_group_without_ages_leaves_the_age_open() -> None:
    aged = ("area a region", "group a young", "age a young low=10 high=14")
    assert _referred(*aged, age="12")["a"][2] == "region stated. age stated."
    assert _referred(*aged, age="30")["a"][0] == "left out"
    assert _referred(*aged, "group a adults", age="30")["a"][2] == "region stated. age open."


def test_sector_at_large_counts_and_another_does_not() -> None:
    found = _referred(
        *("sector wide how=id/implied", "area a region", "branche a wide"),
        *("area b region", "branche b maritime", "area c region", "branche c ict"),
        sector="ict",
    )
    assert [found[name][2] for name in ("a", "b", "c")] == [
        "region stated. sector implied.",
        "sector other.",
        "region stated. sector stated.",
    ]


def test_what_has_ended_is_left_out_and_what_is_planned_may_fit() -> None:
    found = _referred(
        *("area ended region", "period ended then how=id/other"),
        *("area again region", "period again then how=id/other", "period again now how=id/stated"),
        *("area planned region", "stage planned plan how=id/open"),
    )
    assert {name: verdict for name, (verdict, _, _) in found.items()} == {
        "again": "fits",
        "planned": "may fit",
        "ended": "left out",
    }


def test_no_service_at_all_is_an_empty_answer() -> None:
    assert _referred() == {}
