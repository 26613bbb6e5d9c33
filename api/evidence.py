"""`evidence=true`: an answer with what each of its rows rests on, by `kg.evidence`.

It takes many queries, each of the caller's share of the workers, and as long together as one may.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from api.answering import job_for
from api.caching import Validators, digest_of
from api.exchange import Exchange
from api.negotiation import choose
from api.problems import Reply
from api.protocol import Question
from kg.answers import Answer
from kg.errors import KgError, NoEvidence, NotAcceptable, QueryError, TimeLimit, TooLarge
from kg.evidence import MOST_ROWS, Evidence, evidence_of
from kg.fairness import Claim
from kg.federation import Federation
from kg.guard import Verdict
from kg.premises import Rule, read_rules
from kg.settings import Settings
from kg.store import NamedNode, Release, Row, Term
from kg.workers import CallersAsker, Job, Workers

__all__ = ["answered", "of_question"]

_JSON = "application/sparql-results+json"
# What one query of ours may bring back.
_MOST_FOUND = 100_000
_TRIES = 3


@dataclass(frozen=True)
class _BoundedAsker:
    """Asks for one caller, for so many rows at most: what comes back is held whole."""

    workers: Workers
    caller: str
    federated: bool = False

    async def rows(self, query: str, bindings: Mapping[str, Term]) -> list[Row]:
        """Return every row of a SELECT. Raises: TooLarge, and as `Workers.run`."""
        job = Job(query=query, bindings=dict(bindings), federated=self.federated, max_rows=_MOST_FOUND)
        async with self.workers.run(job, Claim(self.caller)) as answer:
            content = json.loads(b"".join([piece async for piece in answer]))
        rows: list[Row] = content["results"]["bindings"]
        if len(rows) == _MOST_FOUND:
            message = f"These rows come from more than {_MOST_FOUND:,} solutions."
            raise TooLarge(message, hint="Ask for the evidence of fewer rows, by LIMIT or maxRows.")
        return rows


async def answered(
    exchange: Exchange,
    question: Question,
    verdict: Verdict,
    *,
    workers: Workers,
    federation: Federation,
    settings: Settings,
) -> Reply:
    """Return the answer to a SELECT with a member `evidence` beside its `results`.

    Raises: NotAcceptable where JSON isn't accepted, NoEvidence, TooLarge, TimeLimit, as `Workers.run`.
    """
    query = question.query or ""
    if choose(question.accept, [_JSON, "application/json"]) is None:
        raise NotAcceptable("Evidence comes as JSON.", hint=f"Accept {_JSON}.")
    if verdict.query_form not in {"SELECT", None}:
        raise NoEvidence(f"Evidence is for SELECT, not for {verdict.query_form}.", hint="Ask for rows.")
    wanted = min(question.max_rows or MOST_ROWS, MOST_ROWS)
    asked = replace(question, accept=_JSON, max_rows=wanted)
    job = replace(job_for(exchange, asked, query, verdict, settings.max_rows), encoding="")
    known = _known(workers.release, job, verdict)
    held = known.held(exchange.headers.get("if-none-match"), "")
    if held is not None:
        exchange.release = known.release.number
        return Reply(304, {"X-Query-Id": exchange.query_id, **held})
    exchange.claim.state = "running"
    gaps = ["SERVICE"] if verdict.clauses else ["volatile"] if verdict.volatile else []
    try:
        async with asyncio.timeout(settings.time_limit_s):
            if verdict.clauses:
                federated = await federation.answered(query, verdict.clauses, exchange.claim, base=job.base)
                job = replace(job, query=federated.text, federated=True)
            document, release = await _document(exchange, workers, job, gaps)
    except TimeoutError:
        message = f"The evidence was not found within {settings.time_limit_s:g} seconds."
        raise TimeLimit(message, hint="Ask for the evidence of fewer rows, by LIMIT or maxRows.") from None
    exchange.release = release.number
    headers = {
        "Content-Type": _JSON,
        "X-Query-Id": exchange.query_id,
        "X-Max-Rows": str(job.max_rows),
        **_known(release, job, verdict).headers(),
    }
    return Reply(200, headers, await asyncio.to_thread(_written, document))


async def _document(
    exchange: Exchange, workers: Workers, job: Job, gaps: list[str]
) -> tuple[dict[str, Any], Release]:
    """Return an answer with its evidence, both of one Release."""
    for _ in range(_TRIES):
        async with workers.run(job, Claim(exchange.caller.key)) as answer:
            release = answer.release
            document: dict[str, Any] = json.loads(b"".join([piece async for piece in answer]))
        if "results" not in document:
            raise NoEvidence("Evidence is for SELECT.", hint="Ask for rows.")
        evidence = await evidence_of(
            job.query,
            document["results"]["bindings"],
            _BoundedAsker(workers, exchange.caller.key, job.federated),
            _rules(release.path),
            base=job.base,
            dataset=_dataset(job),
            gaps=gaps,
        )
        if workers.release is release:
            return {**document, "evidence": evidence}, release
    raise QueryError("The data changes faster than its evidence is found.", hint="Ask with `release=`.")


def _written(document: dict[str, Any]) -> bytes:
    evidence: Evidence = document["evidence"]
    return json.dumps({**document, "evidence": evidence.as_json()}, ensure_ascii=False).encode()


async def of_question(
    answer: Answer, workers: Workers, caller: str, settings: Settings, release: Release
) -> dict[str, Any]:
    """Return the evidence of the first rows of a question's answer; why not, where it can't be found."""
    if answer.question.analysis:
        return {"unavailable": "An analysis made these rows; the passages of each are what it rests on."}
    asker = CallersAsker(workers, caller)
    try:
        async with asyncio.timeout(settings.time_limit_s):
            evidence = await evidence_of(
                answer.question.text,
                answer.found[:MOST_ROWS],
                asker,
                _rules(release.path),
                bindings=answer.parameters,
            )
    except (KgError, TimeoutError) as error:
        return {"unavailable": str(error) or "It was not found in time."}
    return await asyncio.to_thread(evidence.as_json)


def _known(release: Release, job: Job, verdict: Verdict) -> Validators:
    if verdict.volatile:
        return Validators(release, "")
    parts = ["evidence", job.query, job.base, job.default_graphs, job.named_graphs, job.max_rows]
    return Validators(release, digest_of(release, parts))


@lru_cache(maxsize=8)
def _rules(path: Path) -> tuple[Rule, ...]:
    """Return the rules of a Release, which never change."""
    return read_rules(path)


def _dataset(job: Job) -> list[tuple[str, str]]:
    """Return the graphs that a request asks as FROM clauses."""
    given = [("", iri) for iri in job.default_graphs or ()] + [
        ("NAMED", iri) for iri in job.named_graphs or ()
    ]
    return [(kind, str(NamedNode(iri))) for kind, iri in given]
