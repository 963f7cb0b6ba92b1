"""What both HTTP protocols of this server share: refusals, limits, and which connections are open.

uvicorn does not document its protocol classes. These are the names that this module uses:

- ``transport``, ``connection_made``, ``connection_lost``, ``eof_received``, ``connections``: to
  know which connections are open
- ``send_400_response``: malformed requests get the same JSON error as every other refusal
- ``cycle``, ``response_complete``, ``response_started``, ``disconnected``, ``message_event``: the
  request that is being answered, to end one that arrives too slowly
- ``on_response_complete``: when a response is complete
- ``_unsupported_upgrade_warning``: not logged, because a server may ignore ``Upgrade``

A test checks each name against the installed uvicorn (`tests/test_wire.py`), and
`pyproject.toml` allows only versions that were tried.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, NamedTuple

from relace_mock import rendering
from relace_mock.clock import MONOTONIC
from relace_mock.counts import counted

#: Called with a status, its reason, and the client's address.
Refused = Callable[[int, str, str], None]
#: Called with the client's address.
Addressed = Callable[[str], None]

# Seconds that a client has to read a refusal before the server closes the connection, and the
# number of excess connections that get this time at once.
_LINGER = 1.0
_LINGERING = 8


class Limits(NamedTuple):
    """The time that a request may take to arrive, and the number of connections.

    ``read_timeout`` is in seconds. It runs from the opening of the connection, or from the first
    byte of a later request on it, to the last byte of the request.
    """

    read_timeout: float = 30.0
    max_connections: int = 1_000_000


class Guarded:
    """Refuses malformed or late requests and excess connections with the usual JSON error."""

    transport: asyncio.Transport
    connections: set[Any]
    cycle: Any
    on_refused: Refused
    on_opened: Addressed
    on_closed: Addressed
    limits: Limits

    waiting_since: float | None = None  # when the incomplete request began
    _refused = False

    def connection_made(self, transport: Any) -> None:
        """Count the connection, and refuse it if there are too many."""
        super().connection_made(transport)  # type: ignore[misc]  # of uvicorn's protocol
        self.on_opened(_address(transport))
        self.waiting_since = MONOTONIC()
        excess = len(self.connections) - self.limits.max_connections
        if excess > 0:
            most = counted(self.limits.max_connections, "connection")
            text = f"This server accepts at most {most} at once: raise --max-connections"
            self.refuse(503, text, in_order=excess < _LINGERING)

    def connection_lost(self, exc: Exception | None) -> None:
        """Report the end of the connection."""
        self.on_closed(_address(self.transport))
        super().connection_lost(exc)  # type: ignore[misc]  # as above

    def eof_received(self) -> None:
        """Close a refused connection once the client has closed its side."""
        if self._refused:
            self.transport.close()

    def on_response_complete(self) -> None:
        """Report a connection that ends with this answer: ``connection_lost`` is late with TLS."""
        if self.transport.is_closing():
            self.on_closed(_address(self.transport))
        super().on_response_complete()  # type: ignore[misc]  # as above

    def end_if_late(self, now: float) -> None:
        """Refuse a request that is not complete in time; the server calls this regularly."""
        since = self.waiting_since
        if since is None or now - since < self.limits.read_timeout or self._refused:
            return
        text = (
            f"The request was not complete within {self.limits.read_timeout:g} s: "
            "send it faster, or raise --read-timeout"
        )
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            self.refuse(408, text, in_order=True)
            return
        if not cycle.response_started:
            cycle.refused_late = text  # the endpoint enters it into the journal
            self._write_refusal(408, text, in_order=True)
        cycle.disconnected = True
        cycle.message_event.set()

    def refuse(self, status: int, text: str, *, in_order: bool) -> None:
        """Send a refusal before there is a request, and close the connection.

        With ``in_order``, the client has time to read the refusal.
        """
        self.on_refused(status, text, _address(self.transport))
        self._write_refusal(status, text, in_order=in_order)

    def _write_refusal(self, status: int, text: str, *, in_order: bool) -> None:
        self._refused = True
        reply = rendering.error(status, text)
        fields = [
            *reply.headers,
            (b"content-length", b"%d" % reply.length),
            (b"connection", b"close"),
        ]
        head = b"".join(b"%b: %b\r\n" % field for field in fields)
        line = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()
        self.transport.write(b"%b\r\n%b\r\n%b" % (line, head, reply.body))
        if in_order and self.transport.can_write_eof():
            # A close with unread data would reset the connection, and the client would lose the
            # refusal.
            self.transport.write_eof()
            asyncio.get_running_loop().call_later(_LINGER, self.transport.close)
        else:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Refuse a malformed request."""
        self.refuse(400, f"Not a valid HTTP/1.1 request: {msg}", in_order=False)

    def _unsupported_upgrade_warning(self) -> None:
        """Log nothing: a server may ignore ``Upgrade`` (RFC 9110 section 7.8)."""


def _address(transport: asyncio.Transport) -> str:
    host, port, *_ = transport.get_extra_info("peername") or ("", 0)
    return f"{host}:{port}"
