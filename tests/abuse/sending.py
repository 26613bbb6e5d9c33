"""Send what the list says, byte for byte, and say in a few words what came back.

`requests.yaml` explains how an entry is written; here it becomes bytes.
"""

from __future__ import annotations

import gzip
import json
import socket
import string
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse, IncompleteRead
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import quote

import yaml

from .target import Target

__all__ = ["Hostile", "load_requests", "send"]

QUESTION = "/questions/funding-for-age-and-region"
_GRAPH = "https://w3id.org/techniekpact/graph/abuse/1"
_KEPT_BYTES = 64 * 1024
_PATIENCE_S = 20.0

Text = str | list[str | dict[str, int]]


@dataclass(frozen=True)
class Hostile:
    """One request of the list, and the answers that are right for it."""

    name: str
    given: dict[str, Any]

    @property
    def expected(self) -> list[str]:
        return [each.strip() for each in str(self.given["expect"]).split("|")]

    def content(self, target: Target, trap: int) -> bytes:
        """Return the bytes to send."""
        return _Writing(self.given, target, trap).content()


def load_requests(path: Path) -> Iterator[Hostile]:
    """Read the list; an entry with `each` is as many requests."""
    for entry in yaml.safe_load(path.read_text("utf-8")):
        variants = entry.pop("each", None)
        if variants is None:
            yield Hostile(entry["name"], entry)
        for number, variant in enumerate(variants or (), 1):
            yield Hostile(f"{entry['name']} {number}", {**entry, "variant": variant})


class _Writing:
    """Makes an entry's request."""

    def __init__(self, given: dict[str, Any], target: Target, trap: int) -> None:
        self._given = given
        self._target = target
        self._trap = trap

    def content(self) -> bytes:
        given = self._given
        if "raw" in given:
            return self._text(given["raw"]).encode("latin-1")
        if "get" in given:
            return self._request(f"GET {self._text(given['get'])}")
        if "ask" in given:
            fields = "&".join(f"{name}={quote(self._text(text))}" for name, text in given["ask"].items())
            return self._request(f"GET {QUESTION}?{fields}")
        for kind in ("query", "update"):
            if kind in given:
                body = self._text(given[kind]).encode()
                return self._request("POST /sparql", body, {"Content-Type": f"application/sparql-{kind}"})
        if "put" in given:
            graph = quote(self._text(given.get("graph", _GRAPH)), safe=":/%")
            body = self._text(given["put"]).encode()
            return self._request(f"PUT /store?graph={graph}", body, {"Content-Type": given["type"]})
        body = self._text(given.get("body", "")).encode("latin-1")
        return self._request(self._text(given["send"]), body)

    def _request(self, line: str, body: bytes = b"", headers: dict[str, str] | None = None) -> bytes:
        if self._given.get("gzip"):
            body = gzip.compress(body)
        given = {"Host": f"127.0.0.1:{self._target.port}", "Connection": "close", **(headers or {})}
        if {"update", "put"} & self._given.keys():
            given["Authorization"] = f"Bearer {self._target.token}"
        if body:
            given["Content-Length"] = str(len(body))
        for name, text in self._given.get("headers", {}).items():
            given[self._text(name)] = self._text(text)
        lines = [f"{line} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body

    def _text(self, text: Text) -> str:
        """Return a text with its pieces repeated and its names filled in."""
        if isinstance(text, list):
            return "".join(self._piece(piece) for piece in text)
        names = {
            "variant": str(self._given.get("variant", "")),
            "port": str(self._target.port),
            "token": self._target.token,
            "trap": str(self._trap),
        }
        # Twice, since a variant may name others.
        return _Names(_Names(text).safe_substitute(names)).safe_substitute(names)

    def _piece(self, piece: str | dict[str, int]) -> str:
        if isinstance(piece, str):
            return self._text(piece)
        ((repeated, times),) = piece.items()
        filled = self._text(repeated)
        if "‹n›" not in filled:
            return filled * times
        return "".join(filled.replace("‹n›", str(n)) for n in range(times))


class _Names(string.Template):
    """`‹name›`: signs that no other syntax here uses."""

    pattern = r"‹(?:(?P<named>[a-z]+)›|(?P<escaped>‹)|(?P<braced>\b\B)|(?P<invalid>))"


def send(
    content: bytes,
    target: Target,
    *,
    drip_s: float = 0.0,
    hold_s: float = 0.0,
    address: str = "127.0.0.1",
    patience_s: float = _PATIENCE_S,
) -> str:
    """Send bytes on a connection of their own; return what came back.

    That is the status, with what kind of problem it is, "cut" where the answer wasn't whole,
    "closed" where there was none, and "silence" where nobody hung up within `hold_s`. With `drip_s`
    a byte goes at a time, so far apart, until `hold_s` have passed. `address` is where it comes from.
    """
    with socket.create_connection(("127.0.0.1", target.port), source_address=(address, 0)) as connection:
        connection.settimeout(hold_s or patience_s)
        try:
            if drip_s:
                _drip(connection, content, drip_s, hold_s)
            else:
                connection.sendall(content)
        except TimeoutError:
            return "silence"
        except OSError:  # an answer may have come all the same
            pass
        return _received(connection, content)


def _drip(connection: socket.socket, content: bytes, drip_s: float, hold_s: float) -> None:
    deadline = monotonic() + hold_s
    connection.settimeout(drip_s)
    for number in range(len(content)):
        if monotonic() > deadline:
            break
        connection.sendall(content[number : number + 1])
        try:
            if connection.recv(1, socket.MSG_PEEK) is not None:
                break  # it has answered, or hung up
        except TimeoutError:
            continue
    connection.settimeout(max(0.01, deadline - monotonic()))


def _received(connection: socket.socket, content: bytes) -> str:
    response = HTTPResponse(connection, method=content.partition(b" ")[0].decode("latin-1"))
    try:
        response.begin()
        kept = response.read(_KEPT_BYTES)
        while response.read1(_KEPT_BYTES):
            continue
    except IncompleteRead:
        return f"{response.status} cut"
    except TimeoutError:
        return "silence"
    except (HTTPException, OSError, ValueError):
        return "closed"
    finally:
        response.close()
    if response.getheader("content-type") != "application/problem+json":
        return str(response.status)
    return f"{response.status} {json.loads(kept)['type'].rpartition('/')[2]}"
