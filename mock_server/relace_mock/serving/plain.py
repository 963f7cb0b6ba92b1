"""The connection under one exchange: its interface, and a plain form for any ASGI server.

``wire`` has the full form, for the servers that this package starts. ``relace_mock.app()`` uses the
plain form, which cannot reach the TCP connection.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from starlette.types import Receive, Send

from relace_mock.messages import Piece


class Wire(Protocol):
    """The connection under one exchange."""

    async def send(self, send: Send, head: Any, pieces: Sequence[Piece]) -> None:
        """Send a whole answer: its ASGI head, and the body that the head promises."""

    def asks_first(self) -> bool:
        """Whether the client waits for 100 Continue, or a refusal, before it sends the body."""

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


#: From the ``receive`` of an ASGI request to the wire under it.
WireOf = Callable[[Receive], Wire]


class PlainWire:
    """A connection out of reach. Faults that need the socket are refused before they get here."""

    async def send(self, send: Send, head: Any, pieces: Sequence[Piece]) -> None:
        """See ``Wire``."""
        await send(head)
        await send({"type": "http.response.body", "body": b"".join(pieces)})

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


def plain_wire_of(_receive: Receive) -> Wire:
    """Return the plain wire, whatever the request."""
    return _PLAIN
