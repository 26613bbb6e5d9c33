"""`/` and `/questions/…`: each question as a form, a page, and data in the forms that it has."""

from __future__ import annotations

import asyncio
import datetime
import gzip
import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from api.asking import MOST_ROWS, Wish, datasets, editions, read_wish
from api.evidence import of_question
from api.exchange import VARY, Exchange
from api.negotiation import choose, has_already
from api.pages import language_of, page, root_of, site
from api.problems import problem_response
from kg.answers import Answer, ask, label
from kg.catalogue import described, themes
from kg.errors import BadParameter, KgError, NoRelease, QuestionError
from kg.formats import MEDIA_TYPES, Style, Written, formats_of, write
from kg.questions import CONTROLS, Question, find_question, load_question
from kg.store import Release
from kg.workers import CallersAsker, Workers

__all__ = ["router"]

router = APIRouter()

_HTML = "html"
# Below this gzip saves no packet.
_LEAST_TO_COMPRESS_BYTES = 1_000


@dataclass(frozen=True)
class _Asked:
    """What a request asks: a question, its values, a form to answer in ("html" or a suffix), and how."""

    question: Question
    values: Mapping[str, str]
    form: str
    wish: Wish


@router.get("/", include_in_schema=False)
async def home(request: Request) -> Response:
    """The questions by theme, for people; programs find them at /questions."""
    by_theme = themes(request.app.state.questions.values())
    return page(request, "home.html", themes=by_theme, **_site(request))


@router.get("/questions", summary="The questions there are")
async def catalogue(request: Request) -> Response:
    """List each question with its texts, parameters, columns, forms, cases and address."""
    media_type = choose(request.headers.get("accept", "*/*"), ["application/json", "text/html"])
    if media_type == "text/html":
        return await home(request)
    if media_type is None:
        return problem_response(406, "The questions come as JSON or HTML.", request)
    base = request.scope["kg.exchange"].origin.url
    known = request.app.state.choices
    return JSONResponse(
        {
            "questions": [
                {**described(each, known), "url": f"{base}/questions/{each.name}"}
                for each in request.app.state.questions.values()
            ]
        }
    )


@router.get("/questions/{name}", summary="Ask a question")
async def question(request: Request, name: str) -> Response:
    """Answer in the format of the suffix, `?_mediatype=` or Accept; HTML without values is the form.

    A question that needs none is answered at once.
    """
    stem, _, suffix = name.rpartition(".")
    suffix = suffix if suffix in (*MEDIA_TYPES, _HTML) else ""
    found = find_question(request.app.state.questions, stem if suffix else name)
    form = _form_of(request, found, suffix)
    if form is None:
        offered = ["text/html", *formats_of(found).values()]
        return problem_response(
            406, "This question comes in none of the formats asked for.", request, offered=offered
        )
    values = _values(request)
    if form == _HTML and found.needs_values and not any(values.values()):
        return _page(request, found, values)
    exchange: Exchange = request.scope["kg.exchange"]
    exchange.query_hash = hashlib.sha256(repr((name, sorted(values.items()))).encode()).hexdigest()[:16]
    exchange.outcome = "ok"
    try:
        _once(request, values)
        wish = read_wish(request, paged=form == _HTML)
        return await _answer(request, _Asked(found, values, form, wish), exchange)
    except BadParameter as error:
        exchange.outcome = "malformed"
        if form == _HTML:
            return _page(request, found, values, error=error, status=400)
        raise
    except KgError as error:
        if isinstance(error, QuestionError | NoRelease):
            exchange.outcome = "malformed"
        else:
            request.app.state.desk.note(exchange, error)
        raise


def _once(request: Request, values: Mapping[str, str]) -> None:
    """Raises: BadParameter for what is given more than once."""
    times = Counter(key for key, _ in request.query_params.multi_items())
    # Of those that only say how to write it the last counts; layers may be several.
    decisive = ("separator", "excel", "page", "pageSize", "knownOn")
    repeated = [name for name in (*values, *decisive) if times[name] > 1]
    if repeated:
        raise BadParameter(
            repeated[0],
            f"{repeated[0]} is given more than once.",
            f"{repeated[0]} is meer dan eens gegeven.",
        )


async def _answer(request: Request, asked: _Asked, exchange: Exchange) -> Response:
    state = request.app.state
    async with datasets(state, asked.wish, exchange.caller.key) as (whole, counted):
        release = whole.release
        if release.number != state.workers.release.number:
            # It is asked as it was then.
            asked = replace(
                asked, question=await asyncio.to_thread(load_question, release.path, asked.question.name)
            )
            if asked.form not in (_HTML, *formats_of(asked.question)):
                detail = "In that Release this question came in none of the formats asked for."
                return problem_response(406, detail, request)
        exchange.release = release.number
        today = datetime.datetime.now(state.zone).date()
        headers = _headers(request, asked, release, today)
        for coding in ("-gzip", "") if asked.wish.gzip else ("",):
            tag = f'{headers["ETag"][:-1]}{coding}"'
            if has_already(request.headers.get("if-none-match"), tag):
                return Response(status_code=304, headers={**headers, "ETag": tag})
        response = await _written(request, asked, (whole, counted), today, exchange)
        if whole.release is release:
            response.headers.update({**headers, **response.headers, "X-Query-Id": exchange.query_id})
            if response.headers.get("content-encoding"):
                response.headers["ETag"] = f'{headers["ETag"][:-1]}-gzip"'
            return response
    # Another was taken up between the queries of this answer: ask that one all of them.
    return await _answer(request, asked, exchange)


def _headers(request: Request, asked: _Asked, release: Release, today: datetime.date) -> dict[str, str]:
    identity = (release.identity, asked.question.name, sorted(asked.values.items()), asked.form, today)
    digest = hashlib.sha256(
        repr((identity, replace(asked.wish, gzip=False), root_of(request))).encode()
    ).hexdigest()[:32]
    return {
        "Cache-Control": "public, max-age=60",
        "ETag": f'"{digest}"',
        "Vary": VARY,
        "X-Release": str(release.number),
    }


async def _written(
    request: Request,
    asked: _Asked,
    workers: tuple[Workers, Workers],
    today: datetime.date,
    exchange: Exchange,
) -> Response:
    whole, counted = (CallersAsker(each, exchange.caller.key) for each in workers)
    wish, release = asked.wish, workers[0].release
    answer = await ask(
        asked.question,
        asked.values,
        counted,
        today=today,
        evidence=wish.evidence or asked.form in (_HTML, "xlsx"),
        page=wish.page,
        most=MOST_ROWS,
        names=whole,
        editions=editions(request.app.state, wish, release, exchange.caller.key),
    )
    links = _pages(request, answer)
    header = {"Link": ", ".join(f'<{url}>; rel="{rel}"' for rel, url in links.items())} if links else {}
    if asked.form == _HTML:
        shown = _page(
            request, asked.question, asked.values, answer=answer, links=links, release=release, wish=wish
        )
        shown.headers.update(header)
        return shown
    more: dict[str, Any] = {}
    if wish.evidence and asked.form == "json":
        settings = request.app.state.settings
        # What counts is asked for it too, by the rules of the whole.
        more["evidence"] = await of_question(answer, workers[1], exchange.caller.key, settings, release)
    style = Style(
        language=wish.language,
        evidence=wish.evidence,
        separator=wish.separator,
        excel=wish.excel,
        applied=_applied(wish, release),
        more=more,
    )
    written = await write(answer, release, asked.form, style, whole)
    return await _packed(asked, written, header)


async def _packed(asked: _Asked, written: Written, header: dict[str, str]) -> Response:
    headers = {"Content-Type": written.media_type, **header}
    if asked.form != "json":
        headers["Content-Disposition"] = f'attachment; filename="{asked.question.name}.{asked.form}"'
    if written.left_out:
        headers["X-Rows-Left-Out"] = str(written.left_out)
    content = written.content
    # A workbook is compressed by itself.
    if asked.wish.gzip and asked.form != "xlsx" and len(content) >= _LEAST_TO_COMPRESS_BYTES:
        content = await asyncio.to_thread(gzip.compress, content, 5, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(content, headers=headers)


def _applied(wish: Wish, release: Release) -> dict[str, Any]:
    return {
        "release": release.number,
        "knownOn": wish.view.known_on or None,
        "layers": list(wish.view.layers),
        "lang": wish.language,
    }


def _pages(request: Request, answer: Answer) -> dict[str, str]:
    """Return the addresses of the first, previous, next and last page, where an answer comes in pages."""
    at = answer.page
    if not at:
        return {}
    numbers = {"first": 1, "prev": at.number - 1, "next": at.number + 1, "last": at.last}
    kept = [pair for pair in request.query_params.multi_items() if pair[0] not in ("page", "pageSize")]
    url = f"{request.scope['kg.exchange'].origin.url}{request.scope['path']}"
    return {
        rel: f"{url}?{urlencode([*kept, ('page', number), ('pageSize', at.size)])}"
        for rel, number in numbers.items()
        if 1 <= number <= at.last
    }


def _page(
    request: Request,
    asked: Question,
    values: Mapping[str, str],
    *,
    answer: Answer | None = None,
    links: Mapping[str, str] | None = None,
    release: Release | None = None,
    wish: Wish | None = None,
    error: BadParameter | None = None,
    status: int = 200,
) -> Response:
    """The question's page: the form, and below it the answer or what is wrong."""
    language = language_of(request)
    kept = {
        name: request.query_params[name] for name in ("release", "knownOn") if request.query_params.get(name)
    }
    layers = request.query_params.getlist("layers")
    chosen = {"layers": ",".join(layers)} if any(layers) else {}
    asking = {**values, **kept, **chosen, "lang": language}
    return page(
        request,
        "question.html",
        status=status,
        question=asked,
        values=values,
        kept=kept,
        wish=wish,
        choices=request.app.state.choices,
        answer=answer,
        links=links or {},
        others=_others(answer, asking, root_of(request)) if answer else [],
        error=_wrong(error, asked, asking, root_of(request)) if error else None,
        today=datetime.datetime.now(request.app.state.zone).date().isoformat(),
        data_urls={
            suffix: f"{root_of(request)}/questions/{asked.name}.{suffix}?{urlencode(asking)}"
            for suffix in formats_of(asked)
        },
        media_types=MEDIA_TYPES,
        **{**_site(request), **({"release": release} if release else {})},
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
    """Return what is asked, without what only says of which data and how to write the answer."""
    return {key: value for key, value in request.query_params.items() if key not in CONTROLS}


def _site(request: Request) -> dict[str, Any]:
    return site(request.app.state.settings, request.app.state.workers.release)


def _form_of(request: Request, asked: Question, suffix: str) -> str | None:
    """Return the form to answer in: by suffix, by `?_mediatype=`, by Accept; JSON when anything will do."""
    forms = formats_of(asked)
    if suffix:
        return suffix if suffix in (_HTML, *forms) else None
    by_type = {media_type: form for form, media_type in forms.items()}
    wanted = request.query_params.get("_mediatype") or request.headers.get("accept", "*/*")
    chosen = choose(wanted, ["application/json", "text/html", *by_type])
    return _HTML if chosen == "text/html" else by_type.get(chosen or "")
