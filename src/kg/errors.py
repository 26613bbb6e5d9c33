"""Everything that can go wrong, as one tree.

    KgError
    ├── SettingsError        a setting can't be used as it is
    ├── BuildError           the content can't become a Release; carries the problems found
    ├── CheckFailed          a check could not run at all: a failure, not a violation
    ├── AskFailed            a server did not answer our client; carries what it said, and candidates
    ├── NoRelease            nothing has been built yet
    │   ├── ReleaseGone      there was one of that number, and it has been forgotten
    │   └── UnknownRelease   there was none of that number
    ├── QuestionError
    │   ├── UnknownQuestion  no question of that name
    │   └── BadParameter     a value that can't be used; carries the candidates
    └── QueryError           an answer could not be given; carries line and column where known
        ├── MalformedQuery   it isn't SPARQL
        ├── MalformedData    what was sent isn't RDF in the format it claims
        ├── NotAcceptable    its answer can't be written in an acceptable format
        ├── RefusedQuery     it asks for what this endpoint doesn't do
        ├── NoEvidence       it is written in a way that its evidence can't be found
        ├── ServiceFailed    an endpoint that it calls gave no answer; carries which, and why
        ├── TooLarge         the query or the request is over its bound
        ├── TimeLimit        it ran out of time before its first byte
        ├── MemoryLimit      it ran out of memory before its first byte
        ├── TooBusy          no worker came free in time
        ├── TooMany          its caller asks for more than a caller's share
        ├── Cancelled        its caller stopped it
        └── WorkerLost       the process that ran it ended for another reason

Every message says what happened, where, and what to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "AskFailed",
    "BadParameter",
    "BuildError",
    "Cancelled",
    "CheckFailed",
    "KgError",
    "MalformedData",
    "MalformedQuery",
    "MemoryLimit",
    "NoEvidence",
    "NoRelease",
    "NotAcceptable",
    "Problem",
    "QueryError",
    "QuestionError",
    "RefusedQuery",
    "ReleaseGone",
    "ServiceFailed",
    "SettingsError",
    "TimeLimit",
    "TooBusy",
    "TooLarge",
    "TooMany",
    "UnknownQuestion",
    "UnknownRelease",
    "WorkerLost",
]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in the content: where, what, and what to write instead.

    `path` is the IRI of its graph where no file says it: what was written online.
    """

    path: Path | str
    line: int | None
    message: str
    hint: str = ""
    column: int | None = None
    severity: str = "violation"

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.path, self.line, self.column) if part)
        hint = f"\n    {self.hint}" if self.hint else ""
        return f"{place}: {self.severity}: {self.message}{hint}"


class KgError(Exception):
    """The root: everything this project raises on purpose."""


class SettingsError(KgError):
    """A setting can't be used as it is."""


class BuildError(KgError):
    """The content can't become a Release."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(problems, key=lambda p: (str(p.path), p.line or 0, p.message))
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[BuildError], tuple[list[Problem]]]:
        """Travel between processes: the message alone doesn't make it anew."""
        return type(self), (self.problems,)


class CheckFailed(KgError):
    """A check could not run at all."""


class AskFailed(KgError):
    """A server did not answer as it was asked; `status` is its own, 0 where it said nothing.

    A candidate has `iri`, `label`, and its kind in both languages, `en` and `nl`.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        hint: str = "",
        parameter: str = "",
        candidates: list[dict[str, str]] | None = None,
    ) -> None:
        self.status = status
        self.hint = hint
        self.parameter = parameter
        self.candidates = candidates or []
        names = ", ".join(f"{one['label']} ({one['en']}) <{one['iri']}>" for one in self.candidates)
        super().__init__(" ".join(part for part in (message, hint, names) if part))


class NoRelease(KgError):
    """Nothing has been built yet."""


class ReleaseGone(NoRelease):
    """There was a Release of that number, and it has been forgotten."""


class UnknownRelease(NoRelease):
    """There was no Release of that number."""


class QuestionError(KgError):
    """A question can't be asked as it was."""


class UnknownQuestion(QuestionError):
    """No question of that name."""


class BadParameter(QuestionError):
    """A parameter is missing, of the wrong type, unknown or ambiguous; said in both languages.

    A candidate has `iri`, `label`, and its kind in both languages, `en` and `nl`.
    """

    def __init__(self, name: str, en: str, nl: str, candidates: list[dict[str, str]] | None = None) -> None:
        self.name = name
        self.text = {"en": en, "nl": nl}
        self.candidates = candidates or []
        super().__init__(en)


class QueryError(KgError):
    """An answer could not be given; `line` and `column` count from 1."""

    def __init__(
        self, message: str, *, hint: str = "", line: int | None = None, column: int | None = None
    ) -> None:
        self.hint = hint
        self.line = line
        self.column = column
        super().__init__(message)


class MalformedQuery(QueryError):
    """It isn't SPARQL 1.1."""


class MalformedData(QueryError):
    """What was sent isn't RDF in the format it claims."""


class NotAcceptable(QueryError):
    """Its answer can't be written in an acceptable format."""


class RefusedQuery(QueryError):
    """It asks for what this endpoint doesn't do."""


class NoEvidence(QueryError):
    """It is answered, and written in a way that its evidence can't be found."""


class ServiceFailed(QueryError):
    """An endpoint that it calls by SERVICE gave no answer; `reason` is a phrase of ours in ASCII."""

    def __init__(self, service: str, reason: str) -> None:
        self.service = service
        self.reason = reason
        super().__init__(
            f"<{service}> gave no answer: {reason}.", hint="SERVICE SILENT does without it, and says so."
        )


class TooLarge(QueryError):
    """The query or the request is over its bound."""


class TimeLimit(QueryError):
    """It ran out of time before its first byte."""


class MemoryLimit(QueryError):
    """It ran out of memory before its first byte."""


class TooBusy(QueryError):
    """No worker came free in time."""


class TooMany(QueryError):
    """Its caller asks for more than a caller's share; `retry_after_s` says when there is some again."""

    def __init__(self, message: str, *, hint: str = "", retry_after_s: float = 1.0) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message, hint=hint)


class Cancelled(QueryError):
    """Its caller stopped it."""


class WorkerLost(QueryError):
    """The process that ran it ended for another reason."""
