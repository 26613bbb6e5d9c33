"""What every request passes: who asks, whether they may now, what runs, and what is told of it."""

from __future__ import annotations

import re
from typing import TextIO

from api.callers import Caller, TokenName, caller_of
from api.exchange import ClientGone, Exchange
from api.forwarded import Origins
from api.log import QueryLog
from api.metrics import Metrics
from api.problems import BadRequest, Conflict, RequestError, Stopping, Unauthorized
from api.rates import Rates
from kg.errors import (
    BuildError,
    Cancelled,
    MalformedData,
    MalformedQuery,
    MemoryLimit,
    NoEvidence,
    NotAcceptable,
    RefusedQuery,
    ServiceFailed,
    TimeLimit,
    TooBusy,
    TooLarge,
    TooMany,
)
from kg.settings import Settings
from kg.workers import Workers

__all__ = ["Desk"]

_UUID = re.compile(r"[0-9A-Fa-f]{8}(-?)(?:[0-9A-Fa-f]{4}\1){3}[0-9A-Fa-f]{12}")
# The closest class counts.
_OUTCOMES: dict[type[BaseException], str] = {
    ClientGone: "client_gone",
    MalformedQuery: "malformed",
    MalformedData: "malformed",
    BuildError: "refused",
    Unauthorized: "refused",
    NotAcceptable: "not_acceptable",
    RefusedQuery: "refused",
    NoEvidence: "refused",
    TooLarge: "too_large",
    TimeLimit: "time_limit",
    MemoryLimit: "memory",
    TooBusy: "busy",
    TooMany: "rate_limited",
    ServiceFailed: "service_failed",
    Cancelled: "cancelled",
    Stopping: "stopping",
    RequestError: "malformed",
    BaseException: "failed",
}


class Desk:
    """One for the whole service; `token_name` knows the tokens, where there are any."""

    def __init__(
        self,
        settings: Settings,
        workers: Workers,
        *,
        token_name: TokenName | None = None,
        out: TextIO | None = None,
    ) -> None:
        self.metrics = Metrics(workers)
        self.stopping = False
        self._origins = Origins(settings)
        self._token_name = token_name
        self._rates = Rates(settings.rate)
        self._log = QueryLog(settings.log, out)
        self._present: dict[str, Exchange] = {}

    def know(self, exchange: Exchange) -> None:
        """Find out where a request comes from and whose it is."""
        client = exchange.scope.get("client")
        scheme = str(exchange.scope.get("scheme", "http"))
        exchange.origin = self._origins.of(client[0] if client else None, scheme, exchange.headers)
        exchange.caller = caller_of(exchange, self._token_name)
        exchange.claim.caller = exchange.caller.key
        exchange.scope["kg.exchange"] = exchange

    def admit(self, exchange: Exchange) -> None:
        """Let a request in. Raises: Stopping, TooMany."""
        if exchange.method == "OPTIONS":
            return
        if self.stopping:
            raise Stopping
        self._rates.spend(exchange.caller)
        self._present[exchange.query_id] = exchange

    def name(self, exchange: Exchange) -> None:
        """Give a query the id that its client chose, if it did. Raises: BadRequest, Conflict."""
        chosen = exchange.headers.get("x-query-id")
        if not chosen or exchange.query_id not in self._present:
            return
        if not _UUID.fullmatch(chosen):
            raise BadRequest("X-Query-Id is not a UUID.", hint="Send a new UUID, or leave it out.")
        if chosen in self._present:
            raise Conflict("That X-Query-Id is in use.", hint="Send a new UUID for each query.")
        del self._present[exchange.query_id]
        exchange.query_id = chosen
        self._present[exchange.query_id] = exchange

    def note(self, exchange: Exchange, error: BaseException) -> None:
        """Remember what went wrong with a query."""
        kind = next(kind for kind in type(error).__mro__ if kind in _OUTCOMES)
        exchange.outcome = _OUTCOMES[kind]

    def settle(self, exchange: Exchange) -> None:
        """Let a request go that has ended; count and log it if it asked something."""
        if self._present.get(exchange.query_id) is exchange:
            del self._present[exchange.query_id]
        if exchange.outcome:
            self.metrics.count(exchange)
            self._log.write(exchange)

    @property
    def n_present(self) -> int:
        return len(self._present)

    def queries_of(self, caller: Caller) -> list[Exchange]:
        """Return the queries of this caller that have not ended."""
        return [each for each in self._present.values() if each.caller.key == caller.key and each.query_hash]

    def stop(self, query_id: str, caller: Caller) -> bool:
        """Stop a caller's own query; whether there was one."""
        found = next((each for each in self.queries_of(caller) if each.query_id == query_id), None)
        if found:
            found.stop(Cancelled("The query was stopped by its caller."))
        return found is not None

    def stop_all(self) -> None:
        """Break off what has not ended, when there is no more time to wait for it."""
        for exchange in list(self._present.values()):
            exchange.stop(Stopping())
