"""The interface between faults and a connection; ``delivery`` implements it over ASGI and TCP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from relace_mock.messages import Reply


class Connection(Protocol):
    """A connection on which one request waits for its answer."""

    async def start(self, reply: Reply, *, chunked: bool = False) -> None:
        """Send the status line and the headers, with a length or for chunks."""

    async def send(self, piece: bytes, *, more: bool = True) -> None:
        """Send a piece of the body."""

    def write(self, raw: bytes) -> None:
        """Write bytes directly, without HTTP framing."""

    def hold(self) -> None:
        """Send the end of the connection together with the last bytes, where the system can."""

    async def arrived(self) -> None:
        """Wait until the client has received all bytes."""

    def close(self) -> None:
        """Close the connection in order (FIN), after all that was written."""

    def reset(self) -> None:
        """Reset the connection (RST)."""

    async def left(self, seconds: float | None = None) -> bool:
        """Wait until the client leaves, at most this many seconds; return whether it left."""


class Measure(NamedTuple):
    """The amount of a fault: ``at``, a part of the body, and a pace."""

    at: float
    bytes_per_second: float


class Fault(NamedTuple):
    """A fault: an answer does not arrive, or not as it should.

    ``raises`` is the exception of ``httpx`` that stands for it where there is no socket;
    None if the answer arrives. ``needs_socket`` says that ASGI messages cannot express it.
    """

    name: str
    does: str
    sends_head: bool
    raises: str | None
    needs_socket: bool
    perform: Callable[[Connection, Reply, Measure], Awaitable[None]]
