"""One line for each query and for each warning, on standard error; never the text of a query.

The line of a query is written by itself, since `logging` would cost more than the rest of its telling.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from time import monotonic
from typing import Any, TextIO

from api.exchange import Exchange

__all__ = ["QueryLog", "configure"]

# It says of each answer that was cut on purpose what the line of its query says better.
_SAID_ALREADY = "ASGI callable returned without completing response."


# Every value is a number, a word of ours, or of a form that was checked: none needs an escape.
_JSON = (
    '{{"time": "{time}", "id": "{id}", "query": "{query}", "method": "{method}", "caller": "{caller}", '
    '"status": {status}, "outcome": "{outcome}", "firstByteMs": {firstByteMs}, "ms": {ms}, '
    '"bytes": {bytes}, "release": {release}, "kept": {kept}}}'
)
_PLAIN = "{time} {status} {outcome} {ms} ms {bytes} bytes {method} {query} {id}"


class QueryLog:
    """Writes the line of each query, as `json` or `plain`, or none when `off`."""

    def __init__(self, form: str, out: TextIO | None = None) -> None:
        self._form = form
        self._out = out

    def write(self, exchange: Exchange) -> None:
        """Write what is told of a query that has ended."""
        if self._form == "off":
            return
        text = (_JSON if self._form == "json" else _PLAIN).format(**_told(exchange))
        try:
            (self._out or sys.stderr).write(text + "\n")
        except OSError:
            # Nobody reads it any more; that is no reason to answer nobody.
            self._form = "off"


def configure(form: str) -> None:
    """Have warnings written to standard error, as JSON where queries are."""
    handler = logging.StreamHandler()
    handler.addFilter(lambda record: record.getMessage() != _SAID_ALREADY)
    if form == "json":
        handler.setFormatter(_JsonFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def _told(exchange: Exchange) -> dict[str, Any]:
    first = exchange.first_byte_at
    return {
        "time": _now(),
        "id": exchange.query_id,
        "query": exchange.query_hash,
        "method": exchange.method,
        "caller": exchange.caller.kind,
        "status": exchange.status,
        "outcome": exchange.outcome,
        "firstByteMs": "null" if first is None else round((first - exchange.began) * 1000, 2),
        "ms": round((monotonic() - exchange.began) * 1000, 2),
        "bytes": exchange.n_bytes,
        "release": exchange.release or "null",
        "kept": "true" if exchange.is_kept else "false",
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _JsonFormatter(logging.Formatter):
    """A warning in one line, its stack trace in a member of its own."""

    def format(self, record: logging.LogRecord) -> str:
        line = {"time": _now(), "level": record.levelname.lower(), "message": record.getMessage()}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps({**line, "logger": record.name})
