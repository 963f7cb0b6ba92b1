"""Finds where a chunked body ends (RFC 9112 section 7.1), without a parser call for each line.

The parser decides what the chunks mean. This module only finds how many of the received bytes
belong to the request. So the head of the next request can be checked before the parser sees it.
"""

from __future__ import annotations

#: Limits in bytes: for each line with the size of a chunk, and for all trailer fields together.
LINE_LIMIT = 4096
TRAILER_LIMIT = 1 << 16
# Up to this many chunks may be tiny. With more, their mean must be at least ``_MEAN_SIZE`` bytes.
_TINY_CHUNKS = 10_000
_MEAN_SIZE = 16


class ChunkedBody:
    """How much of one chunked body has arrived."""

    def __init__(self) -> None:
        self._data_left = 0  # bytes of the chunk still to come, with the line break after it
        self._line = b""  # the beginning of a line whose end has not arrived
        self._in_trailer = False
        self._trailer_size = 0
        self._chunks = 0
        self._length = 0
        self.over = False  # whether the last line of the trailer has arrived

    def end_of(self, data: bytes, at: int) -> int:
        """Return the offset in ``data`` where the body ends, or ``len(data)`` if it goes on.

        Raises:
            ValueError: a line or the trailer is too long, or too many chunks are tiny.
        """
        length = len(data)
        while at < length:
            if self._data_left:
                step = min(self._data_left, length - at)
                self._data_left -= step
                at += step
                continue
            end = data.find(b"\n", at)
            if end < 0:
                self._line += data[at:]
                self._check_line(len(self._line))
                return length
            line = self._line + data[at : end + 1]
            self._line = b""
            self._check_line(len(line))
            at = end + 1
            if self._in_trailer:
                self._trailer_size += len(line)
                if self._trailer_size > TRAILER_LIMIT:
                    raise ValueError(f"the trailer has more than {TRAILER_LIMIT} bytes")
                if not line.strip(b"\r\n"):
                    self.over = True
                    return at
            else:
                self._begin_chunk(line)
        return length

    def _begin_chunk(self, line: bytes) -> None:
        try:
            size = int(line.partition(b";")[0].strip()[:17], 16)
        except ValueError:
            return  # the parser refuses the line
        self._in_trailer = size == 0
        self._data_left = size + 2 if size > 0 else 0
        self._chunks += 1
        self._length += size
        if self._chunks > _TINY_CHUNKS and self._length < self._chunks * _MEAN_SIZE:
            raise ValueError(f"more than {_TINY_CHUNKS} chunks of less than {_MEAN_SIZE} bytes")

    def _check_line(self, size: int) -> None:
        if size > LINE_LIMIT and not self._in_trailer:
            raise ValueError(f"the size line of a chunk has more than {LINE_LIMIT} bytes")
        if size > TRAILER_LIMIT:
            raise ValueError(f"the trailer has more than {TRAILER_LIMIT} bytes")
