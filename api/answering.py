"""From what is asked to a job for a worker, and from its answer to the headers that go with it."""

from __future__ import annotations

from functools import lru_cache

from api.caching import Validators
from api.exchange import Exchange
from api.negotiation import choose, takes_gzip
from api.protocol import Question
from kg.errors import NotAcceptable
from kg.guard import Verdict
from kg.results import GRAPHS, ROWS
from kg.worker import Job
from kg.workers import Answer

__all__ = ["headers_of", "job_for", "labelled"]


def job_for(exchange: Exchange, question: Question, query: str, verdict: Verdict, max_rows: int) -> Job:
    """Return the job, with a format for each kind of answer that can still come.

    A query without a base of its own has the endpoint's address for one (RFC 3986 §5.1.3);
    `max_rows` is the service's own cap, 0 for none. Raises: NotAcceptable.
    """
    rows_type, graph_type = _formats(question.accept)
    if verdict.query_form in {"SELECT", "ASK"}:
        possible, offered = [rows_type], ROWS
    elif verdict.query_form in {"CONSTRUCT", "DESCRIBE"}:
        possible, offered = [graph_type], GRAPHS
    else:
        possible, offered = [rows_type, graph_type], {**ROWS, **GRAPHS}
    if not any(possible):
        raise NotAcceptable(
            "None of the formats of this answer is accepted.", hint=f"Accept {', '.join(offered)}."
        )
    return Job(
        query=query,
        rows_type=rows_type,
        graph_type=graph_type,
        default_graphs=question.default_graphs,
        named_graphs=question.named_graphs,
        base=f"{exchange.origin.url}/sparql",
        encoding="gzip" if takes_gzip(exchange.headers.get("accept-encoding")) else "",
        max_rows=min([cap for cap in (question.max_rows, max_rows) if cap], default=None),
    )


@lru_cache(maxsize=1_024)
def _formats(accept: str | None) -> tuple[str | None, str | None]:
    """Return the formats for rows and for graphs that a client likes best."""
    return choose(accept, ROWS), choose(accept, GRAPHS)


def headers_of(answer: Answer, job: Job, known: Validators) -> dict[str, str]:
    """Return the headers of an answer that has begun."""
    head = answer.head
    headers = known.headers(head.encoding) | {"Content-Type": labelled(head.media_type)}
    if head.encoding:
        headers["Content-Encoding"] = head.encoding
    if job.max_rows:
        headers["X-Max-Rows"] = str(job.max_rows)
        if head.cut is not None:
            headers["X-Max-Rows-Reached"] = str(head.cut).lower()
    return headers


def labelled(media_type: str) -> str:
    """Return a media type as it stands in Content-Type."""
    return f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type
