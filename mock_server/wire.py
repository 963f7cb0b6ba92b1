"""uvicorn's protocols, taught our manners: the only code that touches the TCP transport."""

from __future__ import annotations

import asyncio
import importlib.util
import re
from typing import Literal

from uvicorn.protocols.http.h11_impl import H11Protocol

from mock_server import rendering

Http = Literal["auto", "httptools", "h11"]

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


class _H11(_Envelope, H11Protocol):
    pass


def protocol_class(http: Http) -> type[asyncio.Protocol]:
    """Give the protocol of an implementation; ``auto`` prefers the faster one."""
    if http == "h11" or (http == "auto" and not importlib.util.find_spec("httptools")):
        return _H11
    return _http_tools()


def _http_tools() -> type[asyncio.Protocol]:
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

        def data_received(self, data: bytes) -> None:
            if self._in_head:
                self._head_size += len(data)
                end = data.find(_END_OF_HEAD)
                head = data if end < 0 else data[:end]
                renamed = _UPGRADE.sub(b"\r\nx-ignored-upgrade", head)
                if renamed != head:
                    data = renamed + data[len(head) :]
            super().data_received(data)
            if self._head_size > HEAD_LIMIT and not self.transport.is_closing():
                self.send_400_response(f"the head has more than {HEAD_LIMIT} bytes")

        def on_header(self, name: bytes, value: bytes) -> None:
            if self._in_head:
                super().on_header(name, value)

        def on_headers_complete(self) -> None:
            self._in_head = False
            self._head_size = 0
            super().on_headers_complete()

        def on_message_complete(self) -> None:
            self._in_head = True
            super().on_message_complete()

    return _HttpTools
