"""What changed between two Releases, by meaning: of what was stated before and what is stated now.

A row is one triple with its passage and its edition. A thing is what has an identity across passages,
a node is what one passage states and names itself (`<passage>#name`); an amount or a period is folded into
what has it, so that a change of either is a change of the scheme or initiative.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kg.namespaces import DEF, PREFIXES, compact
from kg.rows import integer, iri, iris, text, value
from kg.store import Row, Term

__all__ = ["changes"]

_TYPE = PREFIXES["rdf"] + "type"
_NAMES = (PREFIXES["skos"] + "prefLabel", PREFIXES["dct"] + "title", PREFIXES["dct"] + "description")
_FOLDED = {PREFIXES["tp"] + "Amount", PREFIXES["dct"] + "PeriodOfTime", PREFIXES["tp"] + "Period"}
_END = PREFIXES["dcat"] + "endDate"
_SHOWN_FIRST = (PREFIXES["schema"] + "value", PREFIXES["dcat"] + "startDate")
_ORDER = ("new", "removed", "ended", "changed", "added", "withdrawn")

# The values of one property, each as (text, IRI or nothing), with the passages that state it.
_Values = dict[tuple[str, str], set[str]]


@dataclass
class _Edition:
    """What is stated in one Release: by subject and property; what each is, and how it is called."""

    stated: dict[str, dict[str, _Values]] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    closed: set[tuple[str, str]] = field(default_factory=set)

    def of(self, subject: str, name: str) -> _Values:
        return self.stated.get(subject, {}).get(name, {})

    def passages(self, subject: str) -> set[str]:
        return {each for found in self.stated[subject].values() for where in found.values() for each in where}


def changes(rows: list[Row], parameters: Mapping[str, Term]) -> list[Row]:
    """Return what is new, removed and changed; so ordered, then by what it is, its thing and its values."""
    del parameters  # the rows say which edition they are of
    earlier = _read(row for row in rows if value(row, "edition") == "earlier")
    later = _read(row for row in rows if value(row, "edition") == "later")
    found = [
        *_appeared("new", later, earlier),
        *_appeared("removed", earlier, later),
        *_altered(earlier, later),
    ]
    return sorted(found, key=_rank)


def _read(rows: Iterable[Row]) -> _Edition:
    found = list(rows)
    edition = _Edition()
    for row in found:
        if value(row, "property") == _TYPE:
            held, kind = edition.kinds.get(value(row, "subject")), value(row, "value")
            edition.kinds[value(row, "subject")] = min(held or kind, kind, key=_own_first)
    folded: dict[str, list[Row]] = {
        subject: [] for subject, kind in edition.kinds.items() if kind in _FOLDED and "#" in subject
    }
    for row in found:
        if value(row, "subject") in folded:
            folded[value(row, "subject")].append(row)
    for row in found:
        subject, name, term = value(row, "subject"), value(row, "property"), row["value"]
        if subject in folded:
            continue
        if name in _NAMES and term.get("xml:lang", "nl") == "nl":
            edition.names.setdefault(subject, term["value"])
        within = folded.get(term["value"], [])
        if any(value(each, "property") == _END for each in within):
            edition.closed.add((subject, name))
        shown = (_together(within), "") if within else _shown(term)
        values = edition.stated.setdefault(subject, {}).setdefault(name, {})
        values.setdefault(shown, set()).add(value(row, "passage"))
    return edition


def _shown(term: Term) -> tuple[str, str]:
    return (term["value"], "") if term["type"] == "literal" else ("", term["value"])


def _own_first(kind: str) -> tuple[bool, str]:
    """Of several classes the one of our own says most."""
    return not kind.startswith(DEF), kind


def _together(rows: list[Row]) -> str:
    """Return what an amount or a period says, in one line."""
    said = [row for row in rows if value(row, "property") != _TYPE]
    said.sort(key=lambda row: (value(row, "property") not in _SHOWN_FIRST, value(row, "property")))
    return ", ".join(f"{_local(row['property'])} {_local(row['value'])}" for row in said)


def _local(term: Term) -> str:
    """Return a literal, or an IRI without what comes before its last part."""
    return term["value"] if term["type"] == "literal" else compact(term["value"]).rpartition(":")[2]


def _appeared(word: str, here: _Edition, there: _Edition) -> Iterable[Row]:
    """Yield what only one edition has: each thing, and nodes counted by passage and kind."""
    nodes: dict[tuple[str, str], list[str]] = {}
    for subject in here.stated:
        kind = here.kinds.get(subject)
        if kind is None or subject in there.kinds:
            continue
        if "#" in subject:
            nodes.setdefault((subject.partition("#")[0], kind), []).append(subject)
        else:
            yield _row(word, kind, subject, here.names.get(subject, ""), here.passages(subject), n=1)
    for (passage, kind), members in nodes.items():
        said = here.names.get(members[0], "") if len(members) == 1 else ""
        yield _row(word, kind, passage, said, {passage}, n=len(members))


def _altered(earlier: _Edition, later: _Edition) -> Iterable[Row]:
    """Yield each property of what is in both editions that has other values."""
    for subject in earlier.stated.keys() | later.stated.keys():
        if (subject in earlier.kinds) != (subject in later.kinds):
            continue  # it is new or removed itself
        names = earlier.stated.get(subject, {}).keys() | later.stated.get(subject, {}).keys()
        for name in names - {_TYPE}:
            was, now = earlier.of(subject, name), later.of(subject, name)
            gone, come = was.keys() - now.keys(), now.keys() - was.keys()
            if not gone and not come:
                continue
            word = "changed" if gone and come else "added" if come else "withdrawn"
            if gone and come and (subject, name) in later.closed - earlier.closed:
                word = "ended"
            row = _row(
                word,
                name,
                subject,
                later.names.get(subject) or earlier.names.get(subject, ""),
                {each for key in gone for each in was[key]} | {each for key in come for each in now[key]},
                n=max(len(gone), len(come)),
            )
            row["before"], row["after"] = text(_listed(gone)), text(_listed(come))
            row["things"] = iris(thing for _, thing in gone | come if thing)
            yield row


def _listed(shown: Iterable[tuple[str, str]]) -> str:
    return "; ".join(sorted(words or compact(thing) for words, thing in shown))


def _row(word: str, what: str, thing: str, name: str, passages: Iterable[str], *, n: int) -> Row:
    return {
        "change": text(word),
        "what": iri(what),
        "thing": iri(thing),
        "name": text(name),
        "count": integer(n),
        "passages": iris(passages),
    }


def _rank(row: Row) -> tuple[int, str, str, str, str]:
    before, after = value(row, "before"), value(row, "after")
    return (_ORDER.index(value(row, "change")), value(row, "what"), value(row, "thing"), before, after)
