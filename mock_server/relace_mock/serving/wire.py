"""The TCP connection under one exchange, taken from uvicorn's protocols.

uvicorn calls the exchange a cycle, and does not document its attributes. This module uses these:

- ``transport``: to close, to reset, and to write raw bytes without HTTP framing
- ``scope``: whether a response to HEAD leaves its body out
- ``disconnected``: to tell uvicorn that nothing more of the response will be sent
- ``response_complete``: whether a lost connection cut the response short
- ``waiting_for_100_continue``: whether the client waits for 100 Continue before its body
- ``expected_content_length``, ``chunked_encoding``, ``response_started``, ``keep_alive``,
  ``default_headers``: to write head and body with httptools, which alone has the first two

A test checks each name against the installed uvicorn (`tests/test_wire.py`), and
`pyproject.toml` allows only versions that were tried.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import struct
import sys
from http import HTTPStatus
from typing import Any

try:
    import fcntl
    import termios
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]

from starlette.types import Send

from relace_mock.messages import Headers, Reply
from relace_mock.serving.plain import has_length, send_as_messages

# Seconds that the client has to receive what was written, before a reset.
_ARRIVAL = 1.0


def unsent(transport: asyncio.WriteTransport) -> int:
    """Bytes that the other side has not received; on other systems than Linux, bytes not sent."""
    if transport.is_closing():
        return 0
    size = transport.get_write_buffer_size()
    if size or fcntl is None:
        return size
    count = bytearray(4)
    with contextlib.suppress(OSError):
        fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, count)
    return int.from_bytes(count, sys.byteorder)


def reset(transport: asyncio.WriteTransport) -> None:
    """Tear a connection down (RST): set the linger time to 0, then close."""
    if transport.is_closing():
        return
    peer = transport.get_extra_info("socket")
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class TcpWire:
    """The TCP transport under one exchange, which uvicorn calls a cycle."""

    def __init__(self, cycle: Any) -> None:
        self._cycle = cycle
        self._transport: asyncio.Transport = cycle.transport

    def write(self, raw: bytes) -> None:
        """Write raw bytes to the connection, without HTTP framing."""
        if not self._transport.is_closing():
            self._transport.write(raw)

    async def send(self, send: Send, reply: Reply, *, close: bool = False) -> None:
        """See ``Wire``. This returns when the client has received nearly all of the answer.

        With httptools, head and body take one system call, no copy of the body, and a third of the
        time that uvicorn needs for the head. With h11, the answer must pass through h11, and with
        an application in between, through that.
        """
        cycle = self._cycle
        is_own = getattr(send, "__self__", None) is cycle
        if not is_own or not hasattr(cycle, "expected_content_length"):
            await send_as_messages(send, reply, close=close)
            return
        if self.is_gone():
            return
        cycle.keep_alive = cycle.keep_alive and not close
        head = _head(reply.status, (*cycle.default_headers, *reply.headers))
        length = b"content-length: %d\r\n" % reply.length if has_length(reply) else b""
        end = b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n"
        body = () if cycle.scope["method"] == "HEAD" else reply.pieces
        self._transport.writelines([head + length + end, *body])
        # uvicorn sets these when it writes a head. It expects no bytes of a body after that.
        cycle.response_started = True
        cycle.waiting_for_100_continue = False
        cycle.chunked_encoding = False
        cycle.expected_content_length = 0
        await send({"type": "http.response.body", "body": b""})

    def close(self) -> None:
        """End the connection in order (FIN), after what was written."""
        self._leave_it()
        self._transport.close()

    def reset(self) -> None:
        """Tear the connection down (RST)."""
        self._leave_it()
        reset(self._transport)

    def hold(self) -> None:
        """Hold back an incomplete TCP segment until the connection ends, on Linux."""
        if hasattr(socket, "TCP_CORK") and not self._transport.is_closing():
            peer = self._transport.get_extra_info("socket")
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)

    async def arrived(self) -> None:
        """Wait until the client has received what was written, for a second at most."""
        deadline = asyncio.get_running_loop().time() + _ARRIVAL
        while unsent(self._transport) and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - no event tells what the kernel sent
            await asyncio.sleep(0.001)

    def asks_first(self) -> bool:
        """Whether the client waits for 100 Continue, or a refusal, before it sends the body."""
        return bool(self._cycle.waiting_for_100_continue)

    def late(self) -> str | None:
        """The message of the refusal if the request arrived too slowly; else None."""
        reason: str | None = getattr(self._cycle, "refused_late", None)  # `protocols` sets it
        return reason

    def is_gone(self) -> bool:
        """Whether the connection was lost before the answer was complete.

        Of several pipelined requests, uvicorn tells this only to the last.
        """
        if self._transport.is_closing() and not self._cycle.response_complete:
            self._leave_it()
        return bool(self._cycle.disconnected)

    def _leave_it(self) -> None:
        """Tell uvicorn that nothing more of the answer will be sent."""
        self._cycle.disconnected = True


def wire_of(receive: Any) -> TcpWire:
    """The wire under a request: uvicorn's ``receive`` is a method of the cycle."""
    return TcpWire(receive.__self__)


@functools.lru_cache(256)  # most answers within a second have the same head, date included
def _head(status: int, headers: Headers) -> bytes:
    """The status line and the header fields. Raises ``ValueError`` for a line break in a field."""
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = ""
    line = f"HTTP/1.1 {status} {reason}\r\n".encode()
    lines = b"".join([b"%b: %b\r\n" % field for field in headers])
    if lines.count(b"\n") != len(headers) or lines.count(b"\r") != len(headers):
        raise ValueError("a header field has a line break")
    return line + lines
