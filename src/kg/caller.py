"""Call an endpoint that the operator listed, and bring back what it answers, whole or not at all.

One request to the address that was looked up and found right: no redirect, no second lookup, no
proxy, no stored name or password. Bytes come back unread; a worker reads them (`inlining`).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import SplitResult, urlencode, urlsplit

import h11

from kg.addresses import may_have
from kg.errors import ServiceFailed
from kg.settings import Settings

__all__ = ["Allowance", "Caller", "Response"]

_ACCEPT = "application/sparql-results+json, application/sparql-results+xml;q=0.9"
_MOST_AT_ONCE = 16
# A lookup can't be stopped; so many may hang at the same time.
_LOOKUPS = 8
_READ_BYTES = 64 * 1024
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Response:
    """What an endpoint answered, as it came; the media type in small letters."""

    media_type: str
    content: bytes


@dataclass
class Allowance:
    """What may still come in for one query, all its calls together."""

    limit_mb: float
    n_bytes: int = 0

    def take(self, n_bytes: int) -> None:
        self.n_bytes += n_bytes
        if self.n_bytes > self.limit_mb * 1024 * 1024:
            raise _Failed(f"more than {self.limit_mb:g} MB came of this query")


class _Failed(Exception):
    """The endpoint gave no answer; says why."""


class Caller:
    """Calls endpoints, so many at a time; what waits for its turn spends its time waiting."""

    def __init__(self, settings: Settings) -> None:
        self._time_limit_s = settings.service_time_limit_s
        self._turns = asyncio.Semaphore(_MOST_AT_ONCE)
        self._lookups = ThreadPoolExecutor(_LOOKUPS, "lookup")
        secure = any(url.startswith("https:") for url in settings.services)
        self._tls = ssl.create_default_context() if secure else None

    async def call(self, url: str, query: str, allowance: Allowance) -> Response:
        """Return what an endpoint answers to a query. Raises: ServiceFailed."""
        try:
            async with asyncio.timeout(self._time_limit_s), self._turns:
                return await self._call(urlsplit(url), query, allowance)
        except TimeoutError:
            raise ServiceFailed(url, f"not within {self._time_limit_s:g} seconds") from None
        except _Failed as failed:
            raise ServiceFailed(url, str(failed)) from None
        except ssl.SSLError:
            raise ServiceFailed(url, "its certificate or its encryption is not to be trusted") from None
        except h11.RemoteProtocolError:
            raise ServiceFailed(url, "what it sent is not HTTP, or not whole") from None
        except ConnectionRefusedError:
            raise ServiceFailed(url, "the connection was refused") from None
        except OSError:
            raise ServiceFailed(url, "the connection could not be made, or broke") from None

    async def _call(self, url: SplitResult, query: str, allowance: Allowance) -> Response:
        reader, writer = await self._connect(url)
        try:
            connection = h11.Connection(h11.CLIENT)
            writer.write(_request(connection, url, query))
            return await _response(connection, reader, allowance)
        finally:
            writer.transport.abort()

    async def _connect(self, url: SplitResult) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = url.hostname or "", url.port or _PORTS[url.scheme]
        addresses = await self._addresses(host, port)
        if not may_have(host, addresses):
            raise _Failed("its name leads to an address that is not public")
        tls, name = (self._tls, host) if url.scheme == "https" else (None, None)
        for index, address in enumerate(addresses):
            try:
                return await asyncio.open_connection(address, port, ssl=tls, server_hostname=name)
            except OSError:
                if index == len(addresses) - 1:
                    raise
        raise _Failed("its name leads to no address")

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(
                self._lookups, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            )
        except (socket.gaierror, UnicodeError):
            raise _Failed("its name is not known") from None
        return [str(address[0]) for *_, address in found]


async def _response(
    connection: h11.Connection, reader: asyncio.StreamReader, allowance: Allowance
) -> Response:
    media_type, content = "", bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_READ_BYTES))
        elif isinstance(event, h11.Response):
            media_type = _checked(event)
        elif isinstance(event, h11.Data):
            allowance.take(len(event.data))
            content += event.data
        elif isinstance(event, h11.EndOfMessage):
            return Response(media_type, bytes(content))
        elif isinstance(event, h11.ConnectionClosed):
            raise _Failed("it closed the connection")


def _request(connection: h11.Connection, url: SplitResult, query: str) -> bytes:
    """Return the whole request: a form, which every endpoint takes at any length."""
    body = urlencode({"query": query}, errors="surrogatepass").encode()
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    headers = {
        "Host": url.netloc,
        "Accept": _ACCEPT,
        "Accept-Encoding": "identity",
        "Content-Type": "application/x-www-form-urlencoded",
        "Content-Length": str(len(body)),
        "User-Agent": "techniekpact-kg",
        "Connection": "close",
    }
    events = (
        h11.Request(method="POST", target=target, headers=list(headers.items())),
        h11.Data(data=body),
        h11.EndOfMessage(),
    )
    return b"".join(connection.send(event) or b"" for event in events)


def _checked(response: h11.Response) -> str:
    """Return the media type of an answer that can be one."""
    status = response.status_code
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in response.headers}
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise _Failed(f"it redirects ({status}), which is not followed")
    if status != HTTPStatus.OK:
        raise _Failed(f"its status was {status}")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise _Failed("its answer is compressed, which was not asked for")
    return headers.get("content-type", "").partition(";")[0].strip().lower()
