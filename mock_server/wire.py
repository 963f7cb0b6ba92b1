"""uvicorn's protocols, taught our manners: the only code that touches the TCP transport."""

from __future__ import annotations

import asyncio
import importlib.util
import re

from uvicorn.protocols.http.h11_impl import H11Protocol

from mock_server import rendering
from mock_server.settings import Http

#: Bytes of a request before its body. h11 has the same limit of its own.
HEAD_LIMIT = 1 << 16

_END_OF_HEAD = b"\r\n\r\n"
_UPGRADE = re.compile(rb"(?i)\r\nupgrade(?=[ \t]*:)")


class _Envelope:
    """Answers what is not HTTP as everything else is refused: as ``{"error": …}``."""

    transport: asyncio.Transport

    def send_400_response(self, msg: str) -> None:
        reply = rendering.error(400, f"Not a valid HTTP/1.1 request: {msg}")
        fields = [
            *reply.headers,
            (b"content-length", b"%d" % len(reply.body)),
            (b"connection", b"close"),
        ]
        head = b"".join(b"%b: %b\r\n" % field for field in fields)
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n%b\r\n%b" % (head, reply.body))
        self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: to ignore a wish to upgrade is not worth a warning."""


class _H11(_Envelope, H11Protocol):
    pass


def _last_field(data: bytes) -> int:
    """Where the last header field begins if it may be one to rename, else the end.

    It begins with the line break before it.
    """
    start = data.rfind(b"\r\n")
    if start >= 0 and len(data) - start < len(b"\r\nupgrade:"):
        return start
    return len(data) - data.endswith(b"\r")


def protocol_class(http: Http) -> type[asyncio.Protocol]:
    """Give the protocol of an implementation; ``auto`` prefers the faster one."""
    if http == "h11" or (http == "auto" and not importlib.util.find_spec("httptools")):
        return _H11
    return _http_tools()


def _http_tools() -> type[asyncio.Protocol]:  # noqa: C901 - counts the methods as branches
    from uvicorn.protocols.http.httptools_impl import (  # noqa: PLC0415 - may be absent
        HttpToolsProtocol,
    )

    class _HttpTools(_Envelope, HttpToolsProtocol):
        """httptools, with three things that it leaves to its user.

        A wish to upgrade is no reason to drop the body (RFC 9110 section 7.8 lets a
        server ignore it; Java's client wishes so by default). Trailers are not headers
        (section 6.5.1). A head has a largest size.
        """

        _in_head = True  # and not in a body or its trailers
        _head_size = 0  # of a head that has not ended
        _held = b""  # the end of what came of it, if that may begin a field to rename
        _left = 0  # bytes of a body whose length is known

        def data_received(self, data: bytes) -> None:
            data, self._held = self._held + data, b""
            while data and not self.transport.is_closing():
                data = self._head_received(data) if self._in_head else self._body_received(data)

        def _head_received(self, data: bytes) -> bytes:
            """Feed the parser what came of a head; gives what follows it."""
            end = data.find(_END_OF_HEAD)
            if end >= 0:
                end += len(_END_OF_HEAD)
                rest = data[end:]
            else:
                end = _last_field(data)
                rest, self._held = b"", data[end:]
            self._head_size += end
            if self._head_size > HEAD_LIMIT:
                self.send_400_response(f"the head has more than {HEAD_LIMIT} bytes")
            else:
                super().data_received(_UPGRADE.sub(b"\r\nx-ignored-upgrade", data[:end]))
            return rest

        def _body_received(self, data: bytes) -> bytes:
            """Feed the parser what came of a body, not beyond its end; gives the rest.

            A chunked body can only end where a line does.
            """
            end = self._left or data.find(b"\n") + 1 or len(data)
            piece = data[:end]
            self._left = max(0, self._left - len(piece))
            super().data_received(piece)
            return data[end:]

        def on_header(self, name: bytes, value: bytes) -> None:
            if self._in_head:
                super().on_header(name, value)

        def on_headers_complete(self) -> None:
            self._in_head = False
            self._head_size = 0
            fields = dict(self.headers)
            chunked = b"transfer-encoding" in fields
            self._left = 0 if chunked else int(fields.get(b"content-length", 0))
            super().on_headers_complete()

        def on_message_complete(self) -> None:
            self._in_head = True
            super().on_message_complete()

    return _HttpTools
