"""TCP connections of the proxy: peek at them, start TLS on them, join two of them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import Self

from relace_mock.serving.wire import reset, unsent

#: Seconds for a head to arrive, for a TLS handshake, and for a connection to another host.
PATIENCE = 30.0
#: The most bytes of a head; the server has the same limit.
HEAD_LIMIT = 1 << 16
_PIECE = 1 << 16
_FAREWELL = 1.0  # seconds that the other side has to confirm the end of TLS
_ARRIVAL = 1.0  # seconds that a client has to receive what was written, before a reset


class Stream:
    """A connection with its reader and its writer. ``async with`` closes it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # A task is cancelled when the proxy ends, which must not wait for a client that is slow.
        await self.close(_FAREWELL if kind is asyncio.CancelledError else PATIENCE)

    async def first(self) -> bytes:
        """Read the first bytes; empty at the end. Raises ``OSError``, also if none come in time."""
        return await asyncio.wait_for(self.reader.read(_PIECE), PATIENCE)

    async def send(self, data: bytes) -> None:
        """Write, and wait while the other side is slow. Raises ``ConnectionError``."""
        self.writer.write(data)
        await self.writer.drain()

    def finish(self) -> None:
        """Tell the other side that nothing more comes."""
        with contextlib.suppress(OSError, RuntimeError):
            if self.writer.can_write_eof():
                self.writer.write_eof()
            else:  # TLS has no half-closed connections
                self.writer.close()

    async def close(self, patience: float = PATIENCE) -> None:
        """Close in order, after what was written; after ``patience`` seconds, at once.

        A loop that ends before the end of TLS would leave the socket open.
        """
        self.writer.close()
        try:
            await asyncio.wait_for(self.writer.wait_closed(), patience)
        except OSError:  # lost, or TimeoutError
            self.writer.transport.abort()
        except asyncio.CancelledError:
            self.writer.transport.abort()
            raise

    async def reset(self) -> None:
        """Pass a reset (RST) on, once the other side has received what was written."""
        deadline = asyncio.get_running_loop().time() + _ARRIVAL
        while unsent(self.writer.transport) and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - no event tells what the kernel sent
            await asyncio.sleep(0.001)
        reset(self.writer.transport)


async def stream_of(
    connection: socket.socket, *, received: bytes = b"", tls: ssl.SSLContext | None = None
) -> Stream:
    """Make a stream of an accepted socket.

    Args:
        connection: the socket. The stream takes its descriptor.
        received: bytes that were already read from it.
        tls: with it, do the TLS handshake first, as the server.

    Raises:
        OSError: the handshake failed, or the connection was lost.
    """
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(HEAD_LIMIT)
    reader.feed_data(received)
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await loop.connect_accepted_socket(
        lambda: protocol,
        socket.socket(fileno=connection.detach()),
        ssl=tls,
        ssl_handshake_timeout=PATIENCE if tls else None,
        ssl_shutdown_timeout=_FAREWELL if tls else None,
    )
    return Stream(reader, asyncio.StreamWriter(transport, protocol, reader, loop))


async def open_stream(host: str, port: int, tls: ssl.SSLContext | None = None) -> Stream:
    """Connect to a host. Raises ``OSError``, and ``TimeoutError`` after ``PATIENCE`` seconds."""
    opening = asyncio.open_connection(
        host, port, ssl=tls, limit=HEAD_LIMIT, ssl_shutdown_timeout=_FAREWELL if tls else None
    )
    return Stream(*await asyncio.wait_for(opening, PATIENCE))


async def first_byte(connection: socket.socket) -> bytes:
    """Wait for the first byte of a connection, and leave it there. Empty if none comes."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(connection, readable.set)
    try:
        await asyncio.wait_for(readable.wait(), PATIENCE)
    finally:
        loop.remove_reader(connection)
    return connection.recv(1, socket.MSG_PEEK)


async def join(one: Stream, other: Stream) -> None:
    """Copy bytes in both directions until both have ended. Pass each end and each reset on."""
    await asyncio.gather(pump(one, other), pump(other, one))


async def pump(source: Stream, sink: Stream) -> None:
    """Copy from one connection to another until the first ends; end the second in the same way."""
    while True:
        try:
            data = await source.reader.read(_PIECE)
        except OSError:
            await sink.reset()
            return
        if not data:
            sink.finish()
            return
        try:
            await sink.send(data)
        except OSError:
            await source.reset()
            return
