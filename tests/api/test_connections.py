"""Before a request is one: heads that are too large, senders that are too slow, bytes that are no HTTP."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from http.client import HTTPResponse
from typing import Any

import pytest
import uvicorn

from api.connections import Connection

pytestmark = pytest.mark.service

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n"
HOLD = threading.Event()


class Hasty(Connection):
    patience_s = 0.2


async def length_of_body(_: Any, receive: Any, send: Any) -> None:
    """Answer with the number of bytes that came, once the tests let it."""
    n_bytes, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        n_bytes += len(message.get("body", b""))
        more = message.get("more_body", False)
    while not HOLD.is_set():
        await asyncio.sleep(0.01)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": str(n_bytes).encode()})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    HOLD.set()
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(length_of_body, http=Hasty, ws="none", lifespan="off", log_level="critical")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    thread.start()
    yield int(listener.getsockname()[1])
    server.should_exit = True
    thread.join()
    listener.close()


@pytest.fixture
def connection(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        yield connection


def answer(connection: socket.socket) -> tuple[int, bytes]:
    with HTTPResponse(connection) as response:
        response.begin()
        return response.status, response.read()


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"Accept: " + b"a/b," * 20_000 + b"\r\n\r\n",
        HEAD + b"A: b\r\n" * 50_000 + b"\r\n",
        b"GET /?" + b"a" * 65_537 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        HEAD + b"X-Never: ends" + b"s" * 300_000,
    ],
    ids=["one header", "many headers", "address", "without an end"],
)
def test_head_too_large_is_refused_as_soon_as_it_is(connection: socket.socket, head: bytes) -> None:
    connection.sendall(head)
    status, body = answer(connection)
    assert (status, b"problem/head-too-large" in body) == (431, True)


def test_head_as_large_as_may_be_is_read(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"A: " + b"a" * 65_000 + b"\r\n\r\n")
    assert answer(connection) == (200, b"0")


@pytest.mark.parametrize("part", [HEAD, b"\r\n", POST + b"\r\nASK", POST + b"\r\n"])
def test_request_that_stays_unfinished_ends_in_time(connection: socket.socket, part: bytes) -> None:
    connection.sendall(part)
    status, body = answer(connection)
    assert (status, b"problem/too-slow" in body) == (408, True)
    assert connection.recv(1) == b""


def test_connection_on_which_nothing_comes_is_closed(connection: socket.socket) -> None:
    assert connection.recv(1) == b""


def test_body_has_longer_the_more_of_it_has_come(connection: socket.socket) -> None:
    n_bytes = 1_200
    connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % n_bytes)
    for _ in range(n_bytes // 200 - 1):  # a second in all, five times the patience
        connection.sendall(b"a" * 200)
        threading.Event().wait(0.15)
    connection.sendall(b"a" * 200)
    assert answer(connection) == (200, b"1200")


def test_answer_may_take_longer_than_a_request(connection: socket.socket) -> None:
    HOLD.clear()
    connection.sendall(POST + b"\r\nASK {}")
    threading.Event().wait(0.5)
    HOLD.set()
    assert answer(connection) == (200, b"6")


def test_second_request_is_timed_on_its_own(connection: socket.socket) -> None:
    for _ in range(2):
        connection.sendall(HEAD + b"\r\n")
        assert answer(connection) == (200, b"0")
        threading.Event().wait(0.15)
    connection.sendall(HEAD)
    assert answer(connection)[0] == 408


def test_what_comes_behind_a_request_never_ends_up_in_its_answer(connection: socket.socket) -> None:
    HOLD.clear()
    connection.sendall(HEAD + b"\r\n" + POST + b"\r\nASK")
    threading.Event().wait(0.5)
    HOLD.set()
    with connection.makefile("rb") as stream:
        received = stream.read()
    assert received.count(b"HTTP/1.1 ") <= 2
    assert b"408" not in received.partition(b"\r\n")[0]


@pytest.mark.parametrize("hosts", [b"", b"Host: a\r\nHost: b\r\n"])
def test_request_without_one_host_is_refused(connection: socket.socket, hosts: bytes) -> None:
    connection.sendall(b"GET / HTTP/1.1\r\n" + hosts + b"\r\n")
    assert answer(connection)[0] == 400


def test_older_http_needs_no_host(connection: socket.socket) -> None:
    connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
    assert answer(connection) == (200, b"0")


def test_what_is_no_http_gets_a_problem(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")
    status, body = answer(connection)
    assert (status, b"problem/bad-request" in body) == (400, True)
