"""Who gets a worker: shares, trials, places and turns, with numbers for workers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from kg.errors import TooBusy, TooMany
from kg.fairness import Claim, Line

Test = Callable[[Line[int]], Awaitable[None]]


def run(test: Test, *, n_workers: int = 4, queue: int = 64) -> None:
    """Run a test against a line whose workers are idle."""

    async def body() -> None:
        line = Line[int](n_workers, queue)
        for worker in range(n_workers):
            line.offer(worker)
        await test(line)

    asyncio.run(body())


async def waiting(line: Line[int], claim: Claim, limit_s: float = 5) -> asyncio.Task[int]:
    """Have a claim wait; it is in the line when this returns."""
    task = asyncio.create_task(line.take(claim, limit_s))
    await asyncio.sleep(0)
    return task


async def long(line: Line[int], caller: str) -> tuple[Claim, int]:
    """Have a query of this caller run, and turn out long."""
    claim = Claim(caller)
    worker = await line.take(claim, 1)
    assert line.stay(claim)
    return claim, worker


def test_caller_has_at_most_half_of_the_workers() -> None:
    async def test(line: Line[int]) -> None:
        for _ in range(2):
            await line.take(Claim("a"), 1)
        third = await waiting(line, Claim("a"))
        assert (third.done(), len(line.idle), line.n_waiting) == (False, 2, 1)
        await line.take(Claim("b"), 1)
        third.cancel()

    run(test)


def test_caller_whose_half_is_long_has_one_trial_more() -> None:
    async def test(line: Line[int]) -> None:
        for _ in range(2):
            await long(line, "a")
        claim = Claim("a")
        await line.take(claim, 1)
        assert not line.stay(claim)
        second = await waiting(line, Claim("a"))
        assert not second.done()
        second.cancel()

    run(test)


def test_quarter_of_the_workers_takes_no_long_ones() -> None:
    async def test(line: Line[int]) -> None:
        for caller in "abc":
            await long(line, caller)
        fourth = Claim("d")
        await line.take(fourth, 1)
        assert not line.stay(fourth)

    run(test)


def test_service_itself_keeps_to_no_share_but_to_the_places() -> None:
    async def test(line: Line[int]) -> None:
        for _ in range(3):
            await long(line, "")
        fourth = Claim()
        await line.take(fourth, 1)
        assert not line.stay(fourth)

    run(test)


def test_evicted_query_waits_for_a_place_and_is_the_first_of_its_caller() -> None:
    async def test(line: Line[int]) -> None:
        (first, worker), *_ = [await long(line, caller) for caller in "abc"]
        evicted = Claim("d", query=1)
        back = await line.take(evicted, 1)
        line.evict(evicted)
        line.leave(evicted)
        line.offer(back)
        later, again = await waiting(line, Claim("d")), await waiting(line, evicted)
        assert (again.done(), later.done()) == (False, False)
        line.leave(first)
        line.offer(worker)
        assert await again >= 0
        assert evicted.has_place
        later.cancel()

    run(test)


def test_query_that_was_long_gets_no_trial_another_time() -> None:
    async def test(line: Line[int]) -> None:
        for caller in "abc":
            await long(line, caller)
        evicted = Claim("d", query=1)
        line.offer(await line.take(evicted, 1))
        line.evict(evicted)
        line.leave(evicted)
        same = await waiting(line, Claim("e", query=1))
        assert not same.done()
        await line.take(Claim("e", query=2), 1)
        same.cancel()

    run(test)


def test_caller_of_a_failed_trial_gets_no_other_but_a_place() -> None:
    async def test(line: Line[int]) -> None:
        (first, worker), *_ = [await long(line, caller) for caller in "abc"]
        evicted = Claim("d", query=1)
        line.offer(await line.take(evicted, 1))
        line.evict(evicted)
        line.leave(evicted)
        other = await waiting(line, Claim("d", query=2))
        assert not other.done()
        line.leave(first)
        line.offer(worker)
        await other

    run(test)


def test_callers_take_turns() -> None:
    async def test(line: Line[int]) -> None:
        held = Claim()
        worker = await line.take(held, 1)
        order: list[str] = []

        async def ask(caller: str) -> None:
            claim = Claim(caller)
            got = await line.take(claim, 5)
            order.append(caller)
            line.leave(claim)
            line.offer(got)

        tasks = [asyncio.create_task(ask(caller)) for caller in "aaabbc"]
        await asyncio.sleep(0)
        line.leave(held)
        line.offer(worker)
        await asyncio.gather(*tasks)
        assert "".join(order) == "abcaba"

    run(test, n_workers=1)


def test_caller_fills_at_most_half_of_the_queue() -> None:
    async def test(line: Line[int]) -> None:
        await line.take(Claim(), 1)
        tasks = [await waiting(line, Claim("a")) for _ in range(2)]
        with pytest.raises(TooMany):
            await line.take(Claim("a"), 1)
        tasks += [await waiting(line, Claim("b")) for _ in range(2)]
        with pytest.raises(TooBusy, match="full"):
            await line.take(Claim("c"), 1)
        for task in tasks:
            task.cancel()

    run(test, n_workers=1, queue=4)


def test_worker_that_comes_as_its_claim_gives_up_goes_to_the_next() -> None:
    async def test(line: Line[int]) -> None:
        held = Claim()
        worker = await line.take(held, 1)
        first, second = await waiting(line, Claim("a")), await waiting(line, Claim("b"))
        line.leave(held)
        line.offer(worker)
        first.cancel()
        assert await second == worker
        with pytest.raises(asyncio.CancelledError):
            await first

    run(test, n_workers=1)


def test_those_who_wait_are_dismissed() -> None:
    async def test(line: Line[int]) -> None:
        await line.take(Claim(), 1)
        task = await waiting(line, Claim("a"))
        line.dismiss()
        with pytest.raises(TooBusy, match="stopping"):
            await task
        assert line.n_waiting == 0

    run(test, n_workers=1)


def test_nothing_is_kept_of_a_caller_who_has_nothing() -> None:
    async def test(line: Line[int]) -> None:
        for number in range(100):
            claim = Claim(str(number))
            worker = await line.take(claim, 1)
            line.leave(claim)
            line.offer(worker)
        assert not line._standings

    run(test)
