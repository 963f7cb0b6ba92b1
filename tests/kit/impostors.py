"""Servers that are no embed endpoint at all, on bare sockets."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator

Manner = Callable[[socket.socket, threading.Event], None]


def _answer(status: str, media_type: str, body: str) -> Manner:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n"

    def manner(connection: socket.socket, _: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(f"{head}Connection: close\r\n\r\n{body}".encode())

    return manner


def _hang(connection: socket.socket, over: threading.Event) -> None:
    connection.recv(65536)
    over.wait()


def _reset(connection: socket.socket, _: threading.Event) -> None:
    connection.recv(10)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _drip(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while not over.wait(0.05):
        connection.sendall(b"X-Wait: a little\r\n")


def _garbage(connection: socket.socket, _: threading.Event) -> None:
    connection.recv(65536)
    connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")


#: What each server does with a connection.
MANNERS: dict[str, Manner] = {
    "static page": _answer("200 OK", "text/html", "<h1>It works!</h1>"),
    "page without POST": _answer("501 Unsupported method", "text/html", "<p>501</p>"),
    "not found": _answer("404 Not Found", "application/json", '{"detail": "Not Found"}'),
    "200 to everything": _answer("200 OK", "application/json", "{}"),
    "200, text": _answer("200 OK", "text/plain", "ok"),
    "always the same": _answer(
        "200 OK",
        "application/json",
        '{"results": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0]}]}',
    ),
    "no HTTP": _garbage,
    "hang": _hang,
    "reset": _reset,
    "drip": _drip,
}


@contextlib.contextmanager
def impostor(manner: Manner) -> Iterator[str]:
    """The base URL of a server that treats every connection in this way."""
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            manner(connection, over)

    def accept() -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
