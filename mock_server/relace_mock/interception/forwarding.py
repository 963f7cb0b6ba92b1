"""Requests that a client sends to the proxy without a tunnel: each with a whole URL."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from relace_mock.interception.heads import END, BadHeadError, Body, Head, Target, parsed
from relace_mock.interception.streams import HEAD_LIMIT, PATIENCE, Stream, pump


class Way:
    """A connection for requests to one host. ``rewritten`` changes each head before it is sent."""

    def __init__(self, stream: Stream, rewritten: Callable[[Head], bytes]) -> None:
        self.stream = stream
        self.rewritten = rewritten
        self._answers: asyncio.Task[None] | None = None

    def answer(self, client: Stream) -> None:
        """Begin to copy the responses of the host to the client."""
        self._answers = asyncio.create_task(pump(self.stream, client))

    async def leave(self) -> None:
        """End the connection. Nothing more of it reaches the client."""
        if self._answers is not None:
            self._answers.cancel()
        await self.stream.close()

    async def last_answer(self) -> None:
        """Wait until all responses of the host were sent to the client."""
        if self._answers is not None:
            await self._answers


async def forward(client: Stream, open_way: Callable[[Target], Awaitable[Way]]) -> None:
    """Send each request of a connection to its host, and the responses back.

    Raises:
        BadHeadError: a request is malformed.
        OSError: a connection was lost, or could not be opened.
    """
    way: Way | None = None
    current: Target | None = None
    try:
        while (head := await _next_head(client, PATIENCE if way is None else None)) is not None:
            target, body = head.target(), head.body()
            if way is None or target != current:
                if way is not None:
                    await way.leave()
                    way = None
                way, current = await open_way(target), target
                way.answer(client)
            await way.stream.send(way.rewritten(head))
            await _send_body(client, way.stream, body)
        if way is not None:
            way.stream.finish()
            await way.last_answer()
    finally:
        if way is not None:
            await way.leave()


async def _next_head(client: Stream, patience: float | None) -> Head | None:
    """The next head of a connection; None if it ends before one."""
    try:
        data = await asyncio.wait_for(client.reader.readuntil(END), patience)
    except (asyncio.IncompleteReadError, TimeoutError):
        return None
    except asyncio.LimitOverrunError:
        raise BadHeadError(f"the head has more than {HEAD_LIMIT} bytes") from None
    return parsed(data)


async def _send_body(client: Stream, server: Stream, body: Body) -> None:
    while not body.over:
        data = await client.reader.read(body.most)
        if not data:
            raise ConnectionResetError
        if body.part_of(data) < len(data):
            raise BadHeadError("the next request came before the response to this one")
        await server.send(data)
