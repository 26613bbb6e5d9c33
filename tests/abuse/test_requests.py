"""Hostile requests to the real service: each gets its answer, and all others theirs meanwhile."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from pathlib import Path
from time import monotonic

import pytest

from ..kg.serving import becomes_true
from .sending import Hostile, load_requests, send
from .target import Target, Trap

pytestmark = [pytest.mark.service, pytest.mark.abuse]

# A lookup takes milliseconds, and as much more as this machine takes for what nobody can hold up.
AT_ONCE_S = 1.0
REQUESTS = list(load_requests(Path(__file__).with_name("requests.yaml")))


def test_list_is_long_and_names_each_request_once() -> None:
    names = [request.name for request in REQUESTS]
    assert len({name.rstrip(" 0123456789") for name in names}) >= 45
    assert len(names) == len(set(names))


@pytest.fixture(scope="module")
def at_rest(target: Target) -> dict[str, int]:
    """What the service has when nobody asks anything."""
    assert becomes_true(lambda: target.at_rest()["idle"] == 2)
    return target.at_rest()


@pytest.mark.parametrize("hostile", REQUESTS, ids=lambda hostile: hostile.name)
def test_hostile_request_gets_its_answer_and_hurts_nobody(
    hostile: Hostile, target: Target, trap: Trap, at_rest: dict[str, int]
) -> None:
    before, others = target.release(), _Others(target)
    answers = others.ask_while(_sent(hostile, target, trap))
    assert answers <= set(hostile.expected)
    assert others.statuses == {200}
    assert max(others.seconds) < AT_ONCE_S + max(others.machine_s)
    assert trap.calls == []
    assert target.release() == before
    assert becomes_true(lambda: target.at_rest() == at_rest), (target.at_rest(), at_rest)
    held = target.memory_mb()
    assert all(held[name] < bound for name, bound in target.memory_bound_mb.items()), held


def _sent(hostile: Hostile, target: Target, trap: Trap) -> list[Future[str]]:
    """Send the request as often as the list says; each on a connection of its own."""
    content, given = hostile.content(target, trap.port), hostile.given
    pool = ThreadPoolExecutor(given.get("times", 1))
    sent = [
        pool.submit(send, content, target, drip_s=given.get("drip_s", 0.0), hold_s=given.get("hold_s", 0.0))
        for _ in range(given.get("times", 1))
    ]
    pool.shutdown(wait=False)
    return sent


class _Others:
    """Those who ask something plain while someone abuses the service, and at once afterwards."""

    def __init__(self, target: Target) -> None:
        self.statuses: set[int] = set()
        self.seconds: list[float] = []
        # How long a process that the service has no part in took for next to nothing, at the same time.
        self.machine_s: list[float] = []
        self._target = target

    def ask_while(self, sent: list[Future[str]]) -> set[str]:
        """Ask until all that was sent is answered, and once more; return those answers."""
        waiting = True
        while waiting:
            waiting = bool(wait_for(sent, timeout=0.1).not_done)
            status, seconds = self._target.lookup()
            self.statuses.add(status)
            self.seconds.append(seconds)
            began = monotonic()
            subprocess.run([sys.executable, "-S", "-c", ""], check=True)
            self.machine_s.append(monotonic() - began)
        return {each.result() for each in sent}
