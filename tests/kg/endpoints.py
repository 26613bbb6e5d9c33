"""Endpoints of others, which answer as a test wants: what is called is a real server, and keeps count."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

JSON = "application/sparql-results+json"
Term = dict[str, str]


def uri(value: str) -> Term:
    return {"type": "uri", "value": value}


def literal(value: str, **more: str) -> Term:
    return {"type": "literal", "value": value, **more}


def results(*rows: dict[str, Term], names: str = "s o") -> bytes:
    """Return SPARQL results in JSON."""
    return json.dumps({"head": {"vars": names.split()}, "results": {"bindings": rows}}).encode()


@dataclass
class Endpoint:
    """One that is listening; `queries` are what it was asked, `gone` is set when the test ends."""

    url: str
    queries: list[str] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)


class Handler(BaseHTTPRequestHandler):
    """One request to an endpoint."""

    endpoint: Endpoint
    protocol_version = "HTTP/1.1"

    def send(self, content: bytes, *, status: int = 200, **headers: str) -> None:
        """Answer; a header's name is written with underscores."""
        self.send_response(status)
        given = {"Content-Type": JSON, "Content-Length": str(len(content))}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in given.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


Answer = Callable[[Handler], None]


@contextmanager
def endpoint(answer: Answer | bytes, tls: ssl.SSLContext | None = None) -> Iterator[Endpoint]:
    """Run an endpoint that answers every query so: by a function, or with this content."""

    class Answering(Handler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self.endpoint.queries.append(parse_qs(body)["query"][0])
            if isinstance(answer, bytes):
                self.send(answer)
            else:
                answer(self)

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        server.daemon_threads = True
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        Answering.endpoint = Endpoint(f"http://127.0.0.1:{server.server_port}/sparql")
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
        thread.start()
        try:
            yield Answering.endpoint
        finally:
            Answering.endpoint.gone.set()
            server.shutdown()
            thread.join()


def hang(handler: Handler) -> None:
    """Begin an answer and never end it."""
    handler.send(b"", Content_Length="100")
    handler.wfile.flush()
    handler.endpoint.gone.wait()


def drip(handler: Handler) -> None:
    """Send a byte of the head at a time, for ever."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not handler.endpoint.gone.wait(0.01):
        handler.wfile.write(b"x")
        handler.wfile.flush()
