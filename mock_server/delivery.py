"""ASGI to the pipeline and back: the body in, within bounds, and the reply out."""

from __future__ import annotations

import asyncio
import logging

from starlette.types import Receive, Scope, Send

from mock_server.exchange import EmbedRequest, Received, Reply
from mock_server.pipeline import Pipeline
from mock_server.rendering import error

_LOG = logging.getLogger(__name__)

#: Bytes of a body over the limit that are still read, and thrown away, so that a client
#: that sends all before it listens gets its answer.
DISCARD_LIMIT = 64_000_000

# What is answered on the event loop, within some hundredths of a second: a body of so many
# bytes, for so many numbers. More gets a thread, so that others are answered and signals
# heard meanwhile.
_BYTES_AT_ONCE = 1_000_000
_NUMBERS_AT_ONCE = 500_000


class Endpoint:
    """The ASGI application of all that is not ours: the endpoint, and every other path."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        limit = self._pipeline.settings.max_body
        declared = _declared_length(scope)
        if declared > limit and _waits_for_permission(scope):
            body, length, ended = b"", declared, False
        else:
            read = await _read(receive, limit if declared <= limit else 0)
            if read is None:
                return  # the client went away before it had sent all: no one to answer
            body, length, ended = read
        received = Received(
            scope["method"], scope["path"], scope["headers"], body, max(length, declared)
        )
        try:
            reply = await self._answer(received)
        except Exception:  # noqa: BLE001 - whatever it is, the client is told in the envelope
            _LOG.exception("relace-mock failed at %s %s", received.method, received.path)
            reply = error(500, "relace-mock itself failed: its log has the traceback")
        await deliver(reply, send, close=not ended)

    async def _answer(self, received: Received) -> Reply:
        if received.length > _BYTES_AT_ONCE:
            return await asyncio.to_thread(self._pipeline.answer, received)
        decided = self._pipeline.decide(received)
        if isinstance(decided, EmbedRequest):
            numbers = len(decided.input) * self._pipeline.settings.dimensions
            if numbers > _NUMBERS_AT_ONCE:
                return await asyncio.to_thread(self._pipeline.complete, decided)
        return self._pipeline.complete(decided)


async def deliver(reply: Reply, send: Send, *, close: bool = False) -> None:
    """Send a reply; ``close`` ends the connection after it."""
    headers = [*reply.headers, (b"content-length", b"%d" % len(reply.body))]
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


async def _read(receive: Receive, limit: int) -> tuple[bytes, int, bool] | None:
    """The body, its length and whether it ended. Over the limit the body is dropped.

    None if the client disconnected.
    """
    chunks: list[bytes] = []
    length = 0
    more = True
    while more and length <= limit + DISCARD_LIMIT:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunk: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        length += len(chunk)
        chunks.append(chunk)
        if length > limit:
            chunks.clear()
    return b"".join(chunks), length, not more


def _declared_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value)
    return 0


def _waits_for_permission(scope: Scope) -> bool:
    return any(
        name == b"expect" and value.lower() == b"100-continue" for name, value in scope["headers"]
    )
