"""ASGI to the pipeline and back: the body in, within bounds, and the answer out."""

from __future__ import annotations

import asyncio
import logging
from typing import NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from relace_mock.control.api import BODY_LIMIT, Control
from relace_mock.journal.journal import Entry
from relace_mock.messages import EmbedRequest, Received, Reply
from relace_mock.pipeline import Answer, Pipeline, measure
from relace_mock.rendering import error
from relace_mock.serving import documents
from relace_mock.serving.cors import Cors
from relace_mock.serving.wire import Wire, wire_of
from relace_mock.settings import Contract

_LOG = logging.getLogger(__name__)

#: Bytes of a body over the limit that are still read, and thrown away, so that a client
#: that sends all before it listens gets its answer.
DISCARD_LIMIT = 64_000_000

# What is answered on the event loop, within some hundredths of a second: a body of so many
# bytes, for so many numbers. More gets a thread, so that others are answered and signals
# heard meanwhile.
_BYTES_AT_ONCE = 1_000_000
_NUMBERS_AT_ONCE = 500_000
_WITHOUT_BODY = (204, 304)


class Endpoint:
    """The ASGI application of all that is not ours: the endpoint, and every other path."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        head = received_head(scope)
        entry = self._pipeline.arrived(head, _client(scope))
        if _asks_first(head, receive) and self._pipeline.refuses(_with_length(head)):
            body = Body(b"", _declared_length(head), ended=False)
        else:
            body = await read_body(head, receive, self._pipeline.settings.max_body)
        received = head.with_body(body.content, body.length)
        if body.cut_off:
            self._pipeline.journal.has_body(entry, received, b"")
            entry.completed("client_aborted")
            return  # the client went away before it had sent all: no one to answer
        try:
            answer = await self._answer(received, entry)
        except Exception:  # noqa: BLE001 - whatever it is, the client is told in the envelope
            _LOG.exception("relace-mock failed at %s %s", received.method, entry.path)
            answer = Answer(error(500, "relace-mock itself failed: its log has the traceback"))
            entry.status = 500
        left = True
        try:
            left = await _perform(answer, receive, send, close=not body.ended)
        finally:
            self._pipeline.finished(entry, answer, left=left)

    async def _answer(self, received: Received, entry: Entry) -> Answer:
        if received.length > _BYTES_AT_ONCE or self._pipeline.searches(received):
            return await asyncio.to_thread(self._pipeline.answer, received, entry)
        turn = self._pipeline.decide(received, entry)
        if isinstance(turn.outcome, EmbedRequest):
            dimensions = turn.outcome.dimensions or self._pipeline.settings.dimensions
            numbers = len(turn.outcome.input) * dimensions
            if numbers > _NUMBERS_AT_ONCE:
                return await asyncio.to_thread(self._pipeline.complete, turn, entry)
        return self._pipeline.complete(turn, entry)


class ControlEndpoint:
    """The ASGI application of the control API."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        head = _described(scope)
        if _asks_first(head, receive) and self._control.refuses(_with_length(head)):
            body = Body(b"", _declared_length(head), ended=False)
        else:
            body = await read_body(head, receive, BODY_LIMIT)
        if not body.cut_off:
            received = head.with_body(body.content, body.length)
            try:
                for seconds in self._control.pauses(received):
                    await asyncio.sleep(seconds)
                reply = self._control.answer(received)
            except Exception:  # noqa: BLE001 - as above
                _LOG.exception("relace-mock failed at %s %s", received.method, received.path)
                reply = error(500, "relace-mock itself failed: its log has the traceback")
            await deliver(reply, send, wire_of(receive), close=not body.ended)


class DocumentEndpoint:
    """The ASGI application of the documents."""

    def __init__(self, mode: Contract) -> None:
        self._mode = mode

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        head = _described(scope)
        close = _asks_first(head, receive)  # no one reads its body
        await deliver(documents.answer(head, self._mode), send, wire_of(receive), close=close)


class CorsEndpoint:
    """The ASGI application that opens the answers of another to web pages."""

    def __init__(self, app: ASGIApp, cors: Cors) -> None:
        self._app = app
        self._cors = cors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        head = received_head(scope)
        if preflight := self._cors.preflight(head):
            await deliver(preflight, send, wire_of(receive))
            return

        async def send_opened(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                fields = self._cors.fields(head, headers)
                message = {**message, "headers": [*headers, *fields]}
            await send(message)

        await self._app(scope, receive, send_opened)


def received_head(scope: Scope) -> Received:
    """A request without its body."""
    return Received(scope["method"], scope["path"], scope["headers"], b"", 0, scope["query_string"])


def _described(scope: Scope) -> Received:
    """The same, with the URL of the server."""
    head = received_head(scope)
    url = documents.server_url(scope["scheme"], head.header(b"host"), scope["server"])
    return Received(head.method, head.path, head.headers, b"", 0, head.query, url)


async def deliver(reply: Reply, send: Send, wire: Wire, *, close: bool = False) -> None:
    """Send a reply; ``close`` ends the connection after it."""
    headers = list(reply.headers)
    if reply.status not in _WITHOUT_BODY:
        headers.append((b"content-length", b"%d" % reply.length))
    if close:
        headers.append((b"connection", b"close"))
    head = {"type": "http.response.start", "status": reply.status, "headers": headers}
    await wire.send(send, head, reply.pieces)


async def _perform(answer: Answer, receive: Receive, send: Send, *, close: bool) -> bool:
    """Let the answer arrive, or not, as it should; tells whether the client left before."""
    wire = wire_of(receive)
    if wire.is_gone() or (answer.delay and await _left(receive, answer.delay)):
        return True
    fault = answer.fault
    if fault is not None:
        await fault.perform(_Connection(receive, send, wire), answer.reply, measure(answer))
        return False
    await deliver(answer.reply, send, wire, close=close)
    return wire.is_gone()


async def _left(receive: Receive, seconds: float | None) -> bool:
    """Wait until the client goes away, or for so long; tells whether it went."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return False
    return True


class _Connection:
    """See ``Connection``: what can be said in ASGI is, for the rest there is the wire."""

    def __init__(self, receive: Receive, send: Send, wire: Wire) -> None:
        self._receive = receive
        self._send = send
        self._wire = wire
        self.write, self.hold = wire.write, wire.hold
        self.close, self.reset = wire.close, wire.reset

    async def start(self, reply: Reply, *, chunked: bool = False) -> None:
        length = (b"content-length", b"%d" % reply.length)
        framing = (b"transfer-encoding", b"chunked") if chunked else length
        headers = [*reply.headers, framing]
        await self._unless_gone(
            {"type": "http.response.start", "status": reply.status, "headers": headers}
        )

    async def send(self, piece: bytes, *, more: bool = True) -> None:
        await self._unless_gone({"type": "http.response.body", "body": piece, "more_body": more})

    async def _unless_gone(self, message: Message) -> None:
        if not self._wire.is_gone():
            await self._send(message)

    async def arrived(self) -> None:
        await self._wire.arrived()

    async def left(self, seconds: float | None = None) -> bool:
        return await _left(self._receive, seconds)


class Body(NamedTuple):
    """What came. ``content`` is empty if there was more than was wanted.

    ``cut_off``: the client went away before the end. ``ended`` is false too where the rest
    was not read, so that the connection cannot go on.
    """

    content: bytes
    length: int
    ended: bool
    cut_off: bool = False


async def read_body(head: Received, receive: Receive, limit: int) -> Body:
    """The body, if it has at most ``limit`` bytes; else its length, about."""
    declared = _declared_length(head)
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


def _client(scope: Scope) -> str:
    host, port = scope["client"] or ("", 0)
    return f"{host}:{port}"


def _declared_length(head: Received) -> int:
    for value in head.header(b"content-length"):
        return min(int(value), 2**53)  # h11 lets any number of digits pass
    return 0


def _with_length(head: Received) -> Received:
    return head.with_body(b"", _declared_length(head))


def _asks_first(head: Received, receive: Receive) -> bool:
    """Whether the client waits for leave to send the body (RFC 9110 section 10.1.1).

    Other expectations than `100-continue` are ignored, as that section allows.
    """
    return bool(head.header(b"expect")) and wire_of(receive).asks_first()
