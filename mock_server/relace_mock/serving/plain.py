"""The connection under one exchange: its interface, and a plain form for any ASGI server.

``wire`` has the full form, for the servers that this package starts. ``relace_mock.app()`` uses the
plain form, which cannot reach the TCP connection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from starlette.types import Receive, Send

from relace_mock.messages import Reply


class Wire(Protocol):
    """The connection under one exchange."""

    async def send(self, send: Send, reply: Reply, *, close: bool = False) -> None:
        """Send a whole answer; ``close`` ends the connection after it."""

    def asks_first(self) -> bool:
        """Whether the client waits for 100 Continue, or a refusal, before it sends the body.

        RFC 9110 section 10.1.1. Other expectations are ignored, as that section allows.
        """

    def is_gone(self) -> bool:
        """Whether the connection was lost before the answer was complete."""

    def late(self) -> str | None:
        """The message of the refusal if the request arrived too slowly; else None."""

    def write(self, raw: bytes) -> None:
        """Write raw bytes to the connection, without HTTP framing."""

    def hold(self) -> None:
        """Hold back an incomplete TCP segment until the connection ends."""

    async def arrived(self) -> None:
        """Wait until the client has received what was written."""

    def close(self) -> None:
        """End the connection in order (FIN), after what was written."""

    def reset(self) -> None:
        """Tear the connection down (RST)."""


#: Takes the ``receive`` of an ASGI request, and returns the wire under that request.
WireOf = Callable[[Receive], Wire]


class PlainWire:
    """A wire without access to its connection.

    Faults that need the socket are refused before they get here.
    """

    async def send(self, send: Send, reply: Reply, *, close: bool = False) -> None:
        """See ``Wire``."""
        await send_as_messages(send, reply, close=close)

    def asks_first(self) -> bool:
        """See ``Wire``."""
        return False  # the ASGI server itself sends 100 Continue when the application reads

    def is_gone(self) -> bool:
        """See ``Wire``."""
        return False

    def late(self) -> str | None:
        """See ``Wire``."""
        return None

    def write(self, raw: bytes) -> None:
        """See ``Wire``."""
        raise NotImplementedError

    def hold(self) -> None:
        """See ``Wire``."""
        raise NotImplementedError

    async def arrived(self) -> None:
        """See ``Wire``."""
        raise NotImplementedError

    def close(self) -> None:
        """See ``Wire``."""
        raise NotImplementedError

    def reset(self) -> None:
        """See ``Wire``."""
        raise NotImplementedError


_PLAIN = PlainWire()
_WITHOUT_BODY = (204, 304)


def has_length(reply: Reply) -> bool:
    """Whether a reply has a ``Content-Length`` (RFC 9110 section 8.6)."""
    return reply.status not in _WITHOUT_BODY


async def send_as_messages(send: Send, reply: Reply, *, close: bool) -> None:
    """Send a whole answer as ASGI messages; ``close`` ends the connection after it."""
    headers = list(reply.headers)
    if has_length(reply):
        headers.append((b"content-length", b"%d" % reply.length))
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def plain_wire_of(_receive: Receive) -> Wire:
    """Return the plain wire, the same for every request."""
    return _PLAIN
