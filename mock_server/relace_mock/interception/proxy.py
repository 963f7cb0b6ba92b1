"""A forward proxy on loopback that leads requests for Relace's hosts to a mock.

A client can come in four ways, all on one port. It asks for a tunnel with ``CONNECT``; it sends a
request with a whole URL; or, led here by a hook, it begins TLS, or sends a request, as if this were
the host itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from urllib.parse import urlsplit

from relace_mock.interception import hosts
from relace_mock.interception.authority import Authority
from relace_mock.interception.forwarding import Way, forward
from relace_mock.interception.heads import END, BadHeadError, Head, Target, parsed
from relace_mock.interception.onward import Onward, RefusedByProxyError
from relace_mock.interception.streams import (
    HEAD_LIMIT,
    PATIENCE,
    Stream,
    first_byte,
    join,
    open_stream,
    stream_of,
)
from relace_mock.interception.tally import Tally, count

_TLS = b"\x16"  # the first byte of a TLS handshake (RFC 8446 section 5.1)
_CONNECTED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_CONNECTIONS = 1000  # at once
_BACKLOG = 512


class _Refusal(Exception):  # noqa: N818 - an answer, not a failure of the proxy
    """A request that the proxy refuses, with a status and a reason."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status


class Proxy:
    """The proxy of one run.

    Args:
        mock_url: the root of the mock.
        authority: issues the certificates for Relace's hosts.
        onward: the way to other hosts; None to refuse them.
    """

    def __init__(self, mock_url: str, authority: Authority, onward: Onward | None) -> None:
        url = urlsplit(mock_url)
        self._mock = url.hostname or "", url.port or 80
        self._mock_tls = unverified() if url.scheme == "https" else None
        self._authority = authority
        self._onward = onward
        self._tasks: set[asyncio.Task[None]] = set()
        self.tally = Tally()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """Accept connections on a free port of 127.0.0.1 until the block ends."""
        with socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG) as listener:
            listener.setblocking(False)
            accepting = asyncio.create_task(self._accept(listener))
            try:
                yield listener.getsockname()[1]
            finally:
                accepting.cancel()
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(accepting, *self._tasks, return_exceptions=True)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(listener)
            except OSError:  # no descriptor is free: wait until a connection ends
                await asyncio.sleep(0.05)
                continue
            if len(self._tasks) >= _CONNECTIONS:
                connection.close()
                continue
            task = asyncio.create_task(self._serve(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, connection: socket.socket) -> None:
        """Serve one connection, and close it. The client's mistakes and losses end here."""
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, contextlib.suppress(OSError, EOFError, ValueError):
            try:
                if await first_byte(connection) == _TLS:
                    await self._decrypt(connection, None)
                else:
                    await self._read(connection)
            except (_Refusal, BadHeadError) as refusal:
                await asyncio.get_running_loop().sock_sendall(connection, _response(refusal))
                connection.shutdown(socket.SHUT_WR)

    async def _read(self, connection: socket.socket) -> None:
        data = await asyncio.wait_for(_received_head(connection), PATIENCE)
        head, separator, rest = data.partition(END)
        request = parsed(head + separator)
        if not request.is_connect:
            async with await stream_of(connection, received=data) as client:
                try:
                    await forward(client, self._open_way)
                except (_Refusal, BadHeadError) as refusal:
                    await client.send(_response(refusal))
            return
        target = request.target()
        if not hosts.is_relace(target.host):
            async with await self._open_other(target) as other:
                await asyncio.get_running_loop().sock_sendall(connection, _CONNECTED)
                async with await stream_of(connection, received=rest) as client:
                    await join(client, other)
            return
        self._context_for(target.host)  # refuse a bad name before the tunnel is open
        if rest:
            raise BadHeadError("bytes came before the tunnel was open")
        await asyncio.get_running_loop().sock_sendall(connection, _CONNECTED)
        if await first_byte(connection) == _TLS:
            await self._decrypt(connection, target.host)
        else:
            await self._join_with_mock(await stream_of(connection), hosts.normal(target.host))

    async def _decrypt(self, connection: socket.socket, host: str | None) -> None:
        """Do the TLS handshake with a client, and join it with the mock.

        ``host`` is the one that the client asked for; if it is None, the client names it in TLS.
        """
        named = [host] if host else []
        context = self._context_for(host) if host else self._authority.context_by_name(named.append)
        try:
            client = await stream_of(connection, tls=context)
        except OSError as error:
            # A client that does not trust a certificate says so in TLS, or just leaves.
            refused = isinstance(error, ssl.SSLError)
            names = self.tally.distrusted if refused else self.tally.silent
            count(names, hosts.normal(named[0] if named else "a host without name"))
            raise
        await self._join_with_mock(client, hosts.normal(named[0]))

    async def _join_with_mock(self, client: Stream, host: str) -> None:
        """Join a client with the mock, once it sends something, and count it."""
        async with client:
            first = b""
            try:
                first = await client.first()
            finally:
                count(self.tally.relace if first else self.tally.silent, host)
            if first:
                async with await self._open_mock() as mock:
                    await mock.send(first)
                    await join(client, mock)

    def _context_for(self, host: str) -> ssl.SSLContext:
        try:
            return self._authority.context_for(hosts.normal(host))
        except ValueError:
            raise BadHeadError("the name of the host is not valid") from None

    async def _open_mock(self) -> Stream:
        host, port = self._mock
        return await open_stream(host, port, self._mock_tls)

    async def _open_other(self, target: Target) -> Stream:
        """Open a tunnel to another host, and count it. Raises ``_Refusal``."""
        onward = self._admitted(target)
        with self._reaching(target):
            return await onward.tunnel(target)

    def _admitted(self, target: Target) -> Onward:
        if hosts.is_here(target.host):
            return self._onward or Onward(None, None, ())
        name = hosts.shown(target.host, target.port)
        if self._onward is None:
            count(self.tally.blocked, name)
            raise _Refusal(
                HTTPStatus.FORBIDDEN, f"relace-mock run --block-others does not let {name} through"
            )
        count(self.tally.others, name)
        return self._onward

    @contextlib.contextmanager
    def _reaching(self, target: Target) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            name = hosts.shown(target.host, target.port)
            count(self.tally.unreachable, name)
            reason = str(error) if isinstance(error, RefusedByProxyError) else type(error).__name__
            raise _Refusal(HTTPStatus.BAD_GATEWAY, f"cannot reach {name}: {reason}") from None

    async def _open_way(self, target: Target) -> Way:
        if hosts.is_relace(target.host):
            count(self.tally.relace, hosts.normal(target.host))
            return Way(await self._open_mock(), Head.sent_to_server)
        onward = self._admitted(target)
        proxy = onward.proxy_for(target, tunnelled=False)
        with self._reaching(target):
            if proxy is None:
                context = ssl.create_default_context() if target.secure else None
                stream = await open_stream(target.host, target.port, context)
                return Way(stream, Head.sent_to_server)
            credentials = proxy.credentials
            return Way(await proxy.connect(), lambda head: head.sent_to_proxy(credentials))


async def _received_head(connection: socket.socket) -> bytes:
    """Read until the end of the first head. Raises ``BadHeadError`` and ``EOFError``."""
    data = b""
    while END not in data:
        if len(data) > HEAD_LIMIT:
            raise BadHeadError(f"the head has more than {HEAD_LIMIT} bytes")
        piece = await asyncio.get_running_loop().sock_recv(connection, 1 << 16)
        if not piece:
            raise EOFError
        data += piece
    return data


def _response(refusal: _Refusal | BadHeadError) -> bytes:
    status = refusal.status if isinstance(refusal, _Refusal) else HTTPStatus.BAD_REQUEST
    body = f"{refusal}\n".encode("utf-8", "replace")
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: text/plain; charset=utf-8\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body


def unverified() -> ssl.SSLContext:
    """A TLS context for the mock itself, whose certificate is the user's choice."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
