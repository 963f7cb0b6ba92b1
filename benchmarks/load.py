"""A load generator for fixed-size answers: one thread, raw sockets, little work per request."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Load:
    """What one run gave: requests a second and latencies in milliseconds."""

    rate: float
    p50: float
    p99: float


class _Connection:
    """One at work: sends a request as fast as it is taken, then receives the answer.

    It never waits, as the others would wait with it: a server that computes does not read.
    """

    def __init__(self, port: int, poll: select.epoll) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self._poll = poll
        self._unsent = memoryview(b"")
        self._left = -1
        self._begun = 0.0
        poll.register(self.socket, select.EPOLLIN)

    def begin(self, request: bytes) -> None:
        """Send the next request."""
        self._begun = time.perf_counter()
        self._left = -1
        self._unsent = memoryview(request)
        if not self._sends():
            self._poll.modify(self.socket, select.EPOLLOUT)

    def goes_on(self, buffer: bytearray) -> float | None:
        """Send or take what can be; once the answer is whole, the seconds that it took."""
        if self._unsent:
            if self._sends():
                self._poll.modify(self.socket, select.EPOLLIN)
            return None
        count = self.socket.recv_into(buffer)
        if count == 0:
            raise RuntimeError("the server closed the connection")
        if self._left < 0:
            head, _, _ = bytes(buffer[:2000]).partition(b"\r\n\r\n")
            if head[9:12] != b"200":
                raise RuntimeError(bytes(buffer[:count]).decode())
            length = head.lower().split(b"content-length:")[1].split()[0]
            self._left = int(length) + len(head) + 4
        self._left -= count
        return time.perf_counter() - self._begun if self._left == 0 else None

    def _sends(self) -> bool:
        """Send what is taken now; tells whether that was all."""
        try:
            self._unsent = self._unsent[self.socket.send(self._unsent) :]
        except BlockingIOError:
            return False
        return not self._unsent


def run(port: int, bodies: Iterator[bytes], connections: int, seconds: float) -> Load:
    """Keep ``connections`` busy for a while; each sends when its last answer is whole."""
    poll = select.epoll()
    buffer = bytearray(1 << 20)
    opened = [_Connection(port, poll) for _ in range(connections)]
    by_number = {connection.socket.fileno(): connection for connection in opened}
    latencies = []
    begun = time.perf_counter()
    for connection in opened:
        connection.begin(_request(next(bodies)))
    while time.perf_counter() < begun + seconds:
        for number, _ in poll.poll(1):
            connection = by_number[number]
            latency = connection.goes_on(buffer)
            if latency is not None:
                latencies.append(latency)
                connection.begin(_request(next(bodies)))
    elapsed = time.perf_counter() - begun
    for connection in opened:
        connection.socket.close()
    latencies.sort()
    return Load(
        len(latencies) / elapsed,
        latencies[len(latencies) // 2] * 1e3,
        latencies[len(latencies) * 99 // 100] * 1e3,
    )


def _request(body: bytes) -> bytes:
    return (
        b"POST /v1/code/embed HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        b"Authorization: Bearer rlc-benchmark\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    ) + body
