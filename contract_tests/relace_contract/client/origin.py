"""The kit's own server, for answers that a scenario cannot express: exact bytes.

It parses each request itself, because a library could hide odd bytes, and sends the answers that
it was given, in order. The last answer repeats.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from relace_contract.client.conversation import Seen

_IDLE = 60.0  # seconds to wait for bytes from a client
_LIMIT = 8_000_000  # bytes of a request
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*")


@dataclass(frozen=True, slots=True)
class Bytes:
    """An answer in the pieces in which it is sent; ``closes`` ends the connection after it."""

    pieces: tuple[bytes, ...]
    closes: bool = False

    def __str__(self) -> str:
        """The beginning of the answer, on one line."""
        text = b"".join(self.pieces[:8])[:300].decode(errors="backslashreplace")
        return " ".join(text.split())


def answer(body: bytes, *fields: str, status: str = "200 OK") -> Bytes:
    """A whole answer; ``fields`` are header lines."""
    lines = ["HTTP/1.1 " + status, *(fields or ["Content-Type: application/json"])]
    head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode()
    return Bytes((head + body,))


def chunked(chunks: Sequence[bytes], *, end: bytes = b"0\r\n\r\n") -> Bytes:
    """An answer in chunks, each sent separately; with an empty ``end`` it is cut off."""
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    pieces = [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks if chunk]
    return Bytes((head, *pieces, end), closes=not end)


class Origin:
    """A server on its own port, until its ``with`` block ends."""

    def __init__(self, *answers: Bytes) -> None:
        self._answers = list(answers)
        self._seen: list[Seen] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._open: set[socket.socket] = set()
        self.port: int = self._listener.getsockname()[1]

    @property
    def base_url(self) -> str:
        """The base URL for the client."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def requests(self) -> tuple[Seen, ...]:
        """The requests that have arrived."""
        with self._lock:
            return tuple(self._seen)

    def __str__(self) -> str:
        """The answers, each shortened."""
        return ", then ".join(map(str, self._answers))

    def __enter__(self) -> Self:
        threading.Thread(target=self._listen, name="origin", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with self._lock:
                    self._open.add(connection)
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        connection.settimeout(_IDLE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError), connection:
            waiting = bytearray()
            while (seen := _Reader(connection, waiting).request()) is not None:
                with self._lock:
                    given = self._answers[min(len(self._seen), len(self._answers) - 1)]
                    self._seen.append(_answered(seen, given))
                for piece in given.pieces:
                    connection.sendall(piece)
                if given.closes or seen.problems:
                    return


def _answered(seen: Seen, given: Bytes) -> Seen:
    return replace(seen, answer=str(given))


class _Reader:
    """Reads one request and notes what is wrong with its framing (RFC 9112)."""

    def __init__(self, connection: socket.socket, waiting: bytearray) -> None:
        self._connection = connection
        self._waiting = waiting
        self._problems: list[str] = []

    def request(self) -> Seen | None:
        """The next request; None if the client sends no more."""
        head = self._until(b"\r\n\r\n")
        if head is None:
            return None
        first, *lines = head.split(b"\r\n")
        words = first.split(b" ")
        if len(words) != 3 or words[2] != b"HTTP/1.1":
            self._problems.append(f"its first line is {first[:80]!r}, not METHOD TARGET HTTP/1.1")
            words = [*words, b"", b""]
        if b"\n" in head.replace(b"\r\n", b""):
            self._problems.append("a line of its head ends without a carriage return")
        headers = [self._field(line) for line in lines]
        body = self._body(headers)
        return Seen(
            at=time.time(),
            method=words[0].decode("latin-1"),
            target=words[1].decode("latin-1"),
            headers=tuple(headers),
            body=body.decode(errors="replace"),
            digest=hashlib.sha256(body).hexdigest(),
            answer="",
            problems=tuple(self._problems),
        )

    def _field(self, line: bytes) -> tuple[str, str]:
        match = _FIELD.fullmatch(line)
        if match is None:
            self._problems.append(f"{line[:80]!r} is not a header field")
            return "", ""
        return match[1].decode(), match[2].decode("latin-1")

    def _body(self, headers: list[tuple[str, str]]) -> bytes:
        named = {name.lower(): value for name, value in headers}
        for name in ("host", "content-length", "transfer-encoding"):
            if sum(field.lower() == name for field, _ in headers) > 1:
                self._problems.append(f"it has more than one {name} header")
        if "host" not in named:
            self._problems.append("it has no Host header")
        if "transfer-encoding" in named:
            if "content-length" in named:
                self._problems.append("it has both Content-Length and Transfer-Encoding")
            return self._chunks()
        length = named.get("content-length", "")
        if not length.isdecimal():
            self._problems.append("it has neither a valid Content-Length nor Transfer-Encoding")
            return b""
        return self._exactly(min(int(length), _LIMIT))

    def _chunks(self) -> bytes:
        body = bytearray()
        while len(body) < _LIMIT:
            size = (self._until(b"\r\n") or b"").partition(b";")[0].strip()
            if not re.fullmatch(rb"[0-9A-Fa-f]{1,8}", size):
                self._problems.append("a chunk has no valid size")
                break
            body += self._exactly(int(size, 16))
            if self._until(b"\r\n") is None:
                self._problems.append("a chunk does not end with a line break")
            if int(size, 16) == 0:
                break
        return bytes(body)

    def _until(self, mark: bytes) -> bytes | None:
        while (end := self._waiting.find(mark)) < 0:
            if len(self._waiting) > _LIMIT or not self._more():
                return None
        found = bytes(self._waiting[:end])
        del self._waiting[: end + len(mark)]
        return found

    def _exactly(self, size: int) -> bytes:
        while len(self._waiting) < size:
            if not self._more():
                self._problems.append("its body is shorter than the length that it declares")
                break
        found = bytes(self._waiting[:size])
        del self._waiting[:size]
        return found

    def _more(self) -> bool:
        piece = self._connection.recv(65536)
        self._waiting += piece
        return bool(piece)
