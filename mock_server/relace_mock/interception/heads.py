"""Heads of requests to the proxy: where a request goes, and what is sent on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from relace_mock.interception.hosts import is_relace
from relace_mock.serving.chunks import ChunkedBody

END = b"\r\n\r\n"
_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\S+) HTTP/1\.[01]")
_AUTHORITY = re.compile(r"(?:[^@/]*@)?(\[[0-9A-Fa-f:.%]+\]|[^:@/\s\[\]]+)(?::(\d{1,5}))?")
_PIECE = 1 << 16
_PORTS = {"http": 80, "https": 443}
# Fields between the client and the proxy (RFC 9110 section 7.6.1 and 11.7).
_FOR_THE_PROXY = (b"proxy-connection", b"proxy-authorization")


class BadHeadError(ValueError):
    """A head that the proxy cannot understand. The message repeats nothing of it."""


class Target(NamedTuple):
    """Where a request goes. ``secure`` says that its URL begins with ``https``."""

    host: str
    port: int
    secure: bool


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a request."""

    method: bytes
    url: bytes
    lines: tuple[bytes, ...]  # of the fields
    version: bytes

    @property
    def is_connect(self) -> bool:
        """Whether the client asks for a tunnel."""
        return self.method == b"CONNECT"

    def target(self) -> Target:
        """Where the request goes. Raises ``BadHeadError``."""
        if self.is_connect:
            return _target(self.url.decode("latin-1"), 443, secure=True)
        scheme, separator, rest = self.url.decode("latin-1").partition("://")
        if separator and scheme.lower() in _PORTS:
            secure = scheme.lower() == "https"
            authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
            return _target(authority, _PORTS[scheme.lower()], secure=secure)
        if self.url.startswith(b"/") and (host := self._field(b"host")):
            target = _target(host.decode("latin-1"), 80, secure=False)
            if is_relace(target.host):  # a hook led the client here, as if to the host itself
                return target
        raise BadHeadError("the request has no host: send CONNECT, or a whole URL")

    def sent_to_server(self) -> bytes:
        """The head as the server of the URL gets it."""
        scheme, separator, rest = self.url.partition(b"://")
        url = self.url
        if separator and scheme.lower() in (b"http", b"https"):
            path = re.search(rb"[/?].*", rest)
            url = path[0] if path else b"/"
            url = url if url.startswith(b"/") else b"/" + url
        return self._with(url)

    def sent_to_proxy(self, credentials: bytes | None) -> bytes:
        """The head as another proxy gets it."""
        own = () if credentials is None else (b"Proxy-Authorization: " + credentials,)
        return self._with(self.url, *own)

    def _with(self, url: bytes, *more: bytes) -> bytes:
        kept = [line for line in self.lines if _name(line) not in _FOR_THE_PROXY]
        start = b"%b %b %b" % (self.method, url, self.version)
        return b"\r\n".join((start, *kept, *more)) + END

    def _field(self, name: bytes) -> bytes | None:
        values = [line.partition(b":")[2] for line in self.lines if _name(line) == name]
        return values[0].strip() if values else None

    def body(self) -> Body:
        """The size of the body that follows. Raises ``BadHeadError``."""
        if self._field(b"transfer-encoding") is not None:
            return Body(None)
        length = self._field(b"content-length") or b"0"
        if not re.fullmatch(rb"\d{1,18}", length):
            raise BadHeadError("Content-Length is not a number")
        return Body(int(length))


class Body:
    """Finds where the body of a request ends. ``length`` is None for a chunked one."""

    def __init__(self, length: int | None) -> None:
        self._left = length or 0
        self._chunks = ChunkedBody() if length is None else None
        self.over = length == 0

    @property
    def most(self) -> int:
        """The most bytes to read next. For a known length, that is never beyond the body."""
        return min(self._left, _PIECE) if self._chunks is None else _PIECE

    def part_of(self, data: bytes) -> int:
        """How many of the received bytes belong to the body. Raises ``BadHeadError``."""
        if self._chunks is None:
            size = min(self._left, len(data))
            self._left -= size
            self.over = not self._left
            return size
        try:
            end = self._chunks.end_of(data, 0)
        except ValueError as error:
            raise BadHeadError(str(error)) from None
        self.over = self._chunks.over
        return end


def parsed(head: bytes) -> Head:
    """Parse a head, with the empty line at its end. Raises ``BadHeadError``."""
    first, *lines = head.removesuffix(END).split(b"\r\n")
    match = _LINE.fullmatch(first)
    if match is None:
        raise BadHeadError("the first line is not a request line of HTTP/1.1")
    return Head(match[1], match[2], tuple(lines), first.rpartition(b" ")[2])


def _name(line: bytes) -> bytes:
    return line.partition(b":")[0].strip().lower()


def _target(authority: str, port: int, *, secure: bool) -> Target:
    match = _AUTHORITY.fullmatch(authority)
    if match is None or int(match[2] or port) not in range(1, 65536):
        raise BadHeadError("the host of the request is not valid: write host:port")
    return Target(match[1].strip("[]"), int(match[2] or port), secure)
