"""Turn what went wrong into an answer: RFC 9457 problem details, or plain text where that is preferred."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response

from api.negotiation import choose
from kg.errors import (
    BadParameter,
    BuildError,
    Cancelled,
    KgError,
    MalformedData,
    MalformedQuery,
    MemoryLimit,
    NoEvidence,
    NoRelease,
    NotAcceptable,
    QueryError,
    QuestionError,
    RefusedQuery,
    ReleaseGone,
    ServiceFailed,
    TimeLimit,
    TooBusy,
    TooLarge,
    TooMany,
    UnknownQuestion,
    UnknownRelease,
    WorkerLost,
)
from kg.namespaces import BASE

__all__ = [
    "TABLE",
    "BadRequest",
    "Conflict",
    "MethodNotAllowed",
    "NoSuchGraph",
    "Reply",
    "RequestError",
    "Stopping",
    "Unauthorized",
    "UnknownQuery",
    "UnsupportedMediaType",
    "kebab",
    "problem",
    "problem_response",
    "problem_response_for",
]

_RETRY_AFTER_S = 2
_WAYS = ("application/problem+json", "application/json", "text/plain")


class RequestError(KgError):
    """The request, not the query, is wrong; `headers` go with the answer."""

    def __init__(self, message: str, *, hint: str = "", headers: dict[str, str] | None = None) -> None:
        self.hint = hint
        self.headers = headers or {}
        super().__init__(message)


class BadRequest(RequestError):
    """It doesn't follow its protocol."""


class Conflict(RequestError):
    """It asks for what another has."""


class UnknownQuery(RequestError):
    """It is about a query that its caller doesn't have running."""


class Stopping(RequestError):
    """It came when the service was about to end."""

    def __init__(self) -> None:
        headers = {"Retry-After": str(_RETRY_AFTER_S), "Connection": "close"}
        super().__init__("The service is stopping.", hint="Try again in a few seconds.", headers=headers)


class MethodNotAllowed(RequestError):
    """Its method is not for this resource; `headers` hold Allow."""


class UnsupportedMediaType(RequestError):
    """Its body is of a type that isn't read here."""


class Unauthorized(RequestError):
    """It has no token, or one that isn't known here."""


class NoSuchGraph(RequestError):
    """It names a graph that isn't there."""


@dataclass(frozen=True)
class Reply:
    """A whole answer: its status, headers and body."""

    status: int
    headers: dict[str, str]
    body: bytes = b""


# The closest class counts, so one that is not named here is answered as its parent is.
TABLE: dict[type[BaseException], tuple[int, str]] = {
    MalformedQuery: (400, "The query is not SPARQL 1.1"),
    MalformedData: (400, "The data can't be read"),
    BuildError: (422, "The data does not conform"),
    RefusedQuery: (403, "This endpoint does not do that"),
    NoEvidence: (400, "The evidence of this query can't be found"),
    ServiceFailed: (502, "An endpoint that the query calls gave no answer"),
    TooLarge: (413, "Too large"),
    TimeLimit: (503, "The time limit was reached"),
    MemoryLimit: (503, "The memory limit was reached"),
    TooBusy: (503, "Too busy"),
    TooMany: (429, "Too many requests"),
    Cancelled: (409, "The query was stopped"),
    WorkerLost: (503, "The query was lost"),
    NotAcceptable: (406, "No acceptable format"),
    QueryError: (500, "The query failed"),
    UnknownQuestion: (404, "No such question"),
    BadParameter: (400, "A parameter can't be used"),
    QuestionError: (400, "The question can't be asked so"),
    ReleaseGone: (410, "The Release is gone"),
    UnknownRelease: (404, "No such Release"),
    NoRelease: (503, "There is no data yet"),
    BadRequest: (400, "The request can't be read"),
    Conflict: (409, "In use"),
    UnknownQuery: (404, "No such query"),
    Stopping: (503, "The service is stopping"),
    MethodNotAllowed: (405, "Method not allowed"),
    UnsupportedMediaType: (415, "Unsupported media type"),
    Unauthorized: (401, "A token is needed"),
    NoSuchGraph: (404, "No such graph"),
    RequestError: (400, "The request can't be read"),
    KgError: (500, "Something went wrong"),
}


def problem(error: KgError, *, accept: str | None = None, query_id: str | None = None) -> Reply:
    """Return the answer to an error: what happened, where, and what to do.

    >>> reply = problem(MalformedQuery("expected }", line=2, column=9))
    >>> reply.status, json.loads(reply.body)["line"], json.loads(reply.body)["type"]
    (400, 2, 'https://w3id.org/techniekpact/problem/malformed-query')
    """
    kind = next(kind for kind in type(error).__mro__ if kind in TABLE)
    status, title = TABLE[kind]
    headers = dict(error.headers) if isinstance(error, RequestError) else {}
    if isinstance(error, TooBusy):
        headers["Retry-After"] = str(_RETRY_AFTER_S)
    if isinstance(error, TooMany):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    head = _head(kebab(kind.__name__), title, status)
    return _reply({**head, "detail": str(error), **_fields(error), "queryId": query_id}, headers, accept)


def problem_response(status: int, detail: str, request: Request, **fields: Any) -> Response:
    """Return the answer to what is wrong by its status alone; `fields` are added as they are."""
    title = HTTPStatus(status).phrase
    head = _head(title.lower().replace(" ", "-"), title, status)
    return _response(_reply({**head, "detail": detail, **fields}, {}, request.headers.get("accept")))


async def problem_response_for(request: Request, error: Exception) -> Response:
    """Return the answer to an error of our tree: FastAPI's handler for it."""
    if not isinstance(error, KgError):
        raise error
    return _response(problem(error, accept=request.headers.get("accept")))


def _response(reply: Reply) -> Response:
    return Response(reply.body, reply.status, reply.headers)


def _fields(error: KgError) -> dict[str, Any]:
    """Return what only some errors carry."""
    names = {
        "hint": "hint",
        "line": "line",
        "column": "column",
        "name": "parameter",
        "candidates": "candidates",
        "service": "service",
        "reason": "reason",
    }
    fields = {field: getattr(error, name, None) for name, field in names.items()}
    if isinstance(error, BuildError):
        fields["problems"] = [
            {"place": str(each.path), "severity": each.severity, "message": each.message, "hint": each.hint}
            for each in error.problems
        ]
    return fields


def _head(name: str, title: str, status: int) -> dict[str, Any]:
    return {"type": f"{BASE}problem/{name}", "title": title, "status": status}


def _reply(fields: dict[str, Any], headers: dict[str, str], accept: str | None) -> Reply:
    given = {field: value for field, value in fields.items() if value not in (None, "", [])}
    headers = {**headers, "Cache-Control": "no-store"}
    if choose(accept, _WAYS) == "text/plain":
        headers["Content-Type"] = "text/plain; charset=utf-8"
        lines = [given[field] for field in ("title", "detail", "hint") if field in given]
        return Reply(given["status"], headers, "\n".join(lines).encode("utf-8", "replace") + b"\n")
    headers["Content-Type"] = "application/problem+json"
    return Reply(
        given["status"], headers, json.dumps(given, ensure_ascii=False).encode("utf-8", "backslashreplace")
    )


def kebab(name: str) -> str:
    """Return a class's name as it stands in an IRI.

    >>> kebab("MalformedQuery")
    'malformed-query'
    """
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
