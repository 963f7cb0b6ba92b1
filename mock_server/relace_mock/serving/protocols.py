"""uvicorn protocol subclasses: everything about HTTP that uvicorn leaves to its user.

uvicorn does not document its protocol classes. `guarded.py` lists the names that both protocols use.
This module also uses these:

- ``cycle``, ``response_complete``, ``disconnected``, ``message_event``: the request that is being
  answered, to tell it that the client has left
- ``keep_alive`` of the cycle: before uvicorn 0.53, it is true even if the client asks to close
- ``transport``, ``connection_lost``, ``on_response_complete``, ``shutdown``: when to parse what waits

Of the h11 protocol it uses ``conn``: whether the request is complete. Of the httptools protocol:

- ``data_received``, ``on_headers_complete``, ``on_message_complete``: where a head ends
- ``scope``, ``url``, ``headers``: the head as it was parsed
- ``pipeline``: the requests that wait
- ``flow``: whether uvicorn has stopped reading
- ``parser``: whether the client wants to reuse the connection

A test checks each name against the installed uvicorn (`tests/test_wire.py`), and
`pyproject.toml` allows only versions that were tried.
"""

from __future__ import annotations

import asyncio
import collections
import importlib.util
import re
from collections.abc import Callable
from typing import Any

from relace_mock.clock import MONOTONIC
from relace_mock.serving.body import length_of
from relace_mock.serving.chunks import ChunkedBody
from relace_mock.serving.guarded import Addressed, Guarded, Limits, Refused
from relace_mock.serving.heads import is_beginning_of_method, with_known_method
from relace_mock.settings import Http

#: The most bytes of a request before its body. h11 has the same limit.
HEAD_LIMIT = 1 << 16
#: The most requests of a connection that are parsed while an earlier one is being answered.
MOST_WAITING = 16

_END_OF_HEAD = b"\r\n\r\n"
_UPGRADE = re.compile(rb"(?i)\r\nupgrade(?=[ \t]*:)")
_NO_LIMITS = Limits()


def _h11() -> type[asyncio.Protocol]:
    import h11  # noqa: PLC0415 - seldom used
    from uvicorn.protocols.http.h11_impl import H11Protocol  # noqa: PLC0415 - seldom used

    still_coming = (h11.IDLE, h11.SEND_BODY)

    class _H11(Guarded, H11Protocol):
        def data_received(self, data: bytes) -> None:
            if self._refused:
                return
            if self.waiting_since is None:
                self.waiting_since = MONOTONIC()
            super().data_received(data)
            if self.conn.their_state not in still_coming:
                self.waiting_since = None

        def send_400_response(self, msg: str) -> None:
            unread, _ = self.conn.trailing_data
            if len(unread) >= HEAD_LIMIT:
                self.refuse(431, f"The head has more than {HEAD_LIMIT} bytes", in_order=True)
            else:
                super().send_400_response(msg)

    return _H11


def _last_field(data: bytes) -> int:
    """Offset of the last header field if it may begin with ``Upgrade``, else of the end.

    A field begins with the line break before it.
    """
    start = data.rfind(b"\r\n")
    if start >= 0 and len(data) - start < len(b"\r\nupgrade:"):
        return start
    return len(data) - data.endswith(b"\r")


def _unheard(_address: str) -> None: ...


def protocol_class(
    http: Http,
    on_refused: Refused,
    on_opened: Addressed = _unheard,
    on_closed: Addressed = _unheard,
    limits: Limits = _NO_LIMITS,
) -> type[asyncio.Protocol]:
    """Return the protocol class for a parser.

    Args:
        http: the parser. ``auto`` means httptools, the faster one, if it is installed.
        on_refused: called for each refusal that is sent before there is a request.
        on_opened: called with the client's address of each new connection.
        on_closed: called with the address of a closed connection, perhaps twice.
        limits: limits of time and number.
    """
    h11 = http == "h11" or (http == "auto" and not importlib.util.find_spec("httptools"))
    base = _h11() if h11 else _http_tools()
    heard: dict[str, Callable[..., None]]
    heard = {"on_refused": on_refused, "on_opened": on_opened, "on_closed": on_closed}
    given: dict[str, Any] = {name: staticmethod(function) for name, function in heard.items()}
    return type(base.__name__, (base,), {**given, "limits": limits})


def _http_tools() -> type[asyncio.Protocol]:  # noqa: C901 - counts the methods as branches
    from uvicorn.protocols.http.httptools_impl import (  # noqa: PLC0415 - may be absent
        HttpToolsProtocol,
    )

    class _HttpTools(Guarded, HttpToolsProtocol):
        """httptools, with rules of HTTP that it leaves to its user.

        - Ignore ``Upgrade``, but keep the request body (RFC 9110 section 7.8). Java's client
          asks for an upgrade by default.
        - Trailers are not headers (section 6.5.1).
        - The size of a head is limited.
        - A method may be any token (section 9.1).
        - HTTP/1.0 has no 100 Continue (section 10.1.1).
        - Malformed requests are refused after the responses to the requests before them.
        - A client may send any number of requests before it reads an answer (section 9.3.2), but
          only ``MOST_WAITING`` of them are parsed ahead. uvicorn would keep all of them in memory.
        """

        _in_head = True  # else in a body or its trailers
        _head_size = 0  # bytes so far of an incomplete head
        _held = b""  # its last bytes, kept from the parser because they may need to be rewritten
        _method: str | None = None  # the client's method, if the parser was given POST instead
        _left = 0  # bytes still to come of a body with a known length
        _chunks: ChunkedBody | None = None  # a body without a known length
        _pending: tuple[int, str, bool] | None = None  # a refusal that waits for earlier answers
        _answered: Any = None  # the cycle of the request that is being answered
        _unread = b""  # bytes after the last request that was parsed ahead
        _stopped = False  # whether this class has stopped reading

        def data_received(self, data: bytes) -> None:
            if self._refused:
                return
            if self._unread:
                self._keep_unread(self._unread + data)
                return
            if self.waiting_since is None:
                self.waiting_since = MONOTONIC()
            if self._held:
                data, self._held = self._held + data, b""
            view = memoryview(data)
            at = 0
            while at < len(data) and self._pending is None and not self.transport.is_closing():
                if len(self.pipeline) >= MOST_WAITING:
                    self._keep_unread(data[at:])
                    return
                received = self._head_received if self._in_head else self._body_received
                at = received(data, view, at)

        def _keep_unread(self, rest: bytes) -> None:
            """Parse the rest later. Stop reading only when it is long: reading shows who leaves."""
            self._unread = rest
            self.waiting_since = None
            if len(rest) > HEAD_LIMIT:
                self._stopped = True
                self.flow.read_paused = False  # else uvicorn reads on with the next request
                self.transport.pause_reading()

        def _go_on(self) -> None:
            """Parse what had to wait."""
            rest, self._unread = self._unread, b""
            self.data_received(rest)
            if self._stopped and len(self._unread) <= HEAD_LIMIT:
                self._stopped = False
                if not self.flow.read_paused and not self.transport.is_closing():
                    self.transport.resume_reading()

        def _head_received(self, data: bytes, view: memoryview, at: int) -> int:
            """Feed the parser the received part of a head; return the offset of its end."""
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
                self.refuse(431, f"The head has more than {HEAD_LIMIT} bytes", in_order=True)
            elif len(head):
                if begins:
                    known, self._method = with_known_method(head)
                else:
                    known = head
                super().data_received(_UPGRADE.sub(b"\r\nx-ignored-upgrade", known))
            return end

        def _body_received(self, data: bytes, view: memoryview, at: int) -> int:
            """Feed the parser the received part of a body; return the offset of its end."""
            if self._chunks is not None:
                try:
                    end = self._chunks.end_of(data, at)
                except ValueError as error:
                    self.send_400_response(str(error))
                    return len(data)
            else:
                end = min(at + self._left, len(data)) if self._left else len(data)
                self._left -= end - at
            super().data_received(view[at:end])  # type: ignore[arg-type]  # the parser takes any buffer
            return end

        def on_headers_complete(self) -> None:
            super().on_headers_complete()  # may raise: then the head is malformed, not the body
            if not self.pipeline:
                self._answered = self.cycle
            self._in_head = False
            self._head_size = 0
            if b"#" in self.url or b"@" in self.url:  # keep the fragment, user and password too
                self.scope["raw_path"] = self.url.partition(b"?")[0]
            if self._method is not None:
                self.scope["method"] = self._method
            # uvicorn before 0.53 looks for `Connection: close` only when it writes the head itself.
            self.cycle.keep_alive = self.cycle.keep_alive and self.parser.should_keep_alive()
            fields = dict(self.headers)
            if b"expect" in fields:
                self.cycle.waiting_for_100_continue = self.scope["http_version"] != "1.0" and any(
                    wish.strip().lower() == b"100-continue"
                    for name, value in self.headers
                    if name == b"expect"
                    for wish in value.split(b",")
                )
            chunked = b"transfer-encoding" in fields
            self._chunks = ChunkedBody() if chunked else None
            self._left = 0 if chunked else length_of(fields.get(b"content-length", b"0"))
            self.headers = collections.deque(maxlen=0)  # type: ignore[assignment]  # drops trailers

        def on_message_complete(self) -> None:
            self._in_head = True
            self.waiting_since = None
            super().on_message_complete()

        def refuse(self, status: int, text: str, *, in_order: bool) -> None:
            in_head = self._in_head and self.cycle is not None
            if self.pipeline or (in_head and not self.cycle.response_complete):
                self._pending = status, text, in_order
            else:
                super().refuse(status, text, in_order=in_order)

        def on_response_complete(self) -> None:
            if self.pipeline:
                self._answered = self.pipeline[-1][0]
            super().on_response_complete()
            if self.transport.is_closing():
                return
            if self._pending is not None:
                status, text, in_order = self._pending
                self.refuse(status, text, in_order=in_order)
            elif self._unread and len(self.pipeline) <= MOST_WAITING // 2:
                self._go_on()

        def connection_lost(self, exc: Exception | None) -> None:
            """Tell the request that is being answered. uvicorn tells only the last that came."""
            self.pipeline.clear()
            self._unread = b""
            cycle = self._answered
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
            super().connection_lost(exc)

        def shutdown(self) -> None:
            """End after the answers to the requests that were parsed."""
            self._unread = b""
            super().shutdown()

    return _HttpTools
