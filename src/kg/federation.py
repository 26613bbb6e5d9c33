"""Answer the SERVICE clauses of a query before the engine sees it, so that only this process calls out.

    text ── guard ── worker: can it be read, and what does each clause bind?
                        │
                     caller: every endpoint at once, nobody's worker held meanwhile
                        │
                     worker: what each answered, as VALUES
                        │
                     a text without SERVICE, for the engine

That is what the standard says a clause is: its pattern, evaluated there, joined here. So a worker
needs no network, an endpoint is called once for each clause and not once for each row, and what
failed is known before the first byte leaves.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from kg.caller import Allowance, Caller, Response
from kg.clauses import Clause, hollow, replaced, request
from kg.errors import MemoryLimit, ServiceFailed, TooBusy, WorkerLost
from kg.fairness import Claim
from kg.inlining import Reading, Values, nothing
from kg.settings import Settings
from kg.updates import without_sources
from kg.workers import Job, Workers

__all__ = ["Federated", "Federation"]

# Each holds what it was answered.
_MOST_AT_ONCE = 8


@dataclass(frozen=True)
class Federated:
    """A text that calls nothing any more, and what failed of what it could do without."""

    text: str
    failed: tuple[ServiceFailed, ...]


class Federation:
    """Answers clauses for one service."""

    def __init__(self, settings: Settings, workers: Workers) -> None:
        self._settings = settings
        self._workers = workers
        self._caller = Caller(settings)
        self._places = asyncio.Semaphore(_MOST_AT_ONCE)
        self._n_waiting = 0

    async def answered(
        self,
        text: str,
        clauses: Sequence[Clause],
        claim: Claim | None = None,
        *,
        base: str | None,
        update: bool = False,
    ) -> Federated:
        """Return a text with an answer in the place of each clause.

        Raises: ServiceFailed for the first that has none and isn't SILENT; MalformedQuery; TooBusy; as
        `Workers.run`.
        """
        await self._take_place()
        try:
            return await self._answered(text, clauses, claim, base, update)
        finally:
            self._places.release()

    async def _take_place(self) -> None:
        """Wait for a place. Raises: TooBusy."""
        if self._n_waiting >= self._settings.queue and self._places.locked():
            raise _too_busy()
        self._n_waiting += 1
        try:
            async with asyncio.timeout(self._settings.service_time_limit_s):
                await self._places.acquire()
        except TimeoutError:
            raise _too_busy() from None
        finally:
            self._n_waiting -= 1

    async def _answered(
        self, text: str, clauses: Sequence[Clause], claim: Claim | None, base: str | None, update: bool
    ) -> Federated:
        empty = hollow(text, clauses)
        patterns = [f"{each.prologue}SELECT * WHERE {empty[each.brace : each.end]}" for each in clauses]
        harmless = without_sources(empty) if update else empty
        names = (await self._worked(Reading(harmless, update, base, patterns), claim))["names"]
        requests = [(clause.url, request(text, clause)) for clause in clauses]
        outcomes = await self._called(set(requests))
        instead, failed = [], []
        for clause, asked, bound in zip(clauses, requests, names, strict=True):
            try:
                instead.append(await self._values(clause.url, outcomes[asked], bound, claim))
            except ServiceFailed as error:
                if not clause.silent:
                    raise
                failed.append(error)
                instead.append(nothing(bound))
        return Federated(replaced(text, clauses, instead), tuple(failed))

    async def _called(
        self, requests: set[tuple[str, str]]
    ) -> dict[tuple[str, str], Response | ServiceFailed]:
        allowance = Allowance(self._settings.service_size_limit_mb)
        async with asyncio.TaskGroup() as group:
            calls = {each: group.create_task(self._outcome(*each, allowance)) for each in requests}
        return {each: call.result() for each, call in calls.items()}

    async def _outcome(self, url: str, query: str, allowance: Allowance) -> Response | ServiceFailed:
        try:
            return await self._caller.call(url, query, allowance)
        except ServiceFailed as error:
            return error

    async def _values(
        self, url: str, outcome: Response | ServiceFailed, names: list[str], claim: Claim | None
    ) -> str:
        """Return an answer as a pattern. Raises: ServiceFailed, TooBusy, TimeLimit."""
        if isinstance(outcome, ServiceFailed):
            raise outcome
        try:
            content = outcome.content.decode("utf-8")
            done = await self._worked(Values(outcome.media_type, content, names), claim)
        except UnicodeDecodeError:
            raise ServiceFailed(url, "its answer is not UTF-8") from None
        except (MemoryLimit, WorkerLost):
            raise ServiceFailed(url, "its answer takes too much to read") from None
        if "values" not in done:
            raise ServiceFailed(url, done["reason"])
        return str(done["values"])

    async def _worked(self, task: Reading | Values, claim: Claim | None) -> dict[str, Any]:
        """Have a worker do a task of `inlining`."""
        about = {"kind": type(task).__name__, **asdict(task)}
        async with self._workers.run(Job(query="", task=about), claim) as answer:
            content = json.loads(b"".join([piece async for piece in answer]))
        return dict(content)


def _too_busy() -> TooBusy:
    return TooBusy("Too many queries call other endpoints.", hint="Try again in a few seconds.")
