"""The values that pass between the stages of the pipeline. None is changed; none knows a socket.

No frozen dataclasses, as several values are made for every request, and those take thrice as long.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

OutputDtype = Literal["float", "binary"]
#: Names in lower case, as ASGI has them.
Headers = Sequence[tuple[bytes, bytes]]
Piece = bytes | memoryview

_SECRET = re.compile(rb"authorization|cookie|key|token|secret", re.IGNORECASE)


@functools.lru_cache(256)
def is_secret(name: bytes) -> bool:
    """Whether a header field or parameter of this name holds what must not be written."""
    return _SECRET.search(name) is not None


class Received:
    """A request as it came in.

    ``length`` is the size of the body in bytes, as far as it is known. ``body`` may be
    empty if that is over the limit: the server does not keep what it refuses for its size.
    ``path`` is as it was sent, percent-encoding included. ``server_url`` is the server as the
    client reached it; only descriptions of the server need it.
    """

    __slots__ = ("_by_name", "body", "headers", "length", "method", "path", "query", "server_url")

    def __init__(
        self,
        method: str,
        path: str,
        headers: Headers,
        body: bytes,
        length: int,
        query: bytes = b"",
        server_url: str = "http://127.0.0.1:8080",
    ) -> None:
        self.method: Final = method
        self.path: Final = path
        self.headers: Final = headers
        self.body: Final = body
        self.length: Final = length
        self.query: Final = query
        self.server_url: Final = server_url
        self._by_name = dict(headers)  # of fields with one name, the last

    def header(self, name: bytes) -> list[str]:
        """The values of every header field of this lower-case name, without outer blanks."""
        if name not in self._by_name:
            return []
        values = [self._by_name[name]]
        if len(self._by_name) != len(self.headers):
            values = [value for key, value in self.headers if key == name]
        return [value.decode("latin-1").strip(" \t") for value in values]

    def with_body(self, body: bytes, length: int) -> Received:
        """The same request, once its body has come."""
        return Received(
            self.method, self.path, self.headers, body, length, self.query, self.server_url
        )


class EmbedRequest(NamedTuple):
    """A valid request.

    ``notes`` say what of it the contract accepts only because it is observed to work.
    ``dimensions`` is the length of its vectors; None for the server's.
    """

    model: str
    input: Sequence[str]
    output_dtype: OutputDtype
    notes: Sequence[str] = ()
    dimensions: int | None = None


class Embedded(NamedTuple):
    """What was asked for, and the tokens it cost.

    ``rows`` has, for each input in order, its vector as a JSON array without the closing
    bracket: rows are long, and whoever puts something between them adds it for nothing.
    """

    rows: Sequence[Piece]
    total_tokens: int


class Reply(NamedTuple):
    """An answer, complete but for the headers that every connection adds (date, length).

    The body is in pieces, as a megabyte of rows takes long to join, and a socket need not
    have them joined.
    """

    status: int
    headers: Headers
    pieces: Sequence[Piece]

    @property
    def body(self) -> bytes:
        """The body in one piece, made anew each time."""
        return b"".join(self.pieces)

    @property
    def length(self) -> int:
        """Bytes of the body."""
        return sum(map(len, self.pieces))
