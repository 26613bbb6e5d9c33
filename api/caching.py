"""What lets a client or a cache keep an answer: the ETag of each way it can come, and for how long.

Rows are the same bytes each time; a graph is written with blank nodes of its own each time, so its
tag is weak. A tag is that of one content coding (RFC 9110, section 8.8.3.3).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from api.negotiation import has_already
from kg.guard import Verdict
from kg.store import Release
from kg.worker import Job

__all__ = ["Validators", "digest_of", "validators"]

_MAX_AGE_S = 60


@dataclass(frozen=True)
class Validators:
    """What an answer is known by; without a `digest` it varies, and is not kept."""

    release: Release
    digest: str
    weak: bool = False

    def headers(self, encoding: str = "") -> dict[str, str]:
        """Return the headers of an answer in this coding."""
        number = {"X-Release": str(self.release.number)}
        if not self.digest:
            return {**number, "Cache-Control": "no-store"}
        return {**number, "ETag": self._tag(encoding), "Cache-Control": f"public, max-age={_MAX_AGE_S}"}

    def held(self, if_none_match: str | None, encoding: str) -> dict[str, str] | None:
        """Return the headers of 304 when the client has an answer that we could send it, else None.

        One that takes `encoding` gets a small answer without it, so it may hold either.
        """
        for coding in {encoding, ""} if self.digest else ():
            if has_already(if_none_match, self._tag(coding).removeprefix("W/")):
                return self.headers(coding)
        return None

    def _tag(self, encoding: str) -> str:
        suffix = f"-{encoding}" if encoding else ""
        return f'{"W/" if self.weak else ""}"{self.digest}{suffix}"'


def validators(release: Release, job: Job, verdict: Verdict) -> Validators:
    """Return what the answer to a job is known by."""
    if verdict.volatile:
        return Validators(release, "")
    parts = [
        job.query,
        job.base,
        job.default_graphs,
        job.named_graphs,
        job.rows_type,
        job.graph_type,
        job.max_rows,
    ]
    return Validators(release, digest_of(release, parts), weak=verdict.query_form not in {"SELECT", "ASK"})


def digest_of(release: Release, parts: Sequence[object]) -> str:
    """Return a hash of a Release and what was asked of it."""
    return hashlib.sha256(json.dumps([release.identity, *parts]).encode()).hexdigest()[:32]
