"""Find what the values of a question's parameters stand for.

They are typed, found by IRI, `<type>/<slug>`, prefixed name, code or label in any case and both
languages, and bound as terms; text is never pasted into a query.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Protocol

from kg.errors import BadParameter
from kg.namespaces import ID, PREFIXES
from kg.questions import Parameter, Question
from kg.store import NamedNode, Row, Term

__all__ = ["ANY", "Asker", "Resolved", "library_query", "resolve", "with_values"]

# What a parameter that may be left out stands for then.
ANY: Term = {"type": "uri", "value": PREFIXES["tp"] + "any"}
_XSD = PREFIXES["xsd"]
_MOST_CHARACTERS = 400


class Asker(Protocol):
    """Anything that can run a query with bound terms: the store of this process, or the workers."""

    async def rows(self, query: str, bindings: Mapping[str, Term]) -> list[Row]: ...


def library_query(name: str) -> str:
    """Return one of the service's own queries, kept as a file beside this module."""
    return resources.files("kg").joinpath("sparql", f"{name}.rq").read_text("utf-8")


def with_values(name: str, variable: str, iris: Iterable[str]) -> str:
    """Write IRIs into one of our own queries; the engine's own writer escapes them."""
    terms = " ".join(str(NamedNode(iri)) for iri in sorted(iris))
    return library_query(name).replace(f"VALUES ?{variable} {{ }}", f"VALUES ?{variable} {{ {terms} }}")


@dataclass(frozen=True)
class Resolved:
    """The term of each parameter, and what else a name could have meant: (thing, its kind) by parameter."""

    terms: dict[str, Term]
    others: dict[str, list[tuple[str, str]]]


async def resolve(
    question: Question, values: Mapping[str, str], asker: Asker, *, today: datetime.date
) -> Resolved:
    """Find what each value stands for; `today` is the day when none is given.

    Raises: BadParameter for a value that is missing, repeated under another name, of the wrong
    type, out of range, unknown, or ambiguous (with the candidates).
    """
    unknown = sorted(set(values) - {parameter.name for parameter in question.parameters})
    if unknown:
        names = ", ".join(parameter.name for parameter in question.parameters)
        raise BadParameter(
            unknown[0],
            f"{question.name} has no parameter {unknown[0]!r}. It has: {names}.",
            f"{question.name} heeft geen parameter {unknown[0]!r}. Wel: {names}.",
        )
    bound: dict[str, Term] = {}
    others: dict[str, list[tuple[str, str]]] = {}
    for parameter in question.parameters:
        text = values.get(parameter.name, "").strip()
        if not text and parameter.default == "today":
            text = today.isoformat()
        if not text and parameter.optional:
            bound[parameter.name] = ANY
            continue
        if not text:
            raise BadParameter(
                parameter.name,
                f"Give {parameter.name} ({parameter.label['en']}), such as {parameter.example}.",
                f"Geef {parameter.name} ({parameter.label['nl']}), zoals {parameter.example}.",
            )
        bound[parameter.name], others[parameter.name] = await _term(parameter, text, asker)
    for low, high in question.order:
        if ANY not in (bound[low], bound[high]) and _order(bound[low]) > _order(bound[high]):
            raise BadParameter(
                low, f"{low} is more than {high}: turn them round.", f"{low} is meer dan {high}: draai ze om."
            )
    return Resolved(bound, {name: things for name, things in others.items() if things})


def _order(term: Term) -> tuple[int, str]:
    """Return what numbers and days are sorted by."""
    return (int(term["value"]), "") if term["datatype"] == _XSD + "integer" else (0, term["value"])


async def _term(parameter: Parameter, text: str, asker: Asker) -> tuple[Term, list[tuple[str, str]]]:
    match parameter.type:
        case "integer":
            return _integer(parameter, text), []
        case "date":
            return _date(parameter, text), []
        case "text":
            return _text(parameter, text), []
        case _:
            return await _thing(parameter, text, asker)


def _integer(parameter: Parameter, text: str) -> Term:
    low, high = parameter.minimum, parameter.maximum
    value = int(text) if re.fullmatch(r"-?[0-9]{1,9}", text) else None
    if value is None or (low is not None and value < low) or (high is not None and value > high):
        raise BadParameter(
            parameter.name,
            f"{parameter.name} is a whole number from {low} to {high}, not {text!r}.",
            f"{parameter.name} is een geheel getal van {low} tot en met {high}, niet {text!r}.",
        )
    return {"type": "literal", "value": str(value), "datatype": _XSD + "integer"}


def _date(parameter: Parameter, text: str) -> Term:
    try:
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            raise ValueError
        day = datetime.date.fromisoformat(text)
    except ValueError:
        raise BadParameter(
            parameter.name,
            f"{parameter.name} is a day such as 2022-12-01, not {text!r}.",
            f"{parameter.name} is een dag zoals 2022-12-01, niet {text!r}.",
        ) from None
    return {"type": "literal", "value": day.isoformat(), "datatype": _XSD + "date"}


def _text(parameter: Parameter, text: str) -> Term:
    if len(text) > _MOST_CHARACTERS:
        raise BadParameter(
            parameter.name,
            f"{parameter.name} has {len(text)} characters; {_MOST_CHARACTERS} is the most.",
            f"{parameter.name} heeft {len(text)} tekens; {_MOST_CHARACTERS} is het meeste.",
        )
    return {"type": "literal", "value": text}


async def _thing(parameter: Parameter, text: str, asker: Asker) -> tuple[Term, list[tuple[str, str]]]:
    """Find a thing by IRI, `<type>/<slug>`, prefixed name, code or label, in any case and both languages.

    Of several, the first preferred kind with exactly one is taken; the rest are what else was meant.
    """
    found = await asker.rows(
        library_query("find-thing"),
        {
            "class": {"type": "uri", "value": parameter.of_class},
            "name": {"type": "literal", "value": text.casefold()},
            "iri": {"type": "literal", "value": _as_iri(text)},
        },
    )
    kinds = {row["thing"]["value"]: row["classes"]["value"].split() for row in found}
    if not kinds:
        raise await _not_found(parameter, text, asker)
    for kind in parameter.prefer or (parameter.of_class,):
        preferred = [iri for iri, classes in kinds.items() if kind in classes]
        if len(preferred) == 1 or len(kinds) == 1:
            chosen = preferred[0] if preferred else next(iter(kinds))
            return {"type": "uri", "value": chosen}, _others(parameter, kinds, chosen)
    raise BadParameter(
        parameter.name,
        f"{parameter.label['en']} {text!r} is more than one thing. Choose one of the candidates.",
        f"{parameter.label['nl']} {text!r} is meer dan één ding. Kies een van de kandidaten.",
        _candidates(found),
    )


def _others(parameter: Parameter, kinds: Mapping[str, list[str]], chosen: str) -> list[tuple[str, str]]:
    def kind(classes: list[str]) -> str:
        return next((one for one in parameter.prefer if one in classes), parameter.of_class)

    return [(iri, kind(classes)) for iri, classes in kinds.items() if iri != chosen]


async def _not_found(parameter: Parameter, text: str, asker: Asker) -> BadParameter:
    near = await asker.rows(
        library_query("near-things"),
        {
            "class": {"type": "uri", "value": parameter.of_class},
            "part": {"type": "literal", "value": text.casefold()[:40]},
        },
    )
    choose = ("Choose one of the candidates.", "Kies een van de kandidaten.")
    check = ("Check the spelling, or give its IRI or code.", "Kijk de spelling na, of geef de IRI of code.")
    en, nl = choose if near else check
    return BadParameter(
        parameter.name,
        f"There is no {parameter.label['en']} {text!r}. {en}",
        f"Er is geen {parameter.label['nl']} {text!r}. {nl}",
        _candidates(near),
    )


def _as_iri(text: str) -> str:
    prefix, colon, local = text.partition(":")
    if colon and prefix in PREFIXES and not local.startswith("//"):
        return PREFIXES[prefix] + local
    return text if "://" in text else ID + text


def _candidates(rows: list[Row]) -> list[dict[str, str]]:
    """Return each thing once, by label and kind."""
    named = {
        row["thing"]["value"]: (row["label"]["value"], row["kindEn"]["value"], row["kindNl"]["value"])
        for row in rows
    }
    ordered = sorted(named.items(), key=lambda pair: pair[::-1])
    return [{"iri": iri, "label": label, "en": en, "nl": nl} for iri, (label, en, nl) in ordered]
