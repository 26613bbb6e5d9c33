"""`/` and `/questions/…`: each question as a form, a page, JSON and CSV."""

from __future__ import annotations

import datetime
import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from api.evidence import of_question
from api.negotiation import choose, has_already
from api.pages import language_of, page, root_of, site
from api.problems import problem_response
from kg.answers import Answer, ask, label
from kg.errors import BadParameter
from kg.questions import Question, find_question
from kg.store import Release
from kg.tables import as_csv, as_json
from kg.workers import CallersAsker

__all__ = ["router"]

router = APIRouter()

_TYPES = {"html": "text/html", "json": "application/json", "csv": "text/csv"}
# What a URL may hold beside the question's own parameters.
_CONTROLS = ("lang", "evidence", "_mediatype")


@router.get("/", include_in_schema=False)
async def home(request: Request) -> Response:
    """The questions by name, for people; programs find them at /questions."""
    return page(request, "home.html", questions=list(request.app.state.questions.values()), **_site(request))


@router.get("/questions", summary="The questions there are")
async def catalogue(request: Request) -> Response:
    """List each question with its text, its parameters and its address."""
    media_type = choose(request.headers.get("accept", "*/*"), ["application/json", "text/html"])
    if media_type == "text/html":
        return await home(request)
    if media_type is None:
        return problem_response(406, "The questions come as JSON or HTML.", request)
    base = request.scope["kg.exchange"].origin.url
    return JSONResponse(
        {
            "questions": [
                {
                    "name": question.name,
                    "theme": question.theme,
                    "title": question.title,
                    "description": question.description,
                    "url": f"{base}/questions/{question.name}",
                    "parameters": {
                        parameter.name: {
                            **parameter.label,
                            "type": parameter.type,
                            **({"unit": parameter.unit} if parameter.unit else {}),
                            "example": parameter.example,
                        }
                        for parameter in question.parameters
                    },
                }
                for question in request.app.state.questions.values()
            ]
        }
    )


@router.get("/questions/{name}", summary="Ask a question")
async def question(request: Request, name: str) -> Response:
    """Answer in the format of the suffix, `?_mediatype=` or Accept; HTML without values is the form.

    A question that asks for none is answered at once.
    """
    stem, _, suffix = name.rpartition(".")
    asked = find_question(request.app.state.questions, stem if suffix in _TYPES else name)
    media_type = _media_type(request, suffix if suffix in _TYPES else None)
    if media_type is None:
        return problem_response(
            406, "None of the acceptable formats is offered.", request, offered=list(_TYPES.values())
        )
    values = _values(request)
    times = Counter(key for key, _ in request.query_params.multi_items())
    repeated = [key for key in values if times[key] > 1]
    if media_type == "text/html" and asked.parameters and not any(values.values()):
        return _form(request, asked, values)
    try:
        if repeated:
            raise BadParameter(
                repeated[0],
                f"{repeated[0]} is given more than once.",
                f"{repeated[0]} is meer dan eens gegeven.",
            )
        return await _answer(request, asked, values, media_type)
    except BadParameter as error:
        if media_type == "text/html":
            return _form(request, asked, values, error=error, status=400)
        raise


async def _answer(request: Request, asked: Question, values: Mapping[str, str], media_type: str) -> Response:
    workers, language = request.app.state.workers, language_of(request)
    evidence = request.query_params.get("evidence", "") in ("true", "1", "yes") or media_type == "text/html"
    today = datetime.datetime.now(request.app.state.zone).date()
    release: Release = workers.release
    asking = (release.identity, asked.name, sorted(values.items()), media_type, evidence, today, language)
    asker = CallersAsker(workers, request.scope["kg.exchange"].caller.key)
    headers = {
        "Cache-Control": "public, max-age=60",
        "ETag": f'"{hashlib.sha256(repr((asking, root_of(request))).encode()).hexdigest()[:32]}"',
        "Vary": "Accept, Accept-Profile, Accept-Language",
        "X-Release": str(release.number),
    }
    if has_already(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    answer = await ask(asked, values, asker, today=today, evidence=evidence)
    if workers.release is not release:
        # Another was taken up between the queries of this answer: ask that one all of them.
        return await _answer(request, asked, values, media_type)
    response = await _written(request, answer, media_type, evidence=evidence)
    response.headers.update(headers)
    return response


async def _written(request: Request, answer: Answer, media_type: str, *, evidence: bool) -> Response:
    match media_type:
        case "text/html":
            return _form(request, answer.question, _values(request), answer=answer)
        case "text/csv":
            return Response(
                as_csv(answer, language_of(request)),
                media_type="text/csv; charset=utf-8; header=present",
                headers={"Content-Disposition": f'attachment; filename="{answer.question.name}.csv"'},
            )
        case _:
            state = request.app.state
            release: Release = state.workers.release
            written = as_json(answer, release, evidence=evidence)
            if evidence:
                caller = request.scope["kg.exchange"].caller.key
                written["evidence"] = await of_question(
                    answer, state.workers, caller, state.settings, release
                )
            return JSONResponse(written)


def _form(
    request: Request,
    asked: Question,
    values: Mapping[str, str],
    *,
    answer: Answer | None = None,
    error: BadParameter | None = None,
    status: int = 200,
) -> Response:
    """The question's page: the form, and below it the answer or what is wrong."""
    language = language_of(request)
    asking = {**values, "lang": language}
    return page(
        request,
        "question.html",
        status=status,
        question=asked,
        values=values,
        answer=answer,
        others=_others(answer, asking, root_of(request)) if answer else [],
        error=_wrong(error, asked, asking, root_of(request)) if error else None,
        today=datetime.datetime.now(request.app.state.zone).date().isoformat(),
        data_urls={
            kind: f"{root_of(request)}/questions/{asked.name}.{kind}?{urlencode(asking)}"
            for kind in ("json", "csv")
        },
        **_site(request),
    )


def _others(answer: Answer, asking: Mapping[str, str], root: str) -> list[dict[str, str]]:
    """What else a name could have meant, each as a link that asks about it."""
    return [
        {
            "url": root + _link(answer.question, {**asking, name: iri}),
            "label": label(answer.labels, iri, asking["lang"]),
            "kind": label(answer.labels, kind, asking["lang"]),
        }
        for name, things in answer.others.items()
        for iri, kind in things
    ]


def _wrong(error: BadParameter, asked: Question, asking: Mapping[str, str], root: str) -> dict[str, Any]:
    """What is wrong, in the page's language, with a link for each candidate."""
    candidates = [
        {**one, "kind": one[asking["lang"]], "url": root + _link(asked, {**asking, error.name: one["iri"]})}
        for one in error.candidates
    ]
    return {"name": error.name, "text": error.text[asking["lang"]], "candidates": candidates}


def _link(asked: Question, asking: Mapping[str, str]) -> str:
    return f"/questions/{asked.name}?{urlencode(asking)}"


def _values(request: Request) -> dict[str, str]:
    """Return what is asked, without what only says how to write the answer."""
    return {key: value for key, value in request.query_params.items() if key not in _CONTROLS}


def _site(request: Request) -> dict[str, Any]:
    return site(request.app.state.settings, request.app.state.workers.release)


def _media_type(request: Request, suffix: str | None) -> str | None:
    """Return the format to write: by suffix, by `?_mediatype=`, by Accept; JSON when anything will do."""
    if suffix:
        return _TYPES[suffix]
    asked = request.query_params.get("_mediatype") or request.headers.get("accept", "*/*")
    return choose(asked, ["application/json", "text/html", "text/csv"])
