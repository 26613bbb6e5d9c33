"""The question's page as a reader uses it, in a real browser over the real content."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from .conftest import Seen

pytestmark = pytest.mark.browser

TITLE = "Welke financiering dekt deze leeftijd in deze regio?"
PATH = "/questions/funding-for-age-and-region"
ANSWER = f"{PATH}?lang=nl&ageFrom=12&ageTo=14&region=Drechtsteden&day=2022-12-01"
MOST_TABS = 20


def _ask(page: Page, region: str = "Drechtsteden") -> None:
    page.get_by_label("leeftijd van").fill("12")
    page.get_by_label("leeftijd tot en met").fill("14")
    page.get_by_label("regio").fill(region)
    page.get_by_label("dag").fill("2022-12-01")
    page.get_by_role("button", name="Stel de vraag").click()


def _scheme(page: Page, name: str) -> Locator:
    return page.get_by_role("article").filter(has=page.get_by_role("heading", name=name, exact=True))


def test_reader_comes_from_the_start_to_the_answer_and_its_passage(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name=TITLE).click()
    _ask(page)
    scheme = _scheme(page, "Sterk Techniekonderwijs")
    expect(scheme).to_contain_text("Ministerie van Onderwijs, Cultuur en Wetenschap")
    expect(scheme).to_contain_text("Sterk Techniek Onderwijs Dordrecht")
    expect(scheme).to_contain_text("Sterk Techniek Onderwijs Noordelijke Drechtsteden")
    passage = scheme.get_by_role("listitem").filter(has_text="Verkenning Kwartiermaker, 2022, §3.4c")
    expect(passage).to_be_hidden()
    scheme.get_by_text("Waarop dit rust").click()
    expect(passage).to_be_visible()


def test_scheme_whose_ages_no_source_states_stands_under_a_heading_of_its_own(page: Page) -> None:
    page.goto(ANSWER)
    apart = page.get_by_role("heading", name="Regelingen waarvan geen bron de leeftijd noemt", exact=True)
    follows = page.locator("h2", has_text="Regelingen waarvan").locator("xpath=following-sibling::article")
    expect(apart).to_be_visible()
    expect(follows.get_by_role("heading")).to_have_text(["Nationaal Groeifonds"])


def test_unknown_region_shows_candidates_and_one_of_them_gives_the_answer(page: Page, seen: Seen) -> None:
    page.goto(PATH)
    _ask(page, region="drecht")
    expect(page.get_by_role("alert")).to_contain_text("Er is geen regio 'drecht'.")
    expect(page.get_by_label("regio")).to_have_attribute("aria-invalid", "true")
    # The browser itself notes that the page came with 400.
    assert [error for error in seen.errors if "status of 400" not in error] == []
    seen.errors.clear()
    candidates = page.get_by_role("alert").get_by_role("listitem")
    candidates.filter(has_text="arbeidsmarktregio").get_by_role(
        "link", name="Drechtsteden", exact=True
    ).click()
    expect(_scheme(page, "Sterk Techniekonderwijs")).to_be_visible()


def test_link_turns_the_answer_to_english_and_back(page: Page) -> None:
    page.goto(ANSWER)
    page.get_by_role("link", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Which funding covers this age band in this region?"
    )
    expect(page.get_by_role("heading", name="Schemes whose ages no source states")).to_be_visible()
    expect(page.get_by_label("region")).to_have_value("Drechtsteden")
    expect(_scheme(page, "Strong Technical Education")).to_be_visible()
    expect(page.get_by_role("link", name="CSV")).to_have_attribute("href", re.compile(r"[?&]lang=en\b"))
    page.get_by_role("link", name="Nederlands").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(TITLE)


@pytest.mark.parametrize("address", ["/", PATH, ANSWER, "/?lang=en", f"{ANSWER}&lang=en"])
def test_page_fits_a_narrow_screen(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 380, "height": 800})
    page.goto(address)
    for summary in page.locator("summary").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth")


def test_candidates_fit_a_narrow_screen(page: Page, seen: Seen) -> None:
    page.set_viewport_size({"width": 380, "height": 800})
    page.goto(ANSWER.replace("Drechtsteden", "drecht"))
    expect(page.get_by_role("alert")).to_be_visible()
    seen.errors.clear()  # the browser notes that the page came with 400
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth")


def test_keyboard_alone_asks_the_question(page: Page) -> None:
    page.goto(PATH)
    reached: list[str] = []
    for name, value in {"ageFrom": "12", "ageTo": "14", "region": "Drechtsteden"}.items():
        reached += _tab_to(page, name)
        page.keyboard.type(value)
    reached += _tab_to(page, "submit")
    page.keyboard.press("Enter")
    expect(_scheme(page, "Nationaal Groeifonds")).to_be_visible()
    # A day is typed in parts, each of them a stop.
    stops = [
        name for name in dict.fromkeys(reached) if name in ("ageFrom", "ageTo", "region", "day", "submit")
    ]
    assert stops == ["ageFrom", "ageTo", "region", "day", "submit"]


def _tab_to(page: Page, name: str) -> list[str]:
    """Press Tab until the field of that name, or the button, has the focus; return what had it on the way."""
    reached: list[str] = []
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.name || document.activeElement.type || ''"))
        if reached[-1] == name:
            return reached
    raise AssertionError(f"Tab never came to {name}, only to {reached}.")


@pytest.mark.parametrize(
    ("language", "names"),
    [
        ("nl", ["leeftijd van", "leeftijd tot en met", "regio", "dag"]),
        ("en", ["age from (year)", "age to (year)", "region", "day"]),
    ],
)
def test_every_field_has_a_name_that_is_read_aloud(page: Page, language: str, names: list[str]) -> None:
    page.goto(f"{PATH}?lang={language}")
    fields = page.locator("form > .field input")
    for field, name in zip(fields.all(), names, strict=True):
        expect(field).to_have_accessible_name(name)
    expect(page.get_by_role("button")).to_have_accessible_name(re.compile(r"^(Stel de vraag|Ask)$"))


def test_page_without_the_network_of_others_is_styled_by_its_own(page: Page, seen: Seen) -> None:
    page.goto(ANSWER)
    expect(page.locator("link[rel=stylesheet]")).to_have_count(1)
    assert page.evaluate("document.styleSheets[0].cssRules.length") > 0
    assert len(seen.hosts) == 1
