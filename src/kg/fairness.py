"""Decide who gets a worker, so that nobody's queries keep others waiting.

Every query begins on trial. One that takes longer than `TRIAL_S`, or streams, needs a place, and
there are fewer places than workers: without one it is stopped, before anything of it was sent, and
waits for a place. A caller has at most half of the workers, and one trial beyond those when all of
them are taken by long ones. See docs/decisions/20261121-fairness.md.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Generic, TypeVar

from kg.errors import TooBusy, TooMany

__all__ = ["TRIAL_S", "Claim", "Line"]

# What runs longer counts as long.
TRIAL_S = 0.1
# Without trials after one that failed: nobody wastes more than a hundredth of a worker.
_PENANCE_S = 100 * TRIAL_S
# How many queries that turned out long are remembered; they are not tried again.
_MOST_LONG = 1_000
_HINT = "Try again in a few seconds."

Worker = TypeVar("Worker")


@dataclass(eq=False)
class Claim:
    """A query's wish for a worker: whose it is, and what makes it the same query another time.

    A `caller` of "" is the service itself, which has no share to keep to. `state` is "waiting",
    "running" or "streaming".
    """

    caller: str = ""
    query: int = 0
    state: str = "waiting"
    has_place: bool = False
    was_evicted: bool = False


@dataclass
class _Standing:
    """What a caller has now."""

    n_places: int = 0
    n_trials: int = 0
    barred_until: float = 0.0


class Line(Generic[Worker]):
    """The idle workers and those who wait for one, served in turn by caller."""

    def __init__(self, n_workers: int, queue: int) -> None:
        self._n_places = n_workers - n_workers // 4
        self._share = max(1, n_workers // 2)
        self._queue = queue
        self._n_taken = 0
        self.idle: list[Worker] = []
        self._waiting: OrderedDict[str, deque[tuple[Claim, asyncio.Future[Worker]]]] = OrderedDict()
        self._standings: dict[str, _Standing] = {}
        self._long: OrderedDict[int, None] = OrderedDict()

    @property
    def n_waiting(self) -> int:
        return sum(map(len, self._waiting.values()))

    async def take(self, claim: Claim, limit_s: float) -> Worker:
        """Wait for a worker; whoever gets one must `leave`.

        Raises: TooBusy when the queue is full or nothing came free in time, TooMany when this
        caller's half of the queue is.
        """
        if not claim.was_evicted:
            if not self._waiting and self.idle and self._admit(claim):
                return self.idle.pop()
            self._check_room(claim)
        place: asyncio.Future[Worker] = asyncio.get_running_loop().create_future()
        claim.state = "waiting"
        line = self._waiting.setdefault(claim.caller, deque())
        (line.appendleft if claim.was_evicted else line.append)((claim, place))
        self.serve()
        try:
            async with asyncio.timeout(limit_s):
                return await place
        except BaseException as error:
            self._step_out(claim, place)
            if isinstance(error, TimeoutError):
                raise TooBusy("No worker came free in time.", hint=_HINT) from None
            raise

    def leave(self, claim: Claim) -> None:
        """Give up the trial or the place; then `offer` the worker, or `serve` without it."""
        standing = self._standings[claim.caller]
        if claim.has_place:
            standing.n_places -= 1
            self._n_taken -= 1
            claim.has_place = False
        else:
            standing.n_trials -= 1
        self._forget(claim.caller)

    def stay(self, claim: Claim) -> bool:
        """Give what is on trial a place, if there is one for it."""
        if not claim.has_place and self.is_open(claim):
            self._standings[claim.caller].n_trials -= 1
            self._seat(claim)
        return claim.has_place

    def evict(self, claim: Claim) -> None:
        """Note that this trial failed: the query is long, and its caller gets no trial for a while."""
        claim.was_evicted = True
        self._long[claim.query] = None
        if len(self._long) > _MOST_LONG:
            self._long.popitem(last=False)
        if claim.caller:
            loop = asyncio.get_running_loop()
            self._standings[claim.caller].barred_until = loop.time() + _PENANCE_S
            loop.call_later(_PENANCE_S, self._forgive, claim.caller)

    def offer(self, worker: Worker) -> None:
        """Let this worker be given to whoever is next."""
        self.idle.append(worker)
        self.serve()

    def withdraw(self, worker: Worker) -> None:
        """Take a worker out, if it is idle."""
        if worker in self.idle:
            self.idle.remove(worker)

    def dismiss(self) -> None:
        """Turn away everyone who waits."""
        for claims in self._waiting.values():
            for _, place in claims:
                if not place.done():
                    place.set_exception(TooBusy("The service is stopping.", hint=_HINT))
        self._waiting.clear()

    def serve(self) -> None:
        """Give the idle workers to those whose turn it is."""
        while self.idle and (place := self._next()):
            place.set_result(self.idle.pop())

    def _next(self) -> asyncio.Future[Worker] | None:
        """Admit the first claim that may run, of the caller whose turn it is; that caller goes last."""
        for caller, claims in self._waiting.items():
            may_try = True  # what holds for one trial of a caller holds for the next
            for claim, place in claims:
                is_trial = not self._is_long(claim)
                if place.done() or (is_trial and not may_try):
                    continue
                if self._admit(claim):
                    self._waiting.move_to_end(caller)
                    self._strike(claim, place)
                    return place
                may_try = may_try and not is_trial
        return None

    def _admit(self, claim: Claim) -> bool:
        """Let the claim begin, if it may: what is known as long in a place, all else on trial."""
        standing = self._standings.get(claim.caller) or _Standing()
        if self._is_long(claim):
            if not self.is_open(claim):
                return False
            self._standings[claim.caller] = standing
            self._seat(claim)
        else:
            if not self._may_try(claim, standing):
                return False
            self._standings[claim.caller] = standing
            standing.n_trials += 1
        claim.state = "running"
        return True

    def _is_long(self, claim: Claim) -> bool:
        return claim.was_evicted or claim.query in self._long

    def is_open(self, claim: Claim) -> bool:
        """Whether there is a place for it, or it has one."""
        if claim.has_place:
            return True
        standing = self._standings.get(claim.caller)
        has_share = not claim.caller or standing is None or standing.n_places < self._share
        return has_share and self._n_taken < self._n_places

    def _may_try(self, claim: Claim, standing: _Standing) -> bool:
        if not claim.caller:
            return True
        if standing.barred_until > asyncio.get_running_loop().time() and not self.is_open(claim):
            return False
        return standing.n_places + standing.n_trials < self._share or not standing.n_trials

    def _seat(self, claim: Claim) -> None:
        claim.has_place = True
        self._standings[claim.caller].n_places += 1
        self._n_taken += 1

    def _check_room(self, claim: Claim) -> None:
        if self.n_waiting >= self._queue:
            raise TooBusy("Every worker is busy and the queue is full.", hint=_HINT)
        if claim.caller and len(self._waiting.get(claim.caller, ())) >= (self._queue + 1) // 2:
            raise TooMany("Too many of your queries are waiting.", hint="Send fewer at a time.")

    def _step_out(self, claim: Claim, place: asyncio.Future[Worker]) -> None:
        """Leave the queue; a worker that came at that very moment goes to the next."""
        if place.done() and not place.cancelled() and not place.exception():
            self.leave(claim)
            self.offer(place.result())
        else:
            self._strike(claim, place)

    def _strike(self, claim: Claim, place: asyncio.Future[Worker]) -> None:
        claims = self._waiting.get(claim.caller, deque())
        if (claim, place) in claims:
            claims.remove((claim, place))
            if not claims:
                del self._waiting[claim.caller]

    def _forgive(self, caller: str) -> None:
        self._forget(caller)
        self.serve()

    def _forget(self, caller: str) -> None:
        """Keep nothing of a caller who has nothing."""
        standing = self._standings.get(caller)
        if standing is None or standing.n_places or standing.n_trials:
            return
        if asyncio.get_running_loop().time() >= standing.barred_until:
            del self._standings[caller]
