"""Sends the event stream of the journal, ``GET /_mock/events``, until the client leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Executor
from typing import Any

from starlette.types import Receive, Send

from relace_mock.control.api import STREAM
from relace_mock.control.events import Reader
from relace_mock.control.polling import PolledReader

#: Seconds between two looks for news. What changes in between is sent together.
_PAUSE = 0.1
#: Seconds without news after which a comment is sent, so that proxies keep the connection.
_SILENCE = 15.0


async def follow(
    reader: Reader | PolledReader, receive: Receive, send: Send, threads: Executor
) -> None:
    """Send what the reader reads. ``send`` waits for a slow client, and so does the reader."""

    async def write(piece: bytes) -> None:
        await send({"type": "http.response.body", "body": piece, "more_body": True})

    gone = asyncio.ensure_future(_gone(receive))
    try:
        await send({"type": "http.response.start", "status": 200, "headers": list(STREAM)})
        await _write_all(reader.past(), write, threads, gone)
        silence = 0.0
        while not gone.done():
            await asyncio.wait({gone}, timeout=_PAUSE)
            silence += _PAUSE
            if not gone.done() and reader.has_news():
                silence = 0.0
                await _write_all(reader.news(), write, threads, gone)
            elif silence >= _SILENCE:
                silence = 0.0
                await write(b": nothing new\n\n")
    finally:
        gone.cancel()
        reader.leave()


async def _write_all(
    pieces: Iterator[bytes],
    write: Callable[[bytes], Awaitable[None]],
    threads: Executor,
    gone: asyncio.Future[Any],
) -> None:
    loop = asyncio.get_running_loop()
    while not gone.done():
        piece = await loop.run_in_executor(threads, next, pieces, None)
        if piece is None:
            return
        await write(piece)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
