"""Calling an endpoint: what it answers, and every way in which it can fail to."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from kg.caller import Allowance, Caller, Response
from kg.errors import ServiceFailed
from kg.settings import Settings

from .endpoints import JSON, Answer, Handler, drip, endpoint, hang, literal, results

ONE = results({"s": literal("1")}, names="s")
CERTIFICATE = Path(__file__).with_name("localhost.pem")


def call(url: str, query: str = "ASK {}", **limits: Any) -> Response:
    settings = Settings(services=(url,), **{"service_time_limit_s": 5.0, **limits})

    async def called() -> Response:
        return await Caller(settings).call(url, query, Allowance(settings.service_size_limit_mb))

    return asyncio.run(called())


def reason(url: str, **limits: Any) -> str:
    with pytest.raises(ServiceFailed) as failed:
        call(url, **limits)
    assert failed.value.service == url
    return failed.value.reason


def test_answer_comes_back_as_it_was_sent() -> None:
    with endpoint(ONE) as other:
        query = 'SELECT * { ?s ?p "é \\" & + %20" }'
        assert call(other.url, query) == Response(JSON, ONE)
        assert other.queries == [query]


def test_address_is_asked_as_it_was_listed() -> None:
    paths = []

    def answer(handler: Handler) -> None:
        paths.append((handler.path, handler.headers["Host"], handler.headers["Accept-Encoding"]))
        handler.send(ONE)

    with endpoint(answer) as other:
        host = other.url.removeprefix("http://").removesuffix("/sparql")
        call(f"{other.url}/a%20b?graph=urn:x&y")
        call(f"http://{host}")
        assert paths == [("/sparql/a%20b?graph=urn:x&y", host, "identity"), ("/", host, "identity")]


def chunked(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", f"{JSON}; charset=utf-8")
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(ONE), ONE))


def without_length(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Type: APPLICATION/sparql-results+JSON\r\n\r\n" + ONE)
    handler.close_connection = True


@pytest.mark.parametrize("answer", [chunked, without_length])
def test_answer_of_unknown_length_comes_back_whole(answer: Answer) -> None:
    with endpoint(answer) as other:
        assert call(other.url) == Response(JSON, ONE)


def half(handler: Handler) -> None:
    handler.send(ONE[:-5], Content_Length=str(len(ONE)))
    handler.close_connection = True


def noise(handler: Handler) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    handler.close_connection = True


def silence(handler: Handler) -> None:
    handler.close_connection = True


def endless(handler: Handler) -> None:
    handler.send(b"", Content_Length=str(10**12))
    while not handler.endpoint.gone.is_set():
        handler.wfile.write(b"x" * 65536)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda handler: handler.send(b"", status=500), "its status was 500"),
        (lambda handler: handler.send(b"", status=401), "its status was 401"),
        (lambda handler: handler.send(b"", status=204), "its status was 204"),
        (lambda handler: handler.send(ONE, Content_Encoding="gzip"), "compressed"),
        (half, "not whole"),
        (noise, "not HTTP"),
        (silence, "not whole"),
        (endless, "more than 1 MB came of this query"),
    ],
)
def test_endpoint_that_fails_says_why(answer: Answer, why: str) -> None:
    with endpoint(answer) as other:
        assert why in reason(other.url, service_size_limit_mb=1.0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("answer", [hang, drip])
def test_endpoint_that_takes_too_long_is_left(answer: Answer) -> None:
    with endpoint(answer) as other:
        began = monotonic()
        assert reason(other.url, service_time_limit_s=0.3) == "not within 0.3 seconds"
        assert monotonic() - began < 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(status: int) -> None:
    with endpoint(ONE) as inside:
        with endpoint(lambda handler: handler.send(b"", status=status, Location=inside.url)) as other:
            assert reason(other.url) == f"it redirects ({status}), which is not followed"
        assert inside.queries == []


def test_nobody_there_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert reason(f"http://127.0.0.1:{port}/") == "the connection was refused"


def test_unknown_name_is_said() -> None:
    assert reason("http://nobody.invalid/sparql") == "its name is not known"


@pytest.mark.parametrize("host", ["127.1", "0x7f.1", "10.1", "192.168.257", "169.254.43518"])
def test_name_that_leads_inside_is_not_called(host: str) -> None:
    """What looks like a name to us is an address to the resolver: so is a name whose owner wants it."""
    with endpoint(ONE) as other:
        port = other.url.rpartition(":")[2]
        assert reason(f"http://{host}:{port}") == "its name leads to an address that is not public"
        assert other.queries == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433"])
def test_machine_that_the_operator_named_is_called(host: str) -> None:
    with endpoint(ONE) as other:
        assert call(other.url.replace("127.0.0.1", host)).content == ONE


def test_more_calls_than_turns_are_all_answered() -> None:
    with endpoint(ONE) as other:
        settings = Settings(services=(other.url,))

        async def all_called() -> list[Response]:
            caller = Caller(settings)
            allowance = Allowance(1.0)
            calls = [caller.call(other.url, f"ASK {{ {n} }}", allowance) for n in range(40)]
            return await asyncio.gather(*calls)

        assert len(asyncio.run(all_called())) == len(set(other.queries)) == 40


def test_certificate_must_be_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    with ExitStack() as running:
        other = running.enter_context(endpoint(ONE, context))
        secure = other.url.replace("http://127.0.0.1", "https://localhost")
        assert "certificate" in reason(secure)
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
        assert call(secure).content == ONE
        assert "certificate" in reason(secure.replace("localhost", "127.0.0.1"))
