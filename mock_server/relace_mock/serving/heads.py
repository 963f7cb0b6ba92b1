"""Rewrites request lines that httptools would refuse, though they are valid HTTP."""

from __future__ import annotations

import re

# RFC 9110 section 9.1: a method is a token. Line breaks before it are ignored (RFC 9112 2.2).
_METHOD = re.compile(rb"(?:\r?\n)*([!#$%&'*+.^_`|~0-9A-Za-z-]+) ")
_BEGINNING = re.compile(rb"(?:\r?\n)*[!#$%&'*+.^_`|~0-9A-Za-z-]*\r?")
#: Bytes of a method that are waited for, if it comes in pieces.
_LONGEST = 8192
# Those that httptools knows, without a meaning of their own for the rest of the request, as
# CONNECT has.
_PLAIN = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH"})


def is_beginning_of_method(piece: bytes) -> bool:
    """Whether the rest of the method may still be to come."""
    return len(piece) <= _LONGEST and _BEGINNING.fullmatch(piece) is not None


def with_known_method(head: bytes | memoryview) -> tuple[bytes | memoryview, str | None]:
    """Give a head that httptools reads, and the method that the client sent.

    The method is None if the head was not changed. Else POST stands in its place, as a request
    of any method may have a body.
    """
    if head[:5] == b"POST ":
        return head, None
    match = _METHOD.match(head)
    if match is None or match[1] in _PLAIN:
        return head, None
    return b"POST" + bytes(head[match.end(1) :]), bytes(match[1]).decode("ascii")
