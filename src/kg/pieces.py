"""Pass an answer on in pieces as it comes, compressed where asked for, and hold none of it whole."""

from __future__ import annotations

import zlib
from collections.abc import Callable

__all__ = ["Pieces"]

# The engine hands over 8 KiB at a time, or what there is at its end, so what is less than this at
# first is nearly always all. After the first piece fewer, larger ones cost less.
_FIRST_BYTES = 4 * 1024
_PIECE_BYTES = 64 * 1024
# Of an answer with a cap so much is held back, so that most of them say in their head whether it cut.
_WAIT_BYTES = 256 * 1024
# Below this gzip saves no packet.
_LEAST_TO_COMPRESS_BYTES = 1_000
# Levels above the first make results a few per cent smaller, at twice the time or more.
_LEVEL = 1
_GZIP = 31


class Pieces:
    """What the engine writes to: the first piece goes at once, later ones in bulk, the last to who asks.

    With `waits` the first piece is held until the answer ends or much of it is there. An answer too
    small for it is not compressed, whatever `encoding` asks; each piece comes with its encoding.

    >>> pieces = Pieces(print, "gzip")
    >>> pieces.write(b"a,b"), pieces.last()
    (3, (b'a,b', ''))
    """

    def __init__(
        self, send: Callable[[bytes, str], object], encoding: str = "", *, waits: bool = False
    ) -> None:
        self._send = send
        self._encoding = encoding
        self._enough_bytes = _WAIT_BYTES if waits else _FIRST_BYTES
        self._waiting = bytearray()
        self._first = True
        self._gzip: zlib._Compress | None = None

    def write(self, piece: bytes) -> int:
        self._waiting += piece
        if len(self._waiting) >= self._enough_bytes:
            self._send(*self._piece(last=False))
            self._enough_bytes = _PIECE_BYTES
        return len(piece)

    def flush(self) -> None:
        """The engine flushes at its end, and `last` follows."""

    def last(self) -> tuple[bytes, str]:
        """Return what is left, which may be nothing."""
        return self._piece(last=True)

    def _piece(self, *, last: bool) -> tuple[bytes, str]:
        content = bytes(self._waiting)
        self._waiting.clear()
        if self._first and self._encoding:
            if last and len(content) < _LEAST_TO_COMPRESS_BYTES:
                self._encoding = ""
            else:
                self._gzip = zlib.compressobj(_LEVEL, wbits=_GZIP)
        self._first = False
        if self._gzip:
            # Each piece can be read as soon as it is there.
            how = zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH
            content = self._gzip.compress(content) + self._gzip.flush(how)
        return content, self._encoding
