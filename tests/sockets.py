"""HTTP by hand: open a connection to a server, and read what comes on it."""

from __future__ import annotations

import contextlib
import socket
from urllib.parse import urlsplit


def connect(url: str) -> socket.socket:
    """Open a TCP connection to a server. Each read fails after a minute without a byte."""
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), timeout=60)


def refuses_connections(url: str) -> bool:
    """Whether the server has stopped listening."""
    with contextlib.suppress(ConnectionError):
        connect(url).close()
        return False
    return True


def send(url: str, raw: bytes) -> None:
    """Send bytes and close the connection without reading an answer."""
    with connect(url) as connection:
        connection.sendall(raw)


def read_all(connection: socket.socket) -> bytes:
    """Read until the server closes the connection."""
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
    return received


def read_head(connection: socket.socket) -> bytes:
    """Read one head, and no byte after it."""
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(1)
        assert chunk, f"the connection was closed after {received!r}"
        received += chunk
    return received


def read_answers(connection: socket.socket, count: int) -> list[tuple[str, bytes]]:
    """Read the status line and the body of each of ``count`` answers with a length."""
    found = []
    with connection.makefile("rb") as stream:
        for _ in range(count):
            status = stream.readline().decode().strip()
            fields = dict(line.lower().split(b": ", 1) for line in iter(stream.readline, b"\r\n"))
            found.append((status, stream.read(int(fields[b"content-length"]))))
    return found
