"""Reads source files and splits them into pieces."""

from __future__ import annotations

import io
import os
import tokenize
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from relace_mock import reading
from relace_mock.offline import grammars, python_code
from relace_mock.offline.files import Found, Problem
from relace_mock.offline.pieces import Piece, from_definitions, from_lines

# The most bytes of a file that lies in a folder, and of a file that the user named.
UNNAMED_LIMIT = 2_000_000
NAMED_LIMIT = 50_000_000

_PYTHON = (".py", ".pyi", ".pyw")
_HEAD = 8192  # bytes in which a NUL tells that a file is not text


class Source(NamedTuple):
    """A file that was read: its pieces, or the problem. ``without`` is a grammar that it needs."""

    pieces: Sequence[Piece] = ()
    problem: Problem | None = None
    without: str | None = None


def read(file: Found, *, whole: bool = False) -> Source:
    """Read a file and split it; with ``whole``, keep it in one piece."""
    path = file.path
    if not file.named and (why := _left_out(path)):
        return Source(problem=Problem(path, why, failed=False))
    try:
        content = reading.contents(path, NAMED_LIMIT)
    except reading.UnreadableError as error:
        return Source(problem=Problem(path, str(error), failed=True, named=file.named))
    if b"\0" in content[:_HEAD] and not whole:
        return Source(problem=Problem(path, "it is not text", file.named, file.named))
    try:
        text = _decoded(path, content)
    except UnicodeDecodeError as error:
        why = f"it is not UTF-8 at byte {error.start}"
        return Source(problem=Problem(path, why, failed=True, named=file.named))
    if whole:
        return Source([Piece(text, "text", shown(path), line=1, start=1, end=_last_line(text))])
    return split(path, text)


def split(path: Path, text: str) -> Source:
    """Split a text into functions if a parser knows the kind of file, else into runs of lines."""
    lines = list(io.StringIO(text, newline=""))  # line breaks as parsers count them
    without = None
    if path.suffix in _PYTHON:
        definitions = python_code.definitions(text)
    else:
        language = grammars.language_of(path.suffix.lower())
        without = language if language and not grammars.is_installed(language) else None
        definitions = grammars.definitions(language, text) if language and not without else None
    if definitions is None:
        return Source(from_lines(shown(path), lines), without=without)
    return Source(from_definitions(shown(path), lines, definitions))


def shown(path: Path) -> str:
    """A path as text that UTF-8 can hold."""
    return os.fsencode(path).decode("utf-8", "replace")


def _left_out(path: Path) -> str | None:
    """Why a file that lies in a folder is not read, if it is not."""
    if not path.exists():
        return "it is a broken link" if path.is_symlink() else None
    if not path.is_file():
        return "it is not a regular file"
    if path.stat().st_size > UNNAMED_LIMIT:
        return (
            f"it has more than {UNNAMED_LIMIT} bytes, and only a file that is named may have more"
        )
    return None


def _decoded(path: Path, content: bytes) -> str:
    """Decode UTF-8, or what a Python file says that it is in. Raises ``UnicodeDecodeError``."""
    if path.suffix in _PYTHON:
        try:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
            return content.decode(encoding)
        except (SyntaxError, LookupError, UnicodeDecodeError):
            pass  # it names no encoding that Python knows
    return content.decode("utf-8").removeprefix("\ufeff")


def _last_line(text: str) -> int:
    return max(1, sum(1 for _ in io.StringIO(text)))
