"""HTML: the templates, the two languages, and the headers that keep a page from doing more than it should."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from api.forwarded import Origin
from api.negotiation import choose_language
from kg.answers import label
from kg.parameters import ANY
from kg.settings import Settings
from kg.store import Release
from kg.tables import cell, citation, ordered
from kg.views import LAYERS

__all__ = ["LANGUAGES", "TEXT", "language_of", "page", "root_of", "site"]

LANGUAGES = ("nl", "en")

# A page loads its own style and nothing else; it runs no script.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_HERE = Path(__file__).parent
_TEMPLATES = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=select_autoescape(default=True, default_for_string=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.globals.update(
    any=ANY["value"],
    cell=cell,
    citation=citation,
    layers=LAYERS,
    name_of=label,
    ordered=ordered,
)

TEXT: dict[str, dict[str, str]] = {
    "nl": {
        "all-rows": "van",
        "ask": "Stel de vraag",
        "candidates": "Bedoelt u:",
        "data": "Als gegevens",
        "evidence": "Waarop dit rust",
        "format": "antwoord als",
        "first": "eerste",
        "home": "Vragen",
        "intro": "Wie doet wat voor technisch onderwijs en werk, wie betaalt het, en waar staat dat?",
        "known-on": "bekend op",
        "last": "laatste",
        "layer-curated": "onze lezing",
        "layer-inferred": "afgeleid",
        "layer-reference": "register",
        "layer-stated": "bron",
        "layers": "wat meetelt",
        "meaning": "Wat deze vraag doet",
        "more": "Alleen wat op een dag bekend was, of zonder onze lezing",
        "next": "volgende",
        "optional": "mag leeg blijven: alle",
        "other-language": "English",
        "others": "Of bedoelt u:",
        "page": "Bladzijde",
        "prev": "vorige",
        "release": "Release",
        "rows-1": "1 antwoord",
        "rows-n": "antwoorden",
        "run": "Vraag",
        "site": "Kennisgraaf Techniekpact",
        "sparql": "SPARQL-endpoint",
        "sparql-intro": "Stel hier zelf een vraag in SPARQL 1.1, of laat een programma dat doen op",
        "such-as": "zoals",
        "theme-about": "Over de graaf zelf",
        "theme-actors": "Wie doet mee",
        "theme-initiatives": "Initiatieven",
        "theme-life-line": "De levenslijn",
        "theme-money": "Geld",
        "theme-policy": "Beleid en cijfers",
        "theme-regions": "Regio's",
        "theme-side-entry": "Zij-instroom en werkgevers",
        "themes": "Onderwerpen",
        "today": "vandaag",
    },
    "en": {
        "all-rows": "of",
        "ask": "Ask",
        "candidates": "Did you mean:",
        "data": "As data",
        "evidence": "What this rests on",
        "format": "answer as",
        "first": "first",
        "home": "Questions",
        "intro": "Who does what for technical education and work, who pays it, and where does it say so?",
        "known-on": "known on",
        "last": "last",
        "layer-curated": "our reading",
        "layer-inferred": "inferred",
        "layer-reference": "register",
        "layer-stated": "source",
        "layers": "what counts",
        "meaning": "What this question does",
        "more": "Only what was known on a day, or without our reading",
        "next": "next",
        "optional": "may be left out: any",
        "other-language": "Nederlands",
        "others": "Or did you mean:",
        "page": "Page",
        "prev": "previous",
        "release": "Release",
        "rows-1": "1 answer",
        "rows-n": "answers",
        "run": "Ask",
        "site": "Techniekpact Knowledge Graph",
        "sparql": "SPARQL endpoint",
        "sparql-intro": "Ask your own question in SPARQL 1.1 here, or have a program ask it at",
        "theme-about": "About the graph itself",
        "theme-actors": "Who takes part",
        "theme-initiatives": "Initiatives",
        "theme-life-line": "The life line",
        "theme-money": "Money",
        "theme-policy": "Policy and figures",
        "theme-regions": "Regions",
        "theme-side-entry": "Side entry and employers",
        "themes": "Subjects",
        "such-as": "such as",
        "today": "today",
    },
}


def language_of(request: Request) -> str:
    """Return the page's language: as asked by `?lang=`, else by Accept-Language, else Dutch."""
    asked = request.query_params.get("lang", "")
    return (
        asked
        if asked in LANGUAGES
        else choose_language(request.headers.get("accept-language", ""), LANGUAGES)
    )


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Render a template in the language of the request."""
    language = language_of(request)
    other = next(one for one in LANGUAGES if one != language)
    html = _TEMPLATES.get_template(template).render(
        text=TEXT[language],
        language=language,
        other=other,
        root=root_of(request),
        other_url="?" + _query(request, lang=other),
        **values,
    )
    return HTMLResponse(html, status, {**_HEADERS, "Content-Language": language})


def root_of(request: Request) -> str:
    """Return what stands before every path of ours, behind a proxy that puts us in a folder."""
    origin: Origin = request.scope["kg.exchange"].origin
    return urlsplit(origin.url).path


def site(settings: Settings, release: Release) -> dict[str, Any]:
    """Return what every page shows: who publishes, how to reach them, and which Release this is."""
    return {"publisher": settings.publisher_name, "contact": settings.contact_url, "release": release}


def _query(request: Request, **changes: str) -> str:
    """Return the query string of this page with some of it changed."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in changes]
    return urlencode([*kept, *changes.items()])
