"""uvicorn protocol subclasses: everything about HTTP that uvicorn leaves to its user.

uvicorn promises nothing about its protocols. These names of them are used:

- ``transport``, ``connection_made``, ``connection_lost``: to know which connections are open
- ``send_400_response``: malformed requests get the same JSON error as every other refusal
- ``on_response_complete``: when the next request of a connection is answered
- ``_unsupported_upgrade_warning``: not logged, because it may hold a key

And of the one for httptools:

- ``data_received``, ``on_headers_complete``, ``on_message_complete``: where a head ends
- ``scope``, ``url``, ``headers``: the head as it was parsed
- ``cycle``, ``pipeline``: the request that is being answered, and those that wait

A test checks each name against the installed uvicorn (`tests/test_wire.py`), and
`pyproject.toml` admits no version that was not tried.
"""

from __future__ import annotations

import asyncio
import collections
import importlib.util
import re
from collections.abc import Callable
from typing import Any

from relace_mock import rendering
from relace_mock.serving.heads import is_beginning_of_method, with_known_method
from relace_mock.settings import Http

Malformed = Callable[[str, str], None]
Addressed = Callable[[str], None]

#: Bytes of a request before its body. h11 has the same limit of its own.
HEAD_LIMIT = 1 << 16

_END_OF_HEAD = b"\r\n\r\n"
_UPGRADE = re.compile(rb"(?i)\r\nupgrade(?=[ \t]*:)")


class _Envelope:
    """Sends malformed requests the same JSON error as every other refusal."""

    transport: asyncio.Transport
    on_malformed: Malformed
    on_opened: Addressed
    on_closed: Addressed

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)  # type: ignore[misc]  # of uvicorn's protocol
        self.on_opened(_address(transport))

    def connection_lost(self, exc: Exception | None) -> None:
        self.on_closed(_address(self.transport))
        super().connection_lost(exc)  # type: ignore[misc]  # as above

    def on_response_complete(self) -> None:
        """Tell of a connection that ends with this answer: over TLS it is lost much later."""
        if self.transport.is_closing():
            self.on_closed(_address(self.transport))
        super().on_response_complete()  # type: ignore[misc]  # as above

    def send_400_response(self, msg: str) -> None:
        text = f"Not a valid HTTP/1.1 request: {msg}"
        self.on_malformed(text, _address(self.transport))
        reply = rendering.error(400, text)
        fields = [
            *reply.headers,
            (b"content-length", b"%d" % reply.length),
            (b"connection", b"close"),
        ]
        head = b"".join(b"%b: %b\r\n" % field for field in fields)
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n%b\r\n%b" % (head, reply.body))
        self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        """Log nothing: a server may ignore ``Upgrade`` (RFC 9110 section 7.8)."""


def _address(transport: asyncio.Transport) -> str:
    host, port, *_ = transport.get_extra_info("peername") or ("", 0)
    return f"{host}:{port}"


def _h11() -> type[asyncio.Protocol]:
    from uvicorn.protocols.http.h11_impl import H11Protocol  # noqa: PLC0415 - seldom used

    return type("_H11", (_Envelope, H11Protocol), {})


def _last_field(data: bytes) -> int:
    """Where the last header field begins if it may be one to rename, else the end.

    It begins with the line break before it.
    """
    start = data.rfind(b"\r\n")
    if start >= 0 and len(data) - start < len(b"\r\nupgrade:"):
        return start
    return len(data) - data.endswith(b"\r")


def _unheard(_address: str) -> None: ...


def protocol_class(
    http: Http,
    on_malformed: Malformed,
    on_opened: Addressed = _unheard,
    on_closed: Addressed = _unheard,
) -> type[asyncio.Protocol]:
    """Give the protocol of an implementation; ``auto`` prefers the faster one.

    ``on_malformed`` hears of what is not HTTP: what was wrong, and from which address.
    ``on_opened`` and ``on_closed`` hear the addresses of connections; of an end perhaps twice.
    """
    h11 = http == "h11" or (http == "auto" and not importlib.util.find_spec("httptools"))
    base = _h11() if h11 else _http_tools()
    heard: dict[str, Callable[..., None]]
    heard = {"on_malformed": on_malformed, "on_opened": on_opened, "on_closed": on_closed}
    return type(base.__name__, (base,), {name: staticmethod(f) for name, f in heard.items()})


def _http_tools() -> type[asyncio.Protocol]:  # noqa: C901 - counts the methods as branches
    from uvicorn.protocols.http.httptools_impl import (  # noqa: PLC0415 - may be absent
        HttpToolsProtocol,
    )

    class _HttpTools(_Envelope, HttpToolsProtocol):
        """httptools, with six things that it leaves to its user.

        - Ignore ``Upgrade``, but keep the request body (RFC 9110 section 7.8). Java's client
          asks for an upgrade by default.
        - Trailers are not headers (section 6.5.1).
        - The size of a head is limited.
        - A method may be any token (section 9.1).
        - HTTP/1.0 has no 100 Continue (section 10.1.1).
        - Malformed requests are refused after the responses to the requests before them.
        """

        _in_head = True  # and not in a body or its trailers
        _head_size = 0  # of a head that has not ended
        _held = b""  # the end of what came of it, if that may begin what is to be rewritten
        _method: str | None = None  # that the client sent, if the parser sees another
        _left = 0  # bytes of a body whose length is known
        _malformed: str | None = None  # what was not HTTP, while answers are under way

        def data_received(self, data: bytes) -> None:
            if self._held:
                data, self._held = self._held + data, b""
            view = memoryview(data)
            at = 0
            while at < len(data) and self._malformed is None and not self.transport.is_closing():
                received = self._head_received if self._in_head else self._body_received
                at = received(data, view, at)

        def _head_received(self, data: bytes, view: memoryview, at: int) -> int:
            """Feed the parser what came of a head; gives where that ends."""
            begins = not self._head_size
            end = data.find(_END_OF_HEAD, at)
            if end >= 0:
                head, end = view[at : end + len(_END_OF_HEAD)], end + len(_END_OF_HEAD)
            else:
                piece = data[at:]
                waits = begins and is_beginning_of_method(piece)
                size = 0 if waits else _last_field(piece)
                head, self._held, end = memoryview(piece)[:size], piece[size:], len(data)
            self._head_size += len(head)
            if self._head_size > HEAD_LIMIT:
                self.send_400_response(f"the head has more than {HEAD_LIMIT} bytes")
            elif len(head):
                if begins:
                    known, self._method = with_known_method(head)
                else:
                    known = head
                super().data_received(_UPGRADE.sub(b"\r\nx-ignored-upgrade", known))
            return end

        def _body_received(self, data: bytes, view: memoryview, at: int) -> int:
            """Feed the parser what came of a body, not beyond its end; gives where that is.

            A chunked body can only end where a line does.
            """
            if self._left:
                end = min(at + self._left, len(data))
                self._left -= end - at
            else:
                end = data.find(b"\n", at) + 1 or len(data)
            super().data_received(view[at:end])  # type: ignore[arg-type]  # the parser takes any buffer
            return end

        def on_headers_complete(self) -> None:
            super().on_headers_complete()  # or not: then it is still the head that is malformed
            self._in_head = False
            self._head_size = 0
            if b"#" in self.url:  # no part of a target (RFC 9112 section 3.2), but of a path here
                self.scope["raw_path"] = self.url.partition(b"?")[0]
            if self._method is not None:
                self.scope["method"] = self._method
            fields = dict(self.headers)
            if b"expect" in fields:
                self.cycle.waiting_for_100_continue = self.scope["http_version"] != "1.0" and any(
                    wish.strip().lower() == b"100-continue"
                    for name, value in self.headers
                    if name == b"expect"
                    for wish in value.split(b",")
                )
            chunked = b"transfer-encoding" in fields
            self._left = 0 if chunked else int(fields.get(b"content-length", 0))
            self.headers = collections.deque(maxlen=0)  # type: ignore[assignment]  # drops trailers

        def on_message_complete(self) -> None:
            self._in_head = True
            super().on_message_complete()

        def send_400_response(self, msg: str) -> None:
            in_head = self._in_head and self.cycle is not None
            if self.pipeline or (in_head and not self.cycle.response_complete):
                self._malformed = msg
            else:
                super().send_400_response(msg)

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if self._malformed is not None and not self.transport.is_closing():
                self.send_400_response(self._malformed)

    return _HttpTools
