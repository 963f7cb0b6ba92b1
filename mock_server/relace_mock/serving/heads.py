"""Rewrites request lines that httptools would refuse, though they are valid HTTP."""

from __future__ import annotations

import re

# RFC 9110 section 9.1: a method is a token. Line breaks before it are ignored (RFC 9112 2.2).
_METHOD = re.compile(rb"(?:\r?\n)*([!#$%&'*+.^_`|~0-9A-Za-z-]+) ")
_BEGINNING = re.compile(rb"(?:\r?\n)*[!#$%&'*+.^_`|~0-9A-Za-z-]*\r?")
#: The most bytes of a method that arrives in pieces.
_LONGEST = 8192
# Methods that httptools knows, but not CONNECT, which changes how it reads the rest.
_PLAIN = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH"})


def is_beginning_of_method(piece: bytes) -> bool:
    """Whether the rest of the method may still be to come."""
    return len(piece) <= _LONGEST and _BEGINNING.fullmatch(piece) is not None


def with_known_method(head: bytes | memoryview) -> tuple[bytes | memoryview, str | None]:
    """Return a head that httptools accepts, and the client's method if it was replaced.

    POST replaces the method, because a request of any method may have a body. The method is None
    if the head was not changed.
    """
    if head[:5] == b"POST ":
        return head, None
    match = _METHOD.match(head)
    if match is None or match[1] in _PLAIN:
        return head, None
    return b"POST" + bytes(head[match.end(1) :]), bytes(match[1]).decode("ascii")
