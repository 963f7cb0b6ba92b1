"""The open TCP connections, and the counter that puts all events in order.

Order comes from a counter, because a clock can stand still or step back.
"""

from __future__ import annotations

import itertools

#: The next number of the sequence of events in this process; ``next`` is atomic.
EVENTS = itertools.count(1)


class TcpConnection:
    """A connection, with the numbers of the events that opened and closed it.

    ``closed`` is None while it is open.
    """

    __slots__ = ("closed", "opened")

    def __init__(self) -> None:
        self.opened = next(EVENTS)
        self.closed: int | None = None

    def was_open(self, event: int) -> bool:
        """Whether the connection was still open at an event later than its opening."""
        return self.closed is None or self.closed > event


class Connections:
    """The open connections by client address. The server's sockets bound their number."""

    def __init__(self) -> None:
        self._open: dict[str, TcpConnection] = {}

    def opened(self, address: str) -> None:
        """Remember a new connection."""
        self._open[address] = TcpConnection()

    def closed(self, address: str) -> None:
        """Note that either side closed a connection; a second time changes nothing."""
        connection = self._open.pop(address, None)
        if connection is not None:
            connection.closed = next(EVENTS)

    def find(self, address: str) -> TcpConnection | None:
        """The open connection from an address; None if the server reports no connections."""
        return self._open.get(address)
