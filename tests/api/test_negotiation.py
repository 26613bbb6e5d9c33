"""Accept and Accept-Language: qualities, wildcards, specificity, exclusion."""

from __future__ import annotations

import pytest

from api.negotiation import choose, choose_language, is_open

OFFERED = ["application/json", "text/csv", "text/turtle"]


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/*", "text/csv"),
        ("text/turtle, text/csv", "text/csv"),
        ("text/csv;q=0.5, text/turtle;q=0.9", "text/turtle"),
        ("text/*, text/csv;q=0", "text/turtle"),
        ("*/*, application/json;q=0", "text/csv"),
        ("*/*;q=0.9, text/*;q=0.1", "application/json"),
        ("text/turtle, */*", "text/turtle"),
        ("TEXT/CSV ; Q=0.5", "text/csv"),
        ("text/csv;header=present;q=0.5, nonsense, */", "text/csv"),
        ("text/csv;q=2, text/turtle;q=0.1", "text/turtle"),
        ("text/csv;q=nan", None),
        ("image/png", None),
        ("*/*;q=0", None),
    ],
)
def test_accept_picks_what_the_client_likes_best(accept: str | None, chosen: str | None) -> None:
    assert choose(accept, OFFERED) == chosen


def test_header_with_a_named_type_is_not_open() -> None:
    assert not is_open("text/csv;q=0.1, */*")


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        (None, "nl"),
        ("", "nl"),
        ("de", "nl"),
        ("en-US, nl;q=0.5", "en"),
        ("nl;q=0.1, en;q=0.2", "en"),
        ("*", "nl"),
    ],
)
def test_accept_language_picks_a_language_or_the_first(header: str | None, chosen: str) -> None:
    assert choose_language(header, ["nl", "en"]) == chosen
