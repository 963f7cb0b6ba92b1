"""Reads the body of a request up to a limit, and discards a longer one."""

from __future__ import annotations

from typing import NamedTuple

from starlette.types import Message, Receive

from relace_mock.messages import Received

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
    """Read a body of at most ``limit`` bytes; keep only the approximate length of a longer one."""
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        whole: bytes = message.get("body", b"")
        if len(whole) <= limit:  # most bodies are short and arrive in one piece
            return Body(whole, len(whole), ended=True)
    return await _read_pieces(message, declared_length(head), receive, limit)


async def _read_pieces(message: Message, declared: int, receive: Receive, limit: int) -> Body:
    """Read a body whose first part is ``message``."""
    chunks: list[bytes] = []
    length = 0
    kept = limit if declared <= limit else 0
    while message["type"] != "http.disconnect":
        chunk: bytes = message.get("body", b"")
        length += len(chunk)
        chunks.append(chunk)
        if length > kept:
            chunks.clear()
        more = message.get("more_body", False)
        if not more or length > kept + DISCARD_LIMIT:
            return Body(b"".join(chunks), max(length, declared), ended=not more)
        message = await receive()
    return Body(b"".join(chunks), length, ended=False, cut_off=True)


def declared_length(head: Received) -> int:
    """The ``Content-Length`` of the head, in bytes; 0 if it has none."""
    for value in head.header(b"content-length"):
        return length_of(value.encode("latin-1"))
    return 0


def length_of(digits: bytes) -> int:
    """The number in a Content-Length header, at most 2**53; 0 for a value that is not a number.

    The servers of this package refuse such a value earlier; other ASGI servers may let it pass.
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
