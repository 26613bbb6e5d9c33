"""The pool: answers, limits, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic

import pytest

from kg import worker
from kg.errors import MalformedQuery, MemoryLimit, NotAcceptable, QueryError, TimeLimit, TooBusy, WorkerLost
from kg.settings import Settings
from kg.store import Release
from kg.worker import Job
from kg.workers import CallersAsker, Claim, Workers

from .serving import ENDLESS, RUNAWAY, SILENT, becomes_true, is_alive, small_release

COUNT = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"
# More than a tenth of a second, less than two.
SLOW = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f FILTER(CONCAT(STR(?a), STR(?d)) != ?b) }"
Test = Callable[[Workers], Awaitable[None]]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return small_release(tmp_path_factory.mktemp("release"))


def run(release: Release, test: Test, **limits: float) -> None:
    """Run a test against a pool, and see that it leaves no process."""
    settings = Settings(**{"workers": 2, "time_limit_s": 0.5, **limits})  # type: ignore[arg-type]

    async def body() -> list[int]:
        async with Workers(settings, release) as workers:
            await test(workers)
            return workers.pids

    assert not any(is_alive(pid) for pid in asyncio.run(body()))


async def full(workers: Workers, n_workers: int = 2) -> None:
    async with asyncio.timeout(5):
        while workers.counts() != {"busy": 0, "idle": n_workers, "waiting": 0}:
            await asyncio.sleep(0)


async def n_things(workers: Workers) -> str:
    return (await workers.rows(COUNT, {}))[0]["n"]["value"]


def test_bound_variable_restricts_the_rows(release: Release) -> None:
    async def test(workers: Workers) -> None:
        rows = await workers.rows("SELECT ?s ?o { ?s ?p ?o }", {"s": {"type": "uri", "value": "urn:thing/7"}})
        assert [row["o"]["value"] for row in rows] == ["7"]

    run(release, test)


def test_worker_is_reused_after_an_answer_and_after_an_error(release: Release) -> None:
    async def test(workers: Workers) -> None:
        before = workers.pids
        for _ in range(5):
            assert await n_things(workers) == "1000"
            with pytest.raises(MalformedQuery):
                await workers.rows("SELECT * { ?s ?p }", {})
        assert workers.pids == before

    run(release, test)


def test_syntax_error_has_line_and_column(release: Release) -> None:
    async def test(workers: Workers) -> None:
        with pytest.raises(MalformedQuery) as malformed:
            await workers.rows("SELECT * {\n ?s ?p }", {})
        assert (malformed.value.line, malformed.value.column) == (2, 9)

    run(release, test)


def test_protocol_dataset_replaces_the_default_graph(release: Release) -> None:
    async def test(workers: Workers) -> None:
        async with workers.run(Job(query=COUNT, named_graphs=["urn:graph"])) as answer:
            assert b'"value":"0"' in b"".join([piece async for piece in answer])

    run(release, test)


def test_format_for_the_other_kind_is_not_acceptable(release: Release) -> None:
    async def test(workers: Workers) -> None:
        with pytest.raises(NotAcceptable):
            async with workers.run(Job(query="DESCRIBE <urn:a>", graph_type=None)):
                pass

    run(release, test)


def test_runaway_is_killed_at_its_limit_while_others_are_answered(release: Release) -> None:
    async def test(workers: Workers) -> None:
        started, before = monotonic(), set(workers.pids)
        runaway = asyncio.create_task(workers.rows(RUNAWAY, {}))
        while not runaway.done():
            assert await n_things(workers) == "1000"
        with pytest.raises(TimeLimit):
            await runaway
        assert 0.5 <= monotonic() - started < 1
        await full(workers)
        (killed,) = before - set(workers.pids)
        assert not is_alive(killed)

    run(release, test, memory_limit_mb=8192)


def test_query_over_its_memory_is_a_memory_limit(release: Release) -> None:
    async def test(workers: Workers) -> None:
        with pytest.raises(MemoryLimit):
            await workers.rows(RUNAWAY, {})
        assert await n_things(workers) == "1000"

    run(release, test, memory_limit_mb=100, time_limit_s=10)


def test_stream_over_its_limit_breaks_off(release: Release) -> None:
    async def test(workers: Workers) -> None:
        async with workers.run(Job(query=ENDLESS)) as answer:
            with pytest.raises(TimeLimit):
                assert [len(piece) async for piece in answer]
        await full(workers)

    run(release, test, stream_limit_s=0.2)


def test_cancelled_query_ends_its_worker(release: Release) -> None:
    async def test(workers: Workers) -> None:
        (pid,) = workers.pids
        task = asyncio.create_task(workers.rows(RUNAWAY, {}))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await full(workers, 1)
        assert not is_alive(pid)

    run(release, test, workers=1, time_limit_s=20)


def test_answer_left_unread_ends_its_worker(release: Release) -> None:
    async def test(workers: Workers) -> None:
        (pid,) = workers.pids
        async with workers.run(Job(query=ENDLESS)):
            pass
        await full(workers, 1)
        assert not is_alive(pid)

    run(release, test, workers=1)


def test_full_queue_is_too_busy_at_once(release: Release) -> None:
    async def test(workers: Workers) -> None:
        async with workers.run(Job(query=ENDLESS)):
            waiting = asyncio.create_task(n_things(workers))
            await asyncio.sleep(0)
            with pytest.raises(TooBusy, match="full"):
                await n_things(workers)
        assert await waiting == "1000"

    run(release, test, workers=1, queue=1)


def test_wait_for_a_worker_ends_at_the_time_limit(release: Release) -> None:
    async def test(workers: Workers) -> None:
        async with workers.run(Job(query=ENDLESS)):
            with pytest.raises(TooBusy, match="in time"):
                await n_things(workers)

    run(release, test, workers=1, time_limit_s=0.2)


def test_worker_killed_by_another_is_lost_and_replaced(release: Release) -> None:
    async def test(workers: Workers) -> None:
        (pid,) = workers.pids
        async with workers.run(Job(query=ENDLESS)) as answer:
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(WorkerLost):
                assert [piece async for piece in answer]
        assert await n_things(workers) == "1000"

    run(release, test, workers=1)


def test_zygote_killed_by_another_is_replaced(release: Release) -> None:
    async def test(workers: Workers) -> None:
        zygote = int(Path(f"/proc/{workers.pids[0]}/stat").read_text("ascii").rpartition(")")[2].split()[1])
        before = set(workers.pids)
        os.kill(zygote, signal.SIGKILL)
        async with asyncio.timeout(5):
            while before & set(workers.pids):
                await asyncio.sleep(0)
        await full(workers)
        assert await n_things(workers) == "1000"

    run(release, test, time_limit_s=5)


def test_switch_answers_from_the_new_release_and_lets_the_old_end(release: Release, tmp_path: Path) -> None:
    async def test(workers: Workers) -> None:
        async with workers.run(Job(query="SELECT * { ?s ?p ?o }")) as old:
            await workers.switch(small_release(tmp_path, n_things=5, number=2))
            assert await n_things(workers) == "5"
            assert old.release.number == 1
            assert b"urn:thing/999" in b"".join([piece async for piece in old])
        await full(workers)

    run(release, test, time_limit_s=5)


def test_worker_that_grew_is_replaced_before_the_next_query(release: Release) -> None:
    async def test(workers: Workers) -> None:
        (pid,) = workers.pids
        assert await n_things(workers) == "1000"
        assert workers.pids == [pid]
        large = "SELECT ?a ?d { ?a ?b ?c . ?d ?e ?f FILTER(?c < 150) } ORDER BY DESC(?d) ?a OFFSET 149999"
        assert len(await workers.rows(large, {})) == 1
        assert await n_things(workers) == "1000"
        assert workers.pids != [pid]

    run(release, test, workers=1, time_limit_s=20, memory_limit_mb=256)


def test_worker_is_replaced_after_many_answers(release: Release) -> None:
    async def test(workers: Workers) -> None:
        (pid,) = workers.pids
        for _ in range(worker._MOST_ANSWERS):
            await workers.rows("SELECT (1 AS ?one) {}", {})
        await full(workers, 1)
        assert workers.pids != [pid]

    run(release, test, workers=1)


def test_long_query_beyond_the_places_is_tried_stopped_and_begun_again(release: Release) -> None:
    """Four workers have three places for long ones."""

    async def test(workers: Workers) -> None:
        before = set(workers.pids)
        async with contextlib.AsyncExitStack() as streams:
            held = [await streams.enter_async_context(workers.run(Job(query=ENDLESS))) for _ in range(3)]
            slow = asyncio.create_task(workers.rows(SLOW, {}))
            async with asyncio.timeout(5):
                while before <= set(workers.pids):
                    await asyncio.sleep(0)
            assert await n_things(workers) == "1000"
            assert not slow.done()
            assert [each.release.number for each in held] == [1, 1, 1]
        assert (await slow)[0]["n"]["value"] == "1000000"

    run(release, test, workers=4, time_limit_s=20)


def test_long_query_stands_back_on_the_processors_until_it_has_ended(release: Release) -> None:
    async def test(workers: Workers) -> None:
        (pid,) = workers.pids
        slow = asyncio.create_task(workers.rows(SLOW, {}))
        async with asyncio.timeout(5):
            while os.getpriority(os.PRIO_PROCESS, pid) == 0:
                await asyncio.sleep(0)
        assert not slow.done()
        await slow
        await full(workers, 1)
        assert os.getpriority(os.PRIO_PROCESS, workers.pids[0]) == 0

    run(release, test, workers=1, time_limit_s=20)


def test_answer_on_trial_is_whole_or_not_begun(release: Release) -> None:
    async def test(workers: Workers) -> None:
        async with contextlib.AsyncExitStack() as streams:
            for _ in range(3):
                await streams.enter_async_context(workers.run(Job(query=ENDLESS)))
            async with workers.run(Job(query="SELECT * { ?s ?p ?o }")) as answer:
                assert answer.worker is None
                assert b"urn:thing/999" in b"".join([piece async for piece in answer])
            with pytest.raises(TooBusy):
                await workers.rows(ENDLESS.replace("?a", "?z"), {})

    run(release, test, workers=4, time_limit_s=1)


def test_caller_has_half_of_the_workers_for_long_ones_and_others_the_rest(release: Release) -> None:
    async def test(workers: Workers) -> None:
        async with contextlib.AsyncExitStack() as streams:
            for number in range(2):
                job = Job(query=f"{ENDLESS} # {number}")
                await streams.enter_async_context(workers.run(job, Claim("greedy")))
            assert await CallersAsker(workers, "greedy").rows(COUNT, {})
            third = asyncio.create_task(workers.rows(f"{SILENT} # 3", {}, "greedy"))
            claim = Claim("modest")
            async with workers.run(Job(query=f"{ENDLESS} # 4"), claim) as answer:
                assert answer.worker
                assert claim.state == "streaming"
                assert not third.done()
            third.cancel()

    run(release, test, workers=4, time_limit_s=5)


def test_worker_can_open_no_connection(release: Release) -> None:
    """The guard is the first lock; this is the second."""

    async def test(workers: Workers) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            with pytest.raises(QueryError):
                await workers.rows(f"SELECT * {{ SERVICE <{url}> {{ ?s ?p ?o }} }}", {})
            with pytest.raises(BlockingIOError):
                listener.accept()

    run(release, test)


def test_server_killed_leaves_no_process(release: Release) -> None:
    script = f"""
        import asyncio, pathlib
        from kg.settings import Settings
        from kg.store import Release
        from kg.worker import Job
        from kg.workers import CallersAsker, Claim, Workers

        async def main():
            release = Release(1, pathlib.Path({str(release.path)!r}), {{}})
            workers = Workers(Settings(workers=2), release)
            await workers.start()
            silent = asyncio.create_task(workers.rows({SILENT!r}, {{}}))
            async with workers.run(Job(query={ENDLESS!r})):
                print(*workers.pids, flush=True)
                await silent

        asyncio.run(main())
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout
        pids = [int(pid) for pid in server.stdout.readline().split()]
        assert len(pids) == 2
        assert all(is_alive(pid) for pid in pids)
        server.kill()
    assert becomes_true(lambda: not any(is_alive(pid) for pid in pids))
