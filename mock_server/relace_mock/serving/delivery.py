"""The ASGI applications: they read a request, and send the answer of pipeline or control API."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from relace_mock.answers import Answer
from relace_mock.auth import bearer_key
from relace_mock.control.api import BODY_LIMIT, Control
from relace_mock.keys import namespace_of
from relace_mock.messages import Received, Reply
from relace_mock.pipeline import Exchange, Pipeline
from relace_mock.rendering import error
from relace_mock.serving import documents
from relace_mock.serving.aside import in_thread_of_its_own
from relace_mock.serving.body import Body, declared_length, read_body, with_length
from relace_mock.serving.cors import Cors
from relace_mock.serving.events import follow
from relace_mock.serving.plain import Wire, WireOf
from relace_mock.serving.shares import Shares
from relace_mock.serving.turns import Turns
from relace_mock.settings import Contract

_LOG = logging.getLogger(__name__)

# Limits for the bytes of a body and the numbers in its answer. Within them, the event loop itself
# answers, which takes some hundredths of a second. Anything larger gets a thread, so that other
# requests and signals need not wait.
_BYTES_AT_ONCE = 1_000_000
_NUMBERS_AT_ONCE = 500_000
# Threads, and how many of them a namespace gets at once. RE2 releases the GIL. Control requests hold
# it: with more threads for them, the event loop would wait too long for it.
_CONTROL_THREADS, _CONTROL_EACH = 4, 2
_SEARCHING_THREADS, _SEARCHING_EACH = 16, 2
# Seconds until the head of a request is entered into a shared store if its body is still arriving.
# Most bodies arrive sooner, and then one round trip enters head and body.
_SLOW_BODY = 0.05


class Endpoint:
    """The ASGI application of the endpoint, and of every path that has no other."""

    def __init__(self, pipeline: Pipeline, wire_of: WireOf) -> None:
        self._pipeline = pipeline
        self._threads = pipeline.ledger.threads
        self._wire_of = wire_of
        self._turns = Turns()
        self._searching = Shares(_SEARCHING_THREADS, _SEARCHING_EACH, "relace-mock searching")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. If the server cancels this call, the client has left."""
        head, wire = received_head(scope), self._wire_of(receive)
        exchange = self._pipeline.handle(head, _client(scope))
        left: bool | None = True
        try:
            left = await self._converse(exchange, head, receive, send, wire)
        finally:
            if left is not None:
                exchange.finish(left=left)

    async def _converse(
        self, exchange: Exchange, head: Received, receive: Receive, send: Send, wire: Wire
    ) -> bool | None:
        """Read the body, and send the answer.

        Return whether the client left, or None if the exchange is finished already.
        """
        if wire.asks_first() and exchange.is_refused(declared_length(head)):
            body = Body(b"", declared_length(head), ended=False)
        else:
            body = await self._read_body(exchange, head, receive)
        if body.cut_off:
            if late := wire.late():
                exchange.refuse(late, 408)
            else:  # no one is left to answer
                exchange.cut_off(body.content, body.length)
            return None
        try:
            answer = await self._answer(exchange, body, receive)
        except Exception:  # noqa: BLE001 - the client gets every failure as a JSON error
            _LOG.exception("relace-mock failed to answer a request")
            answer = exchange.fail()
        if answer is None:
            return True
        return await _perform(answer, receive, send, wire, close=not body.ended)

    async def _read_body(self, exchange: Exchange, head: Received, receive: Receive) -> Body:
        """Read the body. If it takes long, a shared store gets the head of the request first."""
        limit = self._pipeline.settings.max_body
        if self._threads is None:  # the request is in the journal already
            return await read_body(head, receive, limit)
        loop = asyncio.get_running_loop()
        timer = loop.call_later(_SLOW_BODY, exchange.arrives_slowly)
        try:
            return await read_body(head, receive, limit)
        finally:
            timer.cancel()

    async def _answer(self, exchange: Exchange, body: Body, receive: Receive) -> Answer | None:
        """Make the answer to a request, in a thread if that takes long or waits for the store.

        Returns None if the client left meanwhile.
        """
        long = len(body.content) > _BYTES_AT_ONCE
        threads: Executor | None = None  # those of asyncio
        if self._threads is not None:
            numbers = await self._read_in_time(exchange, body)
        elif exchange.searches(body.length):
            long, threads = True, self._searching.of(exchange.namespace)
            loop = asyncio.get_running_loop()
            numbers = await loop.run_in_executor(threads, exchange.read, body.content, body.length)
        elif long:
            numbers = await asyncio.to_thread(exchange.read, body.content, body.length)
        else:
            if self._turns.is_over():
                await self._turns.next()
            numbers = exchange.read(body.content, body.length)
        if exchange.waits():
            return await _unless_left(exchange.answer, receive)
        if long or numbers > _NUMBERS_AT_ONCE:
            return await _answer_in_thread(exchange, receive, threads)
        return exchange.answer()

    async def _read_in_time(self, exchange: Exchange, body: Body) -> int:
        """Let a thread wait for the store, but not longer than ``--store-timeout``."""
        loop = asyncio.get_running_loop()
        reading = loop.run_in_executor(self._threads, exchange.read, body.content, body.length)
        try:
            async with asyncio.timeout(self._pipeline.settings.store_timeout):
                return await asyncio.shield(reading)
        except TimeoutError:
            exchange.give_up()
            return 0


async def _unless_left(make: Callable[[], Answer], receive: Receive) -> Answer | None:
    """Wait for an answer that may take long; None if the client leaves before.

    If an upstream answers after that, its answer is still recorded.
    """
    work = asyncio.ensure_future(in_thread_of_its_own(make))
    left = asyncio.ensure_future(_left(receive, None))
    try:
        await asyncio.wait((work, left), return_when=asyncio.FIRST_COMPLETED)
        return work.result() if work.done() else None
    finally:
        work.cancel()
        left.cancel()


async def _answer_in_thread(
    exchange: Exchange, receive: Receive, threads: Executor | None
) -> Answer | None:
    """Make the answer in a thread. If the client leaves, the thread may stop early; return None."""
    gone = threading.Event()

    async def watch() -> None:
        if await _left(receive, None):
            gone.set()

    watching = asyncio.create_task(watch())
    try:
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(threads, exchange.answer, gone.is_set)
    finally:
        watching.cancel()
    return None if gone.is_set() else answer


class ControlEndpoint:
    """The ASGI application of the control API."""

    def __init__(self, control: Control, wire_of: WireOf) -> None:
        self._control = control
        self._wire_of = wire_of
        # Threads of its own: large batches could keep all others busy and block the control API.
        self._shares = Shares(_CONTROL_THREADS, _CONTROL_EACH, "relace-mock control")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        head, wire = _described(scope), self._wire_of(receive)
        if wire.asks_first() and self._control.refuses(with_length(head)):
            body = Body(b"", declared_length(head), ended=False)
        else:
            body = await read_body(head, receive, BODY_LIMIT)
        if not body.cut_off:
            received = head.with_body(body.content, body.length)
            if (reader := self._control.stream(received)) is not None:
                await follow(reader, receive, send, self._share(received))
                return
            try:
                await self._settle(received)
                reply = await self._reply(received)
            except Exception:  # noqa: BLE001 - as above
                _LOG.exception("relace-mock failed at %s %s", received.method, received.path)
                reply = error(500, "relace-mock itself failed: its log has the traceback")
            await wire.send(send, reply, close=not body.ended)

    async def _settle(self, received: Received) -> None:
        """Wait for other requests, if this one asks for that."""
        pauses = self._control.pauses(received)
        if not self._control.waits:
            for seconds in pauses:
                await asyncio.sleep(seconds)
            return
        loop = asyncio.get_running_loop()
        while True:  # in a thread: each look at the journal is a request to the store
            pause = await loop.run_in_executor(self._share(received), next, pauses, None)
            if pause is None:
                return
            await asyncio.sleep(pause)

    async def _reply(self, received: Received) -> Reply:
        """Make the reply, in a thread if it may be long: it must not block the event loop."""
        if self._control.is_short(received):
            return self._control.answer(received)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._share(received), self._control.answer, received)

    def _share(self, received: Received) -> Executor:
        """The threads that the key of a request may use."""
        return self._shares.of(namespace_of(bearer_key(received)))


class DocumentEndpoint:
    """The ASGI application of ``/openapi.json`` and ``/openapi.yaml``."""

    def __init__(self, mode: Contract, wire_of: WireOf) -> None:
        self._mode = mode
        self._wire_of = wire_of
        self._threads = ThreadPoolExecutor(1, "relace-mock documents")  # as for the control API

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        head, wire = _described(scope), self._wire_of(receive)
        close = wire.asks_first()  # the body is not read
        loop = asyncio.get_running_loop()
        reply = await loop.run_in_executor(self._threads, documents.answer, head, self._mode)
        await wire.send(send, reply, close=close)


class CorsEndpoint:
    """An ASGI application that wraps another one and lets web pages read its answers."""

    def __init__(self, app: ASGIApp, cors: Cors, wire_of: WireOf) -> None:
        self._app = app
        self._cors = cors
        self._wire_of = wire_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        head = received_head(scope)
        if preflight := self._cors.preflight(head):
            await self._wire_of(receive).send(send, preflight)
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
    """A request without its body, with the URL of the server."""
    head = received_head(scope)
    url = documents.server_url(scope["scheme"], head.header(b"host"), scope["server"])
    return Received(head.method, head.path, head.headers, b"", 0, head.query, url)


async def _perform(
    answer: Answer, receive: Receive, send: Send, wire: Wire, *, close: bool
) -> bool:
    """Deliver an answer with its delay and fault; return whether the client left too early."""
    if wire.is_gone() or (answer.delay and await _left(receive, answer.delay)):
        return True
    fault = answer.fault
    if fault is not None:
        await fault.perform(_Connection(receive, send, wire), answer.reply, answer.measure)
        return False
    await wire.send(send, answer.reply, close=close)
    return wire.is_gone()


async def _left(receive: Receive, seconds: float | None) -> bool:
    """Wait until the client leaves, but at most ``seconds``; return whether it left."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return False
    return True


class _Connection:
    """See ``Connection``. It uses ASGI messages where they suffice, else the wire."""

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


def _client(scope: Scope) -> str:
    host, port = scope["client"] or ("", 0)
    return f"{host}:{port}"
