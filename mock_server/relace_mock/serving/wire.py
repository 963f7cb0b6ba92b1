"""The TCP connection under one exchange, taken from uvicorn's protocols.

uvicorn calls the exchange a cycle, and does not document its attributes. This module uses these:

- ``transport``: to close, to reset, and to write raw bytes without HTTP framing
- ``scope``: whether a response to HEAD leaves its body out
- ``disconnected``: to tell uvicorn that nothing more of the response will be sent
- ``response_complete``: whether a lost connection cut the response short
- ``waiting_for_100_continue``: whether the client waits for 100 Continue before its body
- ``expected_content_length``: of httptools alone, to send a body without a copy of it

A test checks each name against the installed uvicorn (`tests/test_wire.py`), and
`pyproject.toml` admits no version that was not tried.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

try:
    import fcntl
    import termios
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]

from relace_mock.messages import Piece

Send = Callable[[Any], Awaitable[None]]

# Seconds that the client has to receive what was written, before a reset.
_ARRIVAL = 1.0


def unsent(transport: asyncio.WriteTransport) -> int:
    """Bytes that the other side has not received; elsewhere than on Linux, only unsent ones."""
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


class _Kept:
    """Stands in for a transport while uvicorn writes the head, and keeps the bytes."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.write = self.written.append


class TcpWire:
    """The TCP transport under one exchange, which uvicorn calls a cycle."""

    def __init__(self, cycle: Any) -> None:
        self._cycle = cycle
        self._transport: asyncio.Transport = cycle.transport

    def write(self, raw: bytes) -> None:
        """Write raw bytes to the connection, without HTTP framing."""
        if not self._transport.is_closing():
            self._transport.write(raw)

    async def send(self, send: Send, head: Any, pieces: Sequence[Piece]) -> None:
        """Send a whole answer: its ASGI head, and the body that the head promises.

        With httptools, head and body take one system call and no copy of the body. This returns
        when the client has received nearly all of it. With h11, the body must pass through h11.
        """
        cycle = self._cycle
        if self.is_gone():
            return
        if not hasattr(cycle, "expected_content_length"):
            await send(head)
            await send({"type": "http.response.body", "body": b"".join(pieces)})
            return
        kept = _Kept()
        cycle.transport = kept
        try:
            await send(head)
        finally:
            cycle.transport = self._transport
        if not self.is_gone():
            body = () if cycle.scope["method"] == "HEAD" else pieces
            self._transport.writelines([*kept.written, *body])
        cycle.expected_content_length = 0  # the body is already written
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
