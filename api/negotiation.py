"""What a client likes best of what we offer, and what it has already, by its request headers.

Source: https://www.rfc-editor.org/rfc/rfc9110#name-accept and #name-if-none-match
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["choose", "choose_language", "has_already", "is_open", "takes_gzip"]

_QUALITY = re.compile(r"0(?:\.\d{0,3})?|1(?:\.0{0,3})?")


@dataclass(frozen=True)
class _Range:
    main: str
    sub: str
    quality: float

    @property
    def specificity(self) -> int:
        return (self.main != "*") + (self.sub != "*")

    def covers(self, media_type: str) -> bool:
        main, _, sub = media_type.partition("/")
        return self.main in {"*", main} and self.sub in {"*", sub}


def choose(accept: str | None, offered: Iterable[str]) -> str | None:
    """Return the best of `offered`, which is in our order of preference; None when none will do.

    The most specific range that covers a type gives its quality, so `;q=0` excludes. Of equals a
    type that was named wins over one that a wildcard covers, then our order decides.

    >>> choose("text/*, text/csv;q=0, */*;q=0.1", ["text/csv", "application/json", "text/turtle"])
    'text/turtle'
    >>> choose("image/png", ["text/csv"]) is None
    True
    """
    ranges = _ranges(accept)
    best: tuple[float, int] = (0.0, 0)
    chosen = None
    for media_type in offered:
        fits = [each for each in ranges if each.covers(media_type)]
        closest = max(fits, key=lambda each: each.specificity, default=None)
        if closest and closest.quality and (closest.quality, closest.specificity) > best:
            best, chosen = (closest.quality, closest.specificity), media_type
    return chosen


def choose_language(accept_language: str | None, offered: Sequence[str]) -> str:
    """Return the language a client likes best, by the first part of its tags; else the first offered.

    >>> choose_language("de, en-GB;q=0.8, nl;q=0.5", ["nl", "en"])
    'en'
    """
    # A language is a media range without its second half.
    tags = [part.partition(";") for part in (accept_language or "").split(",")]
    ranges = [f"{tag.strip().partition('-')[0]}/*;{rest}" for tag, _, rest in tags]
    chosen = choose(", ".join(ranges), [f"{language}/any" for language in offered])
    return chosen.partition("/")[0] if chosen else offered[0]


@lru_cache(maxsize=1_024)
def takes_gzip(accept_encoding: str | None) -> bool:
    """Whether a client would rather have an answer compressed.

    >>> [takes_gzip(each) for each in ("gzip, deflate, br", "*", "gzip;q=0", "identity, gzip;q=0.5", "")]
    [True, True, False, False, False]
    """
    if not accept_encoding:
        return False
    # A coding is a media range without its second half.
    codings = [part.strip().partition(";") for part in accept_encoding.lower().split(",")]
    ranges = [f"{coding.strip().removeprefix('x-')}/*;{rest}" for coding, _, rest in codings]
    return choose(", ".join(ranges), ["gzip/any", "identity/any"]) == "gzip/any"


def is_open(accept: str | None) -> bool:
    """Whether a client leaves the choice to us.

    >>> is_open("*/*"), is_open(None), is_open("text/csv, */*")
    (True, True, False)
    """
    return all(each.specificity == 0 for each in _ranges(accept))


def _ranges(accept: str | None) -> list[_Range]:
    """Return the ranges of a header; what isn't one is passed over, no header accepts all."""
    if accept is None or not accept.strip():
        return [_Range("*", "*", 1.0)]
    return [each for part in accept.lower().split(",") if (each := _range(part))]


def _range(text: str) -> _Range | None:
    media_range, *parameters = (part.strip() for part in text.split(";"))
    main, slash, sub = media_range.partition("/")
    if not slash or not main or not sub or (main == "*" and sub != "*"):
        return None
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            return _Range(main, sub, float(value)) if _QUALITY.fullmatch(value.strip()) else None
    return _Range(main, sub, 1.0)


def has_already(if_none_match: str | None, etag: str | None) -> bool:
    """Whether the client holds what this ETag names.

    >>> has_already('W/"a", "b"', '"b"'), has_already("*", '"b"'), has_already(None, '"b"')
    (True, True, False)
    """
    if if_none_match is None or etag is None:
        return False
    known = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return etag in known or "*" in known
