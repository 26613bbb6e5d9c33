"""Refer someone to the services that fit, best first, and say why, or why not.

In each respect that is asked a service fits as stated, as implied or for a part, is otherwise than asked,
or no source says (open). What that means (points, left out, the reason in words) is a rule in the data:
this module knows none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from kg.rows import given, integer, iri, iris, text, value, values
from kg.store import Row, Term

__all__ = ["referral"]

_STATED, _IMPLIED, _PARTLY, _OPEN, _OTHER = "stated", "implied", "partly", "open", "other"
_BEST_FIRST = (_STATED, _IMPLIED, _PARTLY, _OPEN, _OTHER)
_ASKED = ("region", "status", "age", "sector", "need")
_FITS, _MAY_FIT, _LEFT_OUT = "fits", "may fit", "left out"
_VERDICTS = (_FITS, _MAY_FIT, _LEFT_OUT)


@dataclass(frozen=True)
class _Rule:
    """What a fit in one respect means; for everyone, or `status` only."""

    points: int
    leaves_out: bool
    nl: str
    en: str
    status: str
    passage: str


@dataclass
class _Service:
    """What is stated of a service: by kind of fact, the rows."""

    facts: dict[str, list[Row]] = field(default_factory=dict)

    def of(self, fact: str) -> list[Row]:
        return self.facts.get(fact, [])

    def named(self, fact: str) -> list[str]:
        return sorted({value(row, "value") for row in self.of(fact)})


@dataclass(frozen=True)
class _Fit:
    """How a service fits in one respect, and the values that this rests on."""

    how: str
    because: tuple[str, ...] = ()
    passages: tuple[str, ...] = ()


def referral(rows: list[Row], parameters: Mapping[str, Term]) -> list[Row]:
    """Return each service with its verdict; those that fit first, then by points and name."""
    rules, world, services = _rules(rows), _World(rows), _services(rows)
    asked = {name: given(parameters, name) for name in _ASKED if given(parameters, name)}
    judged = [_judged(name, service, asked, rules, world) for name, service in services.items()]
    judged.sort(
        key=lambda row: (
            _VERDICTS.index(value(row, "verdict")),
            -int(value(row, "points")),
            value(row, "service"),
        )
    )
    ranked = [row for row in judged if value(row, "verdict") != _LEFT_OUT]
    for place, row in enumerate(ranked, start=1):
        row["rank"] = integer(place)
    if judged and value(judged[0], "verdict") != _FITS:
        (rule,) = rules["any-service", _OPEN if ranked else _OTHER]
        return [_nothing(rule), *judged]
    return judged


def _nothing(rule: _Rule) -> Row:
    """Say in the first row that nothing fits in every respect."""
    return {
        "verdict": text("nothing fits"),
        "whyNl": text(rule.nl),
        "whyEn": text(rule.en),
        "passages": iris([rule.passage]),
    }


def _judged(
    name: str,
    service: _Service,
    asked: Mapping[str, str],
    rules: Mapping[tuple[str, str], list[_Rule]],
    world: _World,
) -> Row:
    fits = {aspect: _fit(aspect, wanted, service, world) for aspect, wanted in asked.items()}
    if all(fit.how == _OPEN for fit in fits.values()):
        fits["anything"] = _Fit(_OPEN)
    # How far it is, as a source says, goes before its dates.
    when = service.of("stage") or service.of("period")
    if when:
        fits["period"] = _as_said(when)
    applied = [
        rule
        for aspect, fit in fits.items()
        for rule in rules.get((aspect, fit.how), [])
        if not rule.status or rule.status in world.statuses
    ]
    if any(rule.leaves_out for rule in applied):
        verdict = _LEFT_OUT
        applied = [rule for rule in applied if rule.leaves_out]
    else:
        verdict = _MAY_FIT if any(fit.how in (_PARTLY, _OPEN) for fit in fits.values()) else _FITS
    return {
        "verdict": text(verdict),
        "service": iri(name),
        "points": integer(0 if verdict == _LEFT_OUT else sum(rule.points for rule in applied)),
        "whyNl": text(" ".join(rule.nl for rule in applied)),
        "whyEn": text(" ".join(rule.en for rule in applied)),
        "because": iris(each for fit in fits.values() for each in fit.because),
        "contacts": iris(service.named("contact")),
        "passages": iris(
            [
                *(passage for fit in fits.values() for passage in fit.passages),
                *_said(service.of("what") or service.of("step") or service.of("group")),
                *(rule.passage for rule in applied),
            ]
        ),
    }


def _fit(aspect: str, wanted: str, service: _Service, world: _World) -> _Fit:
    match aspect:
        case "region":
            return _best(service.of("area"), lambda area: world.reach(area, wanted))
        case "status":
            return _best(service.of("group"), lambda group: world.statuses.get(group, _OTHER))
        case "sector":
            return _best(
                service.of("branche"),
                lambda branche: _STATED if branche == wanted else world.sectors.get(branche, _OTHER),
            )
        case "need":
            return _best(service.of("step"), lambda step: _STATED if step == wanted else _OTHER)
        case _:
            return _age(int(wanted), service)


def _best(stated: list[Row], how: Callable[[str], str]) -> _Fit:
    """Return the best fit among what is stated; where nothing is, it is open."""
    if not stated:
        return _Fit(_OPEN)
    found = {value(row, "value"): how(value(row, "value")) for row in stated}
    best = min(found.values(), key=_BEST_FIRST.index)
    because = tuple(sorted(name for name, fit in found.items() if fit == best))
    return _Fit(best, because, _said(row for row in stated if value(row, "value") in because))


def _as_said(stated: list[Row]) -> _Fit:
    """Return the best fit that rows say themselves."""
    how = min((_local(value(row, "how")) for row in stated), key=_BEST_FIRST.index)
    return _Fit(how, passages=_said(row for row in stated if _local(value(row, "how")) == how))


def _age(age: int, service: _Service) -> _Fit:
    """A group without ages leaves it open, whatever the other groups say."""
    ages = service.of("age")
    inside = [row for row in ages if int(value(row, "low") or 0) <= age <= int(value(row, "high") or 999)]
    if inside:
        return _Fit(_STATED, tuple(value(row, "value") for row in inside), _said(inside))
    if not ages or set(service.named("group")) - {value(row, "value") for row in ages}:
        return _Fit(_OPEN)
    return _Fit(_OTHER, tuple(value(row, "value") for row in ages), _said(ages))


class _World:
    """What the asked status and sector count as, and where areas lie."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.statuses: dict[str, str] = {}
        self.sectors: dict[str, str] = {}
        self._municipalities: dict[str, set[str]] = {}
        self._countries: set[str] = set()
        self._around: dict[str, set[str]] = {}
        for row in rows:
            name, how = value(row, "value"), value(row, "how")
            match value(row, "fact"):
                case "status":
                    self.statuses[name] = _better(self.statuses.get(name, _OTHER), _local(how))
                case "sector":
                    self.sectors[name] = _local(how)
                case "municipalities":
                    self._municipalities[name] = set(how.split())
                case "country":
                    self._countries.add(name)
                case "tied":
                    self._around.setdefault(name, set()).add(how)

    def reach(self, area: str, region: str) -> str:
        """Say how an area reaches a region: it may be in it, around it, elsewhere, or nobody knows where."""
        if area == region:
            return _STATED
        if area in self._countries:
            return _IMPLIED
        asked = self._within(region)
        if area in self._municipalities:
            return _STATED if self._within(area) & asked else _OTHER
        around = [self._within(whole) for whole in self._around.get(area, ())]
        if region in self._around.get(area, ()) or any(whole and whole <= asked for whole in around):
            return _STATED
        return _OTHER if around and not any(not whole or whole & asked for whole in around) else _OPEN

    def _within(self, area: str) -> set[str]:
        return self._municipalities.get(area, set())


def _better(one: str, other: str) -> str:
    return min(one, other, key=_BEST_FIRST.index)


def _local(name: str) -> str:
    return name.rpartition("/")[2]


def _said(rows: Iterable[Row]) -> tuple[str, ...]:
    return tuple(passage for row in rows for passage in values(row, "passages"))


def _rules(rows: Iterable[Row]) -> dict[tuple[str, str], list[_Rule]]:
    found: dict[tuple[str, str], list[_Rule]] = {}
    for row in rows:
        if value(row, "fact") == "rule":
            rule = _Rule(
                points=int(value(row, "points")),
                leaves_out=value(row, "leavesOut") == "true",
                nl=value(row, "nl"),
                en=value(row, "en"),
                status=value(row, "service"),
                passage=value(row, "passages"),
            )
            key = (_local(value(row, "value")), _local(value(row, "how")))
            found.setdefault(key, []).append(rule)
    return {key: sorted(of, key=lambda rule: (rule.status, rule.nl)) for key, of in found.items()}


def _services(rows: Iterable[Row]) -> dict[str, _Service]:
    found: dict[str, _Service] = {}
    for row in rows:
        if value(row, "service") and value(row, "fact") != "rule":
            service = found.setdefault(value(row, "service"), _Service())
            service.facts.setdefault(value(row, "fact"), []).append(row)
    return found
