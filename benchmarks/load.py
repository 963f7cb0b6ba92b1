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
    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent = 0.0
        self.left = -1

    def send(self, request: bytes) -> None:
        self.sent = time.perf_counter()
        self.left = -1
        self.socket.sendall(request)

    def receive(self, buffer: bytearray) -> bool:
        """Take what has come; True once the answer is whole."""
        count = self.socket.recv_into(buffer)
        if count == 0:
            raise RuntimeError("the server closed the connection")
        if self.left < 0:
            head, _, _ = bytes(buffer[:2000]).partition(b"\r\n\r\n")
            if head[9:12] != b"200":
                raise RuntimeError(bytes(buffer[:count]).decode())
            length = head.lower().split(b"content-length:")[1].split()[0]
            self.left = int(length) + len(head) + 4
        self.left -= count
        return self.left == 0


def run(port: int, bodies: Iterator[bytes], connections: int, seconds: float) -> Load:
    """Keep ``connections`` busy for a while; each sends when its last answer is whole."""
    poll = select.epoll()
    buffer = bytearray(1 << 20)
    open_ = {}
    for _ in range(connections):
        connection = _Connection(port)
        open_[connection.socket.fileno()] = connection
        poll.register(connection.socket, select.EPOLLIN)
    begun = time.perf_counter()
    for connection in open_.values():
        connection.send(_request(next(bodies)))
    latencies = []
    while time.perf_counter() < begun + seconds:
        for number, _ in poll.poll(1):
            connection = open_[number]
            if connection.receive(buffer):
                latencies.append(time.perf_counter() - connection.sent)
                connection.send(_request(next(bodies)))
    elapsed = time.perf_counter() - begun
    for connection in open_.values():
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
