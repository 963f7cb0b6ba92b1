"""The pipeline as a transport for ``httpx`` and ``httpx2`` clients: no socket, no thread."""

from __future__ import annotations

import sys
import time
import weakref
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self, Unpack

import anyio

from relace_mock.answers import Answer
from relace_mock.control.api import Control
from relace_mock.control.guard import Guard
from relace_mock.control.paths import PREFIX, is_control
from relace_mock.control.remote import RemoteControl
from relace_mock.keywords import SettingsKeywords, by_name, settings_from, shown
from relace_mock.messages import Received
from relace_mock.pipeline import Exchange, Pipeline
from relace_mock.serving import documents
from relace_mock.serving.cors import Cors

# The exception for an answer that does not arrive in time.
_TIMEOUT = "ReadTimeout"


@by_name("transport().control(api_key).play({…})")
def transport(**settings: Unpack[SettingsKeywords]) -> Any:
    """Return a transport for ``httpx.Client(transport=…)``, ``AsyncClient`` and ``httpx2``.

    It answers every path as the server does: endpoint, documents, control API and unknown paths.
    Where a scenario breaks the connection, it raises the exception that a client would raise then.
    Its ``control(api_key)`` returns a ``RemoteControl``. ``settings`` are the fields of
    ``Settings``. One transport may serve several clients, of both libraries, at once. It is typed
    as ``Any``: the two libraries share no base class, and this package needs neither.

    Raises ``SettingsError`` for a bad setting.
    """
    return _Transport(Pipeline(settings_from(settings)))


class _Transport:
    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._control = Control(pipeline, Guard(open_to_all=True))
        weakref.finalize(self, pipeline.answers.sources.close)
        self._cors = Cors(pipeline.settings.cors, PREFIX) if pipeline.settings.cors else None

    def __repr__(self) -> str:
        return f"relace_mock.transport({shown(self._pipeline.settings)})"

    def control(self, api_key: str) -> RemoteControl:
        """Return the control of one key: its scenario, clock and journal."""
        return RemoteControl("http://in-process/v1", api_key, send=self._ask_control)

    def handle_request(self, request: Any) -> Any:
        received = _received(request, request.read())
        for seconds in self._pauses(received):
            time.sleep(seconds)
        exchange = self.begin(received)
        delivery = _Delivery(request, self.answer(received, exchange), exchange)
        time.sleep(delivery.seconds)
        return delivery.end()

    async def handle_async_request(self, request: Any) -> Any:
        received = _received(request, await request.aread())
        for seconds in self._pauses(received):
            await anyio.sleep(seconds)
        exchange = self.begin(received)
        if exchange is not None and exchange.waits():
            try:
                answer = await anyio.to_thread.run_sync(
                    self.answer, received, exchange, abandon_on_cancel=True
                )
            except BaseException:  # as below
                exchange.finish(left=True)
                raise
        else:
            answer = self.answer(received, exchange)
        delivery = _Delivery(request, answer, exchange)
        try:
            await anyio.sleep(delivery.seconds)
        except BaseException:  # a cancellation; its class depends on the event loop
            delivery.leave()
            raise
        return delivery.end()

    def begin(self, received: Received) -> Exchange | None:
        """Begin the exchange of a request; None for a request that is not in the journal."""
        if is_control(received.path) or received.path in documents.PATHS:
            return None
        if self._cors is not None and self._cors.preflight(received):
            return None
        exchange = self._pipeline.handle(received, "in process")
        exchange.read(received.body, received.length)
        return exchange

    def answer(self, received: Received, exchange: Exchange | None) -> Answer:
        """The answer to a request that has begun."""
        if self._cors is not None and (preflight := self._cors.preflight(received)):
            return Answer(preflight)
        if exchange is not None:
            answer = exchange.answer()
        elif is_control(received.path):
            answer = Answer(self._control.answer(received))
        else:
            answer = Answer(documents.answer(received, self._pipeline.settings.contract))
        if self._cors is None:
            return answer
        headers = [*answer.reply.headers, *self._cors.fields(received, answer.reply.headers)]
        return answer._replace(reply=answer.reply._replace(headers=headers))

    def _ask_control(
        self, method: str, path: str, fields: Mapping[str, str], body: bytes
    ) -> tuple[int, bytes]:
        headers = [(name.lower().encode(), value.encode()) for name, value in fields.items()]
        path, _, query = path.partition("?")
        received = Received(method, path, headers, body, len(body), query.encode())
        for seconds in self._pauses(received):
            time.sleep(seconds)
        reply = self._control.answer(received)
        return reply.status, reply.body

    def _pauses(self, received: Received) -> Iterator[float]:
        return self._control.pauses(received) if is_control(received.path) else iter(())

    def close(self) -> None: ...

    async def aclose(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class _Delivery:
    """The delivery of one answer: how many ``seconds`` it takes, and then how it ends."""

    def __init__(self, request: Any, answer: Answer, exchange: Exchange | None) -> None:
        self._library = _library_of(request)
        self._without_body = request.method == "HEAD"
        self._answer, self._exchange = answer, exchange
        self.seconds = self._answer.delay
        self._raises = self._answer.fault.raises if self._answer.fault else None
        self._left = False
        patience = request.extensions.get("timeout", {}).get("read")
        if self._raises == _TIMEOUT:
            if patience is None:
                self._end(left=False)
                raise ValueError(
                    "a hang never ends without a read timeout: give the client one, "
                    "such as httpx.Client(timeout=5)"
                )
            self.seconds = patience * min(1.0, self._answer.time_scale)
        elif patience is not None and self.seconds > patience:
            self.seconds, self._raises, self._left = patience, _TIMEOUT, True
        if not self._left and self._answer.fault is not None and self._answer.fault.name == "drip":
            self.seconds += self._answer.reply.length / self._answer.measure.bytes_per_second

    def end(self) -> Any:
        """The response, or the exception that stands for the fault."""
        self._end(left=self._left)
        if self._raises is not None:
            fault = self._answer.fault
            does = "answers after the read timeout" if self._left or fault is None else fault.does
            raise getattr(self._library, self._raises)(f"relace-mock: {does}")
        reply = self._answer.reply
        length = [(b"content-length", b"%d" % reply.length)] if reply.status != 204 else []
        return self._library.Response(
            reply.status,
            headers=[*reply.headers, *length],
            stream=self._library.ByteStream(b"" if self._without_body else reply.body),
        )

    def leave(self) -> None:
        """Note that the client left before the end."""
        self._end(left=True)

    def _end(self, *, left: bool) -> None:
        if self._exchange is not None:
            self._exchange.finish(left=left)


def _received(request: Any, body: bytes) -> Received:
    path, _, query = request.url.raw_path.partition(b"?")
    return Received(
        request.method,
        path.decode("ascii"),
        [(name.lower(), value) for name, value in request.headers.raw],
        body,
        len(body),
        query,
        documents.server_url(request.url.scheme, [request.headers.get("host", "")], None),
    )


def _library_of(request: Any) -> Any:
    """The module of a request's library; the request may be of a derived class."""
    for base in type(request).__mro__:
        package = base.__module__.partition(".")[0]
        if package in ("httpx", "httpx2"):
            return sys.modules[package]
    raise TypeError(
        f"{type(request)} is not a request of httpx or httpx2: use one of their clients"
    )
