"""The pipeline as a transport for ``httpx`` and ``httpx2`` clients: no socket, no thread."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Self

from mock_server.exchange import Received
from mock_server.pipeline import Pipeline
from mock_server.settings import Settings


def transport(**settings: Any) -> Any:
    """What ``httpx.Client(transport=…)``, ``AsyncClient`` and their ``httpx2`` twins take.

    It answers as the endpoint and every unknown path do; ``/openapi.json`` and ``/_mock/``
    are the server's. ``settings`` are the fields of ``Settings``. One transport may serve several clients,
    of both libraries, at once. The result has no common type, as the two libraries' base
    classes are unrelated and neither is needed to install this package.

    Raises ``SettingsError`` for a bad setting.
    """
    return _Transport(Pipeline(Settings(**settings)))


class _Transport:
    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def handle_request(self, request: Any) -> Any:
        return self._respond(request, request.read())

    async def handle_async_request(self, request: Any) -> Any:
        return self._respond(request, await request.aread())

    def _respond(self, request: Any, body: bytes) -> Any:
        received = Received(
            request.method,
            request.url.path,
            [(name.lower(), value) for name, value in request.headers.raw],
            body,
            len(body),
        )
        entry = self._pipeline.arrived(received, "in process")
        answer = self._pipeline.answer(received, entry)
        self._pipeline.finished(entry, answer, arrived=True)
        reply = answer.reply
        library = _library_of(request)
        return library.Response(
            reply.status,
            headers=[*reply.headers, (b"content-length", b"%d" % len(reply.body))],
            stream=library.ByteStream(b"" if request.method == "HEAD" else reply.body),
        )

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


def _library_of(request: Any) -> Any:
    """The library of a request, which may be of a class derived from the library's."""
    for base in type(request).__mro__:
        package = base.__module__.partition(".")[0]
        if package in ("httpx", "httpx2"):
            return sys.modules[package]
    raise TypeError(f"{type(request)} is no request of httpx or httpx2")
