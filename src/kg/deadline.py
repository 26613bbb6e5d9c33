"""End this process when a query in it takes too long: nothing less stops the engine.

Time that the reader of the answer takes, a pager for one, doesn't count.
"""

from __future__ import annotations

import os
import sys
import threading
from time import monotonic
from typing import IO, Self

__all__ = ["Deadline"]


class Deadline:
    """What a query writes to, and what ends it `limit_s` after it began; a limit of 0 is none."""

    def __init__(self, sink: IO[bytes], limit_s: float) -> None:
        self._sink = sink
        self._limit_s = limit_s
        self._at = monotonic() + limit_s
        self._writing = False
        self._done = threading.Event()

    def __enter__(self) -> Self:
        if self._limit_s:
            threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()

    def write(self, piece: bytes) -> int:
        began, self._writing = monotonic(), True
        written = self._sink.write(piece)
        self._at += monotonic() - began
        self._writing = False
        return written

    def flush(self) -> None:
        self._sink.flush()

    def _watch(self) -> None:
        while not self._done.wait(max(0.01, self._at - monotonic())):
            if monotonic() >= self._at and not self._writing:
                message = f"The query took longer than {self._limit_s:g} seconds and was ended."
                print(
                    f"{message} Ask for less, or give it longer by --time-limit.", file=sys.stderr, flush=True
                )
                os._exit(1)
