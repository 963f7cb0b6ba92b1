"""Reads the body of a request up to a limit, and discards a longer one."""

from __future__ import annotations

from typing import NamedTuple

from starlette.types import Receive

from relace_mock.messages import Received
from relace_mock.serving.plain import Wire

#: Bytes over the limit that are still read and thrown away. A client that sends its whole body
#: before it reads gets its answer in this way.
DISCARD_LIMIT = 64_000_000


class Body(NamedTuple):
    """The body that arrived. ``content`` is empty if the body was over the limit.

    ``cut_off`` says that the client left before the end. ``ended`` is false if the body was not
    read to its end, so that the connection cannot be used again.
    """

    content: bytes
    length: int
    ended: bool
    cut_off: bool = False


async def read_body(head: Received, receive: Receive, limit: int) -> Body:
    """Read a body of at most ``limit`` bytes; of a longer one, only the approximate length."""
    declared = declared_length(head)
    chunks: list[bytes] = []
    length = 0
    more = True
    kept = limit if declared <= limit else 0
    while more and length <= kept + DISCARD_LIMIT:
        message = await receive()
        if message["type"] == "http.disconnect":
            return Body(b"".join(chunks), length, ended=False, cut_off=True)
        chunk: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        length += len(chunk)
        chunks.append(chunk)
        if length > kept:
            chunks.clear()
    return Body(b"".join(chunks), max(length, declared), ended=not more)


def declared_length(head: Received) -> int:
    """The ``Content-Length`` of the head, in bytes; 0 if it has none."""
    for value in head.header(b"content-length"):
        return length_of(value.encode("latin-1"))
    return 0


def length_of(digits: bytes) -> int:
    """The number in a Content-Length header, at most 2**53; 0 for a value that is not a number.

    The servers of this package refuse such a value before; other ASGI servers may let it pass.
    """
    digits = digits.strip()
    if not digits.isdigit():
        return 0
    if len(digits) < 16:
        return int(digits)
    significant = digits.lstrip(b"0")
    return min(int(significant[:20] or b"0"), 2**53)


def with_length(head: Received) -> Received:
    """The request with its declared length, and a body that was not read."""
    return head.with_body(b"", declared_length(head))


def asks_first(head: Received, wire: Wire) -> bool:
    """Whether the client waits for 100 Continue before its body (RFC 9110 section 10.1.1).

    Expectations other than `100-continue` are ignored, as that section allows.
    """
    return bool(head.header(b"expect")) and wire.asks_first()
