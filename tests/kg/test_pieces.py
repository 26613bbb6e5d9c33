"""Pieces of an answer: when they leave, and compressed so that each can be read at once."""

from __future__ import annotations

import zlib

from kg.pieces import Pieces

Sent = list[tuple[bytes, str]]


def _pieces(encoding: str = "", *, waits: bool = False) -> tuple[Pieces, Sent]:
    sent: Sent = []
    return Pieces(lambda content, coding: sent.append((content, coding)), encoding, waits=waits), sent


def test_first_piece_leaves_at_once_and_later_ones_in_bulk() -> None:
    pieces, sent = _pieces()
    for _ in range(18):
        pieces.write(b"x" * 8192)
    assert [len(content) for content, _ in sent] == [8192, 65536, 65536]
    assert pieces.last() == (b"x" * 8192, "")


def test_capped_answer_waits_until_much_of_it_is_there() -> None:
    pieces, sent = _pieces(waits=True)
    for _ in range(31):
        pieces.write(b"x" * 8192)
    assert sent == []
    pieces.write(b"x" * 8192)
    assert [len(content) for content, _ in sent] == [262_144]


def test_each_compressed_piece_can_be_read_when_it_comes() -> None:
    pieces, sent = _pieces("gzip")
    reader = zlib.decompressobj(wbits=31)
    content = [bytes([65 + index]) * 70_000 for index in range(4)]
    for piece in content:
        pieces.write(piece)
        packed, coding = sent[-1]
        assert (reader.decompress(packed), coding) == (piece, "gzip")
    assert reader.decompress(pieces.last()[0]) == b""
    assert reader.eof


def test_answer_too_small_to_compress_comes_as_it_is() -> None:
    pieces, _ = _pieces("gzip")
    pieces.write(b"x" * 999)
    assert pieces.last() == (b"x" * 999, "")


def test_answer_of_one_large_piece_is_compressed() -> None:
    pieces, sent = _pieces("gzip")
    pieces.write(b"x" * 2_000)
    packed, coding = pieces.last()
    assert (sent, coding, zlib.decompress(packed, wbits=31)) == ([], "gzip", b"x" * 2_000)
