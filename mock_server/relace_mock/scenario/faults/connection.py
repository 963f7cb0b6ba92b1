"""What a fault needs of a connection. ``delivery`` makes one of ASGI and the TCP transport."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from relace_mock.messages import Reply


class Connection(Protocol):
    """One connection, in the middle of one exchange."""

    async def start(self, reply: Reply, *, chunked: bool = False) -> None:
        """Send the status line and the headers, with a length or for chunks."""

    async def send(self, piece: bytes, *, more: bool = True) -> None:
        """Send a piece of the body."""

    def write(self, raw: bytes) -> None:
        """Write bytes past all framing."""

    def hold(self) -> None:
        """Let the end of the connection travel with the last bytes, where the system can."""

    async def arrived(self) -> None:
        """Wait until the other side has what was sent."""

    def close(self) -> None:
        """End the connection in order (FIN) after what was written."""

    def reset(self) -> None:
        """Tear the connection down (RST)."""

    async def left(self, seconds: float | None = None) -> bool:
        """Wait until the client goes away, or for so long; tells whether it went."""


@dataclass(frozen=True, slots=True)
class Measure:
    """How much of a fault there is: a part of the body, a pace."""

    at: float
    bytes_per_second: float


@dataclass(frozen=True, slots=True)
class Fault:
    """A way in which an answer does not arrive, or not as it should.

    ``raises`` is the exception of ``httpx`` that stands for it where there is no socket;
    None if the answer arrives. ``needs_socket``: ASGI has no words for it.
    """

    name: str
    does: str
    sends_head: bool
    raises: str | None
    needs_socket: bool
    perform: Callable[[Connection, Reply, Measure], Awaitable[None]]
