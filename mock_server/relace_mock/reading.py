"""The one way to read a file that a user names.

Only regular files, up to a number of bytes: a pipe or a device in the place of a file could keep
the reader waiting forever, or give it bytes without end.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_PIECE = 1 << 20  # bytes that are asked for at once
# The file may have been replaced since it was checked. Even then, opening it must not wait, and
# must not take over a terminal.
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_KINDS = (
    (stat.S_ISFIFO, "it is a pipe, not a regular file"),
    (stat.S_ISSOCK, "it is a socket, not a regular file"),
    (lambda mode: stat.S_ISCHR(mode) or stat.S_ISBLK(mode), "it is a device, not a regular file"),
    (stat.S_ISDIR, os.strerror(errno.EISDIR)),
)


class UnreadableError(ValueError):
    """A file that cannot be read. The message says why, on one line, without the file's name."""


def contents(path: Path, most: int) -> bytes:
    """The bytes of a regular file, at most ``most``. Raises ``UnreadableError``."""
    try:
        _refuse_special(path.stat().st_mode)  # before opening it: that would move a tape
        descriptor = os.open(path, _FLAGS)
        try:
            _refuse_special(os.fstat(descriptor).st_mode)
            return _all_of(descriptor, most)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise UnreadableError(error.strerror or str(error)) from None
    except ValueError as error:  # a NUL in the name
        raise UnreadableError(str(error)) from None


def text(path: Path, most: int) -> str:
    """The text of a regular file in UTF-8, at most ``most`` bytes. Raises ``UnreadableError``."""
    try:
        return contents(path, most).decode()
    except UnicodeDecodeError as error:
        raise UnreadableError(f"it is not UTF-8 at byte {error.start}") from None


def _refuse_special(mode: int) -> None:
    for is_kind, problem in _KINDS:
        if is_kind(mode):
            raise UnreadableError(problem)


def _all_of(descriptor: int, most: int) -> bytes:
    """All bytes of a descriptor. Its size is not asked for: that of a file in /proc is 0."""
    pieces: list[bytes] = []
    left = most + 1
    while left and (piece := os.read(descriptor, min(left, _PIECE))):
        pieces.append(piece)
        left -= len(piece)
    if not left:
        raise UnreadableError(f"it has more than {most} bytes")
    return b"".join(pieces)
