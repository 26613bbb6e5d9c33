"""Errors as answers: a status for each, and what helps."""

from __future__ import annotations

import json

import pytest

from api.problems import BadRequest, MethodNotAllowed, UnsupportedMediaType, problem
from kg import errors


@pytest.mark.parametrize(
    ("error", "status", "name"),
    [
        (errors.MalformedQuery("x"), 400, "malformed-query"),
        (errors.RefusedQuery("x"), 403, "refused-query"),
        (errors.TooLarge("x"), 413, "too-large"),
        (errors.TimeLimit("x"), 503, "time-limit"),
        (errors.MemoryLimit("x"), 503, "memory-limit"),
        (errors.TooBusy("x"), 503, "too-busy"),
        (errors.WorkerLost("x"), 503, "worker-lost"),
        (errors.UnknownQuestion("x"), 404, "unknown-question"),
        (errors.BadParameter("age", "x", "y"), 400, "bad-parameter"),
        (errors.NoRelease("x"), 503, "no-release"),
        (errors.SettingsError("x"), 500, "kg-error"),
        (errors.NotAcceptable("x"), 406, "not-acceptable"),
        (BadRequest("x"), 400, "bad-request"),
        (MethodNotAllowed("x"), 405, "method-not-allowed"),
        (UnsupportedMediaType("x"), 415, "unsupported-media-type"),
    ],
)
def test_each_error_has_its_status_and_type(error: errors.KgError, status: int, name: str) -> None:
    reply = problem(error)
    fields = json.loads(reply.body)
    assert (reply.status, fields["status"]) == (status, status)
    assert fields["type"] == f"https://w3id.org/techniekpact/problem/{name}"
    assert reply.headers["Content-Type"] == "application/problem+json"


def test_place_hint_and_query_id_are_told() -> None:
    error = errors.MalformedQuery("expected }", hint="Close it.", line=2, column=9)
    fields = json.loads(problem(error, query_id="abc").body)
    assert (fields["line"], fields["column"], fields["hint"], fields["queryId"]) == (2, 9, "Close it.", "abc")


def test_bad_parameter_tells_the_candidates() -> None:
    error = errors.BadParameter("region", "two fit", "twee passen", [{"iri": "urn:a"}, {"iri": "urn:b"}])
    fields = json.loads(problem(error).body)
    assert (fields["parameter"], len(fields["candidates"])) == ("region", 2)


def test_busy_says_when_to_try_again() -> None:
    assert int(problem(errors.TooBusy("x")).headers["Retry-After"]) > 0


def test_plain_text_where_it_is_preferred() -> None:
    reply = problem(errors.TimeLimit("No answer.", hint="Ask less."), accept="text/plain, */*;q=0.1")
    assert reply.headers["Content-Type"].startswith("text/plain")
    assert reply.body == b"The time limit was reached\nNo answer.\nAsk less.\n"
